import assert from 'node:assert/strict'
import type { DecisionRecord } from '../../actors/messages/records.ts'
import type { BatchTransaction, MarkerJudgement, Stray, TableStore } from '../journal/batcher-ports.ts'
import type { ExpectedCampus, Position, RecordId } from '../engine/ports.ts'
import { takeBaselineIfNeeded } from './baseline.ts'
import { type Identity, ownDatabaseId, refuseOther } from './campus-row.ts'
import { copyIn } from './copy.ts'
import { decisionColumns, type DecisionRow, recordOf } from './decision-rows.ts'
import { type Client, codeOf, cutOff, type Database, endQuietly } from './database.ts'
import { earlyRange, keepEarly, takeEarly, voidEarly } from './early-records.ts'
import { forgetAppliedAnswers, isLossAccepted, missingAnswered, recordLoss } from './losses.ts'
import { insertStrays, isTakenOut } from './kept-messages.ts'
import { clearStaged, copyDecisions, copyEffects, prepareSession, stageBatch } from './fold.ts'

/** The lock first: who has it sees the campus as the last holder left it, a switch of the journal among that. */
const beginWithPosition = `
  BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
  EXECUTE lock_position;
  SELECT id, journal, database_id AS known FROM campus`
const selectOwnDatabaseId = `SELECT ${ownDatabaseId} AS own`
export const selectJudgement = 'SELECT term FROM leaders WHERE leader = $1'
const selectIsApplied = `
  SELECT EXISTS (SELECT FROM leaders JOIN decisions USING (term) WHERE leader = $1 AND seq = $2)
    OR EXISTS (SELECT FROM leaders JOIN archived_decisions USING (term) WHERE leader = $1 AND last_seq >= $2) AS applied`
const selectAppliedRecords = `
  SELECT ${decisionColumns} FROM leaders JOIN decisions USING (term) WHERE leader = $1 AND seq BETWEEN $2 AND $3`
const insertLeader = 'INSERT INTO leaders (leader, after, term, signed_with) VALUES ($1, $2, $3, $4)'
const moveToLeader = `
  UPDATE journal_position SET leader = $1, term = $2, seq = 0, accepts_unsigned = accepts_unsigned AND $3`
const insertVoids = `
  INSERT INTO void_records (leader, seq, record)
  SELECT $1, (record ->> 'seq')::bigint, record FROM jsonb_array_elements($2::jsonb) AS record
  ON CONFLICT DO NOTHING`
/**
 * A server that vanished in the middle of a transaction says nothing, and TCP takes a quarter of an hour to give it
 * up: the connection is cut after this long. The first baseline of five million places takes a tenth of it.
 */
const transactionMsMax = 150_000

const insufficientPrivilege = '42501'

/** A holder of the position's lock that hangs gives it up after this long, so that another batcher goes on. */
const batchSettings = { idle_in_transaction_session_timeout: '60s' }

interface PositionRow {
  readonly leader: string
  readonly term: number
  readonly seq: number
  readonly at_ms: number
  readonly accepts_unsigned: boolean
  readonly has_early: boolean
  readonly role: ReplicationRole
  readonly has_triggers: boolean
}

/**
 * As `replica` a session fires no triggers, those of foreign keys among them, which cost a third of what PostgreSQL does
 * for a place. `fold_places` takes the locks that they would take.
 */
type ReplicationRole = 'origin' | 'replica'

type FedRow = Omit<Identity, 'own'> & { readonly journal: string | null }

/** The batcher's tables over one connection of their own, opened when first needed and again when lost. */
export class BatcherTables implements TableStore {
  readonly #database: Database
  readonly #expected: ExpectedCampus | undefined
  #client: Client | undefined
  #tables: TableStore | undefined
  #isCutOff = false
  /** Told by `cutOff`, for who waits for a connection. */
  #giveUp: (error: Error) => void = () => {}

  /** @param expected the campus and the journal; without it any will do, as long as the database is no copy */
  constructor(database: Database, expected?: ExpectedCampus) {
    this.#database = database
    this.#expected = expected
  }

  async begin(): Promise<BatchTransaction> {
    const tables = this.#tables ?? (await this.#connect())
    try {
      return await tables.begin()
    } catch (error) {
      await this.close()
      throw error
    }
  }

