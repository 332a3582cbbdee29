import type { GroupStatus } from '../../actors/course.ts'
import type { Effect } from '../../actors/messages/records.ts'
import type { Exam, Meeting } from '../../actors/rules/timetable.ts'
import type { Position } from '../engine/ports.ts'

/** A seat (`order` undefined) or a place in the reserve queue; a row without an order number has its id instead. */
export interface PlaceRow {
  readonly student: number
  readonly course: number
  readonly group: number
  readonly order: number | undefined
  /** A seat beyond the capacity. */
  readonly isExtra?: boolean
}

export interface GroupRow {
  readonly course: number
  readonly group: number
  readonly capacity: number
  /** Absent in a baseline that an older version took. */
  readonly details?: GroupDetails | undefined
}

export interface GroupDetails {
  readonly status: GroupStatus
  readonly reserveCapacity: number
  readonly lecturer: string
  readonly notes: string
  readonly meetings: readonly Meeting[]
  readonly exam: Exam | undefined
}

export interface StudentRow {
  readonly id: number
  readonly remainingActions: number
  /** Absent in a baseline that an older version took. */
  readonly details?: StudentDetails | undefined
}

export interface StudentDetails {
  readonly maxUnits: number
  readonly windowStartMs: number
  /** The start itself where the table names no end. */
  readonly windowEndMs: number
}

/** What decisions decide, as rows: what the tables hold, or held when the baseline was taken. */
export interface StateRows {
  groups(): AsyncIterable<GroupRow>
  students(): AsyncIterable<StudentRow>
  /** The tables' own places come ascending by row id, so that the older of two is the first; a baseline's in any order. */
  places(): AsyncIterable<PlaceRow>
}

/** Where a replay begins: at the first decision of `term`. */
export interface Baseline {
  readonly term: number
  readonly takenAtMs: number
}

/** A leader whose marker was accepted. */
export interface AcceptedLeader {
  readonly leader: string
  /** Whom it said that it follows. */
  readonly after: string
  readonly term: number
}

/** One row of `decisions`, as far as a replay needs it. */
export interface AuditedDecision {
  readonly term: number
  readonly seq: number
  readonly atMs: number
  readonly student: number | undefined
  /** Absent when it was refused. */
  readonly effects: readonly Effect[] | undefined
  /** The student's remaining actions afterwards, where the record says so. */
  readonly remaining: number | undefined
}

/** All decisions of one term in four numbers. */
export interface TermSummary {
  readonly term: number
  readonly count: number
  readonly lastSeq: number
  readonly newestAtMs: number
}

/** A change that neither the batcher made nor a baseline has taken in. Without ids it was about the whole table. */
export interface OutsideChange {
  readonly atMs: number
  readonly by: string
  readonly table: string
  readonly operation: string
  readonly student: number | undefined
  readonly course: number | undefined
  readonly group: number | undefined
}

/** An effect that found no row to change when it was folded into the tables. */
export interface OrphanedEffect {
  readonly term: number
  readonly seq: number
  readonly effect: {
    readonly type: string
    readonly student?: number
    readonly course?: number
    readonly group?: number
  }
}

/** The newest of a leader's records that were answered for and are lost. */
export interface Loss {
  readonly leader: string
  readonly seq: number
  /** A person decided to go on without them. */
  readonly isAccepted: boolean
}

/**
 * What an audit reads, all of it in one snapshot, so that it may run beside a server. Row by row, so that
 * memory is bound by the state and not by its history; one iterable at a time is read, each to its end.
 */
export interface AuditReader {
  /** Undefined before the first leader. */
  baseline(): Promise<Baseline | undefined>
  position(): Promise<Position>
  readonly baselineState: StateRows
  readonly tables: StateRows
  /** Ascending by term. */
  acceptedLeaders(): AsyncIterable<AcceptedLeader>
  /** Decisions of terms before `term`, ascending by term; terms without any are left out. */
  termsBefore(term: number): AsyncIterable<TermSummary>
  /** Decisions from the first of `term` on, ascending by term and seq. */
  decisionsFrom(term: number): AsyncIterable<AuditedDecision>
  /** Those that no baseline has taken in, oldest first. */
  outsideChanges(): AsyncIterable<OutsideChange>
  /** Records that were answered for and that the batcher found lost. */
  losses(): Promise<readonly Loss[]>
  /** How many changes from outside the baseline of `term` took in. */
  countAbsorbedBy(term: number): Promise<number>
  /** Of decisions from the first of `term` on, ascending. */
  orphanedEffectsFrom(term: number): AsyncIterable<OrphanedEffect>
}
