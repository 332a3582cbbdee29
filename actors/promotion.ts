import type { CourseGroup } from './campus.ts'
import type { Effect } from './records.ts'

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
 * Who moves up from the queue to a seat once `change` has happened: as many as there are seats, first come
 * first served. Part of the same decision as the change itself, so that no newcomer can step in between.
 */
export function promotionsAfter(group: CourseGroup, change: GroupChange): Effect[] {
  const { leaving, seating, joining, capacity = group.capacity } = change
  const seatLeft = leaving !== undefined && !group.isWaiting(leaving) ? 1 : 0
  let free = capacity - (group.registered.length - seatLeft + (seating === undefined ? 0 : 1))
  const effects: Effect[] = []
  if (free <= 0) return effects
  const waiting = group.queue.filter((student) => student !== leaving && student !== seating)
  if (joining !== undefined) waiting.push(joining)
  for (const student of waiting) {
    if (free-- <= 0) break
    effects.push({ type: 'promoted', student, course: group.course, group: group.group })
  }
  return effects
}
