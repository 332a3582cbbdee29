import type { AdminLeg } from '../messages/admin-commands.ts'
import type { Campus } from '../campus.ts'
import type { CourseGroup, GroupProfile } from '../course.ts'
import type { Student, StudentProfile } from '../student.ts'
import type { AdoptLeg, Leg, OverrideLeg, StudentLeg } from '../messages/commands.ts'
import type { Rejection } from '../messages/records.ts'

// Rows that other programs wrote, and that no decision may rest on or no record can speak of: a window before 1970, a
// negative number of units. `faults` of a profile names the columns. Commands about such a student or group are turned
// away, and everybody else is served: the seats in it count as taken, and its queue keeps its order. A change by staff
// that gives every such column another value goes through, and ends it.

/** Whether a record can name who has this number. */
export function canBeNamed(id: number): boolean {
  return id >= 0 && id <= Number.MAX_SAFE_INTEGER
}

/** The first row set aside that the legs are about: the student, the group, or the place that they would change. */
export function setAsideBy(
  campus: Campus,
  student: Student | undefined,
  legs: readonly (StudentLeg | OverrideLeg | AdoptLeg)[],
): Rejection | undefined {
  if (!campus.hasFaults) return undefined
  if (student?.profile.faults !== undefined) return { rejection: 'set_aside', student: student.id }
  for (const leg of legs) {
    // Adoption settles what it finds, in the rows that a record can name.
    if (leg.do === 'adopt') continue
    const target = 'group' in leg ? campus.findGroup(leg.course, leg.group) : undefined
    for (const group of [target, student?.placeIn(leg.course)]) {
      if (group?.profile.faults !== undefined && !mendsGroup(group.profile, leg)) return rejectionOf(group)
    }
  }
  return undefined
}

/** The same for what staff do with courses and students themselves. */
export function setAsideByAdministration(
  campus: Campus,
  leg: AdminLeg,
  { student, groups }: { readonly student?: Student; readonly groups: readonly CourseGroup[] },
): Rejection | undefined {
  if (!campus.hasFaults) return undefined
  if (student !== undefined && !mendsStudent(student.profile, leg)) {
    return { rejection: 'set_aside', student: student.id }
  }
  for (const group of groups) {
    if (group.profile.faults !== undefined && !mendsGroup(group.profile, leg)) return rejectionOf(group)
    if (leg.do !== 'cancel') continue
    const nameless = group.registered.find((id) => !canBeNamed(id))
    if (nameless !== undefined) return { rejection: 'set_aside', student: nameless }
  }
  return undefined
}

function rejectionOf({ course, group }: CourseGroup): Rejection {
  return { rejection: 'set_aside', course, group }
}

function mendsGroup({ faults = [] }: GroupProfile, leg: Leg): boolean {
  const given: Readonly<Record<string, unknown>> =
    leg.do === 'change_group'
      ? { capacity: leg.capacity, reserve_capacity: leg.reserveCapacity, class_time: leg.meetings }
      : leg.do === 'set_capacity'
        ? { capacity: leg.capacity }
        : {}
  return faults.every((column) => given[column] !== undefined)
}

function mendsStudent({ faults = [] }: StudentProfile, leg: AdminLeg): boolean {
  if (leg.do !== 'change_student') return false
  const { windowStartMs, windowEndMs, maxUnits, remainingActions } = leg
  // A new password is judged as a change of nothing.
  if (windowStartMs === undefined && windowEndMs === undefined && maxUnits === undefined) {
    return faults.length === 0 || remainingActions === undefined
  }
  // One bound of a window is judged with the other.
  const window = windowStartMs === undefined ? undefined : windowEndMs
  const given: Readonly<Record<string, unknown>> = {
    enrollment_start_time: window,
    enrollment_end_time: window,
    max_units: maxUnits,
  }
  return faults.every((column) => given[column] !== undefined)
}

/** A profile once these columns have been given other values. */
export function mended<Profile extends StudentProfile | GroupProfile>(
  profile: Profile,
  columns: readonly string[],
): Profile {
  if (profile.faults === undefined) return profile
  const { faults, ...sound } = profile
  const left = faults.filter((column) => !columns.includes(column))
  return (left.length === 0 ? sound : { ...sound, faults: left }) as Profile
}
