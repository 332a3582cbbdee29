/** How long a missing record may take to arrive before the leader is asked for it. */
export const gapPatienceMs = 500
/** How long a missing record is waited for once another leader is about to begin: then it is written down as lost. */
const lossPatienceMs = 60_000
/** How often the leader is asked at least. */
const askMsMax = 5000

/** Records that are missing; what came early is kept in the tables. The leader is asked for them, less and less often. */
export class Gap {
  readonly #sinceMs: number
  #askAtMs: number
  #delayMs = gapPatienceMs

  /** @param nowMs by the steady clock, as below */
  constructor(nowMs: number) {
    this.#sinceMs = nowMs
    this.#askAtMs = nowMs
  }

  /** @returns whether the leader is to be asked now; if so, it is the next time is later */
  isDue(nowMs: number): boolean {
    if (nowMs < this.#askAtMs) return false
    this.#askAtMs = nowMs + this.#delayMs
    this.#delayMs = Math.min(this.#delayMs * 2, askMsMax)
    return true
  }

  /** How long until the leader is to be asked again. */
  untilDueMs(nowMs: number): number {
    return Math.max(1, this.#askAtMs - nowMs)
  }

  /** Whether the records may be written down as lost, if another leader is about to begin. */
  isHopeless(nowMs: number): boolean {
    return nowMs > this.#sinceMs + lossPatienceMs
  }
}
