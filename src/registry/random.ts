/** Seeded chance: the same seed gives the same draws on every machine. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /**
   * From 0 inclusive to 1 exclusive. mulberry32 by Tommy Ettinger, public domain
   * (https://gist.github.com/tommyettinger/46a874533244883189143505d203312c).
   */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let z = this.#state
    z = Math.imul(z ^ (z >>> 15), z | 1)
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61)
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number; both bounds included. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1))
  }

  pick<const Items extends readonly [unknown, ...unknown[]]>(items: Items): Items[number] {
    return items[this.integer(0, items.length - 1)] ?? items[0]
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** A new array (Fisher and Yates). */
  shuffled<T>(items: readonly T[]): T[] {
    const result = [...items]
    for (let last = result.length - 1; last > 0; last--) {
      const other = this.integer(0, last)
      // Both indexes are inside the array.
      ;[result[last], result[other]] = [result[other] as T, result[last] as T]
    }
    return result
  }
}
