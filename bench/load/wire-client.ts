import { connect, type Socket } from 'node:net'

/** One reply. Its body is read only where somebody asked for it, or where it is a refusal. */
export interface WireReply {
  readonly status: number
  /** `code` of a refusal; '' for others. */
  readonly code: string
  readonly body: string
  readonly etag: string
  readonly hasBody: boolean
}

/** What of a reply is looked at, besides its status and a refusal's code. */
type Wanted = 'status' | 'etag' | 'body'

interface Waiting {
  readonly wants: Wanted
  readonly resolve: (reply: WireReply | undefined) => void
}

const readBufferBytes = 65_536
const headEnd = Buffer.from('\r\n\r\n')

/**
 * One kept-alive connection that carries one request at a time, for load: requests are texts made beforehand, replies
 * are looked at no closer than needed, so that the load takes little of the CPU that it measures. It repeats nothing;
 * a connection that is lost is opened again for the next request.
 */
export class WireConnection {
  readonly #host: string
  readonly #port: number
  #socket: Socket | undefined
  #waiting: Waiting | undefined
  #received: Buffer | undefined

  constructor(host: string, port: number) {
    this.#host = host
    this.#port = port
  }

  /** @returns undefined if the connection ended without a reply */
  send(request: string, wants: Wanted = 'status'): Promise<WireReply | undefined> {
    return new Promise((resolve) => {
      this.#waiting = { wants, resolve }
      this.#socket ??= this.#open()
      this.#socket.write(request, 'latin1')
    })
  }

  get isOpen(): boolean {
    return this.#socket !== undefined
  }

  /** Connects without a request; `onOpen` is called when it is connected, or could not be. */
  open(onOpen: () => void): void {
    const socket = this.#open()
    this.#socket = socket
    const done = () => {
      socket.off('connect', done).off('close', done)
      onOpen()
    }
    socket.once('connect', done).once('close', done)
  }

  close(): void {
    this.#socket?.destroy()
  }

  #open(): Socket {
    const buffer = Buffer.allocUnsafe(readBufferBytes)
    const socket = connect({
      host: this.#host,
      port: this.#port,
      noDelay: true,
      // One buffer for the connection's life: most replies are a hundred bytes.
      onread: {
        buffer,
        callback: (bytes: number) => {
          this.#take(buffer.subarray(0, bytes))
          return true
        },
      },
    })
    const lost = () => {
      if (this.#socket !== socket) return
      this.#socket = undefined
      this.#received = undefined
      this.#settle(undefined)
    }
    socket.once('error', lost)
    socket.once('close', lost)
    return socket
  }

  #take(chunk: Buffer): void {
    const received = this.#received === undefined ? chunk : Buffer.concat([this.#received, chunk])
    const end = received.indexOf(headEnd)
    if (end === -1) {
      this.#received = Buffer.from(received)
      return
    }
    const head = received.toString('latin1', 0, end)
    const status = Number(head.slice(9, 12))
    const bodyBytes = status === 204 || status === 304 ? 0 : contentLength(head)
    const bodyStart = end + headEnd.length
    if (received.length < bodyStart + bodyBytes) {
      // A copy, since the connection's buffer is used again; chunks that come are already copied by concat.
      this.#received = this.#received === undefined ? Buffer.from(received) : received
      return
    }
    this.#received = undefined
    const wantsText = this.#waiting?.wants === 'body' || status >= 400
    const body = wantsText ? received.toString('utf8', bodyStart, bodyStart + bodyBytes) : ''
    const code = status < 400 ? '' : (/"code":"(\w+)"/.exec(body)?.[1] ?? '')
    const etag = this.#waiting?.wants === 'etag' ? (/\r\netag: ([^\r]+)/i.exec(head)?.[1] ?? '') : ''
    this.#settle({ status, code, body, etag, hasBody: bodyBytes > 0 })
  }

  #settle(reply: WireReply | undefined): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.resolve(reply)
  }
}

function contentLength(head: string): number {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length === undefined) throw new Error(`a reply without its length:\n${head}`)
  return Number(length)
}

export interface RequestText {
  readonly method: string
  readonly path: string
  readonly token?: string
  readonly headers?: string
  readonly body?: string
}

/** The bytes of a request, ASCII only. `headers` are whole lines. */
export function requestText({ method, path, token, headers = '', body }: RequestText): string {
  const authorization = token === undefined ? '' : `Authorization: Bearer ${token}\r\n`
  const content =
    body === undefined ? '' : `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`
  return `${method} ${path} HTTP/1.1\r\nHost: bench\r\n${authorization}${headers}${content}\r\n${body ?? ''}`
}
