import type { Campus } from '../campus.ts'
import type { CourseGroup } from '../course.ts'
import type { Student } from '../student.ts'
import { evolveAdministration } from './evolve-administration.ts'
import type { Effect } from '../messages/records.ts'
import { mended } from './set-aside.ts'

/**
 * Applies one effect to the campus. The only code that changes what decisions decide, live and in replay
 * alike; what is about courses and students themselves is in `evolve-administration.ts`.
 * @throws if the effect does not fit the state, which means a bug or a foreign record
 */
export function evolve(campus: Campus, effect: Effect): void {
  switch (effect.type) {
    case 'registered': {
      const { group, student } = entered(campus, effect)
      group.registered.push(effect.student)
      student.enter(group)
      return
    }
    case 'reserved': {
      const { group, student } = entered(campus, effect)
      if (effect.order < group.nextOrder) throw misfit(effect)
      group.queue.push(effect.student)
      group.queueOrders.push(effect.order)
      student.enter(group)
      return
    }
    case 'left': {
      const group = campus.group(effect.course, effect.group)
      if (!leaveQueue(group, effect.student)) {
        removeFrom(group.registered, effect.student, effect)
        if (group.extra.includes(effect.student)) removeFrom(group.extra, effect.student, effect)
      }
      if (!campus.student(effect.student).leave(group)) throw misfit(effect)
      return
    }
    case 'promoted': {
      const group = campus.group(effect.course, effect.group)
      if (!leaveQueue(group, effect.student)) throw misfit(effect)
      group.registered.push(effect.student)
      return
    }
    case 'extra_seat_given': {
      const { registered, extra } = campus.group(effect.course, effect.group)
      if (!registered.includes(effect.student) || extra.includes(effect.student)) throw misfit(effect)
      extra.push(effect.student)
      return
    }
    case 'extra_seat_ended':
      removeFrom(campus.group(effect.course, effect.group).extra, effect.student, effect)
      return
    case 'actions_spent':
      campus.student(effect.student).remainingActions = effect.remaining
      return
    case 'capacity_changed':
      changeCapacity(campus.group(effect.course, effect.group), effect.capacity)
      return
    case 'duplicates_removed':
      // Memory holds a place once however many rows repeat it.
      return
    case 'group_changed':
    case 'group_opened':
    case 'group_closed':
    case 'group_cancelled':
    case 'group_added':
    case 'conflicts_arose':
    case 'student_added':
    case 'window_changed':
    case 'max_units_changed':
    case 'actions_changed':
      evolveAdministration(campus, effect)
  }
}

/** The group and the student of a new place; there is at most one place per course. */
function entered(
  campus: Campus,
  effect: Effect & { type: 'registered' | 'reserved' },
): { group: CourseGroup; student: Student } {
  const student = campus.student(effect.student)
  if (student.placeIn(effect.course) !== undefined) throw misfit(effect)
  return { group: campus.group(effect.course, effect.group), student }
}

function changeCapacity(group: CourseGroup, capacity: number): void {
  group.capacity = capacity
  if (group.profile.faults !== undefined) group.become(mended(group.profile, ['capacity']))
}

function leaveQueue(group: CourseGroup, student: number): boolean {
  const index = group.queue.indexOf(student)
  if (index < 0) return false
  group.queue.splice(index, 1)
  group.queueOrders.splice(index, 1)
  return true
}

function removeFrom(list: number[], item: number, effect: Effect): void {
  // From the end, where a cancellation begins: thousands leave then, one after another.
  const index = list.lastIndexOf(item)
  if (index < 0) throw misfit(effect)
  list.splice(index, 1)
}

function misfit(effect: Effect): Error {
  return new Error(`effect does not fit the campus: ${JSON.stringify(effect)}`)
}
