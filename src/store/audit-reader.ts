import type { Effect } from '../../actors/messages/records.ts'
import type { Position } from '../engine/ports.ts'
import { integerRowsOut } from './copy.ts'
import { type Client, type Database, endQuietly } from './database.ts'
import { selectPosition } from './load-campus.ts'
import { type LossRow, readLosses } from './losses.ts'
import {
  type GroupDetails,
  groupDetails,
  groupDetailsFromRow,
  type GroupDetailsRow,
  msOf,
} from './profiles.ts'

interface PlaceRow {
  readonly student: number
  readonly course: number
  readonly group: number
  readonly order: number | undefined
  readonly isExtra?: boolean
}

interface StateSource {
  groups(): AsyncIterable<{
    course: number
    group: number
    capacity: number
    details: GroupDetails | undefined
  }>
  students(): AsyncIterable<{
    id: number
    remainingActions: number
    details: { maxUnits: number; windowStartMs: number; windowEndMs: number } | undefined
  }>
  places(): AsyncIterable<PlaceRow>
}

export interface AuditedRow {
  readonly term: number
  readonly seq: number
  readonly atMs: number
  readonly student: number | undefined
  readonly effects: readonly Effect[] | undefined
  readonly remaining: number | undefined
}

interface OutsideChangeRow {
  readonly atMs: number
  readonly by: string
  readonly table: string
  readonly operation: string
  readonly student: number | undefined
  readonly course: number | undefined
  readonly group: number | undefined
}

interface OrphanedRow {
  readonly term: number
  readonly seq: number
  readonly effect: {
    readonly type: string
    readonly student?: number
    readonly course?: number
    readonly group?: number
  }
}

/** Rows of a long table are fetched this many at a time. */
const pageRows = 5_000

const msOfInstant = (column: string) => `(extract(epoch FROM ${column}) * 1000)::bigint`
const selectBaseline = `SELECT term, ${msOfInstant('taken_at')} AS "takenAtMs" FROM baseline`
const selectLeaders = 'SELECT leader, after, term FROM leaders WHERE term IS NOT NULL ORDER BY term'
const selectTermsBefore = `
  SELECT term, sum(decisions)::int AS count, max(last_seq) AS "lastSeq", ${msOfInstant('max(newest_at)')} AS "newestAtMs"
  FROM (
    SELECT term, count(*) AS decisions, max(seq) AS last_seq, max(at) AS newest_at
    FROM decisions WHERE term < $1 GROUP BY term
    UNION ALL SELECT term, decisions, last_seq, newest_at FROM archived_decisions WHERE term < $1
  ) AS parts
  GROUP BY term ORDER BY term`
const countAbsorbed = 'SELECT count(*)::int AS count FROM outside_changes WHERE absorbed_by_term = $1'
const declareDecisions = (term: number) => `
  DECLARE audited NO SCROLL CURSOR FOR
  SELECT term, seq, ${msOfInstant('at')} AS "atMs", student_id AS student, effects, remaining
  FROM decisions WHERE term >= ${term} ORDER BY term, seq`
const declareOutsideChanges = `
  DECLARE audited NO SCROLL CURSOR FOR
  SELECT ${msOfInstant('at')} AS "atMs", by_role AS by, table_name AS table, operation, student_id AS student,
    course_id AS course, group_id AS group
  FROM outside_changes WHERE absorbed_by_term IS NULL ORDER BY id`
const declareOrphans = (term: number) => `
  DECLARE audited NO SCROLL CURSOR FOR
  SELECT term, seq, effect FROM orphaned_effects WHERE term >= ${term} ORDER BY term, seq`
const selectGroups = `SELECT course_id, group_id, capacity, ${groupDetails}`
const selectStudents = `
  SELECT id, remaining_actions, max_units, ${msOf('enrollment_start_time')}, ${msOf('enrollment_end_time')}`
/** A snapshot is taken by the first statement that reads, not by BEGIN. */
const beginSnapshot = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1'
const fetchPage = `FETCH ${pageRows} FROM audited`
const closeCursor = 'CLOSE audited'

/**
 * Reads what an audit compares: the baseline, the decisions since, and the tables, all in one snapshot, so
 * that it may run beside a server. One iterable at a time, each to its end.
 */
export class DatabaseAuditReader {
  readonly baselineState: StateSource
  readonly tables: StateSource
  readonly #client: Client

  constructor(client: Client) {
    this.#client = client
    this.baselineState = stateOf(client, {
      groups: `${selectGroups} FROM baseline_courses`,
      students: `${selectStudents} FROM baseline_students`,
      places: 'SELECT student_id, course_id, group_id, reserve_order, extra_seat::int FROM baseline_places',
    })
    this.tables = stateOf(client, {
      groups: `${selectGroups} FROM courses`,
      students: `${selectStudents} FROM students`,
      places: `SELECT student_id, course_id, group_id, CASE WHEN reserved THEN coalesce(reserve_order, id) END,
          extra_seat::int
        FROM enrolled_courses ORDER BY id`,
    })
  }

