import type { Command } from '../../actors/commands.ts'
import type { DecisionRecord, Verdict } from '../../actors/records.ts'
import type { SubmitOptions } from './service.ts'

/** The record of a command that was judged. */
export function recordOf(
  command: Command,
  verdict: Verdict,
  options: SubmitOptions,
  seq: number,
  at: number,
): DecisionRecord {
  const { actor: asker, student, legs } = command
  const { key, requestHash, request } = options
  const actor = { role: asker.role, id: asker.id }
  const { effects, reasons, remaining } = verdict
  // Most records are of one of two shapes; made in one go, they are cheaper to make and to read.
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
