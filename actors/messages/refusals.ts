/**
 * Why a rule refused a command, in order of precedence: the first one that applies is the reply's `code`.
 * A refusal is a decision: it is journaled like a success. Codes are public: add, never rename.
 */
export const refusalCodes = {
  outside_enrollment_window: { retry: 'later', meaning: 'It is not your enrollment time.' },
  already_enrolled: { retry: 'never', meaning: 'The student already holds a place in this course.' },
  not_enrolled: { retry: 'never', meaning: 'The student holds no such place in this course.' },
  no_change: { retry: 'never', meaning: 'The request would change nothing.' },
  course_cancelled: { retry: 'never', meaning: 'The course was cancelled.' },
  course_closed: { retry: 'later', meaning: 'The course takes nobody in at present.' },
  gender_locked: { retry: 'never', meaning: 'This group is reserved for the other gender.' },
  unit_limit: { retry: 'after_change', meaning: 'The courses would exceed the unit limit.' },
  class_conflict: { retry: 'after_change', meaning: 'Its classes overlap with those of another course.' },
  exam_conflict: { retry: 'after_change', meaning: 'Its exam overlaps with that of another course.' },
  no_actions_left: { retry: 'never', meaning: 'No drops or moves are left.' },
  move_would_lose_seat: {
    retry: 'after_change',
    meaning: 'The new group has only reserve places; the seat held now would be given up.',
  },
  course_full: { retry: 'later', meaning: 'Every seat and every reserve place is taken.' },
  capacity_below_registered: {
    retry: 'after_change',
    meaning: 'More students are registered than the new capacity has seats.',
  },
  reserve_capacity_below_waiting: {
    retry: 'after_change',
    meaning: 'More students wait than the new reserve queue has places.',
  },
  too_many_places: {
    retry: 'after_change',
    meaning: 'More places would end than one decision can hold; cancel the groups one by one.',
  },
  group_exists: { retry: 'never', meaning: 'There is such a group of this course already.' },
  student_exists: { retry: 'never', meaning: 'There is a student with this number already.' },
  window_ends_first: {
    retry: 'after_change',
    meaning: 'The enrollment window would end before it begins.',
  },
} as const

export type RefusalCode = keyof typeof refusalCodes

const precedence = new Map<string, number>(Object.keys(refusalCodes).map((code, index) => [code, index]))

/** One violated rule. `leg` is the index of the leg that broke it; absent when the whole command did. */
export interface Refusal {
  readonly code: RefusalCode
  readonly leg?: number
  readonly course?: number
  readonly group?: number
  /** The other course of a conflict. */
  readonly with?: { readonly course: number; readonly group: number }
  /** Of the last reason of a record that has as many as it may: how many more there were. */
  readonly more?: number
  /** The student's own window, start inclusive and end exclusive, in milliseconds of Unix time. */
  readonly window?: { readonly startMs: number; readonly endMs: number }
}

/** Twenty courses that all overlap break hundreds of rules. A record, and an answer, holds so many of them. */
export const reasonsMax = 40

/**
 * Sorts by precedence of code, then by leg, so that the same reasons always read the same; at most `reasonsMax`, the
 * last of which says how many were left out.
 */
export function inOrderOfPrecedence(refusals: readonly Refusal[]): Refusal[] {
  const sorted = refusals.toSorted(
    (a, b) => (precedence.get(a.code) ?? 0) - (precedence.get(b.code) ?? 0) || (a.leg ?? -1) - (b.leg ?? -1),
  )
  const last = sorted[reasonsMax - 1]
  if (last === undefined || sorted.length === reasonsMax) return sorted
  return [...sorted.slice(0, reasonsMax - 1), { ...last, more: sorted.length - reasonsMax }]
}

/**
 * Why a command was turned away before any rule was asked. Not a decision: nothing is journaled, nothing
 * changed, and the same request may succeed once the cause is gone.
 */
export type RejectionCode =
  | 'other_department'
  | 'no_such_student'
  | 'no_such_course'
  | 'no_such_department'
  /** The row of the student or group cannot be served as it is; see `set-aside.ts`. */
  | 'set_aside'
