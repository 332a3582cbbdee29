import type { AddGroupLeg, AdminLeg } from '../messages/admin-commands.ts'
import type { Caller, Command } from '../messages/commands.ts'
import type { Campus } from '../campus.ts'
import { decideAddGroup, decideCancel, decideChangeGroup, decideOpen, groupsOf } from './course-admin.ts'
import type { Rejection, Verdict } from '../messages/records.ts'
import { setAsideByAdministration } from './set-aside.ts'
import { decideAddStudent, decideChangeStudent } from './student-admin.ts'

const adminDeeds = new Set<string>([
  'change_group',
  'open',
  'close',
  'cancel',
  'add_group',
  'change_student',
  'add_student',
] satisfies AdminLeg['do'][])

export function isAdminLeg(leg: { readonly do: string }): leg is AdminLeg {
  return adminDeeds.has(leg.do)
}

/** Judges what staff do with courses and students themselves: first whether it is theirs, then by the rules. */
export function decideAdministration(campus: Campus, command: Command, leg: AdminLeg): Verdict | Rejection {
  const rejection = turnedAway(campus, command, leg)
  if (rejection !== undefined) return rejection
  switch (leg.do) {
    case 'change_group':
      return decideChangeGroup(campus, campus.group(leg.course, leg.group), leg)
    case 'open':
    case 'close':
      return decideOpen(campus.course(leg.course), leg)
    case 'cancel':
      return decideCancel(campus.course(leg.course), leg)
    case 'add_group':
      return decideAddGroup(campus, leg)
    case 'change_student':
      return decideChangeStudent(campus.student(studentOf(command)), leg)
    case 'add_student':
      return decideAddStudent(campus, studentOf(command), leg)
  }
}

/** In order of precedence: whose it is, whether it exists, and whether it can be served. */
function turnedAway(campus: Campus, command: Command, leg: AdminLeg): Rejection | undefined {
  switch (leg.do) {
    case 'add_group':
    case 'add_student': {
      const { department } = leg
      if (!mayAdminister(command.actor, department)) return { rejection: 'other_department', department }
      if (!campus.departments.has(department)) return { rejection: 'no_such_department', department }
      return leg.do === 'add_group' ? ofAnotherCourse(campus, leg) : undefined
    }
    case 'change_student': {
      const student = campus.students.get(studentOf(command))
      if (student === undefined) return { rejection: 'no_such_student' }
      // A place in a course of theirs lets staff see a student; what the student may do is their own department's.
      if (mayAdminister(command.actor, student.profile.department)) {
        return setAsideByAdministration(campus, leg, { student, groups: [] })
      }
      return { rejection: 'other_department', student: student.id }
    }
    case 'change_group':
    case 'open':
    case 'close':
    case 'cancel': {
      const { course, group } = leg
      const found = campus.courses.get(course)
      const groups = found === undefined ? [] : groupsOf(found, leg)
      const foreign = groups.find(({ profile }) => !mayAdminister(command.actor, profile.department))
      if (foreign !== undefined) return { rejection: 'other_department', course, group: foreign.group }
      if (groups.length > 0) return setAsideByAdministration(campus, leg, { groups })
      return { rejection: 'no_such_course', course, ...(group !== undefined && { group }) }
    }
  }
}

/** Another group of a course is for a department that the course is for already. */
function ofAnotherCourse(campus: Campus, leg: AddGroupLeg): Rejection | undefined {
  const { course, group, department } = leg
  const groups = campus.courses.get(course)?.groups ?? []
  const isItsOwn = groups.length === 0 || groups.some(({ profile }) => profile.department === department)
  return isItsOwn ? undefined : { rejection: 'other_department', course, group }
}

function mayAdminister(actor: Caller, department: number): boolean {
  return (
    actor.role === 'operator' ||
    (actor.role === 'staff' && (actor.campusWide || actor.department === department))
  )
}

function studentOf({ student }: Command): number {
  if (student === undefined) throw new Error('this command is about a student and names none')
  return student
}
