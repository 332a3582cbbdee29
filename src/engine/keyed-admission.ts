import type { Command } from '../../actors/messages/commands.ts'
import { keyLifetimeMs, type KeyMemory, lookupOf } from './key-memory.ts'
import type { CampusStore } from './ports.ts'
import type { Outcome } from './service.ts'

/** Such a key stays taken: its record exists, or may be on its way to the journal. */
function mayHaveRecord(outcome: Outcome): boolean {
  return outcome.kind === 'decided' || (outcome.kind === 'unavailable' && outcome.code === 'outcome_unknown')
}

/** Admits commands that carry a key: each key once. PostgreSQL is asked about those alone that memory cannot hold. */
export class KeyedAdmission {
  readonly #keys: KeyMemory
  readonly #store: CampusStore
  readonly #nowMs: () => number
  readonly #isReleased: (seq: number) => boolean

  constructor(options: {
    keys: KeyMemory
    store: CampusStore
    nowMs: () => number
    isReleased: (seq: number) => boolean
  }) {
    this.#keys = options.keys
    this.#store = options.store
    this.#nowMs = options.nowMs
    this.#isReleased = options.isReleased
  }

  /** Answers with what the key was decided before, or does what `admit` does. */
  async run(
    command: Command,
    key: string,
    requestHash: string,
    admit: () => Promise<Outcome>,
  ): Promise<Outcome> {
    const known = await this.#findKey(command, key, requestHash)
    if (known !== undefined) return known
    let outcome: Outcome
    try {
      outcome = await admit()
    } catch (bug) {
      this.#keys.release(command.actor, key)
      throw bug
    }
    if (mayHaveRecord(outcome)) return outcome
    this.#keys.release(command.actor, key)
    return outcome
  }

  /** @returns undefined when the key was free: it is reserved now */
  async #findKey(command: Command, key: string, requestHash: string): Promise<Outcome | undefined> {
    const { actor } = command
    const nowMs = this.#nowMs()
    let found = this.#keys.find(actor, key, requestHash, nowMs)
    if (found.kind === 'forgotten') {
      // Held while PostgreSQL is asked, so that a repetition meanwhile is `in flight`.
      this.#keys.reserve(actor, key, requestHash)
      try {
        const decision = await this.#store.findKey(actor, key, nowMs - keyLifetimeMs)
        found =
          decision === undefined ? { kind: 'unknown' } : lookupOf(decision.record, 0, requestHash, nowMs)
      } catch {
        return { kind: 'unavailable', code: 'journal_unavailable' }
      } finally {
        this.#keys.release(actor, key)
      }
    }
    switch (found.kind) {
      case 'unknown':
      case 'forgotten':
        this.#keys.reserve(actor, key, requestHash)
        return undefined
      case 'mismatch':
        return { kind: 'key_refused', code: 'idempotency_mismatch' }
      case 'in_flight':
        return { kind: 'key_refused', code: 'idempotency_in_flight' }
      case 'decided':
        if (!this.#isReleased(found.seq)) return { kind: 'key_refused', code: 'idempotency_in_flight' }
        return { kind: 'decided', record: found.record, replayed: true }
    }
  }
}
