import type { Database } from './database.ts'

const makePartitions = 'SELECT make_decision_partitions() AS made'

/**
 * Makes the partitions of `decisions` for this month and the two next ones, as far as they are lacking.
 * @returns how many were lacking
 * @throws when somebody reads a table that must be locked for it (try again later), or the role may not
 */
export async function makeDecisionMonths(database: Database): Promise<number> {
  const [row] = await database.query<{ made: number }>(makePartitions)
  return row?.made ?? 0
}
