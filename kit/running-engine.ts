import assert from 'node:assert/strict'
import { eventually } from './eventually.ts'
import { readKeys } from './journal-keys.ts'
import type { Command, StudentLeg } from '../actors/messages/commands.ts'
import { stateLines } from '../actors/campus-digest.ts'
import { Batcher } from '../src/journal/batcher.ts'
import { writeBatches, writeMarker } from '../src/journal/write.ts'
import { Engine, type EngineOptions } from '../src/engine/engine.ts'
import type { Journal, Runtime } from '../src/engine/ports.ts'
import type { EngineState, Outcome } from '../src/engine/service.ts'
import type { TermLimits } from '../src/engine/term.ts'
import { DirectJournal } from '../src/journal/direct-journal.ts'
import { RabbitJournal } from '../src/journal/rabbit-journal.ts'
import { RabbitSource } from '../src/journal/rabbit-source.ts'
import { nodeRuntime } from '../src/main/node-runtime.ts'
import { DatabaseCampusStore } from '../src/store/campus-store.ts'
import { type Database, isRefusal } from '../src/store/database.ts'
import { tryLockSession } from '../src/store/lock-session.ts'
import { BatcherTables } from '../src/store/table-store.ts'

export const usualLimits: TermLimits = {
  recordsMax: 16_384,
  bytesMax: 32 * 1024 * 1024,
  batchRecordsMax: 2000,
  batchBytesMax: 1024 * 1024,
  backlogBytesMax: 256 * 1024 * 1024,
  replyDeadlineMs: 10_000,
  acknowledge: 'confirm',
  mailboxes: { perCourse: 1024, perStudent: 1024 },
  turnBudgetMs: 10,
  catalogReuseMs: 100,
  clockSkewMsMax: 2000,
  keysBytesMax: 64 * 1024 * 1024,
}

export function directJournal(database: Database, campus: string): Journal {
  return new DirectJournal({
    campus,
    tryLock: (signal) => tryLockSession(database, { campus, idleTimeoutMs: 15_000, signal }),
    writeBatch: (tables, message) => writeBatches(tables, [message]),
    isRefusal,
    writeMarker,
    runtime: nodeRuntime,
    pingIntervalMs: 5000,
  })
}

export function rabbitJournal(url: string, campus: string): Journal {
  return new RabbitJournal({ url, campus, readKeys, heartbeatSeconds: 5, settleMs: 0, prefetch: 64 })
}

export function buildBatcher(url: string, campus: string, database: Database): Batcher {
  return new Batcher({
    campusId: campus,
    source: new RabbitSource({ url, campus, readKeys, heartbeatSeconds: 5, prefetch: 64 }),
    tables: new BatcherTables(database),
    runtime: nodeRuntime,
    recordsMax: 1000,
    onEvent: () => {},
  })
}

export interface RunningEngine {
  readonly engine: Engine
  readonly states: EngineState[]
  /** What came with each state, for people. */
  readonly details: string[]
}

/** Starts an engine; it leads once `untilLeading` says so. */
export function startEngine(
  database: Database,
  campus: string,
  journal: Journal,
  changed: {
    readonly limits?: Partial<TermLimits>
    readonly runtime?: Runtime
    readonly onAlarm?: EngineOptions['onAlarm']
  } = {},
): RunningEngine {
  const states: EngineState[] = []
  const details: string[] = []
  const engine = new Engine({
    campusId: campus,
    journal,
    store: new DatabaseCampusStore(database, { windowMs: 3_600_000 }),
    runtime: changed.runtime ?? nodeRuntime,
    limits: { ...usualLimits, ...changed.limits },
    ...(changed.onAlarm !== undefined && { onAlarm: changed.onAlarm }),
    onState: (state, detail) => {
      states.push(state)
      details.push(detail)
    },
  })
  engine.run().catch(() => {})
  return { engine, states, details }
}

export async function untilLeading({ engine }: RunningEngine): Promise<void> {
  await eventually(() => engine.status().state === 'leading')
}

export function byStudent(student: number, ...legs: StudentLeg[]): Command {
  return { actor: { role: 'student', id: student }, student, legs }
}

export function add(course: number, group: number): StudentLeg {
  return { do: 'add', course, group, reserve: 'allow' }
}

export function drop(course: number): StudentLeg {
  return { do: 'drop', course }
}

/** `yes`, the codes of a refusal, or why there was no decision. */
export function answerOf(outcome: Outcome): string {
  if (outcome.kind !== 'decided') return outcome.code
  return outcome.record.reasons?.map((reason) => reason.code).join(' ') ?? 'yes'
}

/** The state that decisions decide, as comparable text. */
export function stateOf({ engine }: RunningEngine): string {
  assert.ok(engine.campus, 'the engine leads')
  return [...stateLines(engine.campus)].join('\n')
}
