import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { Channel } from 'rabbitmq-client'
import type { Provenance } from './batcher-ports.ts'
import { describeError } from '../engine/describe-error.ts'
import { decodeNotice, encodeMessage } from '../engine/messages.ts'
import { pause } from '../engine/pause.ts'
import {
  JournalLost,
  type JournalMessage,
  type JournalQueue,
  type JournalTerm,
  MessageReturned,
  type MissingRecords,
  type QueueState,
  type RecordId,
} from '../engine/ports.ts'
import { inspectJournalQueue, journalQueueOf, leaderQueueOf, remakeJournalQueue } from './queues.ts'
import type { RabbitJournalOptions } from './rabbit-journal.ts'
import { bodyOf, type RabbitSession, type ReceivedMessage } from './rabbit-session.ts'
import type { Seal } from './seal.ts'

/** How often a notice that is not ours is looked into at most. */
const doubtMs = 1000
/** How often it is asked whether the queue is fit. */
const fitnessMs = 5000

/** A broker killed within a second after a queue was declared loses what was confirmed meanwhile. */
export async function settle(session: RabbitSession, settleMs: number, signal?: AbortSignal): Promise<void> {
  if (settleMs === 0) return
  await Promise.race([signal === undefined ? sleep(settleMs) : pause(settleMs, signal), session.ended])
  if (!session.open) throw new JournalLost('the connection was lost while the journal queue settled')
}

/** One term: consumes from the lock, so that its deletion is noticed, and publishes the journal, nothing else. */
export class RabbitTerm implements JournalTerm, JournalQueue {
  readonly ended: Promise<string>
  readonly window: number
  readonly #session: RabbitSession
  readonly #lockChannel: Channel
  /** Where messages are published: the lock's channel, or one as young as the queue. */
  #channel: Channel
  readonly #seal: Seal
  readonly #options: RabbitJournalOptions
  /** When a notice that was not ours was last looked into, by the steady clock. */
  #doubtedAtMs = Number.NEGATIVE_INFINITY
  /** When the queue was last found fit, by the steady clock. */
  #fitAtMs = Number.NEGATIVE_INFINITY
  /** No queue took the message that waits for its confirm. */
  #isReturned = false
  #onApplied: (applied: RecordId) => void = () => {}
  #onMissing: (missing: MissingRecords) => void = () => {}

  constructor(session: RabbitSession, channel: Channel, seal: Seal, options: RabbitJournalOptions) {
    this.#session = session
    this.#lockChannel = channel
    this.#channel = channel
    this.#seal = seal
    this.#options = options
    this.window = options.prefetch
    this.ended = session.ended
  }

  async begin(): Promise<void> {
    await this.#lockChannel.basicConsume(
      { queue: leaderQueueOf(this.#options.campus), noAck: true, exclusive: true },
      (message: ReceivedMessage) => this.#hear(message),
    )
    await this.#publishOn(this.#lockChannel)
  }

  async #publishOn(channel: Channel): Promise<void> {
    // An unroutable message is confirmed as well; the return is the only sign that nothing was kept.
    channel.on('basic.return', () => {
      this.#isReturned = true
    })
    await channel.confirmSelect()
    this.#channel = channel
  }

  get open(): boolean {
    return this.#session.open
  }

  get blocked(): boolean {
    return this.#session.blocked
  }

  get queue(): JournalQueue {
    return this
  }

  async append(message: JournalMessage): Promise<Buffer> {
    const body = encodeMessage(message)
    await this.appendAgain(body)
    return body
  }

  async appendAgain(body: Buffer): Promise<void> {
    if (!this.open) throw new JournalLost('the term has ended')
    this.#isReturned = false
    try {
      await this.#channel.basicPublish(
        {
          routingKey: journalQueueOf(this.#options.campus),
          durable: true,
          mandatory: true,
          contentType: 'application/vnd.enrollment.journal+json',
          headers: this.#seal.sign('journal', body),
        },
        body,
      )
    } catch (cause) {
      this.#session.end(`a journal message was not confirmed: ${describeError(cause)}`)
      throw new JournalLost(describeError(cause), { cause })
    }
    // The broker sends a return before the confirm; the client tells of it one turn of the event loop later.
    await nextTurn()
    if (!this.open) throw new JournalLost('the term ended as its message was confirmed')
    if (this.#isReturned)
      throw new MessageReturned('the broker returned a journal message: its queue is gone')
  }

  async inspect(): Promise<QueueState> {
    const nowMs = performance.now()
    const isDue = nowMs >= this.#fitAtMs + fitnessMs
    const state = await inspectJournalQueue(this.#session, this.#options.campus, isDue)
    if (state.kind !== 'there') this.#fitAtMs = Number.NEGATIVE_INFINITY
    else if (isDue) this.#fitAtMs = nowMs
    return state
  }

  /**
   * Publishes on another channel from now on: the news that the last queue is gone may reach the broker's end of the old
   * one late. It would number its messages from 1 again, and the queue confirm them, and drop them for doubles.
   * (rabbit_channel.erl, `handle_eol`; rabbit_fifo.erl, `maybe_enqueue`.)
   */
  async restore(): Promise<void> {
    await remakeJournalQueue(this.#session, this.#options.campus)
    const last = this.#channel
    await this.#publishOn(await this.#session.vitalChannel())
    if (last !== this.#lockChannel) await this.#session.retire(last)
    await settle(this.#session, this.#options.settleMs)
  }

  onApplied(listener: (applied: RecordId) => void): void {
    this.#onApplied = listener
  }

  onMissing(listener: (missing: MissingRecords) => void): void {
    this.#onMissing = listener
  }

  onBlocked(listener: (reason: string | undefined) => void): void {
    this.#session.onBlocked(listener)
  }

  /** A batcher's notice. Nothing rests on it alone but speed; one that this campus has not signed is ignored, with an alarm. */
  #hear(message: ReceivedMessage): void {
    if (this.#originOf(message) === 'ours') this.#understand(bodyOf(message))
    else void this.#doubt(message)
  }

  #originOf(message: ReceivedMessage): Provenance['origin'] {
    return this.#seal.provenanceOf('notice', bodyOf(message), message.headers ?? {}).origin
  }

  #understand(body: Buffer): void {
    const notice = decodeNotice(body)
    if (notice === undefined) return
    if ('upTo' in notice) this.#onMissing(notice)
    else this.#onApplied(notice)
  }

  /** The campus may have got a new key since this term began. */
  async #doubt(message: ReceivedMessage): Promise<void> {
    const nowMs = performance.now()
    if (nowMs < this.#doubtedAtMs + doubtMs) return
    this.#doubtedAtMs = nowMs
    await this.#seal.refresh().catch(() => {
      // The database is away; the keys that are known still count.
    })
    const origin = this.#originOf(message)
    const body = bodyOf(message)
    if (origin === 'ours') this.#understand(body)
    else {
      const how = origin === 'unsigned' ? 'not signed' : 'wrongly signed'
      const start = JSON.stringify(body.toString('utf8', 0, 80))
      this.#options.onForgedNotice?.(`a notice to the leader is ${how} and was ignored: ${start}`)
    }
  }

  async close(): Promise<void> {
    await this.#session.close()
  }
}
