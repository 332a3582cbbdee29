import { describeError } from '../engine/describe-error.ts'
import { pauseBy } from '../engine/pause.ts'
import { decodeMessage, encodeMessage } from '../engine/messages.ts'
import type { TableStore } from './batcher-ports.ts'
import {
  type AcquireProgress,
  type BatchMessage,
  type Journal,
  JournalLost,
  RecordRefused,
  type JournalMessage,
  type JournalTerm,
  type RecordId,
  type Runtime,
  type StartMessage,
} from '../engine/ports.ts'

/** A database session that holds the campus's lock, and the tables seen through that very session. */
export interface LockSession {
  readonly tables: TableStore
  /** Resolves, with why, when the session is over and the lock with it. Never rejects. */
  readonly ended: Promise<string>
  /** Rejects when the session is over. */
  ping(): Promise<void>
  close(): Promise<void>
}

export interface DirectJournalOptions {
  readonly campus: string
  /**
   * @returns undefined while another session holds the lock. Rejects when the database cannot be reached, and when the
   *   signal is aborted.
   */
  readonly tryLock: (signal: AbortSignal) => Promise<LockSession | undefined>
  /** The batcher's own rules, see `src/journal/write.ts`. */
  readonly writeBatch: (
    tables: TableStore,
    message: BatchMessage,
  ) => Promise<{ applied: number; position: RecordId }>
  /** Whether PostgreSQL failed over what was to be written, and not because of itself, the connection or the disk. */
  readonly isRefusal: (error: unknown) => boolean
  readonly writeMarker: (tables: TableStore, message: StartMessage) => Promise<string>
  /** Often enough that the server does not take the session for abandoned, milliseconds. */
  readonly pingIntervalMs: number
  readonly runtime: Runtime
}

export const directIdentity = 'direct'

const standbyPollMs = 500
const unreachablePollMs = 1000

/**
 * The journal without a broker: the leader runs the batcher's transaction itself, on the session that holds
 * the lock, and the commit is the confirm. The same rules hold, in the same code; only PostgreSQL must be up.
 */
export class DirectJournal implements Journal {
  readonly identity = directIdentity
  readonly #options: DirectJournalOptions

  constructor(options: DirectJournalOptions) {
    this.#options = options
  }

  async acquire(
    signal: AbortSignal,
    onProgress: (progress: AcquireProgress, detail: string) => void,
  ): Promise<JournalTerm> {
    for (;;) {
      signal.throwIfAborted()
      try {
        const session = await this.#options.tryLock(signal)
        if (session !== undefined) {
          if (!signal.aborted) return new DirectTerm(session, this.#options)
          await session.close()
          signal.throwIfAborted()
        }
        onProgress('standby', 'another engine leads; waiting to take over')
        await pauseBy(this.#options.runtime, standbyPollMs, signal)
      } catch (error) {
        signal.throwIfAborted()
        onProgress('unreachable', `waiting for PostgreSQL: ${describeError(error)}`)
        await pauseBy(this.#options.runtime, unreachablePollMs, signal)
      }
    }
  }
}

class DirectTerm implements JournalTerm {
  readonly ended: Promise<string>
  readonly blocked = false
  readonly #session: LockSession
  readonly #options: DirectJournalOptions
  #cancelPing: () => void = () => {}
  #open = true
  #end: (why: string) => void = () => {}
  #onApplied: (applied: RecordId) => void = () => {}

  constructor(session: LockSession, options: DirectJournalOptions) {
    this.#session = session
    this.#options = options
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
    void session.ended.then((why) => this.#finish(why))
    this.#pingLater()
  }

  #pingLater(): void {
    const { runtime, pingIntervalMs } = this.#options
    this.#cancelPing = runtime.after(pingIntervalMs, () => {
      this.#session.ping().catch((error: unknown) => this.#finish(describeError(error)))
      this.#pingLater()
    })
  }

  get open(): boolean {
    return this.#open
  }

  async append(message: JournalMessage): Promise<void> {
    if (!this.#open) throw new JournalLost('the term has ended')
    try {
      // Through the wire form and its checks, so that what is stored is what a broker would have carried.
      await this.#write(decodeMessage(encodeMessage(message), this.#options.campus))
    } catch (cause) {
      if (cause instanceof RecordRefused) throw cause
      const why = describeError(cause)
      this.#finish(why)
      throw new JournalLost(why, { cause })
    }
    if (!this.#open) throw new JournalLost('the term ended as its message was written')
  }

  async #write(message: JournalMessage): Promise<void> {
    if ('start' in message) {
      await this.#options.writeMarker(this.#session.tables, message)
      return
    }
    await this.#writeRecords(message)
  }

  /** A batch that PostgreSQL refuses is written in halves, so that the one record that it refuses is refused alone. */
  async #writeRecords(message: BatchMessage): Promise<void> {
    const { records } = message
    try {
      const { applied, position } = await this.#options.writeBatch(this.#session.tables, message)
      if (applied !== records.length) {
        throw new JournalLost(`only ${applied} of ${records.length} records applied: another engine leads`)
      }
      this.#onApplied(position)
    } catch (error) {
      const [only] = records
      if (only === undefined || !this.#open || !this.#options.isRefusal(error)) throw error
      if (records.length === 1) throw new RecordRefused(only.seq, describeError(error), error)
      const half = Math.ceil(records.length / 2)
      await this.#writeRecords({ ...message, records: records.slice(0, half) })
      await this.#writeRecords({ ...message, records: records.slice(half) })
    }
  }

  onApplied(listener: (applied: RecordId) => void): void {
    this.#onApplied = listener
  }

  #finish(why: string): void {
    if (!this.#open) return
    this.#open = false
    this.#cancelPing()
    this.#end(why)
    void this.#session.close()
  }

  async close(): Promise<void> {
    this.#finish('closed')
    await this.#session.close()
  }
}
