import type { Coverage } from './coverage.ts'
import type { SimulatedProcess, World } from './simulated-process.ts'

export interface JournalEntry {
  readonly order: number
  readonly body: Buffer
}

export interface Entry extends JournalEntry {
  readonly isMarker: boolean
  /** Who published it. */
  readonly by: SimulatedProcess
}

/** The messages in the journal's queue that are not with any consumer, and what operators and policies do to them. */
export class BrokerQueue {
  isDeclared = false
  /** What operators and policies have taken out of it. */
  readonly dropped: Entry[] = []
  /** What came back goes out again before what is new, in the order in which it came back. */
  readonly #returned: Entry[] = []
  readonly #ready: Entry[] = []
  #lengthMax = Number.POSITIVE_INFINITY
  #ttlMs = Number.POSITIVE_INFINITY
  readonly #coverage: Coverage
  readonly #world: World

  constructor(world: World, coverage: Coverage) {
    this.#world = world
    this.#coverage = coverage
  }

  get count(): number {
    return this.#returned.length + this.#ready.length
  }

  add(entry: Entry): void {
    this.#ready.push(entry)
    this.#expireLater(entry)
  }

  giveBack(returned: readonly Entry[]): void {
    this.#returned.push(...returned)
  }

  /** The next message to go out, if there is one. */
  take(): Entry | undefined {
    return this.#returned.shift() ?? this.#ready.shift()
  }

  get entries(): readonly Entry[] {
    return [...this.#returned, ...this.#ready]
  }

  /** An operator empties the queue. What is with a consumer stays there. */
  purge(): void {
    this.#drop(() => true)
  }

  /** A policy that keeps the newest `count` messages. */
  limitLength(count: number): void {
    this.#lengthMax = count
    this.enforceLength()
  }

  enforceLength(): void {
    const surplus = this.count - this.#lengthMax
    if (surplus <= 0) return
    const oldest = new Set(this.entries.slice(0, surplus))
    this.#drop((entry) => oldest.has(entry))
  }

  /** A policy under which a message that nobody has taken is gone after a while. */
  limitAge(ttlMs: number): void {
    this.#ttlMs = ttlMs
    for (const entry of this.entries) this.#expireLater(entry)
  }

  #expireLater(entry: Entry): void {
    if (this.#ttlMs === Number.POSITIVE_INFINITY) return
    this.#world.scheduler.after(this.#ttlMs, () =>
      this.#drop((other) => other === entry && this.#ttlMs !== Number.POSITIVE_INFINITY),
    )
  }

  /** Ends the policies. */
  lift(): void {
    this.#lengthMax = Number.POSITIVE_INFINITY
    this.#ttlMs = Number.POSITIVE_INFINITY
  }

  #drop(isGone: (entry: Entry) => boolean): void {
    this.noteDropped(this.entries.filter(isGone))
    this.#remove(isGone)
  }

  noteDropped(entries: readonly Entry[]): void {
    this.dropped.push(...entries)
    if (entries.length > 0) this.#coverage.fault('message dropped by an operator', entries.length)
  }

  #remove(isGone: (entry: Entry) => boolean): void {
    for (const queue of [this.#returned, this.#ready]) {
      queue.splice(0, queue.length, ...queue.filter((entry) => !isGone(entry)))
    }
  }

  /** Loses the newest `count` messages, if they are missed: those and the ones that stay are asked about. */
  loseTail(count: number, areMissed: (gone: readonly Entry[], kept: readonly Entry[]) => boolean): void {
    const all = this.entries.toSorted((a, b) => a.order - b.order)
    const gone = new Set(all.slice(-count))
    if (areMissed([...gone], all.slice(0, -count))) this.#remove((entry) => gone.has(entry))
  }
}
