import type { DecisionRecord } from '../../actors/messages/records.ts'

const segmentBytes = 4 * 1024 * 1024
const segmentKeys = 16_384
const slotCount = 2 * segmentKeys

/** What the archive tells of a key: its decision; that PostgreSQL has it; nothing. */
export type Archived =
  | { readonly record: DecisionRecord; readonly isOwn: boolean }
  | 'in PostgreSQL'
  | undefined

/** What is kept of a decision besides its caller and key, in this order, as a JSON array; the store writes it by SQL. */
export function archivedText(record: DecisionRecord): string {
  const { seq, at, student, legs, effects, reasons, remaining, requestHash, request } = record
  return JSON.stringify([seq, at, student, legs, effects, reasons, remaining, requestHash, request])
}

function recordOf(caller: string, key: string, text: string): DecisionRecord {
  const [role, id] = caller.split(':')
  const values = JSON.parse(text) as unknown[]
  const names = ['seq', 'at', 'student', 'legs', 'effects', 'reasons', 'remaining', 'requestHash', 'request']
  const told = names
    .map((name, index) => [name, values[index]] as const)
    .filter(([, value]) => value !== null)
  return { actor: { role, id: Number(id) }, key, ...Object.fromEntries(told) } as unknown as DecisionRecord
}

/**
 * The decided keys of the last 24 hours, of earlier terms and of this one, in large buffers outside of the heap. When they
 * take more than their bound, the texts of the oldest are dropped and their prints kept: such a key is looked up in PostgreSQL if it
 * comes again, and any other is known to be new. Beyond that whole segments are dropped; then every unknown key is looked up.
 */
export class KeyArchive {
  readonly #bytesMax: number
  readonly #lifetimeMs: number
  /** Oldest first. */
  #segments: Segment[] = []
  #isOwn = false
  #completeAgainMs = 0

  /**
   * @param bytesMax bound of all that is kept
   * @param lifetimeMs after which a key means nothing any more
   */
  constructor(bytesMax: number, lifetimeMs: number) {
    this.#bytesMax = bytesMax
    this.#lifetimeMs = lifetimeMs
  }

  /** Bytes that are kept. */
  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0)
  }

  /** What follows is decided in this term. */
  beginTerm(): void {
    this.#isOwn = true
    this.#segments.at(-1)?.seal()
  }

  /**
   * @param caller as `callerId`
   * @param text as `archivedText`
   * @param seq in this term; 0 for earlier ones
   * @param appliedSeq up to where PostgreSQL has this term's: what it lacks is not dropped
   */
  add(
    entry: {
      readonly caller: string
      readonly key: string
      readonly text: string
      readonly at: number
      readonly seq: number
    },
    appliedSeq: number,
  ): void {
    const head = `${entry.caller}\n${entry.key}\n`
    const last = this.#segments.at(-1)
    const bytes = Buffer.byteLength(head) + Buffer.byteLength(entry.text)
    const segment = last?.hasRoomFor(bytes) === true ? last : this.#open(bytes)
    segment.add(head, entry.text)
    segment.newestAt = Math.max(segment.newestAt, entry.at)
    segment.newestSeq = Math.max(segment.newestSeq, entry.seq)
    if (segment !== last) this.#trim(entry.at, appliedSeq)
  }

  #open(bytes: number): Segment {
    this.#segments.at(-1)?.seal()
    const segment = new Segment(Math.max(segmentBytes, bytes), this.#isOwn)
    this.#segments.push(segment)
    return segment
  }

  #trim(nowMs: number, appliedSeq: number): void {
    const isOver = () => this.#segments.length > 1 && this.bytes > this.#bytesMax
    while ((this.#segments[0]?.newestAt ?? nowMs) + this.#lifetimeMs <= nowMs) this.#segments.shift()
    for (const segment of this.#segments.slice(0, -1)) {
      if (!isOver() || segment.newestSeq > appliedSeq) return
      segment.dropTexts()
    }
    while (isOver()) {
      const oldest = this.#segments.shift()
      this.#completeAgainMs = Math.max(this.#completeAgainMs, (oldest?.newestAt ?? 0) + this.#lifetimeMs)
    }
  }

  find(caller: string, key: string, nowMs: number): Archived {
    const head = `${caller}\n${key}\n`
    const print = printOf(head)
    let isNoted = nowMs < this.#completeAgainMs
    for (let index = this.#segments.length - 1; index >= 0; index--) {
      const segment = this.#segments[index] as Segment
      const text = segment.find(head, print)
      if (text === null) isNoted = true
      else if (text !== undefined) return { record: recordOf(caller, key, text), isOwn: segment.isOwn }
    }
    return isNoted ? 'in PostgreSQL' : undefined
  }
}

