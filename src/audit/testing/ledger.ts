import assert from 'node:assert/strict'
import type { Campus } from '../../../actors/campus.ts'
import type { CourseGroup } from '../../../actors/course.ts'
import type { Command } from '../../../actors/messages/commands.ts'
import { decide } from '../../../actors/rules/decide.ts'
import { evolve } from '../../../actors/rules/evolve.ts'
import { campusOf } from '../../../actors/testing/scenario.ts'
import { duringWindow, type GroupSketch, type StudentSketch } from '../../../actors/testing/sketches.ts'
import { noLeader, type Position } from '../../engine/ports.ts'
import type {
  Loss,
  AcceptedLeader,
  AuditedDecision,
  AuditReader,
  Baseline,
  GroupRow,
  OrphanedEffect,
  OutsideChange,
  PlaceRow,
  StateRows,
  StudentRow,
  TermSummary,
} from '../audit-ports.ts'

/** Rows that a test may change, as somebody with access to the tables might. */
export interface LedgerRows {
  groups: GroupRow[]
  students: StudentRow[]
  places: PlaceRow[]
}

/**
 * A database of an audit in memory: a campus that served, its decisions, and the tables as they should be. A
 * test then tampers with any of it.
 */
export class Ledger implements AuditReader {
  readonly leaders: AcceptedLeader[] = [{ leader: leaderOf(1), after: noLeader, term: 1 }]
  readonly decisions: AuditedDecision[] = []
  readonly changes: OutsideChange[] = []
  readonly orphans: OrphanedEffect[] = []
  readonly earlier: TermSummary[] = []
  readonly before: LedgerRows
  baselineRow: Baseline | undefined = { term: 1, takenAtMs: duringWindow }
  positionRow: Position = { leader: leaderOf(1), term: 1, seq: 0, atMs: 0 }
  absorbed = 0
  rows: LedgerRows
  readonly #campus: Campus

  constructor(...sketches: readonly (GroupSketch | StudentSketch)[]) {
    this.#campus = campusOf(sketches)
    this.before = rowsOf(this.#campus)
    this.rows = rowsOf(this.#campus)
  }

  /** Decides, and keeps the tables in step. */
  decide(...commands: readonly Command[]): this {
    for (const command of commands) {
      const { leader, term, seq, atMs } = this.positionRow
      const verdict = decide(this.#campus, command, Math.max(atMs, duringWindow) + 1)
      assert.ok(!('rejection' in verdict))
      for (const effect of verdict.effects ?? []) evolve(this.#campus, effect)
      this.positionRow = { leader, term, seq: seq + 1, atMs: Math.max(atMs, duringWindow) + 1 }
      this.decisions.push({
        term,
        seq: seq + 1,
        atMs: this.positionRow.atMs,
        student: command.student,
        effects: verdict.effects,
        remaining: verdict.remaining,
      })
    }
    this.rows = rowsOf(this.#campus)
    return this
  }

  /** A next leader takes over. */
  takeOver(): this {
    const { leader, term, atMs } = this.positionRow
    this.positionRow = { leader: leaderOf(term + 1), term: term + 1, seq: 0, atMs }
    this.leaders.push({ leader: leaderOf(term + 1), after: leader, term: term + 1 })
    return this
  }

  /** Notes a change from outside, as the tables' triggers do. */
  noteChange(change: Pick<OutsideChange, 'table' | 'operation'> & Partial<OutsideChange>): this {
    const nobody = { student: undefined, course: undefined, group: undefined }
    this.changes.push({ atMs: duringWindow, by: 'registrar', ...nobody, ...change })
    return this
  }

  baseline = async (): Promise<Baseline | undefined> => this.baselineRow
  position = async (): Promise<Position> => this.positionRow
  acceptedLeaders = (): AsyncIterable<AcceptedLeader> => each(this.leaders)
  termsBefore = (): AsyncIterable<TermSummary> => each(this.earlier)
  decisionsFrom = (term: number): AsyncIterable<AuditedDecision> =>
    each(this.decisions.filter((decision) => decision.term >= term))
  outsideChanges = (): AsyncIterable<OutsideChange> => each(this.changes)
  losses = async (): Promise<readonly Loss[]> => []
  countAbsorbedBy = async (): Promise<number> => this.absorbed
  orphanedEffectsFrom = (): AsyncIterable<OrphanedEffect> => each(this.orphans)

  get baselineState(): StateRows {
    return readable(this.before)
  }

  get tables(): StateRows {
    return readable(this.rows)
  }
}

export function leaderOf(term: number): string {
  return `00000000-0000-4000-8000-${String(term).padStart(12, '0')}`
}

function rowsOf(campus: Campus): LedgerRows {
  const groups = [...campus.courses.values()].flatMap((course) => course.groups)
  return {
    groups: groups.map(({ course, group, capacity, status, profile }) => {
      const { reserveCapacity, lecturer, notes, meetings, exam } = profile
      return {
        course,
        group,
        capacity,
        details: { status, reserveCapacity, lecturer, notes, meetings, exam },
      }
    }),
    students: [...campus.students.values()].map(({ id, remainingActions, profile }) => {
      const { maxUnits, windowStartMs, windowEndMs } = profile
      return { id, remainingActions, details: { maxUnits, windowStartMs, windowEndMs } }
    }),
    places: groups.flatMap(placesOf),
  }
}

function placesOf({ course, group, registered, extra, queue, queueOrders }: CourseGroup): PlaceRow[] {
  const place = (student: number, order: number | undefined) => ({
    student,
    course,
    group,
    order,
    isExtra: extra.includes(student),
  })
  const seats = registered.map((student) => place(student, undefined))
  const waiting = queue.map((student, index) => place(student, queueOrders[index]))
  return [...seats, ...waiting]
}

function readable(rows: LedgerRows): StateRows {
  return {
    groups: () => each(rows.groups),
    students: () => each(rows.students),
    places: () => each(rows.places),
  }
}

async function* each<Row>(rows: readonly Row[]): AsyncIterable<Row> {
  yield* rows
}
