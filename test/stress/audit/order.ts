import type { CommandLog, Decision } from '../history.ts'
import { Check } from './check.ts'
import type { Matches } from './match.ts'
import { describe } from './replies.ts'
import { name } from './seats.ts'

/** When a decision can have been made, by the clients' steady clock: after the one moment and before the other. */
export interface Bounds {
  readonly afterMs: number
  readonly beforeMs: number
}

/** From the sending of the first attempt that can have led to it, to the first reply that told of it. */
export function boundsOf(command: CommandLog | undefined): Bounds {
  let afterMs = Number.POSITIVE_INFINITY
  let beforeMs = Number.POSITIVE_INFINITY
  for (const { attempts, answer } of command?.tries ?? []) {
    const first = attempts.find(({ certainlyNot }) => !certainlyNot)
    if (first !== undefined) afterMs = Math.min(afterMs, first.sentMs)
    if (answer.kind !== 'done' && answer.kind !== 'refused') continue
    beforeMs = Math.min(beforeMs, attempts.at(-1)?.receivedMs ?? Number.POSITIVE_INFINITY)
  }
  return { afterMs: Number.isFinite(afterMs) ? afterMs : Number.NEGATIVE_INFINITY, beforeMs }
}

/** Decisions are numbered as they were made, as far as anybody outside can tell. */
export function judgeOrder(decisions: readonly Decision[], { commandOf }: Matches): Check[] {
  const numbered = new Check(
    'decisions are numbered without a gap in each term, and their times never go backwards',
  )
  for (const [index, decision] of decisions.entries()) {
    const before = decisions[index - 1]
    const isNext = before?.term === decision.term ? decision.seq === before.seq + 1 : decision.seq === 1
    numbered.expect(
      isNext && (before === undefined || decision.at >= before.at),
      () => `${name(decision)} follows ${before === undefined ? 'nothing' : name(before)}`,
    )
  }
  const real = new Check('what was answered before another request was sent has the smaller number')
  let earliestReply = { ms: Number.POSITIVE_INFINITY, decision: decisions[0] }
  for (const decision of decisions.toReversed()) {
    const command = commandOf.get(decision)
    const { afterMs, beforeMs } = boundsOf(command)
    real.expect(
      earliestReply.ms >= afterMs,
      () =>
        `${name(decision)} (${command && describe(command)}) was asked for after the reply to ${name(earliestReply.decision ?? decision)}`,
    )
    if (beforeMs < earliestReply.ms) earliestReply = { ms: beforeMs, decision }
  }
  return [numbered, real]
}
