import type { DecisionRecord } from '../../actors/messages/records.ts'
import { archivedText, type KeyArchive } from './key-archive.ts'
import { type CallerId, callerId } from './ports.ts'

/** How long a key stands. */
export const keyLifetimeMs = 24 * 60 * 60 * 1000

export type KeyLookup =
  | { readonly kind: 'unknown' }
  /** Memory notes the key, or cannot keep so many: PostgreSQL has it, if anybody. */
  | { readonly kind: 'forgotten' }
  | { readonly kind: 'mismatch' }
  | { readonly kind: 'in_flight' }
  /** `seq` in this term; 0 for earlier ones, which are durable. */
  | { readonly kind: 'decided'; readonly record: DecisionRecord; readonly seq: number }

/**
 * The idempotency keys of the last 24 hours, per caller. A key is reserved when its command is admitted, settled by its
 * decision, and released when there was none.
 */
export class KeyMemory {
  readonly #archive: KeyArchive
  /** Hashes of the requests that are not decided. */
  readonly #inFlight = new Map<string, string>()

  /** @param archive what earlier terms decided; what this one decides is added */
  constructor(archive: KeyArchive) {
    this.#archive = archive
    archive.beginTerm()
  }

  find(caller: CallerId, key: string, requestHash: string, nowMs: number): KeyLookup {
    const inFlight = this.#inFlight.get(nameOf(caller, key))
    if (inFlight !== undefined) return { kind: inFlight === requestHash ? 'in_flight' : 'mismatch' }
    const archived = this.#archive.find(callerId(caller), key, nowMs)
    if (archived === undefined) return { kind: 'unknown' }
    if (archived === 'in PostgreSQL') return { kind: 'forgotten' }
    return lookupOf(archived.record, archived.isOwn ? archived.record.seq : 0, requestHash, nowMs)
  }

  /** Holds the key for a command that is on its way. */
  reserve(caller: CallerId, key: string, requestHash: string): void {
    this.#inFlight.set(nameOf(caller, key), requestHash)
  }

  /** The command was decided; `appliedSeq` says up to where PostgreSQL is, for forgetting. */
  settle(caller: CallerId, key: string, record: DecisionRecord, appliedSeq: number): void {
    if (!this.#inFlight.delete(nameOf(caller, key)))
      throw new Error('a key is settled only while it is reserved')
    const { at, seq } = record
    this.#archive.add({ caller: callerId(caller), key, text: archivedText(record), at, seq }, appliedSeq)
  }

  /** The command ended without a decision: the key is free again. */
  release(caller: CallerId, key: string): void {
    this.#inFlight.delete(nameOf(caller, key))
  }
}

/** What a key's decision means for a request that comes with it now. */
export function lookupOf(record: DecisionRecord, seq: number, requestHash: string, nowMs: number): KeyLookup {
  if (record.at + keyLifetimeMs <= nowMs) return { kind: 'unknown' }
  return record.requestHash === requestHash ? { kind: 'decided', record, seq } : { kind: 'mismatch' }
}

function nameOf(caller: CallerId, key: string): string {
  return `${callerId(caller)}\n${key}`
}
