import { detailsOf } from '../../actors/campus-digest.ts'
import type { CourseGroup } from '../../actors/course.ts'
import type { Student } from '../../actors/student.ts'
import { type AuditState, placeKey } from './audit-state.ts'
import type { Difference } from './difference.ts'

/**
 * Everything that decisions decide and the two states do not have alike: groups ascending, each with its places,
 * then students.
 */
export function compareStates(expected: AuditState, found: AuditState): Difference[] {
  return [...compareGroups(expected, found), ...compareStudents(expected, found)]
}

function* compareGroups(expected: AuditState, found: AuditState): Iterable<Difference> {
  for (const [course, group] of groupsOf(expected, found)) {
    const before = expected.campus.findGroup(course, group)
    const after = found.campus.findGroup(course, group)
    if (before?.capacity !== after?.capacity) {
      yield {
        subject: { about: 'group', course, group },
        expected: before === undefined ? 'no such group' : `capacity ${before.capacity}`,
        found: after === undefined ? 'no such group' : `capacity ${after.capacity}`,
      }
    }
    if (before !== undefined && after !== undefined) yield* compareDetails(before, after)
    yield* comparePlaces({ course, group }, [before, expected], [after, found])
  }
}

function* compareDetails(before: CourseGroup, after: CourseGroup): Iterable<Difference> {
  const found = [after.status, ...detailsOf(after)]
  for (const [index, detail] of [before.status, ...detailsOf(before)].entries()) {
    if (detail === found[index]) continue
    const subject = { about: 'group', course: before.course, group: before.group } as const
    yield { subject, expected: detail, found: found[index] ?? 'nothing' }
  }
}

function groupsOf(expected: AuditState, found: AuditState): [number, number][] {
  const groups = new Map<string, [number, number]>()
  for (const { campus } of [expected, found]) {
    for (const course of campus.courses.values()) {
      for (const { group } of course.groups) groups.set(`${course.id}/${group}`, [course.id, group])
    }
  }
  return [...groups.values()].toSorted((a, b) => a[0] - b[0] || a[1] - b[1])
}

type Side = readonly [CourseGroup | undefined, AuditState]

function* comparePlaces(
  { course, group }: { course: number; group: number },
  [before, expected]: Side,
  [after, found]: Side,
): Iterable<Difference> {
  const expectedPlaces = placesOf(before)
  const foundPlaces = placesOf(after)
  const students = new Set([...expectedPlaces.keys(), ...foundPlaces.keys()])
  for (const student of [...students].toSorted((a, b) => a - b)) {
    const subject = { about: 'place', student, course, group } as const
    const key = placeKey(student, course, group)
    const was = tell(expectedPlaces.get(student), expected.surplusRows.get(key))
    const is = tell(foundPlaces.get(student), found.surplusRows.get(key))
    if (was !== is) yield { subject, expected: was, found: is }
  }
}

/** Each student's place in words. */
function placesOf(group: CourseGroup | undefined): Map<number, string> {
  const places = new Map<number, string>()
  for (const student of group?.registered ?? []) places.set(student, 'a seat')
  for (const student of group?.extra ?? []) places.set(student, 'an extra seat')
  group?.queue.forEach((student, index) => {
    places.set(student, `a reserve place of order ${group.queueOrders[index] ?? 0}`)
  })
  return places
}

function tell(place: string | undefined, surplusRows = 0): string {
  if (place === undefined) return 'no place'
  return surplusRows === 0 ? place : `${place}, in ${surplusRows + 1} rows`
}

function* compareStudents(
  { campus: expected }: AuditState,
  { campus: found }: AuditState,
): Iterable<Difference> {
  const ids = new Set([...expected.students.keys(), ...found.students.keys()])
  for (const id of [...ids].toSorted((a, b) => a - b)) {
    const before = expected.students.get(id)
    const after = found.students.get(id)
    if (before !== undefined && after !== undefined) yield* compareLimits(before, after)
    if (before?.remainingActions === after?.remainingActions) continue
    yield {
      subject: { about: 'student', student: id },
      expected: before === undefined ? 'no such student' : `${before.remainingActions} actions left`,
      found: after === undefined ? 'no such student' : `${after.remainingActions} actions left`,
    }
  }
}

function* compareLimits(before: Student, after: Student): Iterable<Difference> {
  const subject = { about: 'student', student: before.id } as const
  if (before.maxUnits !== after.maxUnits) {
    yield { subject, expected: `${before.maxUnits} units at most`, found: `${after.maxUnits}` }
  }
  if (before.window === after.window) return
  const [expected, found] = [windowOf(before), windowOf(after)]
  if (expected !== found) yield { subject, expected: `a window ${expected}`, found }
}

function windowOf({ window: { startMs, endMs } }: Student): string {
  const start = new Date(startMs).toISOString()
  return endMs <= startMs ? `from ${start}` : `from ${start} to ${new Date(endMs).toISOString()}`
}
