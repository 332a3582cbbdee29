import type { ConflictsArose, ListedConflict } from '../messages/admin-effects.ts'
import type { Campus } from '../campus.ts'
import { byCourseAndGroup, type CourseGroup, type GroupProfile } from '../course.ts'
import type { Student } from '../student.ts'
import { canBeNamed } from './set-aside.ts'
import { examsOverlap, meetingsOverlap } from './timetable.ts'

type Times = Pick<GroupProfile, 'meetings' | 'exam'>

/** Conflicts that are named one by one; the others are counted. */
export const listedConflictsMax = 50

/**
 * Who of those in the group would have two things at once if it met, or examined, at other times, and had not
 * before. Undefined if nobody.
 */
export function conflictsAfter(campus: Campus, group: CourseGroup, after: Times): ConflictsArose | undefined {
  const before = group.profile
  if (before.meetings === after.meetings && before.exam === after.exam) return undefined
  const students: ListedConflict[] = []
  let count = 0
  for (const id of [...group.registered, ...group.queue].toSorted((a, b) => a - b)) {
    if (!canBeNamed(id)) continue
    const conflict = firstConflict(campus.student(id), group, after)
    if (conflict === undefined) continue
    count++
    if (students.length < listedConflictsMax) students.push(conflict)
  }
  if (count === 0) return undefined
  return { type: 'conflicts_arose', course: group.course, group: group.group, count, students }
}

/** By course and group, so that it does not depend on how the places came about. */
function firstConflict(student: Student, group: CourseGroup, after: Times): ListedConflict | undefined {
  const others = student.places.filter((place) => place !== group).toSorted(byCourseAndGroup)
  for (const { course, group: number, profile } of others) {
    const conflict = { student: student.id, with: { course, group: number } }
    const met = meetingsOverlap(group.profile.meetings, profile.meetings)
    if (!met && meetingsOverlap(after.meetings, profile.meetings))
      return { ...conflict, kind: 'class_conflict' }
    const examined = examsOverlap(group.profile.exam, profile.exam)
    if (!examined && examsOverlap(after.exam, profile.exam)) return { ...conflict, kind: 'exam_conflict' }
  }
  return undefined
}
