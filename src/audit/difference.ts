/** What a difference is about. */
export type Subject =
  | { readonly about: 'place'; readonly student: number; readonly course: number; readonly group: number }
  | { readonly about: 'group'; readonly course: number; readonly group: number }
  | { readonly about: 'student'; readonly student: number }
  | { readonly about: 'journal' }

/** Who made a difference from outside: the newest change that touched its subject, and how many did. */
export interface OutsideHand {
  readonly by: string
  readonly atMs: number
  readonly table: string
  readonly operation: string
  readonly changes: number
}

/** Something that the decisions say and the tables do not. */
export interface Difference {
  readonly subject: Subject
  readonly expected: string
  readonly found: string
  readonly outside?: OutsideHand
  /** The newest decision whose effect on this subject found no row to change. */
  readonly orphanedBy?: { readonly term: number; readonly seq: number }
}

/** Equal for equal subjects, and no others. */
export function subjectKey(subject: Subject): string {
  switch (subject.about) {
    case 'place':
      return `place ${subject.student} ${subject.course}/${subject.group}`
    case 'group':
      return `group ${subject.course}/${subject.group}`
    case 'student':
      return `student ${subject.student}`
    case 'journal':
      return 'journal'
  }
}

/** For people: `student 5 in 101/1`. */
export function subjectName(subject: Subject): string {
  switch (subject.about) {
    case 'place':
      return `student ${subject.student} in ${subject.course}/${subject.group}`
    case 'group':
      return `group ${subject.course}/${subject.group}`
    case 'student':
      return `student ${subject.student}`
    case 'journal':
      return 'journal'
  }
}
