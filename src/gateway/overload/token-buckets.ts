import { BoundedMap } from '../bounded-map.ts'
import { bucketsMax, type Rate } from '../limits.ts'

interface Bucket {
  tokens: number
  atMs: number
}

/** One token bucket per key: bursts are allowed, the rate over time is not exceeded. */
export class TokenBuckets<Key> {
  readonly #burst: number
  readonly #tokensPerMs: number
  /** A bucket that was forgotten is a full one. */
  readonly #buckets = new BoundedMap<Key, Bucket>(bucketsMax)

  /** @param burst tokens that a bucket holds when full, and begins with */
  constructor({ count, perMs }: Rate, burst = count) {
    this.#burst = burst
    this.#tokensPerMs = count / perMs
  }

  /** Takes a token. @returns 0, or the milliseconds until there is one (and takes none) */
  take(key: Key, nowMs: number): number {
    const bucket = this.#refilled(key, nowMs)
    if (bucket.tokens < 1) return this.#waitMs(bucket)
    bucket.tokens -= 1
    return 0
  }

  /** The milliseconds until there is a token; 0 = there is one. Takes none. */
  waitMs(key: Key, nowMs: number): number {
    const bucket = this.#buckets.get(key)
    return bucket === undefined ? 0 : this.#waitMs(this.#refill(bucket, nowMs))
  }

  /** Takes so many tokens, whether there are as many or not: what is missing is waited for next time. */
  charge(key: Key, count: number, nowMs: number): void {
    this.#refilled(key, nowMs).tokens -= count
  }

  /** Returns a token that was taken. */
  giveBack(key: Key): void {
    const bucket = this.#buckets.get(key)
    if (bucket !== undefined) bucket.tokens = Math.min(this.#burst, bucket.tokens + 1)
  }

  #waitMs(bucket: Bucket): number {
    return bucket.tokens >= 1 ? 0 : Math.ceil((1 - bucket.tokens) / this.#tokensPerMs)
  }

  #refilled(key: Key, nowMs: number): Bucket {
    const found = this.#buckets.get(key)
    if (found !== undefined) return this.#refill(found, nowMs)
    const full = { tokens: this.#burst, atMs: nowMs }
    this.#buckets.set(key, full)
    return full
  }

  /** A clock that was set back gives nothing and takes nothing. */
  #refill(bucket: Bucket, nowMs: number): Bucket {
    const elapsedMs = Math.max(0, nowMs - bucket.atMs)
    bucket.tokens = Math.min(this.#burst, bucket.tokens + elapsedMs * this.#tokensPerMs)
    bucket.atMs = nowMs
    return bucket
  }
}