/** Keys that were decided one after another. */
class Segment {
  readonly isOwn: boolean
  newestAt = 0
  newestSeq = 0
  #texts: Buffer | undefined
  #used = 0
  #count = 0
  readonly #prints = new Uint32Array(2 * segmentKeys)
  readonly #slots = new Uint16Array(slotCount)
  #ends: Uint32Array | undefined = new Uint32Array(segmentKeys)

  constructor(bytes: number, isOwn: boolean) {
    this.isOwn = isOwn
    this.#texts = Buffer.allocUnsafeSlow(bytes)
  }

  hasRoomFor(bytes: number): boolean {
    return (
      this.#texts !== undefined && this.#count < segmentKeys - 1 && this.#used + bytes <= this.#texts.length
    )
  }

  get bytes(): number {
    const texts = (this.#texts?.length ?? 0) + (this.#ends?.byteLength ?? 0)
    return this.#prints.byteLength + this.#slots.byteLength + texts
  }

  add(head: string, text: string): void {
    if (this.#texts === undefined || this.#ends === undefined)
      throw new Error('a segment without texts takes no more')
    this.#used += this.#texts.write(head, this.#used)
    this.#used += this.#texts.write(text, this.#used)
    const print = printOf(head)
    this.#prints[2 * this.#count] = print.low
    this.#prints[2 * this.#count + 1] = print.high
    this.#ends[this.#count] = this.#used
    this.#count++
    let slot = print.low % slotCount
    while (this.#slots[slot] !== 0) slot = (slot + 1) % slotCount
    this.#slots[slot] = this.#count
  }

  /** Gives the room back that is not used: nothing is added any more. */
  seal(): void {
    if (this.#texts !== undefined) this.#texts = Buffer.from(this.#texts.subarray(0, this.#used))
  }

  dropTexts(): void {
    this.#texts = undefined
    this.#ends = undefined
  }

  /** @returns null when the key may be there, and its text is not any more */
  find(head: string, print: Print): string | null | undefined {
    let found: string | undefined
    for (let slot = print.low % slotCount; ; slot = (slot + 1) % slotCount) {
      const number = this.#slots[slot] ?? 0
      if (number === 0) return found
      const index = number - 1
      if (this.#prints[2 * index] !== print.low || this.#prints[2 * index + 1] !== print.high) continue
      if (this.#texts === undefined || this.#ends === undefined) return null
      const entry = this.#texts.toString('utf8', index === 0 ? 0 : this.#ends[index - 1], this.#ends[index])
      // The last one stands: a key may be used again once its time is over.
      if (entry.startsWith(head)) found = entry.slice(head.length)
    }
  }
}

interface Print {
  readonly low: number
  readonly high: number
}

/** FNV-1a with two bases: 64 bits in all. */
function printOf(text: string): Print {
  let low = 0x811c9dc5
  let high = 0x050c5d1f
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    low = Math.imul(low ^ code, 0x01000193)
    high = Math.imul(high ^ code, 0x01000197) ^ (high >>> 15)
  }
  return { low: low >>> 0, high: high >>> 0 }
}