  /** Undefined before the first leader. */
  async baseline(): Promise<{ term: number; takenAtMs: number } | undefined> {
    const { rows } = await this.#client.query<{ term: number; takenAtMs: number }>(selectBaseline)
    return rows[0]
  }

  async position(): Promise<Position> {
    const { rows } = await this.#client.query<Position>(selectPosition)
    if (rows[0] === undefined) throw new Error('journal_position has lost its row')
    return rows[0]
  }

  /** Ascending by term. */
  async *acceptedLeaders(): AsyncGenerator<{ leader: string; after: string; term: number }> {
    yield* (await this.#client.query<{ leader: string; after: string; term: number }>(selectLeaders)).rows
  }

  /** Decisions of terms before `term` in four numbers each, ascending by term. */
  async *termsBefore(
    term: number,
  ): AsyncGenerator<{ term: number; count: number; lastSeq: number; newestAtMs: number }> {
    const { rows } = await this.#client.query<{
      term: number
      count: number
      lastSeq: number
      newestAtMs: number
    }>(selectTermsBefore, [term])
    yield* rows
  }

  /** Decisions from the first of `term` on, ascending by term and seq. */
  decisionsFrom(term: number): AsyncGenerator<AuditedRow> {
    return this.#rows<AuditedRow>(declareDecisions(Math.trunc(term)))
  }

  /** Changes that no baseline has taken in, oldest first. */
  outsideChanges(): AsyncGenerator<OutsideChangeRow> {
    return this.#rows<OutsideChangeRow>(declareOutsideChanges)
  }

  /** How many changes from outside the baseline of `term` took in. */
  async losses(): Promise<readonly LossRow[]> {
    return await readLosses(this.#client)
  }

  async countAbsorbedBy(term: number): Promise<number> {
    const { rows } = await this.#client.query<{ count: number }>(countAbsorbed, [term])
    return rows[0]?.count ?? 0
  }

  /** Of decisions from the first of `term` on, ascending. */
  orphanedEffectsFrom(term: number): AsyncGenerator<OrphanedRow> {
    return this.#rows<OrphanedRow>(declareOrphans(Math.trunc(term)))
  }

  /** Ends the snapshot. Never rejects. */
  async close(): Promise<void> {
    await endQuietly(this.#client)
  }

  async *#rows<Row extends object>(declare: string): AsyncGenerator<Row> {
    await this.#client.query(declare)
    for (;;) {
      const { rows } = await this.#client.query<Record<string, unknown>>(fetchPage)
      for (const row of rows) yield withoutNulls(row) as Row
      if (rows.length < pageRows) break
    }
    await this.#client.query(closeCursor)
  }
}

/** Opens a snapshot of the database; the caller closes it. */
export async function openAuditReader(database: Database): Promise<DatabaseAuditReader> {
  const client = await database.connect({ applicationName: 'enrollment verify' })
  try {
    await client.query(beginSnapshot)
  } catch (error) {
    await endQuietly(client)
    throw error
  }
  return new DatabaseAuditReader(client)
}

function stateOf(
  client: Client,
  select: { readonly groups: string; readonly students: string; readonly places: string },
): StateSource {
  return {
    async *groups() {
      const { rows } = await client.query<AuditedGroupRow>(select.groups)
      for (const row of rows) {
        // NULL in a baseline that an older version took.
        const details = row.status === null ? undefined : groupDetailsFromRow(row)
        yield { course: row.course_id, group: row.group_id, capacity: row.capacity, details }
      }
    },
    async *students() {
      for await (const row of integerRowsOut(client, select.students)) {
        const [id = 0, remainingActions = 0, maxUnits, windowStartMs = 0, windowEndMs = windowStartMs] = row
        const details = maxUnits === undefined ? undefined : { maxUnits, windowStartMs, windowEndMs }
        yield { id, remainingActions, details }
      }
    },
    async *places() {
      for await (const row of integerRowsOut(client, select.places)) {
        const [student = 0, course = 0, group = 0, order, extra] = row
        yield { student, course, group, order, ...(extra === 1 && { isExtra: true }) }
      }
    },
  }
}

type AuditedGroupRow = {
  readonly course_id: number
  readonly group_id: number
  readonly capacity: number
} & (GroupDetailsRow | { readonly status: null })

/** NULL is `undefined` here; JSON within a row stays as it is. */
function withoutNulls(row: Record<string, unknown>): Record<string, unknown> {
  for (const name of Object.keys(row)) row[name] ??= undefined
  return row
}
