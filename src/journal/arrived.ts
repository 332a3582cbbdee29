import type { Delivery, JournalReader } from './batcher-ports.ts'
import type { BatchMessage, StartMessage } from '../engine/ports.ts'

/** A marker, until everything else is written. */
export interface Held {
  readonly delivery: Delivery
  readonly message: StartMessage
}

export interface Arrived {
  readonly delivery: Delivery
  readonly message: BatchMessage
}

/** As many messages from the first on as one transaction takes: at least one. */
export function chunkOf(arrived: readonly Arrived[], recordsMax: number): readonly Arrived[] {
  let records = 0
  let count = 0
  for (const { message } of arrived) {
    if (count > 0 && records + message.records.length > recordsMax) break
    records += message.records.length
    count++
  }
  return arrived.slice(0, count)
}

/**
 * Nothing else can arrive while so many are in hand. Markers of leaders that died before they led can come to
 * that; one of them is rejected then, so that what is behind them, maybe older than they are, comes forward.
 */
export function isFull(reader: JournalReader, held: readonly Held[], early: readonly Arrived[]): boolean {
  return held.length + early.length >= reader.window
}

/**
 * Messages of one leader by their records' numbers: what another batcher returned may arrive behind what
 * followed it. Each record is judged by its number, so this is safe, and it saves taking the channel down.
 */
export function inOrderOfSeq(arrived: readonly Arrived[]): readonly Arrived[] {
  const leaders = [...new Set(arrived.map(({ message }) => message.leader))]
  return arrived.toSorted(
    (a, b) =>
      leaders.indexOf(a.message.leader) - leaders.indexOf(b.message.leader) || firstSeqOf(a) - firstSeqOf(b),
  )
}

/** When the records of messages were decided, in the messages' order. */
export function timesOf(messages: readonly Arrived[]): { oldestAt: number; newestAt: number } {
  const oldestAt = messages[0]?.message.records[0]?.at ?? 0
  return { oldestAt, newestAt: messages.at(-1)?.message.records.at(-1)?.at ?? oldestAt }
}

function firstSeqOf(arrived: Arrived | undefined): number {
  return arrived?.message.records[0]?.seq ?? 0
}
