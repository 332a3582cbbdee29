import { DatabaseError } from 'pg'
import { WrongCampus } from '../engine/ports.ts'
import { takeBaselineOfNextTerm } from './baseline.ts'
import { lockPosition } from './campus-row.ts'
import { CopyRows, copyStreamIn } from './copy.ts'
import { type Client, type Database, endQuietly, inTransaction } from './database.ts'

/** In the order in which they are written: a table refers only to those before it. */
export const columnsOf = {
  departments: ['id', 'name'],
  staff: ['id', 'password', 'department_id', 'code'],
  students: [
    'id',
    'password',
    'enrollment_start_time',
    'enrollment_end_time',
    'max_units',
    'remaining_actions',
    'department_id',
    'entry_year',
    'gender',
    'code',
  ],
  courses: [
    'course_id',
    'group_id',
    'for_department',
    'name',
    'lecturer',
    'units',
    'capacity',
    'reserve_capacity',
    'exam_time',
    'exam_minutes',
    'class_time',
    'meetings',
    'sex_lock',
    'notes',
    'status',
    'code',
  ],
  enrolled_courses: ['course_id', 'group_id', 'student_id', 'reserved', 'reserve_order', 'extra_seat'],
} as const

export type LoadedTable = keyof typeof columnsOf

/** A row by its columns' names. Timestamps are ISO 8601 in UTC; `meetings` is JSON text. */
export type LoadRow<Table extends LoadedTable> = {
  readonly [Column in Exclude<(typeof columnsOf)[Table][number], 'code'>]: string | number | boolean | null
} & { readonly code?: string | null }

export type LoadSources = {
  readonly [Table in LoadedTable]?: {
    readonly rows: Iterable<LoadRow<Table>> | AsyncIterable<LoadRow<Table>>
  }
}

/** The database does not take a row; nothing was loaded. */
export class LoadRefused extends Error {
  override readonly name = 'LoadRefused'
  readonly table: string
  /** Counts from 1 in the order of the source; undefined where only the key is known. */
  readonly row: number | undefined
  readonly column: string | undefined
  /** The values of the key at fault: a duplicate, or a reference to nothing. */
  readonly key: Readonly<Record<string, string>> | undefined

  constructor(reason: string, at: Pick<LoadRefused, 'table' | 'row' | 'column' | 'key'>, cause: unknown) {
    super(reason, { cause })
    this.table = at.table
    this.row = at.row
    this.column = at.column
    this.key = at.key
  }
}

export interface LoadOptions {
  /** Called from time to time, and at the end of each table, with how many of its rows are written. */
  readonly onProgress?: (table: LoadedTable, rows: number) => void
  /** Do it all, see whether the database takes it, and roll it back. */
  readonly dryRun?: boolean
  /** The journal that feeds the database, as the caller knows it; whoever leads through it has been kept out. */
  readonly journal?: string | undefined
}

const tables = Object.keys(columnsOf) as LoadedTable[]
const noteLoad = "INSERT INTO outside_changes (table_name, operation) VALUES ($1, 'LOAD')"
const selectSeveralGroups = `
  SELECT student_id, course_id FROM enrolled_courses GROUP BY student_id, course_id HAVING count(*) > 1
  ORDER BY student_id, course_id LIMIT 1`
/** A queue beside a free seat is a state that no decision leads to: as many as fit have seats, first come first. */
export const seatThoseWhoWait = `
  UPDATE enrolled_courses SET reserved = FALSE, reserve_order = NULL
  WHERE id IN (
    SELECT waiting.id
    FROM (
      SELECT id, course_id, group_id,
        row_number() OVER (PARTITION BY course_id, group_id ORDER BY coalesce(reserve_order, id), id) AS place
      FROM enrolled_courses WHERE reserved
    ) AS waiting JOIN courses USING (course_id, group_id)
    WHERE place <= capacity - (SELECT count(*) FROM enrolled_courses AS seat WHERE seat.course_id = waiting.course_id
      AND seat.group_id = waiting.group_id AND NOT seat.reserved))`
/** As many seats are extra ones as are beyond the capacity. */
export const endExtraSeats = `
  UPDATE enrolled_courses SET extra_seat = FALSE
  WHERE id IN (
    SELECT extra.id
    FROM (
      SELECT id, course_id, group_id,
        row_number() OVER (PARTITION BY course_id, group_id ORDER BY student_id DESC) AS number
      FROM enrolled_courses WHERE extra_seat
    ) AS extra JOIN courses USING (course_id, group_id)
    WHERE number > (SELECT count(*) FROM enrolled_courses AS seat WHERE seat.course_id = extra.course_id
      AND seat.group_id = extra.group_id AND NOT seat.reserved) - capacity)`
/** Explicit ids leave the sequence behind; INSERTs without one must not meet them. */
export const advanceDepartmentIds = `
  SELECT setval(pg_get_serial_sequence('departments', 'id'), greatest((SELECT max(id) FROM departments), 1))
  WHERE pg_get_serial_sequence('departments', 'id') IS NOT NULL`

/**
 * Begins to write the tables in a transaction, between two terms: none begins before it ends.
 * @throws WrongCampus if a server has claimed another journal meanwhile
 */
