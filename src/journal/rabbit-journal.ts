import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { Channel } from 'rabbitmq-client'
import { describeError } from '../engine/describe-error.ts'
import { pause } from '../engine/pause.ts'
import { decodeNotice, encodeMessage } from '../engine/messages.ts'
import type { Provenance } from '../batcher/batcher-ports.ts'
import {
  type AcquireProgress,
  type Journal,
  JournalLost,
  type JournalMessage,
  type JournalQueue,
  type JournalTerm,
  MessageReturned,
  type MissingRecords,
  type QueueState,
  type RecordId,
  WrongCampus,
} from '../engine/ports.ts'
import {
  declareJournalQueue,
  inspectJournalQueue,
  journalQueueExists,
  journalQueueOf,
  leaderQueueOf,
  lostQueue,
  remakeJournalQueue,
  replacedSystemAtWork,
} from './queues.ts'
import {
  bodyOf,
  codeOf,
  onWorkingSession,
  type RabbitOptions,
  type RabbitSession,
  type ReceivedMessage,
} from './rabbit-session.ts'
import { Seal } from './seal.ts'

export interface RabbitJournalOptions extends RabbitOptions {
  readonly campus: string
  /** The campus's keys: the first signs. Rejects when the database cannot be reached. */
  readonly readKeys: () => Promise<readonly string[]>
  /** Called with a line for people when a notice came that no batcher of this campus has sent. */
  readonly onForgedNotice?: (detail: string) => void
  /** How long a journal queue that was made just now is left alone, milliseconds. */
  readonly settleMs: number
  /** Messages that a batcher may have in hand, as `RabbitSourceOptions` has it. */
  readonly prefetch: number
}

interface AcquireWish {
  readonly signal: AbortSignal
  readonly onProgress: (progress: AcquireProgress, detail: string) => void
  readonly findLoss: () => Promise<string | undefined>
}

/** How often a standby asks for the lock. */
const standbyPollMs = 500
/** How often the keys are asked for while the database does not answer. */
const keysPollMs = 250
/** How often a notice that is not ours is looked into at most. */
const doubtMs = 1000

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
    findLoss: () => Promise<string | undefined> = () => Promise.resolve(undefined),
  ): Promise<JournalTerm> {
    return await onWorkingSession(
      {
        options: this.#options,
        name: `${this.#options.campus} engine`,
        signal,
        onFailed: (detail) => onProgress('unreachable', detail),
      },
      (session) => this.#acquireOn(session, { signal, onProgress, findLoss }),
    )
  }

  async #acquireOn(session: RabbitSession, wish: AcquireWish): Promise<JournalTerm> {
    const { campus, settleMs } = this.#options
    const { signal, onProgress } = wish
    await this.#awaitLock(session, signal, onProgress)
    const seal = await this.#readKeys(session, signal, onProgress)
    const isNew = !(await this.#findQueue(session, wish))
    if (isNew) await this.#awaitReplacedSystem(session, signal, onProgress)
    const channel = await session.vitalChannel()
    const term = new RabbitTerm(session, channel, seal, this.#options)
    await term.begin()
    await declareJournalQueue(channel, campus)
    if (isNew) {
      onProgress('settling', `the journal queue is new: waiting ${settleMs} ms before it is trusted`)
      await settle(session, settleMs, signal)
    }
    return term
  }

  /**
   * Waits while the queue is missing and must not be made anew.
   * @returns whether it exists
   */
  async #findQueue(session: RabbitSession, { signal, onProgress, findLoss }: AcquireWish): Promise<boolean> {
    const { campus } = this.#options
    while (!(await journalQueueExists(session, campus))) {
      try {
        const loss = await findLoss()
        if (loss === undefined) return false
        onProgress('lost', `lost_tail: ${lostQueue(campus, loss)}`)
      } catch (error) {
        if (error instanceof WrongCampus) throw error
        onProgress('settling', `waiting for the database: ${describeError(error)}`)
      }
      await pause(standbyPollMs, signal)
    }
    return true
  }

  /** A term signs with the key that is the first one when it begins. */
  async #readKeys(
    session: RabbitSession,
    signal: AbortSignal,
    onProgress: (progress: AcquireProgress, detail: string) => void,
  ): Promise<Seal> {
    const seal = new Seal(this.#options.campus, this.#options.readKeys)
    for (;;) {
      try {
        await seal.refresh()
        return seal
      } catch (error) {
        onProgress('settling', `waiting for the database: ${describeError(error)}`)
        await pause(keysPollMs, signal)
        if (!session.open) throw new JournalLost('the connection was lost before the keys were read')
      }
    }
  }

  /** A campus that begins here may have been served by the replaced system until now. */
  async #awaitReplacedSystem(
    session: RabbitSession,
    signal: AbortSignal,
    onProgress: (progress: AcquireProgress, detail: string) => void,
  ): Promise<void> {
    for (;;) {
      const atWork = await replacedSystemAtWork(session)
      if (atWork === undefined) return
      onProgress('unreachable', atWork)
      await pause(standbyPollMs, signal)
    }
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

/** A broker killed within a second after a queue was declared loses what was confirmed meanwhile. */
async function settle(session: RabbitSession, settleMs: number, signal?: AbortSignal): Promise<void> {
  if (settleMs === 0) return
  await Promise.race([signal === undefined ? sleep(settleMs) : pause(settleMs, signal), session.ended])
  if (!session.open) throw new JournalLost('the connection was lost while the journal queue settled')
}

/** One term: consumes from the lock, so that its deletion is noticed, and publishes the journal, nothing else. */
class RabbitTerm implements JournalTerm, JournalQueue {
  readonly ended: Promise<string>
  readonly window: number
  readonly #session: RabbitSession
  readonly #channel: Channel
  readonly #seal: Seal
  readonly #options: RabbitJournalOptions
  /** When a notice that was not ours was last looked into, by the steady clock. */
  #doubtedAtMs = Number.NEGATIVE_INFINITY
  /** No queue took the message that waits for its confirm. */
  #isReturned = false
  #onApplied: (applied: RecordId) => void = () => {}
  #onMissing: (missing: MissingRecords) => void = () => {}

  constructor(session: RabbitSession, channel: Channel, seal: Seal, options: RabbitJournalOptions) {
    this.#session = session
    this.#channel = channel
    this.#seal = seal
    this.#options = options
    this.window = options.prefetch
    this.ended = session.ended
  }

  async begin(): Promise<void> {
    // An unroutable message is confirmed as well; the return is the only sign that nothing was kept.
    this.#channel.on('basic.return', () => {
      this.#isReturned = true
    })
    await this.#channel.basicConsume(
      { queue: leaderQueueOf(this.#options.campus), noAck: true, exclusive: true },
      (message: ReceivedMessage) => this.#hear(message),
    )
    await this.#channel.confirmSelect()
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
    return await inspectJournalQueue(this.#session, this.#options.campus)
  }

  async restore(): Promise<void> {
    await remakeJournalQueue(this.#session, this.#options.campus)
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

function vhostOf(url: string): string {
  const path = new URL(url).pathname.slice(1)
  return path === '' ? '/' : decodeURIComponent(path)
}
