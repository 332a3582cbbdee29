import { Agent, type IncomingHttpHeaders, request as httpRequest } from 'node:http'

export interface Call {
  readonly method: 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE'
  /** With its query. */
  readonly path: string
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly body?: unknown
}

/** Times are milliseconds of this process's steady clock (`performance.now`). */
export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly sentMs: number
  readonly receivedMs: number
}

/** The request ended without a reply: nobody knows what became of it, unless it `neverLeft`. */
export class NoReply extends Error {
  override readonly name = 'NoReply'
  /** The connection was refused: no byte of it was sent. */
  readonly neverLeft: boolean
  readonly sentMs: number
  readonly receivedMs: number

  constructor(cause: NodeJS.ErrnoException, sentMs: number) {
    super(cause.code ?? cause.message, { cause })
    this.neverLeft = cause.code === 'ECONNREFUSED'
    this.sentMs = sentMs
    this.receivedMs = performance.now()
  }
}

export interface HttpClientOptions {
  readonly host: string
  readonly port: number
  /** Connections kept open; a request beyond them waits for one. */
  readonly connectionsMax: number
  /** Without a byte for this long, a request is given up. */
  readonly timeoutMs: number
}

/** Sends requests over connections that are kept alive. One reply for one request: it repeats nothing by itself. */
export class HttpClient {
  readonly #agent: Agent
  readonly #options: HttpClientOptions

  constructor(options: HttpClientOptions) {
    this.#options = options
    const { connectionsMax } = options
    this.#agent = new Agent({ keepAlive: true, maxSockets: connectionsMax, maxFreeSockets: connectionsMax })
  }

  /** @throws NoReply */
  async send(call: Call): Promise<Reply> {
    const { host, port, timeoutMs } = this.#options
    const text = call.body === undefined ? undefined : JSON.stringify(call.body)
    const headers: Record<string, string> = { ...call.headers }
    if (call.token !== undefined) headers['authorization'] = `Bearer ${call.token}`
    if (text !== undefined) {
      headers['content-type'] = 'application/json'
      headers['content-length'] = String(Buffer.byteLength(text))
    }
    const sentMs = performance.now()
    return await new Promise<Reply>((resolve, reject) => {
      const fail = (error: Error) => reject(new NoReply(error, sentMs))
      const request = httpRequest(
        {
          agent: this.#agent,
          host,
          port,
          method: call.method,
          path: call.path,
          headers,
          timeout: timeoutMs,
        },
        (response) => {
          let body = ''
          response.setEncoding('utf8')
          response.on('data', (chunk: string) => {
            body += chunk
          })
          response.once('error', fail)
          response.once('end', () => {
            const { statusCode = 0, headers: received } = response
            resolve({ status: statusCode, headers: received, body, sentMs, receivedMs: performance.now() })
          })
        },
      )
      request.once('error', fail)
      request.once('timeout', () => request.destroy(new Error(`no answer for ${timeoutMs} ms`)))
      request.end(text)
    })
  }

  /**
   * Opens all connections, by one request on each. A busy server accepts one new connection per turn of its event
   * loop (libuv 1.46 and later), so those that come under load can wait for many seconds.
   */
  async connect(call: Call): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.connectionsMax }, () => this.send(call)))
  }

  /** Ends every connection, used or idle. */
  close(): void {
    this.#agent.destroy()
  }
}
