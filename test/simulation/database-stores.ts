import { Campus } from '../../actors/campus.ts'
import type { StudentProfile } from '../../actors/student.ts'
import type { DecisionRecord } from '../../actors/messages/records.ts'
import { keyLifetimeMs } from '../../src/engine/key-memory.ts'
import { archivedText, KeyArchive } from '../../src/engine/key-archive.ts'
import type { BatchTransaction, MarkerJudgement, TableStore } from '../../src/journal/batcher-ports.ts'
import {
  type CallerId,
  callerId,
  type CampusStore,
  type KeyedDecision,
  type LoadedCampus,
  type LoadOptions,
  type Position,
  type RecordId,
  WrongCampus,
} from '../../src/engine/ports.ts'
import type { LockSession } from '../../src/journal/direct-journal.ts'
import type { DatabaseSession, SimulatedDatabase } from './database.ts'
import type { Random } from './random.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { Tables } from './tables.ts'
import { waitIn } from './wait.ts'

type Judgement = 'accepted' | 'rejected' | undefined

async function connectTo(
  database: SimulatedDatabase,
  process: SimulatedProcess,
  timeouts: { idleMs: number | undefined; idleInTransactionMs: number },
): Promise<DatabaseSession> {
  await waitIn(process, 0.5)
  if (!database.isUp) throw new Error('connection refused')
  return database.connect(process, timeouts)
}

function judgementIn(tables: Tables, leader: string): Judgement {
  const judged = tables.leaders.get(leader)
  if (judged === undefined) return undefined
  return judged.term === undefined ? 'rejected' : 'accepted'
}

/** The engine's reads: each over a connection of its own, in one snapshot. */
export class SimulatedCampusStore implements CampusStore {
  readonly #database: SimulatedDatabase
  readonly #process: SimulatedProcess
  readonly #random: Random
  readonly #journal: string

  constructor(database: SimulatedDatabase, process: SimulatedProcess, random: Random, journal: string) {
    this.#database = database
    this.#process = process
    this.#random = random
    this.#journal = journal
  }

  async #ask<T>(label: string, read: (tables: Tables) => T): Promise<T> {
    const timeouts = { idleMs: undefined, idleInTransactionMs: 60_000 }
    const { link } = await connectTo(this.#database, this.#process, timeouts)
    try {
      return await link.call<T>(label, (reply, fail) => {
        try {
          reply(read(this.#database.tables))
        } catch (error) {
          fail(error instanceof Error ? error.message : String(error))
        }
      })
    } finally {
      link.endByClient()
    }
  }

  async readPosition(): Promise<Position> {
    const [position, journal] = await this.#ask('read position', (tables) => [
      tables.position,
      tables.journal,
    ])
    refuseOther(journal, this.#journal)
    return position
  }

  async readJournalStart(): Promise<number> {
    return await this.#ask('read journal start', ({ journalStart }) => journalStart)
  }

  async noteAnswered(answered: RecordId): Promise<void> {
    await this.#ask('note answered', (tables) => tables.noteAnswered(answered))
  }

  async readClock(): Promise<number> {
    return await this.#ask('read clock', () => this.#database.clockMs)
  }

  async judgementOf(leader: string): Promise<Judgement> {
    return await this.#ask('read judgement', (tables) => judgementIn(tables, leader))
  }

  async loadCampus(leader: string, { keysSinceMs, keysBytesMax }: LoadOptions): Promise<LoadedCampus> {
    return await this.#ask('load campus', (tables) => {
      const { position } = tables
      if (position.leader !== leader || position.seq !== 0) {
        throw new Error(`leader ${leader} cannot load at ${position.leader} ${position.seq}`)
      }
      const keys = new KeyArchive(keysBytesMax, keyLifetimeMs)
      for (const { record } of tables.decisions) {
        const { actor, key, at } = record
        if (key === undefined || at < keysSinceMs) continue
        keys.add({ caller: callerId(actor), key, text: archivedText(record), at, seq: 0 }, 0)
      }
      return { campus: this.#campusOf(tables), position, keys }
    })
  }

