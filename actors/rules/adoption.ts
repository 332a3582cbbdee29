import type { Campus } from '../campus.ts'
import type { CourseGroup } from '../course.ts'
import type { Student } from '../student.ts'
import type { AdoptLeg } from '../messages/commands.ts'
import { extraSeatsEnded } from './promotion.ts'
import type { Effect } from '../messages/records.ts'

/**
 * Repairs one course of a database that an older system left behind, taking no seat away that a student
 * could believe in: a student in several groups keeps one (a seat before a reserve place, the older first),
 * a group over capacity grows to what it holds besides the extra seats that staff gave, and whoever waits beside a free
 * seat gets it.
 */
export function adopt(campus: Campus, leg: AdoptLeg): Effect[] {
  const course = campus.course(leg.course)
  const effects: Effect[] = leg.duplicates.map((duplicate) => ({
    type: 'duplicates_removed',
    course: leg.course,
    ...duplicate,
  }))
  const surplus = new Map<CourseGroup, Set<number>>()
  for (const student of studentsIn(campus, course.groups)) {
    const places = student.places.filter((place) => place.course === course.id)
    const kept = places.find((place) => !place.isWaiting(student.id)) ?? places[0]
    for (const place of places) {
      if (place === kept) continue
      effects.push({ type: 'left', student: student.id, course: place.course, group: place.group })
      const leaving = surplus.get(place)
      if (leaving === undefined) surplus.set(place, new Set([student.id]))
      else leaving.add(student.id)
    }
  }
  for (const group of course.groups) effects.push(...settle(group, surplus.get(group) ?? new Set()))
  return effects
}

function settle(group: CourseGroup, leaving: ReadonlySet<number>): Effect[] {
  const isStaying = (student: number) => !leaving.has(student)
  const seats = group.registered.filter(isStaying).length
  const own = seats - group.extra.filter(isStaying).length
  const { course, group: number } = group
  if (own > group.capacity) return [{ type: 'capacity_changed', course, group: number, capacity: own }]
  const promoted = group.queue.filter(isStaying).slice(0, Math.max(0, group.capacity - seats))
  return [
    ...extraSeatsEnded(group, isStaying, seats - group.capacity),
    ...promoted.map((student): Effect => ({ type: 'promoted', student, course, group: number })),
  ]
}

function studentsIn(campus: Campus, groups: readonly CourseGroup[]): Student[] {
  const ids = new Set(groups.flatMap((group) => [...group.registered, ...group.queue]))
  return [...ids].toSorted((a, b) => a - b).map((id) => campus.student(id))
}
