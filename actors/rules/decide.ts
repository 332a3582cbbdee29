import { decideAdministration, isAdminLeg } from './administration.ts'
import { adopt } from './adoption.ts'
import type { Campus } from '../campus.ts'
import type { Student } from '../student.ts'
import type { Caller, AdoptLeg, Command, Leg, OverrideLeg, StudentLeg } from '../messages/commands.ts'
import { decideForceAdd, decideForceDrop, decideSetCapacity } from './overrides.ts'
import { decidePlan } from './plan.ts'
import type { Rejection, Verdict } from '../messages/records.ts'
import { setAsideBy } from './set-aside.ts'

/** What commands do with places and seats, each leg in one course. */
type PlaceLeg = StudentLeg | OverrideLeg | AdoptLeg

/**
 * Judges one command against the campus as it stands. Pure: it changes nothing and reads no clock. Every
 * broken rule is among the reasons, in order of precedence, not only the first.
 * @param nowMs the record's `at`, milliseconds since the Unix epoch
 * @throws if the command is not of a shape that `Command` allows, which means a bug in the caller
 */
export function decide(campus: Campus, command: Command, nowMs: number): Verdict | Rejection {
  const { legs } = command
  if (isStudentLegs(legs)) {
    const student = studentOf(campus, command)
    const rejection = turnedAway(campus, command, student, legs)
    if (rejection !== undefined) return rejection
    return decidePlan(campus, expectStudent(student), legs, { nowMs, refuseNoChange: command.plan === true })
  }
  const [leg] = legs
  if (leg === undefined || legs.length > 1 || isStudentLeg(leg)) {
    throw new Error('a command has legs of a student, or exactly one leg of a staff member or an operator')
  }
  if (isAdminLeg(leg)) return decideAdministration(campus, command, leg)
  const student = studentOf(campus, command)
  const rejection = turnedAway(campus, command, student, [leg])
  if (rejection !== undefined) return rejection
  return leg.do === 'adopt' ? { effects: adopt(campus, leg) } : decideOverride(campus, student, leg)
}

function decideOverride(campus: Campus, student: Student | undefined, leg: OverrideLeg): Verdict {
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

/**
 * In order of precedence: whose course it is, whether the student exists, whose they are, whether the course exists, and
 * whether both can be served.
 */
function turnedAway(
  campus: Campus,
  command: Command,
  student: Student | undefined,
  legs: readonly PlaceLeg[],
): Rejection | undefined {
  const rejection = otherDepartment(campus, command.actor, legs)
  if (rejection !== undefined) return rejection
  if (student === undefined && command.student !== undefined) return { rejection: 'no_such_student' }
  if (student !== undefined && legs[0]?.do === 'force_add' && !maySeat(command.actor, student)) {
    return { rejection: 'other_department', student: student.id }
  }
  for (const leg of legs) {
    if (!isThere(campus, leg)) return { rejection: 'no_such_course', ...whereOf(leg) }
  }
  return setAsideBy(campus, student, legs)
}

function otherDepartment(campus: Campus, actor: Caller, legs: readonly PlaceLeg[]): Rejection | undefined {
  if (actor.role !== 'staff' || actor.campusWide) return undefined
  for (const leg of legs) {
    const department = departmentOf(campus, leg)
    if (department !== undefined && department !== actor.department) {
      return { rejection: 'other_department', ...whereOf(leg) }
    }
  }
  return undefined
}

/** A place bypasses the units and the timetable that the student's own department answers for. */
function maySeat(actor: Caller, { profile }: Student): boolean {
  if (actor.role !== 'staff' || actor.campusWide || actor.seatsAnybody === true) return true
  return profile.department === actor.department
}

function isThere(campus: Campus, leg: PlaceLeg): boolean {
  const course = campus.courses.get(leg.course)
  if (course === undefined) return false
  return !('group' in leg) || course.find(leg.group) !== undefined
}

/** Groups of one course may belong to different departments; a leg that names no group goes by the first. */
function departmentOf(campus: Campus, leg: PlaceLeg): number | undefined {
  const course = campus.courses.get(leg.course)
  return ('group' in leg ? course?.find(leg.group) : course?.groups[0])?.profile.department
}

function whereOf(leg: PlaceLeg): { course: number; group?: number } {
  return 'group' in leg ? { course: leg.course, group: leg.group } : { course: leg.course }
}

function isStudentLeg(leg: Leg): leg is StudentLeg {
  return leg.do === 'add' || leg.do === 'drop' || leg.do === 'move'
}

function isStudentLegs(legs: readonly Leg[]): legs is readonly StudentLeg[] {
  for (const leg of legs) if (!isStudentLeg(leg)) return false
  return legs.length > 0
}

function studentOf(campus: Campus, { student }: Command): Student | undefined {
  return student === undefined ? undefined : campus.students.get(student)
}

function expectStudent(student: Student | undefined): Student {
  if (student === undefined) throw new Error('this command is about a student and names none')
  return student
}
