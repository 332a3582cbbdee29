import type { Gender } from '../course.ts'
import type { ExamTime, Meeting } from '../rules/timetable.ts'

interface Where {
  readonly course: number
  readonly group: number
}

/** What changed about a group besides its places and its capacity: each field as it is from now on. */
export interface GroupChanged extends Where {
  readonly type: 'group_changed'
  readonly reserveCapacity?: number
  readonly lecturer?: string
  readonly notes?: string
  readonly meetings?: readonly Meeting[]
  /** null = there is no exam any more. */
  readonly exam?: ExamTime | null
}

/**
 * One student whom a change of times left with two things at once, and the first other course concerned, which every
 * record has: only who may not see it reads none.
 */
export interface ListedConflict {
  readonly student: number
  readonly kind: 'class_conflict' | 'exam_conflict'
  readonly with?: Where
}

/**
 * Students who hold a place in the group, and whose timetable its new times clash with. They keep their
 * places. Told, so that staff can help them; it changes nothing by itself.
 */
export interface ConflictsArose extends Where {
  readonly type: 'conflicts_arose'
  /** How many students, exactly. */
  readonly count: number
  /** The first of them by number, one conflict each. */
  readonly students: readonly ListedConflict[]
}

/** The places themselves ended by `left`, in the same record; here is how many there were. */
export interface GroupCancelled extends Where {
  readonly type: 'group_cancelled'
  readonly registered: number
  readonly waiting: number
}

export interface GroupAdded extends Where {
  readonly type: 'group_added'
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
}

export interface StudentAdded {
  readonly type: 'student_added'
  readonly student: number
  readonly department: number
  readonly gender: Gender
  readonly entryYear: number
  readonly maxUnits: number
  readonly remainingActions: number
  /** Milliseconds since the Unix epoch; start inclusive, end exclusive. */
  readonly windowStartMs: number
  readonly windowEndMs: number
}

export type AdminEffect =
  | GroupChanged
  | ConflictsArose
  | GroupCancelled
  | GroupAdded
  | StudentAdded
  | (Where & { readonly type: 'group_opened' })
  /** Nobody enters it by themselves any more; who waits still moves up. */
  | (Where & { readonly type: 'group_closed' })
  | {
      readonly type: 'window_changed'
      readonly student: number
      readonly windowStartMs: number
      readonly windowEndMs: number
    }
  | {
      readonly type: 'max_units_changed'
      readonly student: number
      readonly maxUnits: number
      /** What the student holds at that moment, which may be more: no place is taken away for it. */
      readonly heldUnits: number
    }
  /** Set by a staff member, not spent. */
  | { readonly type: 'actions_changed'; readonly student: number; readonly remaining: number }
