import type { CourseGroup } from '../course.ts'
import type { Effect } from '../messages/records.ts'

/** What a decision does to a group before its queue moves up. */
export interface GroupChange {
  /** Student who leaves the group, seat or queue. */
  readonly leaving?: number
  /** Student who takes a seat without waiting, or is moved ahead by a staff member. */
  readonly seating?: number
  /** Student who joins the end of the queue. */
  readonly joining?: number
  /** Capacity after the decision; the present one when absent. */
  readonly capacity?: number
}

/**
 * Whose seat becomes another once `change` has happened. While more are registered than the capacity, a freed seat
 * goes to nobody, and the extra seats that are no more beyond the capacity become seats like the others. Else as many
 * move up from the queue as there are seats, first come first served. Part of the same decision as the change itself,
 * so that no newcomer can step in between.
 */
export function seatsAfter(group: CourseGroup, change: GroupChange): Effect[] {
  const { leaving, seating, joining, capacity = group.capacity } = change
  const seatLeft = leaving !== undefined && !group.isWaiting(leaving) ? 1 : 0
  let free = capacity - (group.registered.length - seatLeft + (seating === undefined ? 0 : 1))
  const effects: Effect[] =
    group.extra.length === 0 ? [] : extraSeatsEnded(group, (student) => student !== leaving, -free)
  if (free <= 0) return effects
  const waiting = group.queue.filter((student) => student !== leaving && student !== seating)
  if (joining !== undefined) waiting.push(joining)
  for (const student of waiting) {
    if (free-- <= 0) break
    effects.push({ type: 'promoted', student, course: group.course, group: group.group })
  }
  return effects
}

/**
 * Of those who stay, all but the last `beyond` by number: nothing follows from it for those whose seats become like the others first.
 */
export function extraSeatsEnded(
  group: CourseGroup,
  isStaying: (student: number) => boolean,
  beyond: number,
): Effect[] {
  const { course, group: number } = group
  const holders = group.extra.filter(isStaying).toSorted((a, b) => a - b)
  const ended = holders.slice(0, Math.max(0, holders.length - Math.max(0, beyond)))
  return ended.map((student) => ({ type: 'extra_seat_ended', student, course, group: number }))
}
