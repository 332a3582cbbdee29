import type { StudentProfile } from '../../actors/student.ts'
import type {
  CallerId,
  CampusStore,
  ExpectedCampus,
  KeyedDecision,
  LoadedCampus,
  LoadOptions,
  Position,
  RecordId,
} from '../engine/ports.ts'
import { type Identity, ownDatabaseId, refuseOther } from './campus-row.ts'
import { type Database, endQuietly, inTransaction } from './database.ts'
import { decisionColumns, type DecisionRow, recordOf } from './decision-rows.ts'
import { loadCampusIn, selectPosition } from './load-campus.ts'
import { studentFromIntegers, studentIntegers } from './profiles.ts'
import { SetAsideCount, type SetAsideRows } from './row-faults.ts'
import { judgementOfRow, selectJudgement } from './table-store.ts'

const selectClock = 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now_ms'
const selectPositionIn = `
  SELECT position.*, id, journal, database_id AS known, ${ownDatabaseId} AS own
  FROM (${selectPosition}) AS position LEFT JOIN campus ON TRUE`
const selectJournalStart = 'SELECT journal_since_term AS term FROM campus'
const selectStudent = `SELECT ${studentIntegers} FROM students WHERE id = $1`
const selectByKey = `
  SELECT ${decisionColumns}, leader FROM decisions JOIN leaders USING (term)
  WHERE actor_role = $1 AND actor_id = $2 AND key = $4 AND at >= to_timestamp($3::bigint / 1000.0)
  ORDER BY term DESC, seq DESC LIMIT 1`

const upsertAnswered = `
  INSERT INTO answered_records AS answered (leader, seq) VALUES ($1, $2)
  ON CONFLICT (leader) DO UPDATE SET seq = excluded.seq, noted_at = now() WHERE answered.seq < excluded.seq`

/** A server that vanished while the campus is loaded would keep the lock from everybody else for a quarter of an hour. */
const loadIdleMsMax = 120_000

interface StudentRow {
  readonly id: number
  readonly department_id: number
  readonly gender: number
  readonly max_units: number
  readonly remaining_actions: number
  readonly window_start_ms: number
  readonly window_end_ms: number | null
}

export interface CampusStoreOptions {
  /** How long an enrollment window without an end lasts. */
  readonly windowMs: number
  /** The campus and the journal; without it any will do, as long as the database is no copy. */
  readonly expected?: ExpectedCampus
  /**
   * Called with the rows that cannot be served: all of them, maybe none, when a campus is loaded; and one more when such
   * a student is seen first later.
   */
  readonly onSetAside?: (rows: readonly SetAsideRows[], which: 'all' | 'more') => void
}

/** What the engine reads from PostgreSQL. */
export class DatabaseCampusStore implements CampusStore {
  readonly #database: Database
  readonly #windowMs: number
  readonly #expected: ExpectedCampus | undefined
  readonly #onSetAside: NonNullable<CampusStoreOptions['onSetAside']>

  constructor(database: Database, options: CampusStoreOptions) {
    this.#database = database
    this.#expected = options.expected
    this.#windowMs = options.windowMs
    this.#onSetAside = options.onSetAside ?? (() => {})
  }

  async readPosition(): Promise<Position> {
    const [row] = await this.#database.query<Position & Identity & { journal: string | null }>(
      selectPositionIn,
    )
    if (row === undefined) throw new Error('journal_position has lost its row')
    const { leader, term, seq, atMs } = row
    if (row.id !== null) refuseOther(row, this.#expected)
    return { leader, term, seq, atMs }
  }

  async readJournalStart(): Promise<number> {
    const [row] = await this.#database.query<{ term: number }>(selectJournalStart)
    return row?.term ?? 0
  }

  async noteAnswered({ leader, seq }: RecordId): Promise<void> {
    await this.#database.query(upsertAnswered, [leader, seq])
  }

  async readClock(): Promise<number> {
    const [row] = await this.#database.query<{ now_ms: number }>(selectClock)
    if (row === undefined) throw new Error('PostgreSQL told no time')
    return row.now_ms
  }

  async judgementOf(leader: string): Promise<'accepted' | 'rejected' | undefined> {
    const [row] = await this.#database.query<{ term: number | null }>(selectJudgement, [leader])
    return judgementOfRow(row)
  }

  async loadCampus(leader: string, options: LoadOptions): Promise<LoadedCampus> {
    const client = await this.#database.connect({
      applicationName: 'enrollment load',
      idleMsMax: loadIdleMsMax,
    })
    try {
      return await inTransaction(client, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', () =>
        loadCampusIn(client, {
          ...options,
          leader,
          windowMs: this.#windowMs,
          onSetAside: (rows) => this.#onSetAside(rows, 'all'),
        }),
      )
    } finally {
      await endQuietly(client)
    }
  }

  async loadStudent(id: number): Promise<StudentProfile | undefined> {
    const [row] = await this.#database.query<StudentRow>(selectStudent, [id])
    if (row === undefined) return undefined
    const { department_id, gender, max_units, remaining_actions, window_start_ms } = row
    const profile = studentFromIntegers(
      [
        id,
        department_id,
        gender,
        max_units,
        remaining_actions,
        window_start_ms,
        row.window_end_ms ?? undefined,
      ],
      this.#windowMs,
    )
    if (profile.faults !== undefined) {
      const setAside = new SetAsideCount()
      setAside.student(profile)
      this.#onSetAside(await setAside.read((select) => this.#database.query(select)), 'more')
    }
    return profile
  }

  async findKey(caller: CallerId, key: string, sinceMs: number): Promise<KeyedDecision | undefined> {
    const [row] = await this.#database.query<DecisionRow & { leader: string }>(selectByKey, [
      caller.role,
      caller.id,
      Math.trunc(sinceMs),
      key,
    ])
    return row && { record: recordOf(row), leader: row.leader }
  }
}
