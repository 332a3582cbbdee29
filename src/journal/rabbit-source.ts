import type { Channel } from 'rabbitmq-client'
import { describeError } from '../engine/describe-error.ts'
import { encodeNotice } from '../engine/messages.ts'
import type { Delivery, JournalReader, JournalSource } from './batcher-ports.ts'
import { LostTail, type MissingRecords, type RecordId } from '../engine/ports.ts'
import { Notices } from './notices.ts'
import { inspectJournalQueue, journalQueueExists, journalQueueOf, lostQueue } from './queues.ts'
import {
  backOff,
  bodyOf,
  onWorkingSession,
  type RabbitOptions,
  type RabbitSession,
  type ReceivedMessage,
} from './rabbit-session.ts'
import { Seal } from './seal.ts'

export interface RabbitSourceOptions extends RabbitOptions {
  readonly campus: string
  /** The campus's keys: the first signs. Rejects when the database cannot be reached. */
  readonly readKeys: () => Promise<readonly string[]>
  /** Whether terms came through the queue already. Rejects when the database cannot be reached. */
  readonly isQueueExpected?: () => Promise<boolean>
  /**
   * Messages that may be out at once. The same for every batcher of a campus: returned messages come back
   * in order only if the next consumer's window is not smaller.
   */
  readonly prefetch: number
}

/** A missing queue is looked for so often, in about 5 s, before it counts as lost. */
const missingPatience = 12

/** Where a batcher reads the journal. The broker hands it to one consumer at a time; the others stand by. */
export class RabbitSource implements JournalSource {
  readonly #options: RabbitSourceOptions
  readonly #seal: Seal

  constructor(options: RabbitSourceOptions) {
    this.#options = options
    this.#seal = new Seal(options.campus, options.readKeys)
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
    const { campus, prefetch, isQueueExpected } = this.#options
    for (let attempt = 0; !(await journalQueueExists(session, campus)); attempt++) {
      // A leader that knows that nothing is lost makes it anew meanwhile.
      const isLost = attempt > missingPatience && (await isQueueExpected?.().catch(() => false)) === true
      if (isLost) throw new LostTail(lostQueue(campus, 'terms came through it'))
      onWaiting(`waiting for the journal queue ${journalQueueOf(campus)}, which the first leader makes`)
      await backOff(attempt, 500, signal)
    }
    await this.#readKeys(session, signal, onWaiting)
    const state = await inspectJournalQueue(session, campus)
    // What is in it is read all the same, and judged as ever; but nobody may trust it to keep anything.
    if (state.kind === 'unfit')
      onWaiting(`the journal queue is unfit, and a broker may lose it: ${state.detail}`)
    const channel = await session.vitalChannel()
    const notices = new Notices(this.#options, this.#seal)
    const reader = new RabbitReader(session, channel, notices, this.#seal, this.#options)
    await channel.basicQos({ prefetchCount: prefetch })
    await channel.basicConsume({ queue: journalQueueOf(campus), noAck: false }, (message) =>
      reader.arrived(message),
    )
    return reader
  }

  /** Keys that are known still count while the database is away: a new one is looked for when a message is not verified. */
  async #readKeys(
    session: RabbitSession,
    signal: AbortSignal,
    onWaiting: (detail: string) => void,
  ): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#seal.refresh()
        return
      } catch (error) {
        if (this.#seal.hasKeys) return
        onWaiting(`waiting for the database: ${describeError(error)}`)
        await backOff(attempt, 3000, signal)
        if (!session.open) throw new Error(await session.ended, { cause: error })
      }
    }
  }
}

class RabbitReader implements JournalReader {
  readonly ended: Promise<string>
  readonly #session: RabbitSession
  readonly #channel: Channel
  readonly #notices: Notices
  readonly #campus: string
  readonly #seal: Seal
  readonly window: number
  #arrived: Delivery[] = []
  /** Tags out with us, ascending. */
  #unacknowledged: number[] = []
  #wake: (() => void) | undefined

  constructor(
    session: RabbitSession,
    channel: Channel,
    notices: Notices,
    seal: Seal,
    options: RabbitSourceOptions,
  ) {
    this.#seal = seal
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

  arrived(message: ReceivedMessage & { readonly deliveryTag: number }): void {
    const body = bodyOf(message)
    const headers = message.headers ?? {}
    const tag = message.deliveryTag
    this.#arrived.push({ body, headers, tag, ...this.#seal.provenanceOf('journal', body, headers) })
    this.#unacknowledged.push(tag)
    this.#wake?.()
  }

  async verifyAgain(delivery: Delivery): Promise<Delivery> {
    await this.#seal.refresh()
    const { body, headers, tag } = delivery
    return { body, headers, tag, ...this.#seal.provenanceOf('journal', body, headers) }
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

  announceApplied(applied: RecordId): void {
    this.#notices.send(encodeNotice(applied))
  }

  announceMissing(missing: MissingRecords): void {
    this.#notices.send(encodeNotice(missing))
  }

  async close(): Promise<void> {
    await Promise.all([this.#session.close(), this.#notices.close()])
  }
}
