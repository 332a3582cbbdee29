import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Channel } from 'rabbitmq-client'
import { describeError } from '../engine/describe-error.ts'
import { pause } from '../engine/pause.ts'
import { encodeMessage } from '../engine/messages.ts'
import {
  type AcquireProgress,
  type Journal,
  JournalLost,
  type JournalMessage,
  type JournalTerm,
  type RecordId,
} from '../engine/ports.ts'
import { declareJournalQueue, journalQueueExists, journalQueueOf, leaderQueueOf } from './queues.ts'
import { codeOf, onWorkingSession, type RabbitOptions, type RabbitSession } from './rabbit-session.ts'

export interface RabbitJournalOptions extends RabbitOptions {
  readonly campus: string
  /** How long a journal queue that was made just now is left alone, milliseconds. */
  readonly settleMs: number
}

/** How often a standby asks for the lock. */
const standbyPollMs = 500

/**
 * The journal in RabbitMQ: a quorum queue, and beside it an exclusive queue that is the lock. Both live on
 * one channel of one connection, so that losing either is losing both.
 */
export class RabbitJournal implements Journal {
  readonly identity: string
  readonly #options: RabbitJournalOptions

  constructor(options: RabbitJournalOptions) {
    this.#options = options
    this.identity = `rabbitmq ${vhostOf(options.url)} ${journalQueueOf(options.campus)}`
  }

  async acquire(
    signal: AbortSignal,
    onProgress: (progress: AcquireProgress, detail: string) => void,
  ): Promise<JournalTerm> {
    return await onWorkingSession(
      {
        options: this.#options,
        name: `${this.#options.campus} engine`,
        signal,
        onFailed: (detail) => onProgress('unreachable', detail),
      },
      (session) => this.#acquireOn(session, signal, onProgress),
    )
  }

  async #acquireOn(
    session: RabbitSession,
    signal: AbortSignal,
    onProgress: (progress: AcquireProgress, detail: string) => void,
  ): Promise<JournalTerm> {
    const { campus, settleMs } = this.#options
    await this.#awaitLock(session, signal, onProgress)
    const isNew = !(await journalQueueExists(session, campus))
    const channel = await session.vitalChannel()
    const term = new RabbitTerm(session, channel, campus)
    await term.begin()
    await declareJournalQueue(channel, campus)
    if (isNew && settleMs > 0) {
      // A broker killed within a second after the declaration loses what was confirmed meanwhile.
      onProgress('settling', `the journal queue is new: waiting ${settleMs} ms before it is trusted`)
      await Promise.race([pause(settleMs, signal), session.ended])
      if (!session.open) throw new JournalLost('the connection was lost while the journal queue settled')
    }
    return term
  }

  /** The exclusive queue belongs to the connection, so a channel that failed to declare it costs nothing. */
  async #awaitLock(
    session: RabbitSession,
    signal: AbortSignal,
    onProgress: (progress: AcquireProgress, detail: string) => void,
  ): Promise<void> {
    for (;;) {
      const channel = await session.spareChannel()
      try {
        await channel.queueDeclare({
          queue: leaderQueueOf(this.#options.campus),
          exclusive: true,
          arguments: { 'x-queue-type': 'classic' },
        })
        await channel.close()
        return
      } catch (error) {
        if (codeOf(error) !== 'RESOURCE_LOCKED') throw error
        onProgress('standby', 'another engine leads; waiting to take over')
        await pause(standbyPollMs, signal)
      }
    }
  }
}

/** One term: consumes from the lock, so that its deletion is noticed, and publishes the journal, nothing else. */
class RabbitTerm implements JournalTerm {
  readonly ended: Promise<string>
  readonly #session: RabbitSession
  readonly #channel: Channel
  readonly #campus: string
  #onApplied: (applied: RecordId) => void = () => {}

  constructor(session: RabbitSession, channel: Channel, campus: string) {
    this.#session = session
    this.#channel = channel
    this.#campus = campus
    this.ended = session.ended
  }

  async begin(): Promise<void> {
    // An unroutable message is confirmed as well; the return is the only sign that nothing was kept.
    this.#channel.on('basic.return', () => this.#session.end('the broker returned a journal message'))
    await this.#channel.basicConsume(
      { queue: leaderQueueOf(this.#campus), noAck: true, exclusive: true },
      (message: { body: unknown }) => this.#hear(message.body),
    )
    await this.#channel.confirmSelect()
  }

  get open(): boolean {
    return this.#session.open
  }

  get blocked(): boolean {
    return this.#session.blocked
  }

  async append(message: JournalMessage): Promise<void> {
    if (!this.open) throw new JournalLost('the term has ended')
    try {
      await this.#channel.basicPublish(
        {
          routingKey: journalQueueOf(this.#campus),
          durable: true,
          mandatory: true,
          contentType: 'application/vnd.enrollment.journal+json',
        },
        encodeMessage(message),
      )
    } catch (cause) {
      this.#session.end(`a journal message was not confirmed: ${describeError(cause)}`)
      throw new JournalLost(describeError(cause), { cause })
    }
    // The broker sends a return before the confirm; the client tells of it one turn of the event loop later.
    await nextTurn()
    if (!this.open) throw new JournalLost('the term ended as its message was confirmed')
  }

  onApplied(listener: (applied: RecordId) => void): void {
    this.#onApplied = listener
  }

  /** A batcher's notice. Nothing rests on it alone but speed; one that cannot be read is ignored. */
  #hear(body: unknown): void {
    if (!Buffer.isBuffer(body)) return
    const [leader, seq] = body.toString('utf8').split(' ')
    if (leader !== undefined && seq !== undefined && /^\d{1,16}$/.test(seq)) {
      this.#onApplied({ leader, seq: Number(seq) })
    }
  }

  async close(): Promise<void> {
    await this.#session.close()
  }
}

function vhostOf(url: string): string {
  const path = new URL(url).pathname.slice(1)
  return path === '' ? '/' : decodeURIComponent(path)
}