  /** Ends the connection without a word, and opens no other: whatever is waited for rejects. */
  cutOff(): void {
    this.#isCutOff = true
    const client = this.#client
    this.#forget(client)
    if (client !== undefined) cutOff(client)
    this.#giveUp(new Error('the connection to the database was given up'))
  }

  /** Ends the connection; a transaction that is open is rolled back. */
  async close(): Promise<void> {
    const client = this.#client
    this.#forget(client)
    if (client !== undefined) await endQuietly(client)
  }

  async #connect(): Promise<TableStore> {
    const client = await this.#orGivenUp(
      this.#database.connect({ applicationName: 'enrollment batcher', settings: batchSettings }),
    )
    client.once('end', () => this.#forget(client))
    client.once('error', () => this.#forget(client))
    this.#client = client
    this.#tables = batchTransactions(client, this.#expected)
    return this.#tables
  }

  async #orGivenUp(connecting: Promise<Client>): Promise<Client> {
    return await new Promise((resolve, reject) => {
      this.#giveUp = reject
      if (this.#isCutOff) reject(new Error('no connection to the database is opened any more'))
      connecting.then(resolve, reject)
    })
  }

  #forget(client: Client | undefined): void {
    if (this.#client !== client) return
    this.#client = undefined
    this.#tables = undefined
  }
}

export interface SessionTables extends TableStore {
  /** True from `begin` until the transaction has ended: the connection is not to be used for anything else. */
  readonly busy: boolean
}

/** Batch transactions on a connection that somebody else owns. */
export function batchTransactions(client: Client, expected?: ExpectedCampus): SessionTables {
  let session: Session | undefined
  let busy = false
  let watchdog: NodeJS.Timeout | undefined
  const ended = () => {
    busy = false
    clearTimeout(watchdog)
  }
  return {
    get busy() {
      return busy
    },
    async begin() {
      assert(!busy, 'one transaction at a time')
      busy = true
      watchdog = setTimeout(() => cutOff(client), transactionMsMax)
      try {
        session ??= await prepare(client)
        return new SqlBatch(client, await beginTransaction(client, session, expected), ended)
      } catch (error) {
        await client.query('ROLLBACK').catch(() => undefined)
        ended()
        throw error
      }
    },
  }
}

interface Session {
  /** Which database it is in. */
  readonly own: string
  /** Whether this role may choose that triggers do not fire: superusers, and who was granted it. */
  readonly mayBeReplica: boolean
}

async function prepare(client: Client): Promise<Session> {
  await client.query(prepareSession)
  const { rows } = await client.query<{ own: string }>(selectOwnDatabaseId)
  return { own: rows[0]?.own ?? '', mayBeReplica: await mayTakeRole(client, 'replica') }
}

async function mayTakeRole(client: Client, role: ReplicationRole): Promise<boolean> {
  try {
    await takeRole(client, role)
    return true
  } catch (error) {
    if (codeOf(error) === insufficientPrivilege) return false
    throw error
  }
}

async function takeRole(client: Client, role: ReplicationRole): Promise<void> {
  await client.query(`SET session_replication_role = ${role}`)
}

async function beginTransaction(
  client: Client,
  { own, mayBeReplica }: Session,
  expected: ExpectedCampus | undefined,
): Promise<PositionRow> {
  // Three statements, three results, which the types of `query` do not know.
  const results: unknown = await client.query(beginWithPosition)
  const [, { rows }, { rows: campuses }] = results as [unknown, { rows: PositionRow[] }, { rows: FedRow[] }]
  const [row] = rows
  const [campus] = campuses
  if (row === undefined) throw new Error('journal_position has lost its row')
  if (campus !== undefined) refuseOther({ ...campus, own }, expected)
  const wanted = row.has_triggers ? 'origin' : 'replica'
  // Each change drops the session's plans, so only when it must be.
  if (mayBeReplica && row.role !== wanted) await takeRole(client, wanted)
  return row
}

class SqlBatch implements BatchTransaction {
  readonly position: Position
  readonly hasEarly: boolean
  readonly acceptsUnsigned: boolean
  readonly #client: Client
  readonly #onEnded: () => void
  /** The position as this transaction has moved it. */
  #current: Position
  #staged = false

  constructor(client: Client, row: PositionRow, onEnded: () => void) {
    this.#client = client
    this.#onEnded = onEnded
    this.position = { leader: row.leader, term: row.term, seq: row.seq, atMs: row.at_ms }
    this.#current = this.position
    this.acceptsUnsigned = row.accepts_unsigned
    this.hasEarly = row.has_early
  }

