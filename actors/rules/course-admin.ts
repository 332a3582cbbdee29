import type { AddGroupLeg, CancelLeg, ChangeGroupLeg, OpenLeg } from '../messages/admin-commands.ts'
import type { GroupChanged } from '../messages/admin-effects.ts'
import type { Campus } from '../campus.ts'
import type { Course, CourseGroup } from '../course.ts'
import { lowestCapacity } from './overrides.ts'
import { seatsAfter } from './promotion.ts'
import type { Effect, Verdict } from '../messages/records.ts'
import { inOrderOfPrecedence, type Refusal, type RefusalCode } from '../messages/refusals.ts'
import { examOf, inOrderOfWeek } from './timetable.ts'
import { conflictsAfter } from './timetable-change.ts'

/**
 * Places that one cancellation may end. Its record is one journal message of some 60 bytes a place, and brokers
 * refuse those above 16 MiB.
 */
export const cancelledPlacesMax = 50_000

/**
 * Changes a group, judged by what it leads to: the reserve queue is measured after the promotions that a larger
 * capacity brings. Nobody loses a place: who has two things at once from now on is told by `conflicts_arose`.
 */
export function decideChangeGroup(campus: Campus, group: CourseGroup, leg: ChangeGroupLeg): Verdict {
  const { course, group: number } = group
  const refusals: Refusal[] = []
  if (group.status === 'cancelled') refusals.push(refusalOf('course_cancelled', group))
  const { capacity = group.capacity } = leg
  if (capacity < lowestCapacity(group)) refusals.push(refusalOf('capacity_below_registered', group))
  const seats = seatsAfter(group, { capacity })
  const waiting = group.queue.length - seats.filter(({ type }) => type === 'promoted').length
  if (leg.reserveCapacity !== undefined && leg.reserveCapacity < waiting) {
    refusals.push(refusalOf('reserve_capacity_below_waiting', group))
  }
  if (refusals.length > 0) return { reasons: inOrderOfPrecedence(refusals) }
  const effects: Effect[] = []
  if (leg.capacity !== undefined) effects.push({ type: 'capacity_changed', course, group: number, capacity })
  const changed = changedBy(group, leg)
  if (changed !== undefined) effects.push(changed)
  effects.push(...seats)
  const meetings = changed?.meetings ?? group.profile.meetings
  const exam = examAfter(group, leg)
  const conflicts = conflictsAfter(campus, group, { meetings, exam })
  if (conflicts !== undefined) effects.push(conflicts)
  return { effects }
}

function changedBy({ course, group }: CourseGroup, leg: ChangeGroupLeg): GroupChanged | undefined {
  const { reserveCapacity, lecturer, notes, meetings, exam } = leg
  const given = {
    ...(reserveCapacity !== undefined && { reserveCapacity }),
    ...(lecturer !== undefined && { lecturer }),
    ...(notes !== undefined && { notes }),
    ...(meetings !== undefined && { meetings: inOrderOfWeek(meetings) }),
    ...(exam !== undefined && { exam }),
  }
  return Object.keys(given).length === 0 ? undefined : { type: 'group_changed', course, group, ...given }
}

function examAfter(group: CourseGroup, { exam }: ChangeGroupLeg) {
  if (exam === undefined) return group.profile.exam
  return exam === null ? undefined : examOf(exam)
}

/** Lets newcomers in, or no longer. What the group already is may be said again. */
export function decideOpen(course: Course, leg: OpenLeg): Verdict {
  const named = groupsOf(course, leg)
  const living = named.filter(({ status }) => status !== 'cancelled')
  if (living.length === 0) return { reasons: named.map((group) => refusalOf('course_cancelled', group)) }
  const type = leg.do === 'open' ? 'group_opened' : 'group_closed'
  return { effects: living.map(({ group }) => ({ type, course: course.id, group })) }
}

/**
 * Ends every seat and every reserve place, of the named group or of all, and closes it for good. It costs no
 * student an action. What was cancelled before may be cancelled again.
 */
export function decideCancel(course: Course, leg: CancelLeg): Verdict {
  const groups = groupsOf(course, leg)
  const places = groups.reduce((sum, { registered, queue }) => sum + registered.length + queue.length, 0)
  if (places > cancelledPlacesMax) {
    return { reasons: groups.map((group) => refusalOf('too_many_places', group)) }
  }
  const effects: Effect[] = []
  for (const { group, registered, queue } of groups) {
    const where = { course: course.id, group }
    // The queue first: it is empty then, and nobody who leaves a seat is looked for in it.
    for (const student of queue) effects.push({ type: 'left', student, ...where })
    for (const student of registered.toReversed()) effects.push({ type: 'left', student, ...where })
    effects.push({
      type: 'group_cancelled',
      ...where,
      registered: registered.length,
      waiting: queue.length,
    })
  }
  return { effects }
}

export function decideAddGroup(campus: Campus, leg: AddGroupLeg): Verdict {
  const { course, group } = leg
  if (campus.findGroup(course, group) !== undefined) {
    return { reasons: [{ code: 'group_exists', leg: 0, course, group }] }
  }
  const { department, name, lecturer, units, capacity, reserveCapacity, exam, genderLock, notes } = leg
  const what = { department, name, lecturer, units, capacity, reserveCapacity, exam, genderLock, notes }
  return {
    effects: [{ type: 'group_added', course, group, ...what, meetings: inOrderOfWeek(leg.meetings) }],
  }
}

/** The group that a leg names, or all of the course. */
export function groupsOf(course: Course, { group }: { readonly group?: number }): readonly CourseGroup[] {
  return group === undefined ? course.groups : course.groups.filter((candidate) => candidate.group === group)
}

function refusalOf(code: RefusalCode, { course, group }: CourseGroup): Refusal {
  return { code, leg: 0, course, group }
}