  #campusOf(tables: Tables): Campus {
    const campus = new Campus()
    for (const [name, group] of tables.groups) {
      campus.addGroup({ ...group, capacity: tables.capacities.get(name) ?? 0 })
    }
    for (const student of tables.students.values()) campus.addStudent(studentIn(tables, student))
    // A table has no order of its own.
    for (const place of this.#random.shuffled([...tables.places.values()])) {
      campus.place(place.student, campus.group(place.course, place.group), place.order, place.isExtra)
    }
    return campus
  }

  async loadStudent(id: number): Promise<StudentProfile | undefined> {
    return await this.#ask('load student', (tables) => {
      const student = tables.students.get(id)
      return student && studentIn(tables, student)
    })
  }

  async findKey(caller: CallerId, key: string, sinceMs: number): Promise<KeyedDecision | undefined> {
    return await this.#ask('find key', (tables) =>
      tables
        .keyedOf(caller.role, caller.id)
        .findLast(({ record }) => record.key === key && record.at >= sinceMs),
    )
  }
}

function studentIn(tables: Tables, student: StudentProfile): StudentProfile {
  return { ...student, remainingActions: tables.actions.get(student.id) ?? 0 }
}

/** Batch transactions over one connection, opened when first needed and again when lost. */
export class SimulatedTableStore implements TableStore {
  readonly #database: SimulatedDatabase
  readonly #process: SimulatedProcess
  readonly #journal: string
  #session: DatabaseSession | undefined

  constructor(database: SimulatedDatabase, process: SimulatedProcess, journal: string) {
    this.#database = database
    this.#process = process
    this.#journal = journal
  }

  async begin(): Promise<BatchTransaction> {
    if (this.#session?.link.clientOpen !== true) {
      const timeouts = { idleMs: undefined, idleInTransactionMs: 60_000 }
      this.#session = await connectTo(this.#database, this.#process, timeouts)
    }
    return await beginOn(this.#database, this.#session, this.#journal)
  }
}

/**
 * The direct journal's session: the leader's lock, and batch transactions on the very session that holds it.
 * @returns undefined when somebody else holds the lock
 */
export async function trySimulatedLock(
  database: SimulatedDatabase,
  process: SimulatedProcess,
  { journal, idleTimeoutMs }: { journal: string; idleTimeoutMs: number },
): Promise<LockSession | undefined> {
  const timeouts = { idleMs: idleTimeoutMs, idleInTransactionMs: idleTimeoutMs }
  const session = await connectTo(database, process, timeouts)
  const { link } = session
  const ended = new Promise<string>((resolve) => {
    link.onClientEnd = resolve
  })
  if (!(await link.call<boolean>('lock', (reply) => reply(database.tryLeaderLock(session))))) {
    link.endByClient()
    return undefined
  }
  return {
    tables: { begin: () => beginOn(database, session, journal) },
    ended,
    ping: () => link.call<void>('ping', (reply) => reply()),
    async close() {
      link.endByClient()
      await ended
    },
  }
}

async function beginOn(
  database: SimulatedDatabase,
  session: DatabaseSession,
  journal: string,
): Promise<BatchTransaction> {
  const { position, journal: feeding } = await session.link.call<{ position: Position; journal: string }>(
    'begin',
    (reply) =>
      database.begin(session, () => {
        const { position: locked, journal: now } = database.tables
        reply({ position: locked, journal: now })
      }),
  )
  const transaction = new SimulatedTransaction(database, session, position)
  try {
    refuseOther(feeding, journal)
  } catch (error) {
    await transaction.rollback()
    throw error
  }
  return transaction
}

function refuseOther(feeding: string, wanted: string): void {
  if (feeding !== wanted) throw new WrongCampus(`the journal is ${feeding}, not ${wanted}`)
}

/** One statement, one round trip; what is written shows at COMMIT. */
class SimulatedTransaction implements BatchTransaction {
  readonly position: Position
  readonly hasEarly: boolean
  readonly acceptsUnsigned = false
  readonly #database: SimulatedDatabase
  readonly #session: DatabaseSession
  /** Numbers of records that this transaction keeps. */
  readonly #kept: number[] = []

