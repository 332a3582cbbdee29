import type { DecisionRecord, Verdict } from '../../../actors/messages/records.ts'
import type { Refusal, RefusalCode } from '../../../actors/messages/refusals.ts'
import type { Leg } from '../../../actors/messages/commands.ts'
import type { ProblemReason } from './problems.ts'

/** What a verdict was about: enough to say in words why it was no. */
export interface Judged {
  readonly role: DecisionRecord['actor']['role']
  readonly legs: readonly Leg[]
  readonly plan: boolean
}

type Sentence = (refusal: Refusal, judged: Judged) => string

const sentences: Record<RefusalCode, Sentence> = {
  outside_enrollment_window: ({ window }) => {
    // Old records do not say when it is.
    if (window === undefined) return 'It is not your enrollment time.'
    const { from, until } = timesOf(window)
    return `It is not your enrollment time, which is from ${from} until ${until}.`
  },
  already_enrolled: (refusal, { role }) => `${holds(role)} a place in ${course(refusal)} already.`,
  not_enrolled: (refusal, { role }) => `${holds(role)} no place in ${groupIfNamed(refusal)}.`,
  no_change: (refusal) =>
    refusal.course === undefined
      ? 'The plan would change nothing.'
      : `Your place is in ${groupIfNamed(refusal)} already.`,
  course_cancelled: (refusal) => `${capital(groupIfNamed(refusal))} was cancelled.`,
  course_closed: (refusal) => `${capital(groupIfNamed(refusal))} takes nobody in at present.`,
  gender_locked: (refusal) => `${capital(groupIfNamed(refusal))} is reserved for the other gender.`,
  unit_limit: (refusal) => `${capital(course(refusal))} would take you over your unit limit.`,
  class_conflict: (refusal) => `The classes of ${course(refusal)} overlap with those of ${other(refusal)}.`,
  exam_conflict: (refusal) => `The exam of ${course(refusal)} overlaps with that of ${other(refusal)}.`,
  no_actions_left: () => 'You have no drops or moves left.',
  move_would_lose_seat: (refusal) =>
    `${capital(groupIfNamed(refusal))} has only reserve places, and moving would give up the seat that you hold; say "allow_reserve": true to accept that.`,
  course_full: (refusal, { legs }) =>
    wantedSeatOnly(legs[refusal.leg ?? 0])
      ? `${capital(groupIfNamed(refusal))} has no free seat.`
      : `${capital(groupIfNamed(refusal))} has neither a free seat nor a free reserve place.`,
  capacity_below_registered: (refusal) =>
    `${capital(groupIfNamed(refusal))} has more students registered than that.`,
  reserve_capacity_below_waiting: (refusal) =>
    `More students than that would wait in ${groupIfNamed(refusal)}.`,
  too_many_places: () =>
    'More places would end than one decision can hold; cancel the groups of the course one by one.',
  group_exists: (refusal) => `There is a ${groupIfNamed(refusal)} already.`,
  student_exists: () => 'There is a student with this number already.',
  window_ends_first: () => 'The enrollment window would end before it begins.',
}

/**
 * The reasons of a refusal as clients get them. They are derived from the record alone, so that a repeated
 * Idempotency-Key reads the same as the first time.
 */
export function reasonsOf({ reasons = [] }: Verdict, judged: Judged): ProblemReason[] {
  return reasons.map((refusal) => ({
    code: refusal.code,
    detail: sentences[refusal.code](refusal, judged),
    ...(judged.plan && refusal.leg !== undefined && { leg: refusal.leg }),
    ...(refusal.course !== undefined && { course_id: refusal.course }),
    ...(refusal.group !== undefined && { group_id: refusal.group }),
    ...(refusal.more !== undefined && { more: refusal.more }),
    ...(refusal.with && { with: { course_id: refusal.with.course, group_id: refusal.with.group } }),
    ...(refusal.window && { window: timesOf(refusal.window) }),
  }))
}

function holds(role: Judged['role']): string {
  return role === 'student' ? 'You hold' : 'The student holds'
}

function course(refusal: Refusal): string {
  return `course ${refusal.course ?? '?'}`
}

function groupIfNamed(refusal: Refusal): string {
  return refusal.group === undefined ? course(refusal) : `group ${refusal.group} of ${course(refusal)}`
}

function other({ with: where }: Refusal): string {
  return where === undefined ? 'another course' : `course ${where.course}`
}

function timesOf(window: NonNullable<Refusal['window']>): { from: string; until: string } {
  const moment = (ms: number) => new Date(ms).toISOString().replace('.000Z', 'Z')
  return { from: moment(window.startMs), until: moment(window.endMs) }
}

function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1)
}

function wantedSeatOnly(leg: Leg | undefined): boolean {
  return leg?.do === 'add' && leg.reserve === 'never'
}
