import { refusalCodes } from '../../actors/messages/refusals.ts'
import type { CoverageCounts } from './coverage.ts'
import { strokes } from './fault-plan.ts'

/** So many seeds in a row must have hit everything that is required. */
export const seedsForAll = 200

/** Of changes to the courses themselves, which nobody makes here. */
const notTried = new Set(['too_many_places'])

const answers = [
  'yes',
  'no',
  ...Object.keys(refusalCodes).filter((code) => !notTried.has(code)),
  'other_department',
  'no_such_student',
  'no_such_course',
  'idempotency_mismatch',
  'idempotency_in_flight',
  'busy',
  'recovering',
  'not_leading',
  'journal_unavailable',
  'outcome_unknown',
]

/** Steps of a batch transaction, and of a marker's judgement. */
const transactionSteps = [
  'begin',
  'applied?',
  'insert voids',
  'copy',
  'fold',
  'judgement?',
  'insert leader',
  'commit',
]
const takeoverSteps = ['lock', 'publish marker', 'read judgement', 'read position', 'load campus']
const engineSteps = [
  'request',
  'turn',
  ...[...takeoverSteps, 'publish', 'load student', 'begin', 'copy', 'fold', 'commit'].map(ok),
]
const batcherSteps = ['delivery', ...[...transactionSteps, 'exists', 'count'].map(ok)]
const brokerSteps = ['lock', 'publish marker', 'publish', 'ack', 'notice', 'count']
const databaseSteps = [
  ...transactionSteps.filter((step) => step !== 'insert voids'),
  'read judgement',
  'read position',
]

function ok(step: string): string {
  return `${step} ok`
}

const faults = [
  ...strokes,
  ...engineSteps.map((step) => `engine killed before: ${step}`),
  ...batcherSteps.map((step) => `batcher killed before: ${step}`),
  ...brokerSteps.flatMap((step) => cutsAt('broker', step)),
  ...databaseSteps.flatMap((step) => cutsAt('database', step)),
  'confirm late',
  'confirm lost',
  'answer late',
  'reply lost',
  'applied notice lost',
  'message nacked',
  'message redelivered',
  'message enqueued twice',
  'message enqueued long after its connection',
  'message enqueued behind the next leader’s marker',
  'marker enqueued long after its connection',
  'marker delivered again behind records that follow it',
  'messages returned out of order',
  'queue handed over before messages returned',
  'unroutable message confirmed',
  'end of the queue lost',
  'message dropped by an operator',
  'broker cannot tell how many messages are ready',
  'batchers overlap in one transaction’s time',
  'lock granted twice',
  'suspended holder of the broker lock woke without it',
  'suspended holder of the direct lock woke without it',
  'database ended the session of a suspended client',
  'bound hit: backlog',
  'bound hit: commit records',
  'bound hit: commit bytes',
  'bound hit: mailbox',
]

function cutsAt(server: string, step: string): string[] {
  return [`${server} connection cut before: ${step}`, `${server} connection cut after: ${step}`]
}

const events = [
  'key replayed: yes',
  'key replayed: no',
  'read',
  'dry run',
  'batcher: gap',
  'batcher: lost_tail',
  'journal switch refused',
  'loss accepted',
]

/** @returns faults, answers and events that `seedsForAll` seeds should have seen, and did not */
export function missingFrom(counts: CoverageCounts): string[] {
  const lacking = (names: readonly string[], seen: ReadonlyMap<string, number>) =>
    names.filter((name) => (seen.get(name) ?? 0) === 0)
  return [
    ...lacking(answers, counts.answers),
    ...lacking(faults, counts.faults),
    ...lacking(events, counts.events),
  ]
}
