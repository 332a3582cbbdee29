import type { Campus } from './campus.ts'
import type { Command } from './messages/commands.ts'
import type { DecisionRecord, Rejection, Verdict } from './messages/records.ts'
import { decide } from './rules/decide.ts'
import { evolve } from './rules/evolve.ts'

// One turn of a command: judge it (`takeTurn`), then change the campus by what was decided (`applyRecord`). Nothing in a
// turn waits, so no other command sees the campus half changed. The engine calls the second step at once, or after the
// journal has the record if it has reason to be careful.

/** What a request gives its record besides the command. */
export interface RequestMarks {
  readonly key?: string
  readonly requestHash?: string
  readonly request?: string
}

/** The two times of a decision. */
export interface TurnTime {
  readonly at: number
  /** What enrollment windows are judged by. Milliseconds since the Unix epoch, like `at`. */
  readonly judgedMs: number
}

/**
 * Judges one command. Changes nothing.
 * @throws if the command has an impossible shape: a bug of the caller
 */
export function takeTurn(
  campus: Campus,
  command: Command,
  marks: RequestMarks,
  seq: number,
  { at, judgedMs }: TurnTime,
): DecisionRecord | Rejection {
  const verdict = decide(campus, command, judgedMs)
  return 'rejection' in verdict ? verdict : recordOf(command, verdict, marks, seq, at)
}

/**
 * Applies a decision of this term to the campus, and notes at each actor which decision touched it last.
 * @throws if an effect does not fit the campus
 */
export function applyRecord(campus: Campus, { seq, effects = [] }: DecisionRecord): void {
  for (const effect of effects) {
    evolve(campus, effect)
    if ('course' in effect) campus.group(effect.course, effect.group).touchedBy = seq
    if ('student' in effect) campus.student(effect.student).touchedBy = seq
  }
}

/** The record of a command that was judged. */
export function recordOf(
  command: Command,
  verdict: Verdict,
  { key, requestHash, request }: RequestMarks,
  seq: number,
  at: number,
): DecisionRecord {
  const { actor: caller, student, legs } = command
  const actor = { role: caller.role, id: caller.id }
  const { effects, reasons, remaining } = verdict
  // Most records have one of two shapes. Made by one literal, they are cheaper to make and to read.
  if (key === undefined && student !== undefined && request !== undefined && remaining !== undefined) {
    if (effects !== undefined) return { seq, at, actor, student, legs, effects, remaining, request }
    if (reasons !== undefined) return { seq, at, actor, student, legs, reasons, remaining, request }
  }
  return {
    seq,
    at,
    actor,
    ...(student !== undefined && { student }),
    legs,
    ...verdict,
    ...(key !== undefined && { key, requestHash: requestHash ?? '' }),
    ...(request !== undefined && { request }),
  }
}
