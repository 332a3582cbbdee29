import type { AdminLeg } from './admin-commands.ts'

/**
 * Who asks. `campusWide` staff are not bound to their own department; with `seatsAnybody`, others seat students of other
 * departments too in courses of their own.
 */
export type Caller =
  | { readonly role: 'student'; readonly id: number }
  | {
      readonly role: 'staff'
      readonly id: number
      readonly department: number
      readonly campusWide: boolean
      readonly seatsAnybody?: boolean
    }
  /** The operator's own tools (adopting an older database). Bound by no rule but the data's own. */
  | { readonly role: 'operator'; readonly id: 0 }

/**
 * What an `add` does about the reserve queue: `allow` takes a seat, else a reserve place; `never` only a
 * seat; `only` joins the queue (and is promoted at once where a seat is free: nobody waits in vain).
 */
export type ReserveWish = 'allow' | 'never' | 'only'

export interface AddLeg {
  readonly do: 'add'
  readonly course: number
  readonly group: number
  readonly reserve: ReserveWish
}
export interface DropLeg {
  readonly do: 'drop'
  readonly course: number
}
/** `allowReserve`: a seat may be given up for a place in the destination's reserve queue. */
export interface MoveLeg {
  readonly do: 'move'
  readonly course: number
  readonly group: number
  readonly allowReserve: boolean
}
export interface ForceAddLeg {
  readonly do: 'force_add'
  readonly course: number
  readonly group: number
  readonly note?: string
}
/** The group must be the one that the student holds. */
export interface ForceDropLeg {
  readonly do: 'force_drop'
  readonly course: number
  readonly group: number
  readonly note?: string
}
export interface SetCapacityLeg {
  readonly do: 'set_capacity'
  readonly course: number
  readonly group: number
  readonly capacity: number
  readonly note?: string
}
/** Repairs what an older system left in the tables; see `adoption.ts`. */
export interface AdoptLeg {
  readonly do: 'adopt'
  readonly course: number
  /** Rows of `enrolled_courses` that repeat another row of the same student and group. */
  readonly duplicates: readonly {
    readonly student: number
    readonly group: number
    readonly rows: readonly number[]
  }[]
}

export type StudentLeg = AddLeg | DropLeg | MoveLeg
/** What staff do about one group as it stands. */
export type OverrideLeg = ForceAddLeg | ForceDropLeg | SetCapacityLeg
export type StaffLeg = OverrideLeg | AdminLeg
export type Leg = StudentLeg | StaffLeg | AdoptLeg

/**
 * One request to change the campus, judged whole: all legs or none. A student's command has 1 to 20 legs
 * (`StudentLeg`), a staff member's exactly one (`StaffLeg`).
 */
export interface Command {
  readonly actor: Caller
  /** Whom it is about; absent where it is about a course alone. */
  readonly student?: number
  readonly legs: readonly Leg[]
  /** A plan refuses to change nothing (`no_change`) and is answered leg by leg. */
  readonly plan?: boolean
}

/** The course of each leg that is about one: the actors that a command touches. */
export function coursesOf(legs: readonly Leg[]): number[] {
  const courses: number[] = []
  for (const leg of legs) if ('course' in leg) courses.push(leg.course)
  return courses
}
