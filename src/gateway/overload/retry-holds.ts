import { BoundedMap } from '../bounded-map.ts'
import { bucketsMax } from '../limits.ts'

/** Clients' clocks and networks are not exact: whoever comes this much too early is heard. */
const toleranceMs = 100
/** Whoever asks again sooner than this begins to wait anew. */
const impatientMs = 500

interface Told {
  readonly untilMs: number
  readonly atMs: number
}

/**
 * Who was told `busy` and when to come again. As long as others are turned away, their commands are answered `busy`
 * until then without being considered: whoever asks a hundred times a second is heard no more often than whoever
 * asks when told to. Asking a little too early costs nothing; asking at once, again and again, is never heard.
 */
export class RetryHolds {
  /** A student whose time was forgotten may ask. */
  readonly #told = new BoundedMap<number, Told>(bucketsMax)

  /** @param atMs when the request came */
  tell(student: number, atMs: number, retryAfterSeconds: number): void {
    const before = this.#told.get(student)
    const isPatient = before !== undefined && atMs < before.untilMs && atMs - before.atMs >= impatientMs
    const untilMs = isPatient ? before.untilMs : atMs + retryAfterSeconds * 1000 - toleranceMs
    this.#told.set(student, { untilMs, atMs })
  }

  /** @returns milliseconds; 0 = they may ask now */
  waitMs(student: number, nowMs: number): number {
    if (this.#told.size === 0) return 0
    const told = this.#told.get(student)
    if (told === undefined) return 0
    if (nowMs < told.untilMs) return told.untilMs - nowMs
    this.#told.delete(student)
    return 0
  }
}
