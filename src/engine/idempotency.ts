import type { DecisionRecord } from '../../actors/records.ts'
import { type Caller, callerId, type KeyedDecision } from './ports.ts'

/** How many keys of one caller are remembered, and for how long a key stands. */
export const keysPerCallerMax = 64
/** How many keys of all callers together; about half a kilobyte each. As many forgotten ones are noted, in a few bytes. */
const keysMax = 200_000
export const keyLifetimeMs = 24 * 60 * 60 * 1000

interface Entry {
  readonly requestHash: string
  /** Absent while the command is undecided. */
  record?: DecisionRecord
  /** Decided in this term and so perhaps not durable yet; earlier ones are. */
  seq: number
}

interface RememberedCaller {
  readonly entries: Map<string, Entry>
  /** PostgreSQL may know any key that is not among the entries. */
  forgetful: boolean
  /** Otherwise only keys with these fingerprints; some of them may be known again. */
  readonly forgotten: Set<number>
  /** How often something was forgotten: what was asked of PostgreSQL before may not say all. */
  lapses: number
}

/** A question to PostgreSQL about one key of a caller, which is held meanwhile. */
export interface KeyQuestion {
  readonly caller: Caller
  readonly key: string
  /** Of the caller, when it was asked. */
  readonly lapses: number
}

export type KeyLookup =
  | { readonly kind: 'unknown' }
  /** Memory does not hold all of the caller's keys: `ask` PostgreSQL, then `learn`. */
  | { readonly kind: 'forgotten' }
  | { readonly kind: 'mismatch' }
  | { readonly kind: 'in_flight' }
  | { readonly kind: 'decided'; readonly record: DecisionRecord; readonly seq: number }

/**
 * The idempotency keys of one term, per caller. A key is reserved when its command is admitted, settled by
 * its decision, and released when there was none. The oldest are forgotten beyond 64 per caller, but only
 * once PostgreSQL has them, and are looked up there when they come again. What is noted of them is a fingerprint, so that a
 * caller with many keys does not cost a question for each new one: two keys that share one cost a needless question.
 */
export class KeyMemory {
  readonly #callers = new Map<string, RememberedCaller>()
  readonly #callersWithHistory: Set<string>
  readonly #keysMax: number
  /** Fingerprints of all callers. */
  #noted = 0
  /** Decided keys of all callers, oldest decision first; some may be forgotten by now. */
  #decided: { readonly known: RememberedCaller; readonly key: string; readonly seq: number }[] = []

  /**
   * @param callersWithHistory callers whose keys of earlier terms are in PostgreSQL, as `callerId`
   * @param most bound on the keys of all callers together
   */
  constructor(callersWithHistory: ReadonlySet<string>, most = keysMax) {
    this.#callersWithHistory = new Set(callersWithHistory)
    this.#keysMax = most
  }

  find(caller: Caller, key: string, requestHash: string, nowMs: number): KeyLookup {
    const known = this.#callers.get(callerId(caller))
    const entry = known?.entries.get(key)
    if (entry === undefined)
      return { kind: this.#mayBeForgotten(caller, known, key) ? 'forgotten' : 'unknown' }
    if (entry.record !== undefined && entry.record.at + keyLifetimeMs <= nowMs) {
      known?.entries.delete(key)
      return { kind: 'unknown' }
    }
    if (entry.requestHash !== requestHash) return { kind: 'mismatch' }
    if (entry.record === undefined) return { kind: 'in_flight' }
    return { kind: 'decided', record: entry.record, seq: entry.seq }
  }

  #mayBeForgotten(caller: Caller, known: RememberedCaller | undefined, key: string): boolean {
    if (known === undefined) return this.#callersWithHistory.has(callerId(caller))
    return known.forgetful || (known.forgotten.size > 0 && known.forgotten.has(fingerprintOf(key)))
  }

  /** Holds the key for a command that is on its way. */
  reserve(caller: Caller, key: string, requestHash: string): void {
    this.#of(caller).entries.set(key, { requestHash, seq: 0 })
  }

