import type { Campus, CourseGroup } from './campus.ts'

/**
 * Everything about a campus that decisions decide, as text in one canonical order, whatever the order in
 * which it came about: two campuses give the same lines if and only if they are in the same state. For
 * comparing memory with a replay or with the tables: hash the lines, or compare them one by one.
 *
 *     group 40103/1 capacity=30 registered=17,42 queue=99@4,12@7
 *     student 17 actions=3
 *
 * First the groups, ascending by course and group; registered ascending by id; the queue as it stands, each
 * with its order. Then the students, ascending by id.
 */
export function* stateLines(campus: Campus): Iterable<string> {
  for (const course of ascending(campus.courses.values(), (candidate) => candidate.id)) {
    for (const group of ascending(course.groups, (candidate) => candidate.group)) yield groupLine(group)
  }
  for (const student of ascending(campus.students.values(), (candidate) => candidate.id)) {
    yield `student ${student.id} actions=${student.remainingActions}`
  }
}

function groupLine({ course, group, capacity, registered, queue, queueOrders }: CourseGroup): string {
  const seats = ascending(registered, (id) => id).join(',')
  const waiting = queue.map((id, index) => `${id}@${queueOrders[index]}`).join(',')
  return `group ${course}/${group} capacity=${capacity} registered=${seats} queue=${waiting}`
}

function ascending<T>(items: Iterable<T>, keyOf: (item: T) => number): T[] {
  return [...items].toSorted((a, b) => keyOf(a) - keyOf(b))
}