  constructor(database: SimulatedDatabase, session: DatabaseSession, position: Position) {
    this.#database = database
    this.#session = session
    this.position = position
    this.hasEarly = database.tables.early.size > 0
  }

  async #ask<T>(label: string, read: (tables: Tables) => T): Promise<T> {
    return await this.#session.link.call<T>(label, (reply) => reply(read(this.#database.tables)))
  }

  async #write(label: string, write: (tables: Tables) => void): Promise<void> {
    await this.#session.link.call<void>(label, (reply) => {
      this.#session.transaction?.writes.push(() => write(this.#database.tables))
      reply()
    })
  }

  async judgementOf(leader: string): Promise<Judgement> {
    return await this.#ask('judgement?', (tables) => judgementIn(tables, leader))
  }

  async isApplied(record: RecordId): Promise<boolean> {
    return await this.#ask('applied?', (tables) => tables.isApplied(record))
  }

  async appliedRecords(leader: string, from: number, to: number): Promise<readonly DecisionRecord[]> {
    const seqs = Array.from({ length: to - from + 1 }, (_, index) => from + index)
    return await this.#ask('applied records', (tables) =>
      seqs.flatMap((seq) => tables.appliedRecord({ leader, seq }) ?? []),
    )
  }

  async recordMarker({ leader, after, judgement }: MarkerJudgement): Promise<void> {
    await this.#write('insert leader', (tables) =>
      tables.insertLeader(leader, after, judgement === 'accepted'),
    )
  }

  async recordVoids(leader: string, records: readonly DecisionRecord[]): Promise<void> {
    await this.#write('insert voids', (tables) => tables.insertVoids(leader, records))
  }

  async keepEarly(_leader: string, batches: readonly (readonly DecisionRecord[])[]): Promise<void> {
    await this.#write('keep early', ({ early }) => {
      for (const records of batches) early.set(records[0]?.seq ?? 0, records)
    })
    for (const records of batches) this.#kept.push(...records.map(({ seq }) => seq))
  }

  async takeEarly(after: number): Promise<readonly DecisionRecord[]> {
    const taken = await this.#ask('take early', (tables) => tables.earlyAfter(after))
    await this.#write('drop early', (tables) => tables.dropEarly(after + taken.length))
    return taken
  }

  async earlyRange(): Promise<{ first: number; newest: number } | undefined> {
    const range = await this.#ask('early range', (tables) => tables.earlyRange())
    const kept = this.#kept.filter((seq) => seq > this.position.seq)
    if (kept.length === 0) return range
    const first = Math.min(range?.first ?? Infinity, ...kept)
    return { first, newest: Math.max(range?.newest ?? 0, ...kept) }
  }

  async missingAnswered(): Promise<readonly RecordId[]> {
    return await this.#ask('missing answers', (tables) => tables.missingAnswered())
  }

  async isLossAccepted(leader: string): Promise<boolean> {
    return await this.#ask('loss accepted?', ({ acceptedLosses }) => acceptedLosses.has(leader))
  }

  async recordLoss(lost: RecordId): Promise<void> {
    await this.#write('record loss', (tables) => tables.recordLoss(lost))
  }

  async apply(records: readonly DecisionRecord[]): Promise<void> {
    await this.#write('copy', () => {})
    await this.#write('fold', (tables) => tables.apply(records))
  }

  async setAside(): Promise<void> {
    await Promise.reject(new Error('nobody but ours publishes here'))
  }

  async mayPass(): Promise<boolean> {
    return await Promise.reject(new Error('whatever is published here is understood'))
  }

  async commit(): Promise<void> {
    await this.#session.link.call<void>('commit', (reply) => this.#database.commit(this.#session, reply))
  }

  async rollback(): Promise<void> {
    const { link } = this.#session
    if (!link.clientOpen) return
    await link
      .call<void>('rollback', (reply) => {
        this.#database.rollback(this.#session)
        reply()
      })
      .catch(() => undefined)
  }
}
