/** Durations in milliseconds, kept one by one: exact quantiles for some millions of them. */
export class Latencies {
  #values = new Float64Array(1024)
  #count = 0
  #isSorted = true

  get count(): number {
    return this.#count
  }

  /** Forgets everything. */
  clear(): void {
    this.#count = 0
    this.#isSorted = true
  }

  copy(): Latencies {
    const copied = new Latencies()
    for (const value of this.#values.subarray(0, this.#count)) copied.add(value)
    return copied
  }

  add(durationMs: number): void {
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(this.#values.length * 2)
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values[this.#count++] = durationMs
    this.#isSorted = false
  }

  /** @param share from 0 to 1: 0.99 gives what 99 of 100 were at most. 0 when there is none */
  quantile(share: number): number {
    if (this.#count === 0) return 0
    const values = this.#values.subarray(0, this.#count)
    if (!this.#isSorted) values.sort()
    this.#isSorted = true
    return values[Math.min(this.#count - 1, Math.max(0, Math.ceil(share * this.#count) - 1))] ?? 0
  }
}
