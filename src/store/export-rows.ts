import { type Client, type Database, endQuietly } from './database.ts'

/** How many rows are held at once, whoever is slow. */
const pageRows = 2_000

/** `infinity` and the like become the ends of what a file may say. */
const within = (column: string) => `least(greatest(${column}, 'epoch'), '9999-12-31Z')`
/** Times as ISO 8601 with a Z: milliseconds, and microseconds where there are any. */
export const isoOf = (column: string) =>
  `regexp_replace(to_char(${within(column)} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '000Z$', 'Z')`

/** The end of a window; none where that is not after its start. */
export const windowEnd = `CASE WHEN ${within('enrollment_end_time')} > ${within('enrollment_start_time')}
  THEN ${isoOf('enrollment_end_time')} END`

/** Unix time 0, too, says that there is no exam; so does `infinity`. */
export const hasExam = "exam_time > 'epoch' AND exam_time < 'infinity'"

/** Each in the order of its key, so that two exports of the same state are the same bytes. */
const selects = {
  departments: 'SELECT id, name FROM departments ORDER BY id',
  staff: 'SELECT id, password, department_id, code FROM staff ORDER BY id',
  students: `
    SELECT id, password, ${isoOf('enrollment_start_time')} AS enrollment_start_time,
      ${windowEnd} AS enrollment_end_time,
      max_units, remaining_actions, department_id, entry_year, gender, code
    FROM students ORDER BY id`,
  courses: `
    SELECT course_id, group_id, for_department, name, lecturer, units, capacity, reserve_capacity,
      CASE WHEN ${hasExam} THEN ${isoOf('exam_time')} END AS exam_time,
      CASE WHEN ${hasExam} THEN exam_minutes END AS exam_minutes,
      class_time, meetings::text AS meetings, sex_lock, notes, status, code
    FROM courses ORDER BY course_id, group_id`,
  // Seats first, then the queue in its order; a row without an order number waits where its id puts it. Beyond the capacity
  // are those who are known to be, before the newest rows of a table that does not say.
  enrolled_courses: `
    SELECT course_id, group_id, student_id, reserved,
      CASE WHEN reserved THEN coalesce(reserve_order, id) END AS reserve_order,
      NOT reserved AND row_number() OVER (PARTITION BY course_id, group_id, reserved ORDER BY extra_seat, id) > capacity
        AS extra_seat
    FROM enrolled_courses JOIN courses USING (course_id, group_id) ORDER BY course_id, group_id, reserved, coalesce(reserve_order, id), id`,
} as const

/** A time that says something: no end of what a file may say. */
const isOfThisAge = (column: string) => `${column} > 'epoch' AND ${column} < '9999-12-31Z'`

const selectTerm = `
  SELECT to_char(first AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS "startDate",
    to_char(coalesce(greatest(last, first), first + interval '120 days') AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS "endDate"
  FROM (
    SELECT coalesce(min(enrollment_start_time) FILTER (WHERE ${isOfThisAge('enrollment_start_time')}),
        now()) AS first,
      (SELECT max(exam_time) FROM courses WHERE ${isOfThisAge('exam_time')}) AS last
    FROM students
  ) AS period`

export type ExportedTable = keyof typeof selects

/**
 * The registry's tables in one snapshot, so that an export may run beside a server. Row by row: the next page is
 * asked for when the one before is used up, so that memory does not grow with the tables.
 */
export class RegistryReader {
  readonly #client: Client

  constructor(client: Client) {
    this.#client = client
  }

  async count(table: ExportedTable): Promise<number> {
    const { rows } = await this.#client.query<{ count: number }>(`SELECT count(*) FROM ${table}`)
    return rows[0]?.count ?? 0
  }

  /**
   * First and last day of what the tables speak of (YYYY-MM-DD, UTC): from the first enrollment window to the last
   * exam, or to 120 days later where there is none. Today counts for a campus without students.
   */
  async term(): Promise<{ startDate: string; endDate: string }> {
    const { rows } = await this.#client.query<{ startDate: string; endDate: string }>(selectTerm)
    if (rows[0] === undefined) throw new Error('an aggregate has one row')
    return rows[0]
  }

  /** One table at a time, to its end. `Row` is what the table's statement above selects. */
  async *rows<Row extends object>(table: ExportedTable): AsyncGenerator<Row> {
    await this.#client.query(`DECLARE exported NO SCROLL CURSOR FOR ${selects[table]}`)
    for (;;) {
      const { rows } = await this.#client.query<Row>(`FETCH ${pageRows} FROM exported`)
      yield* rows
      if (rows.length < pageRows) break
    }
    await this.#client.query('CLOSE exported')
  }

  /** Ends the snapshot. Never rejects. */
  async close(): Promise<void> {
    await endQuietly(this.#client)
  }
}

/** Opens a snapshot of the registry; the caller closes it. */
export async function openRegistryReader(database: Database): Promise<RegistryReader> {
  return new RegistryReader(await openSnapshot(database))
}

/** A connection of its own whose statements all see the database as it is now, and change nothing. */
export async function openSnapshot(database: Database): Promise<Client> {
  const client = await database.connect({ applicationName: 'enrollment export' })
  try {
    // A snapshot is taken by the first statement that reads, not by BEGIN.
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1')
    return client
  } catch (error) {
    await endQuietly(client)
    throw error
  }
}
