import assert from 'node:assert/strict'
import type { Answer, Attempt, CommandLog, Decision, Effect, Evidence, Tables } from '../../history.ts'
import { audit } from '../audit.ts'
import { honestHistory } from './honest-history.ts'

/** How each claim of the audit begins, by a short name. */
export const claims = {
  yes: /^every yes has exactly one decision/,
  no: /^every refusal by a rule has exactly one decision/,
  none: /^what was turned away before the rules/,
  unknown: /^what stayed without a reply/,
  repeated: /^a repetition with the same key/,
  unasked: /^no decision exists that no client asked for/,
  numbered: /^decisions are numbered without a gap/,
  realTime: /^what was answered before another request was sent/,
  possible: /^every effect fits the state/,
  seats: /^no group ever has more students than seats/,
  queues: /^the first in the queue is promoted/,
  actions: /^each drop and move of a student costs one action/,
  asked: /^an accepted command did what was asked/,
  ordered: /^a refusal has its reasons in order/,
  justified: /^a refusal for want of a seat/,
  reads: /^every read shows one state/,
  tables: /^the tables hold what the decisions lead to/,
  lastReads: /^students, rosters and the catalog/,
}

/** The group of the honest history that has two seats and two reserve places. */
export const group = { course: 1, group: 1 }

/** Fails unless the audit finds fault with these claims, and with no others. */
export function assertFaults(evidence: Evidence, ...expected: (keyof typeof claims)[]): void {
  const failed = audit(evidence).checks.filter(({ holds }) => !holds)
  const names = failed.map(({ claim }) => {
    const found = Object.entries(claims).find(([, pattern]) => pattern.test(claim))
    return found?.[0] ?? claim
  })
  const details = failed.map(({ claim, faults }) => [claim, ...faults].join('\n  ')).join('\n')
  assert.deepEqual(names.toSorted(), expected.toSorted(), details)
}

export function withDecision(seq: number, changed: Partial<Decision>): Evidence {
  const evidence = honestHistory()
  const decisions = evidence.decisions.map((decision) =>
    decision.seq === seq ? { ...decision, ...changed } : decision,
  )
  return { ...evidence, decisions }
}

/** Changes the command that led to decision `seq`. */
export function withCommand(seq: number, change: (command: CommandLog) => CommandLog): Evidence {
  const evidence = honestHistory()
  const commands = evidence.commands.map((command, index) => (index === seq - 1 ? change(command) : command))
  return { ...evidence, commands }
}

export function answered(command: CommandLog, answer: Answer, attempt: Partial<Attempt> = {}): CommandLog {
  const tries = command.tries.map(({ attempts }) => ({
    attempts: attempts.map((one) => ({ ...one, ...attempt })),
    answer,
    isReplay: false,
  }))
  return { ...command, tries }
}

export function effectsOf(seq: number, change: (effects: readonly Effect[]) => Effect[]): Evidence {
  const { effects = [] } = honestHistory().decisions[seq - 1] ?? {}
  return withDecision(seq, { effects: change(effects) })
}

export function withAfter(evidence: Evidence, changed: Partial<Tables>): Evidence {
  return { ...evidence, after: { ...evidence.after, ...changed } }
}

/** The history as it was when so many decisions had been made, `after` being what the tables held then. */
export function upTo(count: number, evidence: Evidence): Evidence {
  return {
    ...evidence,
    decisions: evidence.decisions.slice(0, count),
    commands: evidence.commands.slice(0, count),
    reads: [],
    lastReads: [],
    lastGroups: [],
  }
}
