import type { DecisionRecord } from '../../actors/messages/records.ts'
import type { Attempt, History } from './history.ts'
import type { Evidence } from './evidence.ts'
import { isSameValue } from './same-value.ts'
import type { StoredDecision } from './tables.ts'

/** Decisions in the tables by the attempt that led to them, and their number in the order of all. */
export type DecisionIndex = ReadonlyMap<string, { readonly stored: StoredDecision; readonly number: number }>

/** Compares every answer that an engine gave with what the tables hold. */
export function auditAnswers(
  { history, tables, lost }: Pick<Evidence, 'history' | 'tables' | 'lost'>,
  index: DecisionIndex,
): string[] {
  const failures: string[] = []
  const firstByKey = new Map<string, DecisionRecord>()
  const requests = new Set<string | undefined>()
  for (const { record } of tables.decisions) {
    if (requests.has(record.request)) failures.push(`applied twice: attempt ${record.request}`)
    requests.add(record.request)
    if (record.key === undefined) continue
    const name = `${record.actor.role} ${record.actor.id} ${record.key}`
    if (firstByKey.has(name)) failures.push(`applied twice: the request of ${name}`)
    else firstByKey.set(name, record)
  }
  const voids = new Set([...tables.voids.values()].map(({ record }) => record.request))
  const byKey = attemptsByKey(history)
  for (const attempt of history.attempts) {
    const failure = auditAnswer(attempt, { index, firstByKey, voids, byKey, lost })
    if (failure !== undefined) failures.push(`attempt ${attempt.id}: ${failure}`)
  }
  return failures
}

interface Books {
  readonly index: DecisionIndex
  readonly firstByKey: ReadonlyMap<string, DecisionRecord>
  readonly voids: ReadonlySet<string | undefined>
  readonly byKey: ReadonlyMap<string, readonly Attempt[]>
  readonly lost: ReadonlySet<string>
}

function attemptsByKey(history: History): Map<string, Attempt[]> {
  const byKey = new Map<string, Attempt[]>()
  for (const attempt of history.attempts) {
    const name = keyNameOf(attempt)
    if (name === undefined) continue
    const known = byKey.get(name) ?? []
    known.push(attempt)
    byKey.set(name, known)
  }
  return byKey
}

function keyNameOf({ intent: { command, key } }: Attempt): string | undefined {
  return key === undefined ? undefined : `${command.actor.role} ${command.actor.id} ${key}`
}

/** @returns what is wrong with the answer, if anything */
function auditAnswer(attempt: Attempt, { index, firstByKey, voids, byKey, lost }: Books): string | undefined {
  const { outcome, intent } = attempt
  const decided = index.get(attempt.id)?.stored
  const keyName = keyNameOf(attempt)
  if (outcome === undefined) return undefined
  switch (outcome.kind) {
    case 'decided': {
      const { record, replayed } = outcome
      const stored = index.get(record.request ?? '')?.stored
      if (stored === undefined && lost.has(record.request ?? '')) return undefined
      if (voids.has(record.request)) return 'answered with a decision that is void'
      if (stored === undefined) return 'answered with a decision that is lost'
      if (!isSameValue(stored.record, record)) return 'answered otherwise than decided'
      if (replayed ? keyName === undefined : record.request !== attempt.id) {
        return 'answered with the decision of another request'
      }
      if (keyName !== undefined && firstByKey.get(keyName)?.request !== record.request) {
        return 'a repeated key gave another outcome than the first'
      }
      return record.requestHash === intent.requestHash ? undefined : 'a key gave the answer to other words'
    }
    case 'key_refused': {
      if (decided !== undefined) return `decided, and yet refused: ${outcome.code}`
      const others = (byKey.get(keyName ?? '') ?? []).filter((other) => other !== attempt)
      if (outcome.code === 'idempotency_in_flight') {
        return others.some((other) => mayHoldKey(other, attempt))
          ? undefined
          : 'told that its key is in flight, which nothing holds'
      }
      return others.some((other) => other.intent.requestHash !== intent.requestHash)
        ? undefined
        : 'a key that came with one request only is told to mismatch'
    }
    case 'rejected':
      return decided && `decided, and yet turned away: ${outcome.code}`
    case 'unavailable': {
      if (outcome.code === 'outcome_unknown') return undefined
      return decided && `surely not done, said ${outcome.code}, and it was`
    }
    case 'failed':
      return 'a decision was made that the batcher would refuse'
  }
}

/** Whether `other` was unanswered while `attempt` was judged; or nobody can say what became of it. */
function mayHoldKey(other: Attempt, attempt: Attempt): boolean {
  if (other.sentMs > (attempt.answeredMs ?? Infinity)) return false
  if (other.answeredMs === undefined || other.answeredMs >= attempt.sentMs) return true
  return other.outcome?.kind === 'unavailable' && other.outcome.code === 'outcome_unknown'
}
