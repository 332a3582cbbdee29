import type { DecisionRecord } from '../../actors/messages/records.ts'

/** The columns of `decisions` that make a record, for SELECT lists; `at` as milliseconds. */
export const decisionColumns = `
  decisions.term, decisions.seq, (extract(epoch FROM decisions.at) * 1000)::bigint AS at_ms, decisions.actor_role,
  decisions.actor_id, decisions.student_id, decisions.legs, decisions.effects, decisions.reasons,
  decisions.remaining, decisions.key, decisions.request_hash, decisions.request`

export interface DecisionRow {
  readonly term: number
  readonly seq: number
  readonly at_ms: number
  readonly actor_role: 'student' | 'staff' | 'operator'
  readonly actor_id: number
  readonly student_id: number | null
  readonly legs: DecisionRecord['legs']
  readonly effects: NonNullable<DecisionRecord['effects']> | null
  readonly reasons: NonNullable<DecisionRecord['reasons']> | null
  readonly remaining: number | null
  readonly key: string | null
  readonly request_hash: string | null
  readonly request: string | null
}

/** The record as it stood in the journal. */
export function recordOf(row: DecisionRow): DecisionRecord {
  return {
    seq: row.seq,
    at: row.at_ms,
    actor: { role: row.actor_role, id: row.actor_id },
    legs: row.legs,
    ...(row.student_id !== null && { student: row.student_id }),
    ...(row.effects !== null && { effects: row.effects }),
    ...(row.reasons !== null && { reasons: row.reasons }),
    ...(row.remaining !== null && { remaining: row.remaining }),
    ...(row.key !== null && { key: row.key }),
    ...(row.request_hash !== null && { requestHash: row.request_hash }),
    ...(row.request !== null && { request: row.request }),
  }
}
