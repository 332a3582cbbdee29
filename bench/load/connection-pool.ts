import { WireConnection, type WireReply } from './wire-client.ts'

/**
 * Connections as Go's default transport has them: at most `idleMax` are kept idle; a request that finds none opens a
 * new one, and takes whichever is free first, the new one or one that another request gives back. A reply whose body
 * nobody reads ends its connection.
 */
export class ConnectionPool {
  /** Connections opened so far. */
  opened = 0
  readonly #host: string
  readonly #port: number
  readonly #idleMax: number
  #idle: WireConnection[] = []
  /** Requests without a connection, the first one first. */
  readonly #waiting: ((connection: WireConnection) => void)[] = []

  constructor(host: string, port: number, idleMax: number) {
    this.#host = host
    this.#port = port
    this.#idleMax = idleMax
  }

  /** @returns undefined if the connection ended without a reply */
  async send(request: string): Promise<WireReply | undefined> {
    const connection = await this.#take()
    const reply = await connection.send(request)
    if (reply === undefined || reply.hasBody) connection.close()
    else this.#give(connection)
    return reply
  }

  close(): void {
    for (const connection of this.#idle.splice(0)) connection.close()
  }

  #take(): Promise<WireConnection> {
    this.#idle = this.#idle.filter((connection) => connection.isOpen)
    const idle = this.#idle.pop()
    if (idle !== undefined) return Promise.resolve(idle)
    this.opened++
    const connection = new WireConnection(this.#host, this.#port)
    return new Promise((resolve) => {
      let isServed = false
      const serve = (given: WireConnection) => {
        isServed = true
        resolve(given)
      }
      this.#waiting.push(serve)
      // One that cannot be opened ends its request without a reply.
      connection.open(() => {
        if (isServed) return this.#give(connection)
        this.#waiting.splice(this.#waiting.indexOf(serve), 1)
        serve(connection)
      })
    })
  }

  #give(connection: WireConnection): void {
    const next = this.#waiting.shift()
    if (next !== undefined) next(connection)
    else if (connection.isOpen && this.#idle.length < this.#idleMax) this.#idle.push(connection)
    else connection.close()
  }
}
