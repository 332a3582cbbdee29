import type { Channel } from 'rabbitmq-client'
import { leaderQueueOf } from './queues.ts'
import { type RabbitOptions, RabbitSession } from './rabbit-session.ts'
import type { Seal } from './seal.ts'

/** After how long another connection is tried when one has ended. */
const againMs = 1000

/**
 * A batcher's way to the leader: a connection of its own, since a broker with an alarm reads no more from a connection that
 * publishes, and acknowledgements make room. A notice is sent at once, or once it
 * is connected if it is the newest, or not at all.
 */
export class Notices {
  readonly #options: RabbitOptions & { readonly campus: string }
  readonly #seal: Seal
  #session: RabbitSession | undefined
  #channel: Channel | undefined
  /** The newest that came while there was no connection. */
  #waiting: Buffer | undefined
  #triedAtMs = Number.NEGATIVE_INFINITY
  #isClosed = false

  constructor(options: RabbitOptions & { readonly campus: string }, seal: Seal) {
    this.#options = options
    this.#seal = seal
    this.#connectLater()
  }

  send(notice: Buffer): void {
    const channel = this.#channel
    if (channel?.active !== true) {
      this.#waiting = notice
      this.#connectLater()
    } else if (this.#session?.blocked === false) {
      const headers = this.#seal.sign('notice', notice)
      channel.basicPublish({ routingKey: leaderQueueOf(this.#options.campus), headers }, notice).catch(() => {
        // The engine asks the database as well, a second later.
      })
    }
  }

  #connectLater(): void {
    if (this.#isClosed || performance.now() < this.#triedAtMs + againMs) return
    this.#triedAtMs = performance.now()
    this.#connect().catch(() => {
      // Another notice tries again.
    })
  }

  async #connect(): Promise<void> {
    this.#session?.end('replaced')
    this.#channel = undefined
    const session = new RabbitSession(this.#options, `${this.#options.campus} batcher's notices`)
    this.#session = session
    try {
      await session.connected()
      this.#channel = await session.spareChannel()
      const waiting = this.#waiting
      this.#waiting = undefined
      if (waiting !== undefined) this.send(waiting)
    } catch (error) {
      session.end('not connected')
      throw error
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#session?.close()
  }
}