  /** The command was decided; `appliedSeq` says up to where PostgreSQL is, for forgetting. */
  settle(caller: Caller, key: string, record: DecisionRecord, appliedSeq: number): void {
    const known = this.#of(caller)
    const entry = known.entries.get(key)
    if (entry === undefined) throw new Error('a key is settled only while it is reserved')
    entry.record = record
    entry.seq = record.seq
    this.#forgetOldest(known, appliedSeq)
    this.#decided.push({ known, key, seq: record.seq })
    if (this.#decided.length > this.#keysMax) this.#forgetOldestHalf(appliedSeq)
  }

  /** The command ended without a decision: the key is free again. */
  release(caller: Caller, key: string): void {
    this.#of(caller).entries.delete(key)
  }

  /** Holds the key while PostgreSQL is asked about its caller, until `learn` or `giveUp`. */
  ask(caller: Caller, key: string, requestHash: string): KeyQuestion {
    this.reserve(caller, key, requestHash)
    return { caller, key, lapses: this.#of(caller).lapses }
  }

  /** PostgreSQL did not answer. What others learned meanwhile left out the key that was held. */
  giveUp({ caller, key }: KeyQuestion): void {
    this.release(caller, key)
    const known = this.#of(caller)
    known.forgetful = true
    known.lapses++
  }

  /**
   * Takes in what PostgreSQL knows of the caller, and frees the key that was asked about.
   * @param found newest first
   * @param complete whether there is no more than that
   */
  learn({ caller, key, lapses }: KeyQuestion, found: readonly KeyedDecision[], complete: boolean): void {
    this.release(caller, key)
    const known = this.#of(caller)
    for (const { record } of found) {
      if (record.key === undefined || record.requestHash === undefined || known.entries.has(record.key))
        continue
      known.entries.set(record.key, { requestHash: record.requestHash, record, seq: 0 })
      this.#decided.push({ known, key: record.key, seq: 0 })
    }
    if (complete && known.lapses === lapses) known.forgetful = false
    if (this.#decided.length > this.#keysMax) this.#forgetOldestHalf(0)
  }

  #of(caller: Caller): RememberedCaller {
    const id = callerId(caller)
    let known = this.#callers.get(id)
    if (known === undefined) {
      const forgetful = this.#callersWithHistory.has(id)
      known = { entries: new Map(), forgetful, forgotten: new Set(), lapses: 0 }
      this.#callers.set(id, known)
    }
    return known
  }

  /** Half at once, so that it is done seldom. */
  #forgetOldestHalf(appliedSeq: number): void {
    const half = Math.ceil(this.#decided.length / 2)
    let count = 0
    for (const { known, key, seq } of this.#decided) {
      if (count >= half || seq > appliedSeq) break
      count++
      // The key may have been forgotten before, and used again since.
      const entry = known.entries.get(key)
      if (entry?.record === undefined || entry.seq !== seq) continue
      this.#forget(known, key)
    }
    this.#decided = this.#decided.slice(count)
  }

  #forgetOldest(known: RememberedCaller, appliedSeq: number): void {
    if (known.entries.size <= keysPerCallerMax) return
    for (const [key, entry] of known.entries) {
      if (known.entries.size <= keysPerCallerMax) return
      if (entry.record === undefined || entry.seq > appliedSeq) continue
      this.#forget(known, key)
    }
  }

  #forget(known: RememberedCaller, key: string): void {
    known.entries.delete(key)
    known.lapses++
    if (known.forgetful) return
    this.#noted -= known.forgotten.size
    if (this.#noted + known.forgotten.size < this.#keysMax) known.forgotten.add(fingerprintOf(key))
    else {
      known.forgetful = true
      known.forgotten.clear()
    }
    this.#noted += known.forgotten.size
  }
}

/** FNV-1a, 32 bits. */
function fingerprintOf(key: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < key.length; index++) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  }
  return hash
}
