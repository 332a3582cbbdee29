import { describeError } from '../engine/describe-error.ts'
import { pause } from '../engine/pause.ts'
import {
  type AcquireProgress,
  type Journal,
  JournalLost,
  type JournalTerm,
  WrongCampus,
} from '../engine/ports.ts'
import {
  declareJournalQueue,
  journalQueueExists,
  journalQueueOf,
  leaderQueueOf,
  letConsumersGo,
  lostQueue,
  replacedSystemAtWork,
} from './queues.ts'
import { codeOf, onWorkingSession, type RabbitOptions, type RabbitSession } from './rabbit-session.ts'
import { RabbitTerm, settle } from './rabbit-term.ts'
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

/**
 * The journal in RabbitMQ: a quorum queue, and beside it an exclusive queue that is the lock. Both live on
 * one channel of one connection, so that losing either is losing both.
 */
export class RabbitJournal implements Journal {
  readonly identity: string
  readonly #options: RabbitJournalOptions
  #hasLed = false

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
    // Nobody has consumed before a campus's first term, and what others led was missing until its loss was accepted.
    if (isNew && this.#hasLed) await letConsumersGo(session)
    const channel = await session.vitalChannel()
    const term = new RabbitTerm(session, channel, seal, this.#options)
    await term.begin()
    await declareJournalQueue(channel, campus)
    if (isNew) {
      onProgress('settling', `the journal queue is new: waiting ${settleMs} ms before it is trusted`)
      await settle(session, settleMs, signal)
    }
    this.#hasLed = true
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

function vhostOf(url: string): string {
  const path = new URL(url).pathname.slice(1)
  return path === '' ? '/' : decodeURIComponent(path)
}
