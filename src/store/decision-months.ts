import type { Database } from './database.ts'

const makePartitions = 'SELECT make_decision_partitions() AS made'

/** Only `decisions_default` holds what is so far ahead. */
const selectAhead = `
  SELECT count(*)::int AS count, to_char(max(at) AT TIME ZONE 'UTC', 'YYYY-MM') AS latest FROM decisions
  WHERE at >= (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '3 months') AT TIME ZONE 'UTC'`

/**
 * Makes the partitions of `decisions` for this month and the two next ones, as far as they are lacking, and for months
 * that are over and whose decisions wait in `decisions_default`.
 * @returns how many were lacking
 * @throws when somebody reads a table that must be locked for it (try again later), or the role may not
 */
export async function makeDecisionMonths(database: Database): Promise<number> {
  const [row] = await database.query<{ made: number }>(makePartitions)
  return row?.made ?? 0
}

/** Decisions of months that are still far: they were made by a clock that was ahead. The latest month, as YYYY-MM. */
export async function decisionsFarAhead(
  database: Database,
): Promise<{ readonly count: number; readonly latest: string | null }> {
  const [row] = await database.query<{ count: number; latest: string | null }>(selectAhead)
  return row ?? { count: 0, latest: null }
}
