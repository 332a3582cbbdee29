import pg from 'pg'
import { Check } from '../stress/audit/check.ts'
import { outcomes, type Traffic } from './outcomes.ts'
import { keyOf } from './requests.ts'

/** What senders were told, compared with what PostgreSQL holds. */
export interface Audit {
  readonly checks: readonly Check[]
  readonly acknowledged: number
  readonly lost: number
}

interface DecisionRow {
  readonly key: string
  readonly isYes: boolean
}

/** Every request had a key of its own, so its decision can be found, or found to be missing. */
export async function compareWithTables(databaseUrl: string, runs: readonly Traffic[]): Promise<Audit> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const { rows } = await client.query<DecisionRow>(
      'SELECT key, effects IS NOT NULL AS "isYes" FROM decisions WHERE key IS NOT NULL',
    )
    return compare(rows, runs)
  } finally {
    await client.end()
  }
}

export function compare(rows: readonly DecisionRow[], runs: readonly Traffic[]): Audit {
  const kept = new Check('every acknowledged decision is in PostgreSQL, once, and says what was answered')
  const none = new Check('what was turned away was not decided')
  const unknown = new Check('what stayed without an answer was decided once or not at all')
  const unasked = new Check('nothing was decided that nobody asked for')
  const decisions = new Map<string, boolean[]>()
  for (const { key, isYes } of rows) {
    const same = decisions.get(key)
    if (same === undefined) decisions.set(key, [isYes])
    else same.push(isYes)
  }
  let acknowledged = 0
  let lost = 0
  for (const { first, count, outcome } of runs) {
    for (let index = 0; index < count; index++) {
      const key = keyOf(first + index)
      const found = decisions.get(key) ?? []
      decisions.delete(key)
      const told = outcome[index] ?? outcomes.none
      if (told === outcomes.done || told === outcomes.refused) {
        acknowledged++
        if (found.length === 0) lost++
        const isKept = found.length === 1 && found[0] === (told === outcomes.done)
        kept.expect(isKept, () => `${key}: told ${told}, decided ${found.join(', ') || 'never'}`)
      } else if (told === outcomes.unknown || told === outcomes.none) {
        unknown.expect(found.length <= 1, () => `${key}: decided ${found.length} times`)
      } else {
        none.expect(found.length === 0, () => `${key}: told ${told}, and decided`)
      }
    }
  }
  unasked.examined = rows.length
  for (const key of decisions.keys()) unasked.fault(key)
  return { checks: [kept, none, unknown, unasked], acknowledged, lost }
}
