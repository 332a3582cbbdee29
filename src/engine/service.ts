import type { Command } from '../../actors/messages/commands.ts'
import type { Gender, GroupStatus } from '../../actors/course.ts'
import type { DecisionRecord, Rejection, Verdict } from '../../actors/messages/records.ts'
import type { RejectionCode } from '../../actors/messages/refusals.ts'
import type { SeatBoard } from './seat-board.ts'
import type { Meeting } from '../../actors/rules/timetable.ts'

/** Why the engine cannot answer now. All but `outcome_unknown` mean: surely not done. */
export type UnavailableCode =
  | 'busy'
  | 'not_leading'
  | 'recovering'
  | 'journal_unavailable'
  | 'outcome_unknown'
  | 'not_storable'

export interface Unavailable {
  readonly kind: 'unavailable'
  readonly code: UnavailableCode
}

/** Turned away before any rule was asked, and what it was about. */
export interface RejectedOutcome extends Omit<Rejection, 'rejection'> {
  readonly kind: 'rejected'
  readonly code: RejectionCode
}

/** What became of a command. A `decided` one is durable; its record says yes (`effects`) or no (`reasons`). */
export type Outcome =
  | { readonly kind: 'decided'; readonly record: DecisionRecord; readonly replayed: boolean }
  | RejectedOutcome
  | { readonly kind: 'key_refused'; readonly code: 'idempotency_mismatch' | 'idempotency_in_flight' }
  /** A bug: the decision could not be written into the journal. Surely not done. */
  | { readonly kind: 'failed'; readonly code: 'internal' }
  | Unavailable

export type DryRunOutcome =
  | { readonly kind: 'judged'; readonly verdict: Verdict }
  | RejectedOutcome
  | Unavailable

export interface SubmitOptions {
  /** The caller's idempotency key, and a hash of method, path and canonical body. */
  readonly key?: string
  readonly requestHash?: string
  /** The HTTP request's id; stored with the decision. */
  readonly request?: string
}

/** A course group as it stands after every confirmed decision. */
export interface GroupView {
  readonly course: number
  readonly group: number
  readonly department: number
  readonly name: string
  readonly lecturer: string
  readonly units: number
  /** Extra seats included. */
  readonly capacity: number
  /** Seats beyond what the group has of its own, which end with their holders; absent if there are none. */
  readonly extraSeats?: number
  readonly reserveCapacity: number
  readonly registeredCount: number
  readonly reservedCount: number
  /** Unix seconds; 0 = no exam. */
  readonly examTime: number
  /** Absent if there is none, or if nobody said how long it lasts. */
  readonly examMinutes?: number
  readonly meetings: readonly Meeting[]
  readonly genderLock: Gender | undefined
  readonly notes: string
  readonly status: GroupStatus
  readonly code?: string
}

/** A student's seat (`position` 0) or place in the reserve queue (1 = first). */
export interface PlaceView {
  readonly group: GroupView
  readonly position: number
}

export interface StudentView {
  readonly id: number
  readonly department: number
  readonly remainingActions: number
  /** An engine of an older version does not say. */
  readonly standing?: {
    readonly gender: Gender
    /** Of all places. */
    readonly units: number
    readonly maxUnits: number
    /** Start inclusive, end exclusive. Milliseconds since the Unix epoch. */
    readonly windowStartMs: number
    readonly windowEndMs: number
  }
  /** Ascending by course. */
  readonly places: readonly PlaceView[]
}

export interface CatalogQuestion {
  readonly department: number
  /** The student who asks: a catalog may be a moment old, but never lacks a decision that they were told of. */
  readonly reader?: number | undefined
  /** The version that whoever asks has already. */
  readonly known?: string | undefined
}

export interface CatalogView {
  /** Another one for every other catalog, of this term or another. */
  readonly version: string
  /** Ascending by course and group. `undefined` = of the version that is known. */
  readonly groups: readonly GroupView[] | undefined
  /** There is no such department; absent if there is. */
  readonly isUnknown?: true
}

export interface RosterView {
  readonly department: number
  /** Ascending by id. */
  readonly registered: readonly number[]
  /** First come first. */
  readonly reserved: readonly number[]
  /** Those registered in extra seats, ascending by id; absent if there are none. */
  readonly extra?: readonly number[]
}

/** What a read shows, once every decision in it is durable. `undefined` = there is no such thing. */
export type ReadOutcome<View> = { readonly kind: 'shown'; readonly view: View } | Unavailable

/** Where the engine is in its life; `leading` is the only state that serves. */
export type EngineState = 'starting' | 'unreachable' | 'standby' | 'recovering' | 'leading' | 'stopped'

export interface EngineStatus {
  readonly state: EngineState
  /** For people: what is waited for, if anything. */
  readonly detail: string
  /** Number of the term that is led; 0 = none. */
  readonly term: number
  /** Newest decision made, made durable, and applied to PostgreSQL, as far as known. */
  readonly decidedSeq: number
  readonly confirmedSeq: number
  readonly appliedSeq: number
  readonly pendingRecords: number
  readonly backlogBytes: number
  /** How long PostgreSQL has owed us the oldest durable decision, milliseconds, as far as known; 0 = none. */
  readonly behindMs: number
  readonly mailboxDepth: number
  readonly journalBlocked: boolean
  /** Another command would be answered `busy` now, whatever it is. */
  readonly isFull: boolean
}

/** What everybody is answered while the engine is in this state; undefined while it leads. */
export function refusalIn(state: EngineState): UnavailableCode | undefined {
  switch (state) {
    case 'leading':
      return undefined
    case 'unreachable':
      return 'journal_unavailable'
    case 'standby':
    case 'stopped':
      return 'not_leading'
    case 'starting':
    case 'recovering':
      return 'recovering'
  }
}

/** Whoever waits for the outcome of a command: told once, either way. */
export interface Asker {
  settle(outcome: Outcome): void
  /** It could not be judged, by a bug. */
  fail(bug: unknown): void
}

/** What the world outside asks of the engine. Nothing here throws for a refusal or a lost journal. */
export interface EnrollmentService {
  /** Judges a command and resolves once its decision is durable. */
  submit(command: Command, options?: SubmitOptions): Promise<Outcome>
  /** Judges a command by the same code and changes nothing. */
  dryRun(command: Command): Promise<DryRunOutcome>
  studentView(id: number): Promise<ReadOutcome<StudentView | undefined>>
  catalog(question: CatalogQuestion): Promise<ReadOutcome<CatalogView>>
  roster(course: number, group: number): Promise<ReadOutcome<RosterView | undefined>>
  /** Seats and queues for those who watch them change; another one in every term, undefined while none is led. */
  readonly seats: SeatBoard | undefined
  status(): EngineStatus
  /** What everybody is answered now; undefined while somebody leads. */
  refusal(): UnavailableCode | undefined
}
