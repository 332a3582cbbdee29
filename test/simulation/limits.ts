import type { TermLimits } from '../../src/engine/term.ts'
import type { Random } from './random.ts'

/** Bounds that no run meets. */
export const outOfReach = { commands: 1000, bytes: 1_000_000 }

/** Bounds so small that every run meets them, except that each of them may be out of reach. */
export function drawLimits(random: Random, acknowledge: 'confirm' | 'applied'): TermLimits {
  const small = (from: number, to: number, otherwise: number) =>
    random.chance(0.75) ? random.integer(from, to) : otherwise
  return {
    recordsMax: small(8, 24, outOfReach.commands),
    bytesMax: small(6000, 20_000, outOfReach.bytes),
    batchRecordsMax: random.integer(1, 8),
    batchBytesMax: small(900, 4000, 100_000),
    backlogBytesMax: small(30_000, 80_000, 10_000_000),
    replyDeadlineMs: random.integer(800, 4000),
    acknowledge,
    mailboxes: { perCourse: small(5, 12, outOfReach.commands), perStudent: small(2, 3, outOfReach.commands) },
    turnBudgetMs: random.chance(0.5) ? 0.03 : 10,
    // The auditor asks of every read that it shows all that anybody was told before it.
    catalogReuseMs: 0,
    clockSkewMsMax: 2000,
    // No run has so many; what is over the bound has a test of its own.
    keysBytesMax: 64 * 1024 * 1024,
  }
}
