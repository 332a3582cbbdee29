import type { CourseGroup } from '../course.ts'
import type { Student } from '../student.ts'
import { seatsAfter } from './promotion.ts'
import type { Effect, Verdict } from '../messages/records.ts'
import type { RefusalCode } from '../messages/refusals.ts'

/**
 * A staff member seats a student: window, units, conflicts, lock and queue do not count, and a full group
 * gives an extra seat, which ends with its holder. A student who waits in that very queue is promoted.
 */
export function decideForceAdd(student: Student, group: CourseGroup): Verdict {
  if (group.status === 'cancelled') return refused('course_cancelled', group, student)
  const held = student.placeIn(group.course)
  const waitsHere = held === group && group.isWaiting(student.id)
  if (held !== undefined && !waitsHere) return refused('already_enrolled', group, student)
  const place = { student: student.id, course: group.course, group: group.group }
  const effects: Effect[] = [{ type: waitsHere ? 'promoted' : 'registered', ...place }]
  if (group.registered.length >= group.capacity) effects.push({ type: 'extra_seat_given', ...place })
  effects.push(...seatsAfter(group, { seating: student.id }))
  return { effects, remaining: student.remainingActions }
}

/** A staff member takes a student's place away; the queue moves up. It costs the student no action. */
export function decideForceDrop(student: Student, group: CourseGroup): Verdict {
  if (student.placeIn(group.course) !== group) return refused('not_enrolled', group, student)
  return {
    effects: [
      { type: 'left', student: student.id, course: group.course, group: group.group },
      ...seatsAfter(group, { leaving: student.id }),
    ],
    remaining: student.remainingActions,
  }
}

/** Capacity never falls below the seats taken, extra ones aside; as many as fit are promoted when it rises. */
export function decideSetCapacity(group: CourseGroup, capacity: number): Verdict {
  if (group.status === 'cancelled') return refused('course_cancelled', group)
  if (capacity < lowestCapacity(group)) return refused('capacity_below_registered', group)
  return {
    effects: [
      { type: 'capacity_changed', course: group.course, group: group.group, capacity },
      ...seatsAfter(group, { capacity }),
    ],
  }
}

/** Seats that were given beyond the capacity end with their holders: they do not keep it up. */
export function lowestCapacity({ capacity, registered }: CourseGroup): number {
  return Math.min(capacity, registered.length)
}

function refused(code: RefusalCode, group: CourseGroup, student?: Student): Verdict {
  return {
    reasons: [{ code, leg: 0, course: group.course, group: group.group }],
    ...(student && { remaining: student.remainingActions }),
  }
}
