import type { Campus, CourseGroup, Student } from './campus.ts'
import type { AdoptLeg } from './commands.ts'
import type { Effect } from './records.ts'

/**
 * Repairs one course of a database that an older system left behind, taking no seat away that a student
 * could believe in: a student in several groups keeps one (a seat before a reserve place, the older first),
 * a group over capacity grows to what it holds, and whoever waits beside a free seat gets it.
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
  const seats = group.registered.filter((student) => !leaving.has(student)).length
  if (seats > group.capacity) {
    return [{ type: 'capacity_changed', course: group.course, group: group.group, capacity: seats }]
  }
  return group.queue
    .filter((student) => !leaving.has(student))
    .slice(0, group.capacity - seats)
    .map((student) => ({ type: 'promoted', student, course: group.course, group: group.group }))
}

function studentsIn(campus: Campus, groups: readonly CourseGroup[]): Student[] {
  const ids = new Set(groups.flatMap((group) => [...group.registered, ...group.queue]))
  return [...ids].toSorted((a, b) => a - b).map((id) => campus.student(id))
}
