const hows = ['registered', 'reserved', 'promoted', 'left'] as const

/** How a student came to a place, or lost it. */
export type PlaceEntry = (typeof hows)[number]

/**
 * The newest places given, taken and left: each overwrites the oldest. In columns, because an object that lives for
 * thousands of decisions and then dies costs more to collect than all else about it.
 */
export class PlaceRing {
  readonly #seqs: Float64Array
  readonly #students: Float64Array
  readonly #groups: Int32Array
  readonly #hows: Uint8Array
  #next = 0
  #count = 0
  #forgottenSeq = 0

  /** @param most entries that are remembered */
  constructor(most: number) {
    this.#seqs = new Float64Array(most)
    this.#students = new Float64Array(most)
    this.#groups = new Int32Array(most)
    this.#hows = new Uint8Array(most)
  }

  /** Newest decision of which an entry was overwritten; 0 = none. */
  get forgottenSeq(): number {
    return this.#forgottenSeq
  }

  /** @param group its index on the board */
  add(seq: number, student: number, group: number, how: PlaceEntry): void {
    const at = this.#next
    const most = this.#seqs.length
    if (this.#count === most) this.#forgottenSeq = this.#seqs[at] ?? 0
    else this.#count++
    this.#seqs[at] = seq
    this.#students[at] = student
    this.#groups[at] = group
    this.#hows[at] = hows.indexOf(how)
    this.#next = at + 1 === most ? 0 : at + 1
  }

  /** What came after decision `seq`, newest first. */
  eachSince(seq: number, tell: (student: number, group: number, how: PlaceEntry) => void): void {
    const most = this.#seqs.length
    for (let back = 1; back <= this.#count; back++) {
      const at = (this.#next - back + most) % most
      if ((this.#seqs[at] ?? 0) <= seq) return
      tell(this.#students[at] ?? 0, this.#groups[at] ?? 0, hows[this.#hows[at] ?? 0] ?? 'left')
    }
  }
}
