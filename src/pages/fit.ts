import type { Course, Me } from '../client/api.ts'

/** A place that the student holds: 0 = registered, 1 = first in the reserve queue. */
export interface Place {
  readonly course: Course
  readonly position: number
}

export interface Misfit {
  readonly code: string
  /** The other one of a conflict. */
  readonly other?: Course
  /** How many units it would be. */
  readonly units?: number
}

/**
 * Why the student cannot enter this group, as far as a page can tell: every reason, in the order of the server's. The
 * server decides; this is for people who choose. A place in another group of the course is one that they would move from.
 */
export function misfitsOf(group: Course, me: Me, places: readonly Place[]): Misfit[] {
  if (holds(places, group)) return []
  const misfits: Misfit[] = []
  const others = places.filter(({ course }) => course.course_id !== group.course_id)
  if (group.status === 'cancelled') misfits.push({ code: 'course_cancelled' })
  if (group.status === 'closed') misfits.push({ code: 'course_closed' })
  if (group.sex_lock !== null && group.sex_lock !== me.gender) misfits.push({ code: 'gender_locked' })
  const units = others.reduce((sum, { course }) => sum + course.units, group.units)
  if (units > me.max_units) misfits.push({ code: 'unit_limit', units })
  for (const { course } of others) {
    if (classesOverlap(course, group)) misfits.push({ code: 'class_conflict', other: course })
  }
  for (const { course } of others) {
    if (examsOverlap(course, group)) misfits.push({ code: 'exam_conflict', other: course })
  }
  if (others.length < places.length && me.remaining_actions === 0) misfits.push({ code: 'no_actions_left' })
  if (freeSeats(group) === 0 && freeQueue(group) === 0) misfits.push({ code: 'course_full' })
  return misfits
}

export function holds(places: readonly Place[], { course_id, group_id }: Course): boolean {
  return places.some(({ course }) => course.course_id === course_id && course.group_id === group_id)
}

export function freeSeats({ capacity, registered_count, reserved_count }: Course): number {
  // Whoever waits comes first.
  return reserved_count > 0 ? 0 : Math.max(0, capacity - registered_count)
}

export function freeQueue({ reserve_capacity, reserved_count }: Course): number {
  return Math.max(0, reserve_capacity - reserved_count)
}

function classesOverlap(a: Course, b: Course): boolean {
  return a.class_time.some((one) =>
    b.class_time.some(
      (two) => one.day === two.day && one.start_minute < two.end_minute && two.start_minute < one.end_minute,
    ),
  )
}

function examsOverlap(a: Course, b: Course): boolean {
  if (a.exam_time === 0 || b.exam_time === 0) return false
  if (a.exam_time === b.exam_time) return true
  const end = ({ exam_time, exam_minutes = 0 }: Course) => exam_time + exam_minutes * 60
  return a.exam_time < end(b) && b.exam_time < end(a)
}
