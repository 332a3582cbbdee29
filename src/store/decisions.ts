import type { DecisionRecord } from '../../actors/messages/records.ts'
import type { Database } from './database.ts'
import { decisionColumns, type DecisionRow, recordOf } from './decision-rows.ts'

export interface DecisionSearch {
  readonly about:
    | { readonly student: number }
    /** Decisions whose legs or effects name this very group, and refused drops, which name only its course. */
    | { readonly course: number; readonly group: number }
  /** Milliseconds since the Unix epoch, start inclusive, end exclusive. */
  readonly fromMs?: number
  readonly toMs?: number
  /** Only decisions before this one: the last of the page before. */
  readonly before?: { readonly term: number; readonly seq: number }
  readonly limit: number
}

export interface FoundDecision {
  readonly term: number
  readonly record: DecisionRecord
}

export interface DecisionPage {
  readonly decisions: readonly FoundDecision[]
  /** Whether older ones may be found behind these. */
  readonly hasMore: boolean
}

interface FoundRow extends DecisionRow {
  readonly found_count: number
}

/** A page ends when its records are as long as this: plans of twenty legs make records of ten kilobytes. */
const pageBytesMax = 128 * 1024

const newestFirst = 'ORDER BY term DESC, seq DESC LIMIT $5'
/** $1 and $2 bound the time, so that only the months between are read; $3 and $4 are the cursor. */
const inRange = `
  at >= coalesce(to_timestamp($1::bigint / 1000.0), '-infinity')
  AND at < coalesce(to_timestamp($2::bigint / 1000.0), 'infinity')
  AND ($3::int IS NULL OR (term, seq) < ($3::int, $4::bigint))`
/** Here and below, each branch goes by an index of its own, and no decision is in both. */
const selectByStudent = `
  (SELECT ${decisionColumns} FROM decisions WHERE student_id = $6 AND ${inRange} ${newestFirst})
  UNION ALL
  (SELECT ${decisionColumns} FROM decisions
    WHERE other_students @> ARRAY[$6::bigint] AND student_id IS DISTINCT FROM $6 AND ${inRange} ${newestFirst})
  ${newestFirst}`
const namesGroup = `(
    legs @> jsonb_build_array(jsonb_build_object('course', $6::int, 'group', $7::int))
    OR effects @> jsonb_build_array(jsonb_build_object('course', $6::int, 'group', $7::int))
    OR (reasons IS NOT NULL AND legs @> jsonb_build_array(jsonb_build_object('do', 'drop', 'course', $6::int))))`
const selectByGroup = `
  (SELECT ${decisionColumns} FROM decisions WHERE course_id = $6 AND ${inRange} AND ${namesGroup} ${newestFirst})
  UNION ALL
  (SELECT ${decisionColumns} FROM decisions
    WHERE other_courses @> ARRAY[$6::int] AND ${inRange} AND ${namesGroup} ${newestFirst})
  ${newestFirst}`

/** As many of what was found as are good to handle at once, one at least. @param bytesMax the parameter that bounds them */
function inPage(found: string, bytesMax: '$7' | '$8'): string {
  return `
  SELECT * FROM (
    SELECT found.*, count(*) OVER () AS found_count, sum(bytes) OVER (ORDER BY term DESC, seq DESC) - bytes AS bytes_before
    FROM (
      SELECT every.*, octet_length(concat(legs::text, effects::text, reasons::text)) AS bytes FROM (${found}) AS every
    ) AS found
  ) AS page
  WHERE bytes_before < ${bytesMax} ORDER BY term DESC, seq DESC`
}

/**
 * Finds applied decisions, yes and no, newest first, at most `limit`, fewer when they are long. Those that touched a student on the
 * side (a promotion by somebody else's drop) are about that student too.
 */
export async function searchDecisions(database: Database, search: DecisionSearch): Promise<DecisionPage> {
  const { about, fromMs, toMs, before, limit } = search
  const range = [fromMs ?? null, toMs ?? null, before?.term ?? null, before?.seq ?? null, limit]
  const rows =
    'student' in about
      ? await database.query<FoundRow>(inPage(selectByStudent, '$7'), [...range, about.student, pageBytesMax])
      : await database.query<FoundRow>(inPage(selectByGroup, '$8'), [
          ...range,
          about.course,
          about.group,
          pageBytesMax,
        ])
  const foundCount = rows[0]?.found_count ?? 0
  return {
    decisions: rows.map((row) => ({ term: row.term, record: recordOf(row) })),
    hasMore: foundCount === limit || rows.length < foundCount,
  }
}
