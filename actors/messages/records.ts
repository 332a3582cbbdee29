import type { AdminEffect } from './admin-effects.ts'
import type { Leg } from './commands.ts'
import type { Refusal, RejectionCode } from './refusals.ts'

/**
 * What happened to the campus, past tense and complete: replaying effects through `evolve` rebuilds the
 * same state. A record's effects are in the order in which they happened.
 */
export type Effect =
  | { readonly type: 'registered'; readonly student: number; readonly course: number; readonly group: number }
  | {
      readonly type: 'reserved'
      readonly student: number
      readonly course: number
      readonly group: number
      /** Orders the queue: greater than every order in it. Stored, so that the queue's order is data. */
      readonly order: number
      /** 1 = first in the queue, at the moment of the decision. */
      readonly position: number
    }
  | { readonly type: 'left'; readonly student: number; readonly course: number; readonly group: number }
  /** From the reserve queue to a seat of the same group. */
  | { readonly type: 'promoted'; readonly student: number; readonly course: number; readonly group: number }
  /** The seat that a staff member has just given is beyond the capacity: it ends with its holder. */
  | {
      readonly type: 'extra_seat_given'
      readonly student: number
      readonly course: number
      readonly group: number
    }
  /** Somebody left, or the capacity rose: the student has one of the group's own seats from now on. */
  | {
      readonly type: 'extra_seat_ended'
      readonly student: number
      readonly course: number
      readonly group: number
    }
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
  /** Rows that say what another row already says; only adoption of an older database removes them. */
  | {
      readonly type: 'duplicates_removed'
      readonly student: number
      readonly course: number
      readonly group: number
      readonly rows: readonly number[]
    }
  | AdminEffect

/** What `decide` returns for a command that the rules were asked about: yes (`effects`) or no (`reasons`). */
export interface Verdict {
  readonly effects?: readonly Effect[]
  readonly reasons?: readonly Refusal[]
  /** The student's remaining actions after the decision; absent when the command is about no student. */
  readonly remaining?: number
}

/** The command was turned away before the rules were asked; nothing is journaled. */
export interface Rejection {
  readonly rejection: RejectionCode
  readonly course?: number
  readonly group?: number
  /** Whose department another one is. */
  readonly student?: number
  readonly department?: number
}

/** One durable decision. `seq` counts from 1 without gaps within a leader's term; `at` never goes backwards. */
export interface DecisionRecord extends Verdict {
  readonly seq: number
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  readonly actor: { readonly role: 'student' | 'staff' | 'operator'; readonly id: number }
  readonly student?: number
  readonly legs: readonly Leg[]
  /** Idempotency key of the caller, and the hash of the request that it came with. */
  readonly key?: string
  readonly requestHash?: string
  /** The HTTP request's id, for following it through the logs. */
  readonly request?: string
}
