import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { encodeMessage } from '../engine/messages.ts'
import type { BatchTransaction, Delivery, JournalReader, MarkerJudgement } from './batcher-ports.ts'
import type { JournalMessage, RecordId, Runtime } from '../engine/ports.ts'
import { nodeRuntime } from '../main/node-runtime.ts'
import { Batcher } from './batcher.ts'

const leader = randomUUID()

/** A queue of which a record is gone for good, and whose leaders answer each rejection with another marker. */
class RejectedLeaders implements JournalReader {
  readonly open = true
  readonly window: number
  readonly ended = new Promise<string>(() => {})
  readonly #queue: Delivery[] = []
  #tag = 0

  constructor(window: number) {
    this.window = window
    this.#put({ version: 1, campus: 'c', leader, records: [missed] })
    this.#putMarker()
  }

  #put(message: JournalMessage): void {
    this.#queue.push({ body: encodeMessage(message), headers: {}, origin: 'ours', tag: ++this.#tag })
  }

  #putMarker(): void {
    this.#put({ version: 1, campus: 'c', start: { leader: randomUUID(), after: leader } })
  }

  get arrivedCount(): number {
    return this.#queue.length
  }

  takeArrived(): readonly Delivery[] {
    return this.#queue.splice(0)
  }

  async arrival(): Promise<void> {
    if (this.#queue.length === 0) await new Promise<void>(() => {})
  }

  async countReady(): Promise<number> {
    return await new Promise((resolve) => setImmediate(resolve, 0))
  }

  acknowledge(): void {
    this.#putMarker()
  }

  announceApplied(): void {}

  announceMissing(): void {}

  async verifyAgain(delivery: Delivery): Promise<Delivery> {
    return await Promise.resolve(delivery)
  }

  async close(): Promise<void> {}
}

/** Follows upon a record that nobody has. */
const missed = {
  seq: 3,
  at: 1,
  actor: { role: 'staff', id: 1 },
  legs: [{ do: 'set_capacity', course: 1, group: 1, capacity: 5 }],
  effects: [{ type: 'capacity_changed', course: 1, group: 1, capacity: 5 }],
} as const

/** The tables as that record leaves them. */
function behindGap(judged: MarkerJudgement[]): BatchTransaction {
  const lost: RecordId[] = []
  return {
    position: { leader, term: 1, seq: 1, atMs: 0 },
    hasEarly: false,
    keepEarly: async () => {},
    takeEarly: async () => [],
    earlyRange: async () => ({ first: 3, newest: 3 }),
    missingAnswered: async () => lost,
    isLossAccepted: async () => false,
    recordLoss: async (record) => void lost.push(record),
    acceptsUnsigned: false,
    judgementOf: async () => undefined,
    isApplied: async () => false,
    appliedRecords: async () => [],
    recordMarker: async (judgement) => void judged.push(judgement),
    recordVoids: async () => {},
    apply: async () => {},
    setAside: async () => {},
    mayPass: async () => false,
    commit: async () => {},
    rollback: async () => {},
  }
}

/** A thousand times as fast as it should be. */
const hastyRuntime: Runtime = {
  ...nodeRuntime,
  elapsed: () => 1000 * nodeRuntime.elapsed(),
  after: (delayMs, task) => nodeRuntime.after(delayMs / 1000, task),
}

const told = [
  { window: 2, alarm: 'gap', runtime: nodeRuntime },
  { window: 1, alarm: 'lost_tail', runtime: hastyRuntime },
]
for (const { window, alarm: awaited, runtime } of told) {
  test(`a record that is missing for good is told of (${awaited}), however many markers of rejected leaders come`, async () => {
    const judged: MarkerJudgement[] = []
    const tables = behindGap(judged)
    const { promise: alarmed, resolve: onAlarm } = newPromise()
    const batcher = new Batcher({
      campusId: 'c',
      source: { open: async () => new RejectedLeaders(window) },
      tables: { begin: async () => tables },
      runtime,
      recordsMax: 10,
      onEvent: (event) => {
        if (event.kind === 'alarm' && event.alarm === awaited) onAlarm(awaited)
      },
    })
    void batcher.run()
    const late = setTimeout(() => onAlarm('nothing'), 120_000)
    assert.equal(await alarmed, awaited)
    clearTimeout(late)
    await batcher.stop()
    assert.ok(judged.length > 0 && judged.every(({ judgement }) => judgement === 'rejected'))
  })
}

function newPromise(): { promise: Promise<string>; resolve: (value: string) => void } {
  let resolve: (value: string) => void = () => {}
  const promise = new Promise<string>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
