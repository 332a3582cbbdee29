import type { Gender } from '../course.ts'
import type { ExamTime, Meeting } from '../rules/timetable.ts'

/** Changes what is given and leaves the rest, all of it in one decision. */
export interface ChangeGroupLeg {
  readonly do: 'change_group'
  readonly course: number
  readonly group: number
  readonly capacity?: number
  readonly reserveCapacity?: number
  readonly lecturer?: string
  readonly notes?: string
  /** In the order of the week, none overlapping another. */
  readonly meetings?: readonly Meeting[]
  /** null = there is no exam. */
  readonly exam?: ExamTime | null
  readonly note?: string
}

/** Without a group: every group of the course. A cancelled group neither opens nor closes. */
export interface OpenLeg {
  readonly do: 'open' | 'close'
  readonly course: number
  readonly group?: number
  readonly note?: string
}

/** Ends every place of the group (without one: of every group of the course), for good. */
export interface CancelLeg {
  readonly do: 'cancel'
  readonly course: number
  readonly group?: number
  readonly note?: string
}

export interface AddGroupLeg {
  readonly do: 'add_group'
  readonly course: number
  readonly group: number
  readonly department: number
  readonly name: string
  readonly lecturer: string
  readonly units: number
  readonly capacity: number
  readonly reserveCapacity: number
  readonly meetings: readonly Meeting[]
  readonly exam: ExamTime | null
  readonly genderLock: Gender | null
  readonly notes: string
  readonly note?: string
}

/** Changes what is given and leaves the rest. Times are milliseconds since the Unix epoch. */
export interface ChangeStudentLeg {
  readonly do: 'change_student'
  readonly windowStartMs?: number
  readonly windowEndMs?: number
  readonly maxUnits?: number
  readonly remainingActions?: number
  readonly note?: string
}

/** The command names the new student. Passwords never travel through commands. */
export interface AddStudentLeg {
  readonly do: 'add_student'
  readonly department: number
  readonly gender: Gender
  readonly entryYear: number
  readonly maxUnits: number
  readonly remainingActions: number
  readonly windowStartMs: number
  readonly windowEndMs: number
  readonly note?: string
}

/** What staff do with courses and students themselves, rather than with places; exactly one to a command. */
export type AdminLeg = ChangeGroupLeg | OpenLeg | CancelLeg | AddGroupLeg | ChangeStudentLeg | AddStudentLeg
