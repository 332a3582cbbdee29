import type { Evidence } from '../history.ts'
import type { Check } from './check.ts'
import { Ledger } from './ledger.ts'
import { matchDecisions } from './match.ts'
import { judgeOrder } from './order.ts'
import { ReadAudit } from './reads.ts'
import { RefusalAudit } from './refusals.ts'
import { ReplyAudit } from './replies.ts'
import { SeatAudit } from './seats.ts'
import { compareLastReads, compareTables } from './tables.ts'

export interface Audited {
  readonly checks: readonly Check[]
  readonly promotions: number
  /** Commands without an answer that were decided all the same. */
  readonly unknownButDecided: number
}

/**
 * Judges what clients saw and what the database holds against each other and against the rules of seats and queues.
 * Shares no code with the engine: it reads the same promises a second time.
 */
export function audit(evidence: Evidence): Audited {
  const { before, decisions, after, commands, reads, lastReads, lastGroups } = evidence
  const matches = matchDecisions(commands, decisions)
  const replies = new ReplyAudit()
  replies.judge(commands, matches)

  const ledger = new Ledger(before)
  const seats = new SeatAudit(ledger)
  const refusals = new RefusalAudit(ledger)
  const shown = new ReadAudit(ledger)
  for (const [index, decision] of decisions.entries()) {
    if (decision.effects === undefined) refusals.judge(decision)
    else shown.follow(index + 1, seats.apply(decision))
  }
  shown.judge(reads, decisions, matches)

  const checks = [
    ...replies.checks,
    matches.check,
    ...judgeOrder(decisions, matches),
    ...seats.checks,
    ...refusals.checks,
    shown.check,
    compareTables(ledger, after),
    compareLastReads(after, lastReads, lastGroups),
  ]
  return { checks, promotions: seats.promotions, unknownButDecided: replies.unknownButDecided }
}
