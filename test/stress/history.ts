/**
 * What clients did and saw, and what the database holds: the evidence that the audit judges. Legs, effects and
 * reasons are as the journal has them, described here a second time: the audit shares no code with the engine.
 */

export type Leg =
  | {
      readonly do: 'add'
      readonly course: number
      readonly group: number
      readonly reserve: 'allow' | 'never' | 'only'
    }
  | { readonly do: 'drop'; readonly course: number }
  | { readonly do: 'move'; readonly course: number; readonly group: number; readonly allowReserve: boolean }
  | { readonly do: 'force_add' | 'force_drop'; readonly course: number; readonly group: number }
  | {
      readonly do: 'set_capacity'
      readonly course: number
      readonly group: number
      readonly capacity: number
    }

interface Whose {
  readonly student: number
  readonly course: number
  readonly group: number
}

export type Effect =
  | ({ readonly type: 'registered' } & Whose)
  | ({ readonly type: 'left' } & Whose)
  | ({ readonly type: 'promoted' } & Whose)
  | ({ readonly type: 'extra_seat_given' } & Whose)
  | ({ readonly type: 'extra_seat_ended' } & Whose)
  | ({ readonly type: 'reserved'; readonly order: number; readonly position: number } & Whose)
  | {
      readonly type: 'actions_spent'
      readonly student: number
      readonly count: number
      readonly remaining: number
    }
  | {
      readonly type: 'capacity_changed'
      readonly course: number
      readonly group: number
      readonly capacity: number
    }

export interface Reason {
  readonly code: string
  readonly leg?: number
  readonly course?: number
  readonly group?: number
  readonly with?: { readonly course: number; readonly group: number }
  readonly more?: number
  readonly window?: { readonly startMs: number; readonly endMs: number }
}

export interface Caller {
  readonly role: 'student' | 'staff'
  readonly id: number
}

/** A row of `decisions`. */
export interface Decision {
  readonly term: number
  readonly seq: number
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  readonly actor: Caller
  readonly student: number | undefined
  readonly legs: readonly Leg[]
  /** Either effects or reasons. */
  readonly effects: readonly Effect[] | undefined
  readonly reasons: readonly Reason[] | undefined
  readonly remaining: number | undefined
  readonly key: string | undefined
}

export interface Place {
  readonly student: number
  readonly course: number
  readonly group: number
  /** undefined = a seat, else the order in the reserve queue. */
  readonly order: number | undefined
  /** A seat beyond the capacity; absent = no. */
  readonly isExtra?: boolean
}

/** The tables that decisions decide. */
export interface Tables {
  readonly groups: readonly {
    readonly course: number
    readonly group: number
    readonly capacity: number
    readonly reserveCapacity: number
  }[]
  readonly students: readonly { readonly id: number; readonly remaining: number }[]
  readonly places: readonly Place[]
}

/** What a client was told in the end. */
export type Answer =
  /** 200 with `body`, or 204. */
  | { readonly kind: 'done'; readonly body: unknown }
  /** 409: a rule said no. */
  | { readonly kind: 'refused'; readonly reasons: readonly Reason[] }
  /** It was surely not decided. */
  | { readonly kind: 'turned_away'; readonly code: string }
  /** No reply, or `outcome_unknown`, and no better one until the client gave up. */
  | { readonly kind: 'unknown'; readonly code: string }

/** One request on the wire. Times are of one steady clock, milliseconds. */
export interface Attempt {
  readonly sentMs: number
  readonly receivedMs: number
  /** Status and code, such as `204` or `409 course_full`; `no reply` and why. */
  readonly label: string
  /** It was surely not this attempt that led to a decision. */
  readonly certainlyNot: boolean
}

/** One client's try to have a command done, repeated with the same key until it is answered. */
export interface Try {
  readonly attempts: readonly Attempt[]
  readonly answer: Answer
  /** The last reply said that it repeats an earlier decision. */
  readonly isReplay: boolean
}

/** A command that a client wanted, once. */
export interface CommandLog {
  readonly actor: Caller
  readonly student: number | undefined
  readonly legs: readonly Leg[]
  readonly isPlan: boolean
  readonly key: string | undefined
  /** The first one, and repetitions of the same request with the same key, later or at the same time. */
  readonly tries: readonly Try[]
  /** Milliseconds since the Unix epoch, before the first attempt and after the last. */
  readonly begunAt: number
  readonly endedAt: number
}

/** What a read showed. */
export type ReadLog = { readonly sentMs: number; readonly receivedMs: number } & (
  | { readonly what: 'student'; readonly student: number; readonly places: readonly ShownPlace[] }
  | {
      readonly what: 'roster'
      readonly course: number
      readonly group: number
      readonly registered: readonly number[]
      readonly waiting: readonly number[]
    }
)

export interface ShownPlace {
  readonly course: number
  readonly group: number
  /** 0 = a seat, 1 = first in the queue. */
  readonly position: number
}

/** What the service showed of a group's numbers, once all was quiet. */
export interface ShownGroup {
  readonly course: number
  readonly group: number
  readonly capacity: number
  readonly registered: number
  readonly waiting: number
}

export interface Evidence {
  /** What the tables held before the first leader. */
  readonly before: Tables
  /** Ascending by term and seq. */
  readonly decisions: readonly Decision[]
  readonly after: Tables
  readonly commands: readonly CommandLog[]
  /** While commands were going on. */
  readonly reads: readonly ReadLog[]
  /** After everything had been written. */
  readonly lastReads: readonly ReadLog[]
  readonly lastGroups: readonly ShownGroup[]
}

export function groupKey({ course, group }: { readonly course: number; readonly group: number }): string {
  return `${course}/${group}`
}

/** Text that is equal when two values are, whatever the order of their fields. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part
    return Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  })
}
