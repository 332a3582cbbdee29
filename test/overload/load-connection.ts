import { connect, type Socket } from 'node:net'

/** What came back: the status, and the code of the error if there is one. */
export interface Answered {
  readonly status: number
  readonly code: string
  readonly retryAfterSeconds: number
}

const separator = '\r\n\r\n'

/**
 * One kept-alive connection that carries one request at a time, with as little work for each as can be: what offers
 * more than a server can take must not be the slower of the two.
 */
export class LoadConnection {
  readonly #port: number
  readonly #onIdle: (connection: LoadConnection) => void
  /** Whether it is open, and its owner was told that it is idle and has sent nothing since. */
  isIdle = false
  #isAnnounced = false
  #socket: Socket | undefined
  #settle: ((answered: Answered | undefined) => void) | undefined
  #received = ''

  /** @param onIdle called when it is open, and after each answer */
  constructor(port: number, onIdle: (connection: LoadConnection) => void) {
    this.#port = port
    this.#onIdle = onIdle
    this.#open()
  }

  #open(): void {
    const socket = connect({
      host: '127.0.0.1',
      port: this.#port,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafe(4096),
        callback: (length, buffer) => {
          this.#take(Buffer.from(buffer.buffer, buffer.byteOffset, length).toString('latin1'))
          return true
        },
      },
    })
    this.#socket = socket
    socket.once('connect', () => this.#announce())
    socket.once('error', () => {})
    socket.once('close', () => {
      this.#received = ''
      this.isIdle = false
      const settle = this.#settle
      this.#settle = undefined
      settle?.(undefined)
      if (this.#socket === socket) setTimeout(() => this.#socket === socket && this.#open(), 200)
    })
  }

  #announce(): void {
    this.isIdle = true
    if (this.#isAnnounced) return
    this.#isAnnounced = true
    this.#onIdle(this)
  }

  /** Its owner takes it off the list. @returns whether it can be used; if not, it comes back when it can */
  take(): boolean {
    this.#isAnnounced = false
    return this.isIdle
  }

  /** @param settle told the answer; undefined when the connection ended without one */
  send(request: string, settle: (answered: Answered | undefined) => void): void {
    this.isIdle = false
    this.#settle = settle
    this.#socket?.write(request, 'latin1')
  }

  close(): void {
    const socket = this.#socket
    this.#socket = undefined
    socket?.destroy()
  }

  #take(text: string): void {
    const received = this.#received === '' ? text : this.#received + text
    const answered = readAnswer(received)
    if (answered === undefined) {
      this.#received = received
      return
    }
    this.#received = ''
    const settle = this.#settle
    this.#settle = undefined
    settle?.(answered)
    this.#announce()
  }
}

/** @returns undefined until it is whole */
function readAnswer(text: string): Answered | undefined {
  const headersEnd = text.indexOf(separator)
  if (headersEnd < 0) return undefined
  const status = Number(text.slice(9, 12))
  if (status === 204) return { status, code: '', retryAfterSeconds: 0 }
  const headers = text.slice(0, headersEnd)
  const length = Number(/\ncontent-length: (\d+)/i.exec(headers)?.[1] ?? 0)
  const bodyStart = headersEnd + separator.length
  if (text.length - bodyStart < length) return undefined
  const retryAfter = status === 503 || status === 429 ? /\nretry-after: (\d+)/i.exec(headers)?.[1] : undefined
  return {
    status,
    code: status < 400 ? '' : (/"code":"([a-z_]+)"/.exec(text.slice(bodyStart))?.[1] ?? ''),
    retryAfterSeconds: Number(retryAfter ?? 0),
  }
}
