import type { DecisionRecord } from '../../actors/messages/records.ts'
import { approximateBytes } from './record-size.ts'
import type { Confirmable } from './settlement.ts'

/** Decisions that leave together. */
export interface Batch {
  readonly records: DecisionRecord[]
  readonly awaited: Confirmable[]
  bytes: number
  /** When its first record was decided, if that is measured. */
  decidedAtMs: number
}

/** A batch that the journal has confirmed. */
export interface SentBatch {
  /** Its first and its last record. */
  readonly first: number
  readonly seq: number
  readonly records: number
  readonly bytes: number
  readonly confirmedAtMs: number
  /** As it went out; undefined where it cannot be lost on the way. */
  readonly body: Buffer | undefined
}

/** What keeping a batch costs beside its bytes. */
const entryBytes = 256
/** So many entries that were dropped stay in the array before it is made anew. */
const droppedMax = 4096

/**
 * What the journal has confirmed and PostgreSQL has not applied, and behind it the newest that it has applied: whatever is
 * lost between the two can be sent again.
 */
export class Backlog {
  readonly #appliedBytesMax: number
  #batches: SentBatch[] = []
  /** The oldest batch that is kept, and the oldest that is not applied. */
  #oldest = 0
  #unapplied = 0
  #appliedBytes = 0
  #bytes = 0
  /** How many were ever added. */
  added = 0

  /** @param appliedBytesMax how much is kept of what is applied */
  constructor(appliedBytesMax: number) {
    this.#appliedBytesMax = appliedBytesMax
  }

  /** Of what is not applied. */
  get bytes(): number {
    return this.#bytes
  }

  /** How many batches are not applied. */
  get count(): number {
    return this.#batches.length - this.#unapplied
  }

  /** The oldest batch that is not applied. */
  get oldest(): SentBatch | undefined {
    return this.#batches[this.#unapplied]
  }

  add(batch: SentBatch): void {
    this.#batches.push(batch)
    this.added++
    this.#bytes += batch.bytes
  }

  /** Everything up to `seq` is applied. */
  noteApplied(seq: number, onApplied: (batch: SentBatch) => void): void {
    for (let next = this.oldest; next !== undefined && next.seq <= seq; next = this.oldest) {
      this.#bytes -= next.bytes
      this.#appliedBytes += keptBytesOf(next)
      this.#unapplied++
      onApplied(next)
    }
    this.#drop()
  }

  #drop(): void {
    while (this.#oldest < this.#unapplied) {
      const batch = this.#batches[this.#oldest] as SentBatch
      if (batch.body !== undefined && this.#appliedBytes <= this.#appliedBytesMax) break
      this.#appliedBytes -= keptBytesOf(batch)
      this.#oldest++
    }
    if (this.#oldest < droppedMax) return
    this.#batches = this.#batches.slice(this.#oldest)
    this.#unapplied -= this.#oldest
    this.#oldest = 0
  }

  /**
   * PostgreSQL holds records up to `seq` only, although it had applied more.
   * @returns false when not all of the others are kept
   */
  goBackTo(seq: number): boolean {
    const first = this.#batches[this.#oldest]
    if (first === undefined || first.first > seq + 1) return false
    while (this.#unapplied > this.#oldest) {
      const last = this.#batches[this.#unapplied - 1] as SentBatch
      if (last.seq <= seq) break
      this.#unapplied--
      this.#bytes += last.bytes
      this.#appliedBytes -= keptBytesOf(last)
    }
    return true
  }

  /** The bodies of the batches that hold records from `first` to `last`, as far as they are kept. */
  *bodiesOf(first: number, last: number): Generator<Buffer> {
    for (const { first: begin, seq, body } of this.#batches.slice(this.#oldest)) {
      if (body !== undefined && seq >= first && begin <= last) yield body
    }
  }
}

function keptBytesOf({ body }: SentBatch): number {
  return (body?.length ?? 0) + entryBytes
}

/** The batch with its first `count` records alone. */
export function firstOf({ records, awaited, decidedAtMs }: Batch, count: number): Batch {
  const first = records.slice(0, count)
  const bytes = first.reduce((sum, record) => sum + approximateBytes(record), 0)
  return { records: first, awaited: awaited.slice(0, count), bytes, decidedAtMs }
}

export function emptyBatch(): Batch {
  return { records: [], awaited: [], bytes: 0, decidedAtMs: 0 }
}
