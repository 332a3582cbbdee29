import { Transform, type TransformCallback, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { to } from 'pg-copy-streams'
import type { Client, Database } from './database.ts'
import { endQuietly } from './database.ts'
import { openSnapshot } from './export-rows.ts'

export interface DecisionsExport {
  readonly format: 'csv' | 'ndjson'
  /** Milliseconds since the Unix epoch, start inclusive, end exclusive. */
  readonly fromMs?: number | undefined
  readonly untilMs?: number | undefined
  /** Whether CSV cells that a spreadsheet would compute stay so; else an apostrophe stands before them. */
  readonly raw?: boolean
  /** Called with the number of decisions before the first is written, if `onRows` is to be told how far it is. */
  readonly onTotal?: (decisions: number) => void
  readonly onRows?: (decisions: number) => void
  readonly signal?: AbortSignal
}

const isoOf = (column: string) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
/** `marked` of registry/csv-text.ts, in SQL. */
const marked = (column: string) =>
  `CASE WHEN ${column} ~ '^''*(\\s*[-=+@]|[\\t\\r\\n])' THEN '''' ELSE '' END || ${column} AS ${column}`
/** The texts among them that a client wrote are `textOf`'s. */
const columnsOf = (textOf: (column: string) => string) => `
  term, seq, ${isoOf('at')} AS at, actor_role, actor_id, student_id,
  CASE WHEN effects IS NULL THEN 'no' ELSE 'yes' END AS decided, course_id,
  legs, effects, reasons, remaining, ${textOf('key')}, request_hash, ${textOf('request')}, other_courses, other_students`
/** Numbers only get in here, so that nothing needs quoting: COPY takes no parameters. */
const rangeOf = ({ fromMs, untilMs }: DecisionsExport) =>
  [
    ...(fromMs === undefined ? [] : [`at >= to_timestamp(${Math.trunc(fromMs)} / 1000.0)`]),
    ...(untilMs === undefined ? [] : [`at < to_timestamp(${Math.trunc(untilMs)} / 1000.0)`]),
  ].join(' AND ') || 'TRUE'
const selectOf = (what: DecisionsExport) =>
  `SELECT ${columnsOf(what.format === 'csv' && what.raw !== true ? marked : String)} FROM decisions WHERE ${rangeOf(what)} ORDER BY term, seq`

const copies = {
  csv: (select: string) => `COPY (${select}) TO STDOUT (FORMAT csv, HEADER)`,
  // JSON text holds no control characters: with these as quotation mark and delimiter nothing is ever escaped.
  ndjson: (select: string) =>
    `COPY (SELECT json_strip_nulls(row_to_json(decision)) FROM (${select}) AS decision)
      TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')`,
} as const

/**
 * Writes decisions, oldest first, as PostgreSQL makes them: no row becomes an object here, and no more is asked
 * for than they take, so that a million need no more memory than a thousand. One snapshot, beside a server or not.
 * @param open makes where they go: one stream after the other, the last of them the end
 * @returns how many were written
 * @throws the signal's reason when it is aborted; whatever a stream fails with
 */
export async function exportDecisions(
  database: Database,
  what: DecisionsExport,
  open: () => readonly (Transform | Writable)[],
): Promise<number> {
  const client = await openSnapshot(database)
  try {
    if (what.onTotal !== undefined) what.onTotal(await countDecisions(client, what))
    const counting = new LineCounter(what.format === 'csv' ? 1 : 0, what.onRows)
    const rows = client.query(to(copies[what.format](selectOf(what))))
    await pipeline([rows, counting, ...open()], what.signal && { signal: what.signal })
    return counting.lines
  } finally {
    await endQuietly(client)
  }
}

async function countDecisions(client: Client, what: DecisionsExport): Promise<number> {
  const select = `SELECT count(*) FROM decisions WHERE ${rangeOf(what)}`
  const { rows } = await client.query<{ count: number }>(select)
  return rows[0]?.count ?? 0
}

const newline = 10

/** Passes everything on and counts lines: no cell of a decision has a line break in it. */
class LineCounter extends Transform {
  #seen = 0
  readonly #header: number
  readonly #onLines: ((lines: number) => void) | undefined

  constructor(header: number, onLines: ((lines: number) => void) | undefined) {
    super()
    this.#header = header
    this.#onLines = onLines
  }

  get lines(): number {
    return Math.max(0, this.#seen - this.#header)
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, at + 1)) this.#seen++
    this.#onLines?.(this.lines)
    done(null, chunk)
  }
}
