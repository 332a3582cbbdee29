import type { Channel } from 'rabbitmq-client'
import type { Delivery, JournalReader, JournalSource, RecordId } from '../engine/ports.ts'
import { journalQueueExists, journalQueueOf, leaderQueueOf } from './queues.ts'
import { backOff, onWorkingSession, type RabbitOptions, type RabbitSession } from './rabbit-session.ts'

export interface RabbitSourceOptions extends RabbitOptions {
  readonly campus: string
  /**
   * Messages that may be out at once. The same for every batcher of a campus: returned messages come back
   * in order only if the next consumer's window is not smaller.
   */
  readonly prefetch: number
}

/** Where a batcher reads the journal. The broker hands it to one consumer at a time; the others stand by. */
export class RabbitSource implements JournalSource {
  readonly #options: RabbitSourceOptions

  constructor(options: RabbitSourceOptions) {
    this.#options = options
  }

  async open(signal: AbortSignal, onWaiting: (detail: string) => void): Promise<JournalReader> {
    return await onWorkingSession(
      { options: this.#options, name: `${this.#options.campus} batcher`, signal, onFailed: onWaiting },
      (session) => this.#openOn(session, signal, onWaiting),
    )
  }

  async #openOn(
    session: RabbitSession,
    signal: AbortSignal,
    onWaiting: (detail: string) => void,
  ): Promise<JournalReader> {
    const { campus, prefetch } = this.#options
    for (let attempt = 0; !(await journalQueueExists(session, campus)); attempt++) {
      onWaiting(`waiting for the journal queue ${journalQueueOf(campus)}, which the first leader makes`)
      await backOff(attempt, 500, signal)
    }
    const channel = await session.vitalChannel()
    const reader = new RabbitReader(session, channel, await session.spareChannel(), this.#options)
    await channel.basicQos({ prefetchCount: prefetch })
    await channel.basicConsume({ queue: journalQueueOf(campus), noAck: false }, (message) => {
      reader.arrived({ body: message.body as Buffer, tag: message.deliveryTag })
    })
    return reader
  }
}

class RabbitReader implements JournalReader {
  readonly ended: Promise<string>
  readonly #session: RabbitSession
  readonly #channel: Channel
  readonly #notices: Channel
  readonly #campus: string
  readonly window: number
  #arrived: Delivery[] = []
  /** Tags out with us, ascending. */
  #unacknowledged: number[] = []
  #wake: (() => void) | undefined

  constructor(session: RabbitSession, channel: Channel, notices: Channel, options: RabbitSourceOptions) {
    this.#session = session
    this.#channel = channel
    this.#notices = notices
    this.#campus = options.campus
    this.window = options.prefetch
    this.ended = session.ended
    // Once, and not by a race at each arrival: a promise that lives long keeps every reaction to it.
    void this.ended.then(() => this.#wake?.())
  }

  get open(): boolean {
    return this.#session.open
  }

  arrived(delivery: Delivery): void {
    this.#arrived.push(delivery)
    this.#unacknowledged.push(delivery.tag)
    this.#wake?.()
  }

  takeArrived(): readonly Delivery[] {
    const taken = this.#arrived
    this.#arrived = []
    return taken
  }

  get arrivedCount(): number {
    return this.#arrived.length
  }

  async arrival(): Promise<void> {
    if (this.#arrived.length > 0 || !this.open) return
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
  }

  async countReady(): Promise<number | undefined> {
    const { messageCount, consumerCount } = await this.#channel.queueDeclare({
      queue: journalQueueOf(this.#campus),
      passive: true,
    })
    // A broker that cannot ask the queue in time answers 0 messages and 0 consumers; we are one.
    return consumerCount === 0 ? undefined : messageCount
  }

  /** One acknowledgement for all where nothing older is still out; a held marker makes it one by one. */
  acknowledge(deliveries: readonly Delivery[]): void {
    const last = deliveries.at(-1)
    if (last === undefined || !this.open) return
    const tags = new Set(deliveries.map(({ tag }) => tag))
    const isPrefix = this.#unacknowledged.slice(0, deliveries.length).every((tag) => tags.has(tag))
    if (isPrefix) this.#channel.basicAck({ deliveryTag: Math.max(...tags), multiple: true })
    else for (const deliveryTag of tags) this.#channel.basicAck({ deliveryTag })
    this.#unacknowledged = this.#unacknowledged.filter((tag) => !tags.has(tag))
  }

  announceApplied({ leader, seq }: RecordId): void {
    if (!this.#notices.active) return
    const notice = Buffer.from(`${leader} ${seq}`)
    this.#notices.basicPublish({ routingKey: leaderQueueOf(this.#campus) }, notice).catch(() => {
      // The engine asks the database as well, a second later.
    })
  }

  async close(): Promise<void> {
    await this.#session.close()
  }
}
