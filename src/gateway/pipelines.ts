import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/**
 * Begins one request of a connection at a time. A client may send the next ones before the first is answered
 * (pipelining); Node hands all of them over at once, and each one that is begun can hold a file, a stream or an answer
 * that nobody reads yet. Here they wait until it is their turn to be answered, and of one that closes none is begun.
 */
export class Pipelines {
  readonly #enter: Handler
  readonly #waitingMax: number
  readonly #waiting = new WeakMap<Socket, number>()
  #cut = 0

  /** @param waitingMax requests of one connection that may wait; with one more the connection is closed */
  constructor(enter: Handler, waitingMax: number) {
    this.#enter = enter
    this.#waitingMax = waitingMax
  }

  /** Connections closed because too many of their requests waited, so far. */
  get cut(): number {
    return this.#cut
  }

  enter(request: IncomingMessage, response: ServerResponse): void {
    // Node gives a response its connection once those before it are answered.
    if (response.socket !== null) return this.#enter(request, response)
    const { socket } = request
    if (socket.destroyed) return
    const waiting = (this.#waiting.get(socket) ?? 0) + 1
    if (waiting > this.#waitingMax) {
      this.#cut++
      socket.destroy()
      return
    }
    this.#waiting.set(socket, waiting)
    response.once('socket', () => {
      this.#waiting.set(socket, (this.#waiting.get(socket) ?? 1) - 1)
      this.#enter(request, response)
    })
  }
}
