import type { Coverage } from './coverage.ts'
import { Link } from './link.ts'
import type { SimulatedProcess, World } from './simulated-process.ts'
import type { Tables } from './tables.ts'

/** What the server knows of one connection. */
export interface DatabaseSession {
  readonly link: Link
  readonly timeouts: SessionTimeouts
  transaction: ServerTransaction | undefined
}

/** After how long of a client's silence its session is ended, milliseconds; undefined = never. */
export interface SessionTimeouts {
  readonly idleMs: number | undefined
  readonly idleInTransactionMs: number
}

/** A transaction that has asked for the position's lock: it has it, or waits behind the one that has. */
export interface ServerTransaction {
  readonly session: DatabaseSession
  /** What is to become of the tables at COMMIT. */
  readonly writes: (() => void)[]
  onLocked: (() => void) | undefined
}

/**
 * A database as the batcher and the engine need one: committed tables, one row lock, one advisory lock. A
 * transaction's writes become visible all at once, or never; a session that ends takes its transaction and its
 * locks with it.
 */
export class SimulatedDatabase {
  readonly tables: Tables
  /** How far its machine's clock is off. */
  clockOffsetMs = 0
  isUp = true
  readonly #world: World
  readonly #coverage: Coverage
  readonly #syncMs: number
  readonly #sessions = new Set<DatabaseSession>()
  /** The first holds the position's row lock, the others wait for it. */
  readonly #lockQueue: ServerTransaction[] = []
  #leaderLock: DatabaseSession | undefined

  /** @param syncMs how long it takes at most to make a transaction durable */
  constructor(world: World, tables: Tables, coverage: Coverage, syncMs: number) {
    this.#world = world
    this.#syncMs = syncMs
    this.tables = tables
    this.#coverage = coverage
  }

  get clockMs(): number {
    return this.#world.epochMs + this.#world.scheduler.nowMs + this.clockOffsetMs
  }

  connect(process: SimulatedProcess, timeouts: SessionTimeouts): DatabaseSession {
    const session: DatabaseSession = {
      link: new Link(process, 'database'),
      timeouts,
      transaction: undefined,
    }
    this.#sessions.add(session)
    session.link.onServerEnd = () => this.#sessionEnded(session)
    session.link.onSilence = () => this.#watchSilence(session)
    return session
  }

  #watchSilence(session: DatabaseSession): void {
    const { idleMs, idleInTransactionMs } = session.timeouts
    const afterMs = session.transaction === undefined ? idleMs : idleInTransactionMs
    if (afterMs === undefined) return
    const sinceMs = session.link.process.suspendedSinceMs
    this.#world.scheduler.after(afterMs, () => {
      if (sinceMs === undefined || session.link.process.suspendedSinceMs !== sinceMs) return
      // One that waits for a lock is not idle.
      if (session.transaction !== undefined && this.#lockQueue[0] !== session.transaction) {
        this.#watchSilence(session)
        return
      }
      if (session.link.serverOpen) this.#coverage.fault('database ended the session of a suspended client')
      session.link.endByServer('idle session timeout')
    })
  }

  #sessionEnded(session: DatabaseSession): void {
    this.#sessions.delete(session)
    if (this.#leaderLock === session) this.#leaderLock = undefined
    if (session.transaction !== undefined) this.#end(session.transaction)
  }

  /** BEGIN, and SELECT … FROM journal_position FOR UPDATE. */
  begin(session: DatabaseSession, onLocked: () => void): void {
    const transaction: ServerTransaction = { session, writes: [], onLocked }
    session.transaction = transaction
    this.#lockQueue.push(transaction)
    if (this.#lockQueue[0] !== transaction) this.#coverage.fault('batchers overlap in one transaction’s time')
    this.#grant()
  }

  #grant(): void {
    const [first] = this.#lockQueue
    const onLocked = first?.onLocked
    if (first === undefined || onLocked === undefined) return
    first.onLocked = undefined
    onLocked()
  }

  /** @param reply is called when the client may be told, a while after the writes show */
  commit(session: DatabaseSession, reply: () => void): void {
    const { transaction } = session
    if (transaction === undefined) throw new Error('COMMIT outside of a transaction')
    for (const write of transaction.writes) write()
    this.#end(transaction)
    this.#world.scheduler.after(this.#world.timing.between(0, this.#syncMs), reply)
  }

  rollback(session: DatabaseSession): void {
    if (session.transaction !== undefined) this.#end(session.transaction)
  }

  #end(transaction: ServerTransaction): void {
    transaction.session.transaction = undefined
    const index = this.#lockQueue.indexOf(transaction)
    if (index >= 0) this.#lockQueue.splice(index, 1)
    this.#grant()
  }

  /** pg_try_advisory_lock. */
  tryLeaderLock(session: DatabaseSession): boolean {
    if (this.#leaderLock !== undefined && this.#leaderLock !== session) return false
    this.#leaderLock = session
    return true
  }

  /** Nobody leads with the direct journal, and nobody is in the middle of a transaction. */
  get isQuiet(): boolean {
    return this.isUp && this.#leaderLock === undefined && this.#lockQueue.length === 0
  }

  /** The server goes away; what was not committed is gone with it. */
  restart(downMs: number): void {
    this.isUp = false
    for (const session of this.#sessions) session.link.endByServer('terminating connection')
    this.#world.scheduler.after(downMs, () => {
      this.isUp = true
    })
  }

  cutSessionsOf(process: SimulatedProcess): void {
    for (const session of this.#sessions) if (session.link.process === process) session.link.cut()
  }
}
