import type { Leg, SetCapacityLeg, StudentLeg } from '../../../actors/messages/commands.ts'
import type { DecisionRecord, Effect, Verdict } from '../../../actors/messages/records.ts'
import type {
  CapacityReply,
  CommandReply,
  CourseReply,
  PlanReply,
  StudentCoursesReply,
} from '../../../schema/rest.ts'
import { type DecisionsReply } from '../../../schema/rest-decisions.ts'
import type { GroupView, StudentView } from '../../engine/service.ts'
import type { FoundDecision } from '../gateway-ports.ts'
import { reasonsOf } from './reasons.ts'
import type { ShownDecision } from './staff-view.ts'

/** Where a decision left a student in a course. */
interface PlaceAfter {
  readonly group: number
  readonly place: 'registered' | 'reserved' | null
  /** 0 = registered, 1 = first in the queue; null = no place. */
  readonly position: number | null
}

/** What became of one course in a decision, for its student; undefined if nothing did. */
function placeAfter(effects: readonly Effect[], student: number, course: number): PlaceAfter | undefined {
  let after: PlaceAfter | undefined
  for (const effect of effects) {
    if (!('student' in effect && 'course' in effect)) continue
    if (effect.student !== student || effect.course !== course) continue
    const { group } = effect
    if (effect.type === 'left') after = { group, place: null, position: null }
    else if (effect.type === 'reserved') after = { group, place: 'reserved', position: effect.position }
    else if (effect.type !== 'duplicates_removed') after = { group, place: 'registered', position: 0 }
  }
  return after
}

/** Which decision it was. */
export function decisionOf({ seq, at }: DecisionRecord): CommandReply['decision'] {
  return { seq, at: new Date(at).toISOString() }
}

/** What a command of one leg did. Derived from the record alone: a repeated key gives the same. */
export function commandReplyOf(record: DecisionRecord): CommandReply {
  const [leg] = record.legs
  if (leg === undefined || !('course' in leg)) throw new Error('this decision is not about a place')
  const after = placeAfter(record.effects ?? [], record.student ?? 0, leg.course)
  return {
    place: after?.place ?? null,
    reserve_queue_position: after?.position ?? null,
    remaining_actions: record.remaining ?? null,
    course_id: leg.course,
    group_id: after?.group ?? groupOf(leg) ?? 0,
    decision: decisionOf(record),
  }
}

/** What setting a capacity did, or would do (without `record`). */
export function capacityReplyOf(
  leg: SetCapacityLeg,
  verdict: Verdict,
  record: DecisionRecord | undefined,
): CapacityReply {
  const promoted = (verdict.effects ?? []).flatMap((effect) =>
    effect.type === 'promoted' ? [effect.student] : [],
  )
  return {
    course_id: leg.course,
    group_id: leg.group,
    capacity: leg.capacity,
    promoted,
    dry_run: record === undefined,
    decision: record === undefined ? null : decisionOf(record),
  }
}

/** What a plan did, or would do (without `record`), leg by leg. */
export function planReplyOf(
  student: number,
  legs: readonly StudentLeg[],
  verdict: Verdict,
  record: DecisionRecord | undefined,
): PlanReply {
  return {
    dry_run: record === undefined,
    legs: legs.map((leg, index) => {
      const overruled = legs.findLastIndex(({ course }) => course === leg.course) !== index
      const { place, position } = outcomeOfLeg(verdict.effects ?? [], student, leg, overruled)
      const group = leg.do === 'drop' ? null : leg.group
      return { do: leg.do, course_id: leg.course, group_id: group, place, reserve_queue_position: position }
    }),
    remaining_actions: verdict.remaining ?? null,
    decision: record === undefined ? null : decisionOf(record),
  }
}

/** @param overruled whether a later leg of the plan is about the same course: that one says where it ends */
function outcomeOfLeg(
  effects: readonly Effect[],
  student: number,
  leg: StudentLeg,
  overruled: boolean,
): { place: PlanReply['legs'][number]['place']; position: number | null } {
  if (leg.do === 'drop' || overruled) return { place: null, position: null }
  return placeAfter(effects, student, leg.course) ?? { place: 'unchanged', position: null }
}

function groupOf(leg: Leg): number | undefined {
  return 'group' in leg ? leg.group : undefined
}

export function courseReplyOf(view: GroupView): CourseReply {
  return {
    course_id: view.course,
    group_id: view.group,
    units: view.units,
    capacity: view.capacity,
    ...(view.extraSeats !== undefined && { extra_seats: view.extraSeats }),
    registered_count: view.registeredCount,
    exam_time: view.examTime,
    ...(view.examMinutes !== undefined && { exam_minutes: view.examMinutes }),
    class_time: view.meetings.map(({ day, startMinute, endMinute }) => ({
      day,
      start_minute: startMinute,
      end_minute: endMinute,
    })),
    lecturer: view.lecturer,
    name: view.name,
    reserve_capacity: view.reserveCapacity,
    reserved_count: view.reservedCount,
    department: view.department,
    sex_lock: view.genderLock ?? null,
    notes: view.notes,
    status: view.status,
    ...(view.code !== undefined && { code: view.code }),
  }
}

export function studentCoursesReplyOf({ places }: StudentView): StudentCoursesReply {
  return {
    data: places.map(({ group, position }) => ({
      course: courseReplyOf(group),
      reserve_queue_position: position,
    })),
  }
}

/** A decision as staff read it back. The Idempotency-Key is left out: it belongs to the caller. */
export function foundDecisionReplyOf(
  term: number,
  { record, isBystander }: ShownDecision,
): DecisionsReply['decisions'][number] {
  const judged = { role: record.actor.role, legs: record.legs, plan: record.legs.length > 1 }
  return {
    term,
    seq: record.seq,
    at: new Date(record.at).toISOString(),
    actor: { role: record.actor.role, id: isBystander ? null : record.actor.id },
    student_id: isBystander ? null : (record.student ?? null),
    outcome: record.reasons === undefined ? 'accepted' : 'refused',
    legs: record.legs.map(inApiNames),
    effects: (record.effects ?? []).map(inApiNames),
    reasons: reasonsOf(record, judged),
    remaining_actions: record.remaining ?? null,
  }
}

/**
 * A decision as the student reads it back whom it concerns: without others, without what staff noted for one another, and of what
 * others did only what it brought them.
 */
export function ownDecisionReplyOf(
  { term, record }: FoundDecision,
  student: number,
): DecisionsReply['decisions'][number] {
  const isOwn = record.student === student
  const shown = foundDecisionReplyOf(term, {
    record: {
      ...record,
      effects: (record.effects ?? []).filter((effect) => 'student' in effect && effect.student === student),
    },
    isBystander: record.actor.role !== 'student' || record.actor.id !== student,
  })
  return {
    ...shown,
    student_id: student,
    legs: isOwn ? shown.legs.map(withoutNote) : [],
    reasons: isOwn ? shown.reasons : [],
    remaining_actions: isOwn ? shown.remaining_actions : null,
  }
}

function withoutNote(leg: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(leg).filter(([name]) => name !== 'note'))
}

const apiNames: Readonly<Record<string, string>> = {
  course: 'course_id',
  group: 'group_id',
  student: 'student_id',
}

/** As the API names things: `allowReserve` is `allow_reserve`, in lists and objects within too. */
function inApiNames(part: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(part).map(([name, value]) => [
      apiNames[name] ?? name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      valueInApiNames(value),
    ]),
  )
}

function valueInApiNames(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(valueInApiNames)
  return typeof value === 'object' && value !== null ? inApiNames(value) : value
}
