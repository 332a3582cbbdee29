import { createHash } from 'node:crypto'
import type { Campus } from '../../actors/campus.ts'
import { stateLines } from '../../actors/campus-digest.ts'
import { loadState } from './audit-state.ts'
import { compareStates } from './compare.ts'
import type { Difference } from './difference.ts'
import { nameOrphans, nameOutsideHands } from './outside.ts'
import type { AuditReader, Baseline, Loss } from './audit-ports.ts'
import { Replay } from './replay.ts'
import { Sequence } from './sequence.ts'

export interface VerificationCounts {
  /** Decisions replayed, refusals included. */
  readonly decisions: number
  readonly students: number
  readonly groups: number
  readonly seats: number
  /** Places in reserve queues. */
  readonly waiting: number
  /** Changes from outside that the baseline took in. */
  readonly absorbed: number
  /** Changes from outside since the baseline, whether they show or not. */
  readonly outside: number
  /** Effects since the baseline that found no row to change. */
  readonly orphaned: number
  /** Leaders whose last records were lost, which a person has accepted. */
  readonly accepted: number
}

/** What comparing the tables with the decisions found. */
export type Verification =
  /** Before any leader has served there is nothing to compare. */
  | { readonly verdict: 'not_served' }
  | {
      readonly verdict: 'agreed' | 'differs'
      /** Empty when agreed. About the journal first, then decisions that do not fit, then the tables. */
      readonly differences: readonly Difference[]
      readonly counts: VerificationCounts
      readonly position: { readonly term: number; readonly seq: number }
      readonly baseline: Baseline
      /** SHA-256 over the canonical lines of both states (actors/campus-digest.ts); equal if they are. */
      readonly digests: { readonly replayed: string; readonly tables: string }
    }

/**
 * Replays the decisions since the baseline through the engine's own `evolve` and compares what comes out with
 * the tables and the journal's position. Changes nothing; memory is bound by the state, not by its history.
 * @param reader all of one snapshot, so a server may go on meanwhile
 * @throws if the database holds no baseline although a leader has served
 */
export async function verify(reader: AuditReader): Promise<Verification> {
  const position = await reader.position()
  const baseline = await reader.baseline()
  if (baseline === undefined) {
    if (position.term === 0) return { verdict: 'not_served' }
    throw new Error(`term ${position.term} has served and there is no baseline to begin from`)
  }
  const sequence = new Sequence()
  for await (const leader of reader.acceptedLeaders()) sequence.followLeader(leader)
  for await (const term of reader.termsBefore(baseline.term)) sequence.followTerm(term)
  const replay = new Replay(await loadState(reader.baselineState))
  let decisions = 0
  for await (const decision of reader.decisionsFrom(baseline.term)) {
    sequence.followDecision(decision)
    replay.apply(decision)
    decisions++
  }
  sequence.endAt(position)
  const tables = await loadState(reader.tables)
  replay.learnFrom(tables)
  const losses = await reader.losses()
  const all = [
    ...losses.filter(({ isAccepted }) => !isAccepted).map(differenceOf),
    ...sequence.differences(),
    ...replay.misfits(),
    ...compareStates(replay, tables),
  ]
  const accepted = losses.filter(({ isAccepted }) => isAccepted).length
  const { named, changes: outside } = await nameOutsideHands(all, reader.outsideChanges())
  const { named: differences, orphans: orphaned } = await nameOrphans(
    named,
    reader.orphanedEffectsFrom(baseline.term),
  )
  const absorbed = await reader.countAbsorbedBy(baseline.term)
  return {
    verdict: differences.length === 0 ? 'agreed' : 'differs',
    differences,
    counts: { decisions, ...sizesOf(tables.campus), absorbed, outside, orphaned, accepted },
    position: { term: position.term, seq: position.seq },
    baseline,
    digests: { replayed: digestOf(replay.campus), tables: digestOf(tables.campus) },
  }
}

function differenceOf({ leader, seq }: Loss): Difference {
  return {
    subject: { about: 'journal' },
    expected: `record ${seq} of leader ${leader}, which was acknowledged`,
    found: 'that it is lost, and others before it may be',
  }
}

/** 1 on a difference, else 0. */
export function exitStatusOf(verification: Verification): 0 | 1 {
  return verification.verdict === 'differs' ? 1 : 0
}

function sizesOf({ courses, students }: Campus): {
  students: number
  groups: number
  seats: number
  waiting: number
} {
  const groups = [...courses.values()].flatMap((course) => course.groups)
  return {
    students: students.size,
    groups: groups.length,
    seats: groups.reduce((sum, group) => sum + group.registered.length, 0),
    waiting: groups.reduce((sum, group) => sum + group.queue.length, 0),
  }
}

function digestOf(campus: Campus): string {
  const hash = createHash('sha256')
  for (const line of stateLines(campus)) hash.update(line).update('\n')
  return hash.digest('hex')
}
