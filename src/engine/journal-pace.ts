/** How fast the journal is: how long a batch takes, by the one that flies and the one before. Milliseconds. */
export class JournalPace {
  #sinceMs: number | undefined
  #lastMs = 0

  /** A batch has left. */
  begin(nowMs: number): void {
    this.#sinceMs = nowMs
  }

  /** It is confirmed. */
  end(nowMs: number): void {
    this.#lastMs = nowMs - (this.#sinceMs ?? nowMs)
    this.#sinceMs = undefined
  }

  /**
   * How long a record may be expected to wait that came now: for the batch that flies, for those before its own, and
   * for its own. 0 when none flies.
   */
  waitMs(nowMs: number, batchesBefore: number): number {
    if (this.#sinceMs === undefined) return 0
    const flyingMs = nowMs - this.#sinceMs
    const flightMs = Math.max(this.#lastMs, flyingMs)
    return flightMs - flyingMs + (batchesBefore + 1) * flightMs
  }
}
