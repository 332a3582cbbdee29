import { adopt } from './adoption.ts'
import type { Campus, Student } from './campus.ts'
import type { Actor, Command, Leg, StaffLeg, StudentLeg } from './commands.ts'
import { decideForceAdd, decideForceDrop, decideSetCapacity } from './overrides.ts'
import { decidePlan } from './plan.ts'
import type { Verdict } from './records.ts'
import type { RejectionCode } from './refusals.ts'

/** The command was turned away before the rules were asked; nothing is journaled. */
export interface Rejection {
  readonly rejection: RejectionCode
  readonly course?: number
  readonly group?: number
}

/**
 * Judges one command against the campus as it stands. Pure: it changes nothing and reads no clock. Every
 * broken rule is among the reasons, in order of precedence, not only the first.
 * @param nowMs the record's `at`, milliseconds since the Unix epoch
 * @throws if the command is not of a shape that `Command` allows, which means a bug in the caller
 */
export function decide(campus: Campus, command: Command, nowMs: number): Verdict | Rejection {
  const { actor, legs } = command
  const student = command.student === undefined ? undefined : campus.students.get(command.student)
  // In order of precedence: whose course it is, then whether the student and the course exist.
  const rejection = otherDepartment(campus, actor, legs)
  if (rejection !== undefined) return rejection
  if (student === undefined && command.student !== undefined) return { rejection: 'no_such_student' }
  for (const leg of legs) {
    if (!isThere(campus, leg)) return { rejection: 'no_such_course', ...whereOf(leg) }
  }
  if (isStudentLegs(legs)) {
    return decidePlan(campus, expectStudent(student), legs, { nowMs, refuseNoChange: command.plan === true })
  }
  const [leg] = legs
  if (leg === undefined || legs.length > 1 || isStudentLeg(leg)) {
    throw new Error('a command has legs of a student, or exactly one leg of a staff member or an operator')
  }
  return leg.do === 'adopt' ? { effects: adopt(campus, leg) } : decideOverride(campus, student, leg)
}

function decideOverride(campus: Campus, student: Student | undefined, leg: StaffLeg): Verdict {
  const group = campus.group(leg.course, leg.group)
  switch (leg.do) {
    case 'force_add':
      return decideForceAdd(expectStudent(student), group)
    case 'force_drop':
      return decideForceDrop(expectStudent(student), group)
    case 'set_capacity':
      return decideSetCapacity(group, leg.capacity)
  }
}

function otherDepartment(campus: Campus, actor: Actor, legs: readonly Leg[]): Rejection | undefined {
  if (actor.role !== 'staff' || actor.campusWide) return undefined
  for (const leg of legs) {
    const department = departmentOf(campus, leg)
    if (department !== undefined && department !== actor.department) {
      return { rejection: 'other_department', ...whereOf(leg) }
    }
  }
  return undefined
}

function isThere(campus: Campus, leg: Leg): boolean {
  const course = campus.courses.get(leg.course)
  if (course === undefined) return false
  return !('group' in leg) || course.find(leg.group) !== undefined
}

/** Groups of one course may belong to different departments; a leg that names no group goes by the first. */
function departmentOf(campus: Campus, leg: Leg): number | undefined {
  const course = campus.courses.get(leg.course)
  return ('group' in leg ? course?.find(leg.group) : course?.groups[0])?.profile.department
}

function whereOf(leg: Leg): { course: number; group?: number } {
  return 'group' in leg ? { course: leg.course, group: leg.group } : { course: leg.course }
}

function isStudentLeg(leg: Leg): leg is StudentLeg {
  return leg.do === 'add' || leg.do === 'drop' || leg.do === 'move'
}

function isStudentLegs(legs: readonly Leg[]): legs is readonly StudentLeg[] {
  for (const leg of legs) if (!isStudentLeg(leg)) return false
  return legs.length > 0
}

function expectStudent(student: Student | undefined): Student {
  if (student === undefined) throw new Error('this command is about a student and names none')
  return student
}
