import { BoundedMap } from './bounded-map.ts'
import { bucketsMax } from './limits.ts'

/** Clients' clocks and networks are not exact: whoever comes this much too early is heard. */
const toleranceMs = 100

/**
 * Who was told `busy` and when to come again. Until then their commands are answered `busy` once more without being
 * considered: whoever asks a hundred times a second is heard as often as whoever asks when told to.
 */
export class RetryTimes {
  /** A student whose time was forgotten may ask. */
  readonly #untilMs = new BoundedMap<number, number>(bucketsMax)

  /** @param sinceMs when the request came */
  tell(student: number, sinceMs: number, retryAfterSeconds: number): void {
    this.#untilMs.set(student, sinceMs + retryAfterSeconds * 1000 - toleranceMs)
  }

  /** @returns milliseconds; 0 = they may ask now */
  waitMs(student: number, nowMs: number): number {
    if (this.#untilMs.size === 0) return 0
    const untilMs = this.#untilMs.get(student)
    if (untilMs === undefined) return 0
    if (nowMs < untilMs) return untilMs - nowMs
    this.#untilMs.delete(student)
    return 0
  }
}
