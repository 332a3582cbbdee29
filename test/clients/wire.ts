import { connect, type Socket } from 'node:net'

/** One HTTP connection on which a test decides about every byte. */
export class Wire {
  readonly #socket: Socket
  #received = Buffer.alloc(0)
  #ended = false
  #wake: () => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    const done = () => {
      this.#ended = true
      this.#wake()
    }
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#wake()
    })
    socket.once('end', done)
    socket.once('error', done)
    socket.once('close', done)
  }

  /** @param address `http://host:port` */
  static async open(address: string): Promise<Wire> {
    const { hostname, port } = new URL(address)
    const socket = connect(Number(port), hostname)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new Wire(socket)
  }

  /** Sends bytes, reads one response. */
  async exchange(request: string): Promise<WireAnswer> {
    this.#socket.write(request)
    return await this.read()
  }

  async read(): Promise<WireAnswer> {
    const head = await this.#take((received) => received.indexOf('\r\n\r\n'))
    const [statusLine = '', ...lines] = head.toString('latin1').split('\r\n')
    this.#received = this.#received.subarray(4)
    const headers = new Map(
      lines.map((line): [string, string] => {
        const colon = line.indexOf(':')
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
      }),
    )
    const length = Number(headers.get('content-length') ?? '0')
    const body = await this.#take((received) => (received.length >= length ? length : -1))
    return { status: Number(statusLine.split(' ')[1]), headers, body: body.toString('utf8') }
  }

  /** Bytes up to where `end` says; -1 = not here yet. */
  async #take(end: (received: Buffer) => number): Promise<Buffer> {
    for (;;) {
      const at = end(this.#received)
      if (at >= 0) {
        const taken = this.#received.subarray(0, at)
        this.#received = this.#received.subarray(at)
        return taken
      }
      if (this.#ended) throw new Error('the connection ended within a response')
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  close(): void {
    this.#socket.destroy()
  }
}

export interface WireAnswer {
  readonly status: number
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

interface Sent {
  readonly method: string
  readonly path: string
  readonly host: string
  readonly token?: string | undefined
  readonly body?: string
}

/** As Go's net/http writes it: its own headers first, the others by name. */
export function goRequest({ method, path, host, token, body }: Sent): string {
  return requestOf(
    `${method} ${path} HTTP/1.1`,
    `Host: ${host}`,
    'User-Agent: Go-http-client/1.1',
    (body !== undefined || method === 'POST') && `Content-Length: ${Buffer.byteLength(body ?? '')}`,
    token !== undefined && `Authorization: Bearer ${token}`,
    body !== undefined && 'Content-Type: application/json',
    'Accept-Encoding: gzip',
    body,
  )
}

/** As Postman sends a request of its collection. */
export function postmanRequest({ method, path, host, token, body }: Sent): string {
  return requestOf(
    `${method} ${path} HTTP/1.1`,
    body !== undefined && 'Content-Type: application/json',
    token !== undefined && `Authorization: Bearer ${token}`,
    'User-Agent: PostmanRuntime/7.29.2',
    'Accept: */*',
    'Postman-Token: 30d7ee40-eb0d-4e9d-853e-404293763292',
    `Host: ${host}`,
    'Accept-Encoding: gzip, deflate, br',
    'Connection: keep-alive',
    (body !== undefined || method === 'POST') && `Content-Length: ${Buffer.byteLength(body ?? '')}`,
    body,
  )
}

/** Headers that are there, the empty line, and the body. */
function requestOf(...parts: readonly [...(string | false)[], string | undefined]): string {
  const body = parts.at(-1)
  const head = parts.slice(0, -1).filter((part) => typeof part === 'string')
  return `${head.join('\r\n')}\r\n\r\n${typeof body === 'string' ? body : ''}`
}
