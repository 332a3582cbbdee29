/**
 * A map that forgets what has not been asked for in a while, so that strangers cannot fill the memory: two
 * generations, the older dropped whole when the younger is full. Every operation is constant in time.
 */
export class BoundedMap<Key, Value> {
  readonly #generationSize: number
  #young = new Map<Key, Value>()
  #old = new Map<Key, Value>()

  /** @param sizeMax most entries held at once; at least the most recent half of them is remembered */
  constructor(sizeMax: number) {
    this.#generationSize = Math.max(1, Math.floor(sizeMax / 2))
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  get(key: Key): Value | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old === undefined) return undefined
    this.#old.delete(key)
    this.set(key, old)
    return old
  }

  set(key: Key, value: Value): void {
    if (this.#young.size >= this.#generationSize && !this.#young.has(key)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }

  delete(key: Key): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }
}
