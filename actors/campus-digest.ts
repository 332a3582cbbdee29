import type { Campus } from './campus.ts'
import type { CourseGroup } from './course.ts'
import type { Student } from './student.ts'

/**
 * Everything about a campus that decisions decide, as text in one canonical order, whatever the order in
 * which it came about: two campuses give the same lines if and only if they are in the same state. For
 * comparing memory with a replay or with the tables: hash the lines, or compare them one by one.
 *
 *     group 40103/1 open capacity=30 reserve=5 lecturer="N. N." notes="" meetings=0:540-630 exam=- registered=17,42 queue=99@4,12@7
 *     student 17 actions=3 units=20 window=1916118000000-1916121600000
 *
 * First the groups, ascending by course and group; registered ascending by id, `17+` in an extra seat; the queue as it stands, each
 * with its order. Then the students, ascending by id.
 */
export function* stateLines(campus: Campus): Iterable<string> {
  for (const course of ascending(campus.courses.values(), (candidate) => candidate.id)) {
    for (const group of ascending(course.groups, (candidate) => candidate.group)) yield groupLine(group)
  }
  for (const student of ascending(campus.students.values(), (candidate) => candidate.id)) {
    yield studentLine(student)
  }
}

function groupLine(group: CourseGroup): string {
  const seats = ascending(group.registered, (id) => id)
    .map((id) => (group.extra.includes(id) ? `${id}+` : id))
    .join(',')
  const waiting = group.queue.map((id, index) => `${id}@${group.queueOrders[index]}`).join(',')
  return [
    `group ${group.course}/${group.group} ${group.status} capacity=${group.capacity}`,
    ...detailsOf(group),
    `registered=${seats} queue=${waiting}`,
  ].join(' ')
}

/** Reserve capacity, lecturer, notes, weekly meetings (`day:start-end` in minutes) and the exam, each as `name=value`. */
export function detailsOf({ profile, reserveCapacity }: CourseGroup): string[] {
  const { lecturer, notes, meetings, exam } = profile
  const times = meetings.map(({ day, startMinute, endMinute }) => `${day}:${startMinute}-${endMinute}`)
  return [
    `reserve=${reserveCapacity}`,
    `lecturer=${JSON.stringify(lecturer)}`,
    `notes=${JSON.stringify(notes)}`,
    `meetings=${times.toSorted().join(',')}`,
    `exam=${exam === undefined ? '-' : `${exam.startMs}-${exam.endMs}`}`,
  ]
}

function studentLine({ id, remainingActions, maxUnits, window }: Student): string {
  return `student ${id} actions=${remainingActions} units=${maxUnits} window=${window.startMs}-${window.endMs}`
}

function ascending<T>(items: Iterable<T>, keyOf: (item: T) => number): T[] {
  return [...items].toSorted((a, b) => keyOf(a) - keyOf(b))
}
