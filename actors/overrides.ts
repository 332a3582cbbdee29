import type { CourseGroup, Student } from './campus.ts'
import { promotionsAfter } from './promotion.ts'
import type { Effect, Verdict } from './records.ts'
import type { RefusalCode } from './refusals.ts'

/**
 * A staff member seats a student: window, units, conflicts, lock and queue do not count, and a full group
 * grows by one seat. A student who waits in that very queue is promoted.
 */
export function decideForceAdd(student: Student, group: CourseGroup): Verdict {
  if (group.status === 'cancelled') return refused('course_cancelled', group, student)
  const held = student.placeIn(group.course)
  const waitsHere = held === group && group.isWaiting(student.id)
  if (held !== undefined && !waitsHere) return refused('already_enrolled', group, student)
  const capacity = Math.max(group.capacity, group.registered.length + 1)
  const place = { student: student.id, course: group.course, group: group.group }
  const effects: Effect[] = []
  if (capacity !== group.capacity) {
    effects.push({ type: 'capacity_changed', course: group.course, group: group.group, capacity })
  }
  effects.push({ type: waitsHere ? 'promoted' : 'registered', ...place })
  effects.push(...promotionsAfter(group, { seating: student.id, capacity }))
  return { effects, remaining: student.remainingActions }
}

/** A staff member takes a student's place away; the queue moves up. It costs the student no action. */
export function decideForceDrop(student: Student, group: CourseGroup): Verdict {
  if (student.placeIn(group.course) !== group) return refused('not_enrolled', group, student)
  return {
    effects: [
      { type: 'left', student: student.id, course: group.course, group: group.group },
      ...promotionsAfter(group, { leaving: student.id }),
    ],
    remaining: student.remainingActions,
  }
}

/** Capacity never falls below the seats taken; as many as fit are promoted when it rises. */
export function decideSetCapacity(group: CourseGroup, capacity: number): Verdict {
  if (group.status === 'cancelled') return refused('course_cancelled', group)
  if (capacity < group.registered.length) return refused('capacity_below_registered', group)
  return {
    effects: [
      { type: 'capacity_changed', course: group.course, group: group.group, capacity },
      ...promotionsAfter(group, { capacity }),
    ],
  }
}

function refused(code: RefusalCode, group: CourseGroup, student?: Student): Verdict {
  return {
    reasons: [{ code, leg: 0, course: group.course, group: group.group }],
    ...(student && { remaining: student.remainingActions }),
  }
}
