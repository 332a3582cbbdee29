import { audit } from '../stress/audit/audit.ts'
import { Check } from '../stress/audit/check.ts'
import { matchDecisions } from '../stress/audit/match.ts'
import { describe } from '../stress/audit/replies.ts'
import { canonical, type CommandLog, type Evidence, type Leg } from '../stress/history.ts'

/** A record of a deposed leader that reached the journal. */
export interface VoidRecord {
  readonly actor: { readonly role: string; readonly id: number }
  readonly key?: string
  readonly legs: readonly Leg[]
}

/** What became of decisions that a client was told of. */
export interface Verdict {
  readonly checks: readonly Check[]
  /** Commands whose client was told yes, or no by a rule. */
  readonly acknowledged: number
  /** Acknowledged, and not in PostgreSQL. */
  readonly lost: number
  /** Decided more than once, acknowledged or not. */
  readonly duplicated: number
  /** Acknowledged, and found among the records of deposed leaders alone. */
  readonly voidButAcknowledged: number
}

/** Compares everything that any client was ever told with what PostgreSQL holds. */
export function judge(evidence: Evidence, voids: readonly VoidRecord[]): Verdict {
  const { checks } = audit(evidence)
  const { decisionsOf } = matchDecisions(evidence.commands, evidence.decisions)
  const acknowledged = evidence.commands.filter((command) => isAcknowledged(command))
  const lost = acknowledged.filter((command) => (decisionsOf.get(command) ?? []).length === 0)
  const duplicated = evidence.commands.filter((command) => (decisionsOf.get(command) ?? []).length > 1)
  const isVoid = (command: CommandLog) => voids.some((record) => isOf(record, command))
  const voidButAcknowledged = lost.filter(isVoid)
  const kept = new Check('every acknowledged decision is in PostgreSQL, once, and none is void')
  kept.examined = acknowledged.length
  for (const command of lost) kept.fault(`lost: ${describe(command)}`)
  for (const command of duplicated) kept.fault(`decided more than once: ${describe(command)}`)
  return {
    checks: [kept, ...checks],
    acknowledged: acknowledged.length,
    lost: lost.length,
    duplicated: duplicated.length,
    voidButAcknowledged: voidButAcknowledged.length,
  }
}

function isAcknowledged({ tries }: CommandLog): boolean {
  return tries.some(({ answer }) => answer.kind === 'done' || answer.kind === 'refused')
}

function isOf(record: VoidRecord, { actor, key, legs }: CommandLog): boolean {
  return (
    record.actor.role === actor.role &&
    record.actor.id === actor.id &&
    (key === undefined ? canonical(record.legs) === canonical(legs) : record.key === key)
  )
}