  async judgementOf(leader: string): Promise<'accepted' | 'rejected' | undefined> {
    const { rows } = await this.#client.query<{ term: number | null }>(selectJudgement, [leader])
    return judgementOfRow(rows[0])
  }

  async isApplied({ leader, seq }: RecordId): Promise<boolean> {
    const { rows } = await this.#client.query<{ applied: boolean }>(selectIsApplied, [leader, seq])
    return rows[0]?.applied === true
  }

  async appliedRecords(leader: string, from: number, to: number): Promise<readonly DecisionRecord[]> {
    const { rows } = await this.#client.query<DecisionRow>(selectAppliedRecords, [leader, from, to])
    return rows.map(recordOf)
  }

  async recordMarker(marker: MarkerJudgement): Promise<void> {
    const { leader, after, judgement, signedWith, unsigned = false } = marker
    const term = judgement === 'accepted' ? this.#current.term + 1 : null
    await this.#client.query(insertLeader, [leader, after, term, signedWith])
    if (term === null) return
    await this.#client.query(moveToLeader, [leader, term, unsigned])
    if (this.hasEarly) await voidEarly(this.#client)
    await forgetAppliedAnswers(this.#client)
    this.#current = { leader, term, seq: 0, atMs: this.#current.atMs }
    await takeBaselineIfNeeded(this.#client, term)
  }

  async recordVoids(leader: string, records: readonly DecisionRecord[]): Promise<void> {
    if (records.length > 0) await this.#client.query(insertVoids, [leader, JSON.stringify(records)])
  }

  async keepEarly(leader: string, batches: readonly (readonly DecisionRecord[])[]): Promise<void> {
    await keepEarly(this.#client, leader, batches)
  }

  async takeEarly(seq: number): Promise<readonly DecisionRecord[]> {
    return await takeEarly(this.#client, { leader: this.#current.leader, seq })
  }

  async earlyRange(): Promise<{ first: number; newest: number } | undefined> {
    return await earlyRange(this.#client, this.#current)
  }

  async missingAnswered(): Promise<readonly RecordId[]> {
    return await missingAnswered(this.#client)
  }

  async isLossAccepted(leader: string): Promise<boolean> {
    return await isLossAccepted(this.#client, leader)
  }

  async recordLoss(lost: RecordId): Promise<void> {
    await recordLoss(this.#client, lost)
  }

  async apply(records: readonly DecisionRecord[]): Promise<void> {
    const last = records.at(-1)
    if (last === undefined) return
    records.forEach(({ seq }, index) =>
      assert.equal(seq, this.#current.seq + 1 + index, 'records are applied in order, without gaps'),
    )
    const batch = stageBatch(records, this.#current.term)
    if (this.#staged) await this.#client.query(clearStaged)
    this.#staged = true
    await copyIn(this.#client, copyDecisions, batch.decisions)
    if (batch.effects.rows > 0) await copyIn(this.#client, copyEffects, batch.effects)
    await this.#client.query(batch.foldStatements)
    this.#current = { ...this.#current, seq: last.seq, atMs: Math.max(this.#current.atMs, last.at) }
  }

  async setAside(strays: readonly Stray[]): Promise<void> {
    await insertStrays(this.#client, strays)
  }

  async mayPass(stuck: Stray): Promise<boolean> {
    return await isTakenOut(this.#client, stuck)
  }

  async commit(): Promise<void> {
    const { command } = await this.#client.query('COMMIT').finally(this.#onEnded)
    // PostgreSQL answers a COMMIT after a failed statement with ROLLBACK, and no error.
    if (command !== 'COMMIT') throw new Error('the transaction had failed; nothing was committed')
  }

  async rollback(): Promise<void> {
    // When it cannot be said, the connection is lost, and PostgreSQL rolls back by itself.
    await this.#client.query('ROLLBACK').catch(() => undefined)
    this.#onEnded()
  }
}

/** The row of `leaders`, if the marker was judged; a rejected one has no term. */
export function judgementOfRow(
  row: { readonly term: number | null } | undefined,
): 'accepted' | 'rejected' | undefined {
  if (row === undefined) return undefined
  return row.term === null ? 'rejected' : 'accepted'
}