export async function beginBetweenTerms(client: Client, journal: string | undefined): Promise<void> {
  await client.query(lockPosition)
  const { rows } = await client.query<{ journal: string | null }>('SELECT journal FROM campus')
  if (rows[0] === undefined || rows[0].journal === (journal ?? null)) return
  throw new WrongCampus('a server has begun to serve this database meanwhile; stop the servers first')
}

/** The tables as they are now are what the next term begins with, so that `verify` has nothing to name. */
export async function endBetweenTerms(client: Client, written: readonly string[]): Promise<void> {
  await client.query(noteLoad, [written.join(', ')])
  await takeBaselineOfNextTerm(client)
}

/**
 * Adds rows to the tables by COPY in one transaction: all of them or none. The next leader serves them.
 * @returns how many who waited beside a free seat were given it
 * @throws LoadRefused when the database does not take a row; whatever a source throws, as it is
 */
export async function loadTables(
  database: Database,
  sources: LoadSources,
  { onProgress = () => undefined, dryRun = false, journal }: LoadOptions = {},
): Promise<{ readonly seated: number }> {
  let seated = 0
  const loaded = tables.filter((table) => sources[table] !== undefined)
  const client = await database.connect({
    applicationName: 'enrollment load',
    settings: { 'enrollment.writer': 'load' },
  })
  try {
    const write = async () => {
      // A dry run may be made beside a server, and holds nobody up.
      if (!dryRun) await beginBetweenTerms(client, journal)
      for (const table of loaded) await loadTable(client, table, sources, onProgress)
      if (loaded.includes('enrolled_courses')) {
        await refuseSeveralGroups(client)
        seated = (await client.query(seatThoseWhoWait)).rowCount ?? 0
        await client.query(endExtraSeats)
      }
      // A sequence does not go back with the transaction.
      if (loaded.includes('departments') && !dryRun) await client.query(advanceDepartmentIds)
      if (!dryRun) await endBetweenTerms(client, loaded)
    }
    await inTransaction(client, 'BEGIN', write, dryRun ? 'ROLLBACK' : 'COMMIT')
    if (loaded.length > 0 && !dryRun) await client.query(`ANALYZE ${loaded.join(', ')}`)
    return { seated }
  } finally {
    await endQuietly(client)
  }
}

/** Nobody could be served: a student has one place in a course. */
async function refuseSeveralGroups(client: Client): Promise<void> {
  const { rows } = await client.query<{ student_id: number; course_id: number }>(selectSeveralGroups)
  const [first] = rows
  if (first === undefined) return
  const key = { student_id: String(first.student_id), course_id: String(first.course_id) }
  const reason = `student_id ${key.student_id} has a place in course_id ${key.course_id} already`
  throw new LoadRefused(
    reason,
    { table: 'enrolled_courses', row: undefined, column: 'course_id', key },
    undefined,
  )
}

export async function loadTable(
  client: Client,
  table: LoadedTable,
  sources: LoadSources,
  onProgress: NonNullable<LoadOptions['onProgress']>,
): Promise<void> {
  const columns: readonly string[] = columnsOf[table]
  const rows: Iterable<object> | AsyncIterable<object> = sources[table]?.rows ?? []
  async function* chunks(): AsyncGenerator<Buffer> {
    const copy = new CopyRows()
    for await (const row of rows) {
      const fields = row as Readonly<Record<string, string | number | boolean | null>>
      copy.add(columns.map((column) => textOf(fields[column])))
      const full = copy.takeFull()
      yield* full
      if (full.length > 0) onProgress(table, copy.rows)
    }
    copy.flush()
    yield* copy.takeFull()
    onProgress(table, copy.rows)
  }
  try {
    await copyStreamIn(client, `COPY ${table} (${columns.join(', ')}) FROM STDIN`, chunks())
  } catch (error) {
    throw error instanceof DatabaseError ? refusalOf(error, table) : error
  }
}

export function textOf(value: string | number | boolean | null | undefined): string | number | undefined {
  if (value === null || value === undefined) return undefined
  return typeof value === 'boolean' ? String(value) : value
}

const violations: Readonly<Record<string, string>> = {
  '23505': 'is there already',
  '23503': 'names something that is not there',
  '23514': 'is not what the table may hold',
  '23502': 'has no value where one is needed',
}

export function refusalOf(error: DatabaseError, table: LoadedTable): LoadRefused {
  // "COPY students, line 3, column gender: …"; a foreign key is checked at the end and has only its detail.
  const place = /^COPY \w+, line (\d+)(?:, column (\w+))?/.exec(error.where ?? '')
  // "Key (course_id, group_id)=(1, 2) already exists."
  const detail = /^Key \((.+?)\)=\((.+?)\) /.exec(error.detail ?? '')
  const names = detail?.[1]?.split(', ') ?? []
  const values = detail?.[2]?.split(', ') ?? []
  const key = Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']))
  const shown = names.map((name) => `${name} ${key[name]}`).join(', ')
  const isReferredTo = / is still referenced from table /.test(error.detail ?? '')
  const violation = isReferredTo ? 'is still named elsewhere' : violations[error.code ?? '']
  return new LoadRefused(
    violation !== undefined && shown !== '' ? `${shown}: ${violation}` : (error.message ?? 'refused'),
    {
      table,
      row: place?.[1] === undefined ? undefined : Number(place[1]),
      column: place?.[2] ?? names[0] ?? error.column,
      key: detail === null ? undefined : key,
    },
    error,
  )
}
