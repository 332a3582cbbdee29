interface Event {
  readonly atMs: number
  readonly order: number
  run: (() => void) | undefined
}

const stepsPerRound = 256

/**
 * Simulated time, and everything that will happen in it, one event after another. Between two events every
 * promise reaction that is ready runs to its end; nothing in here waits for a real timer or real input, so the
 * order of all things is a function of the seed.
 */
export class Scheduler {
  /** Milliseconds since the simulation began. Never goes back. */
  nowMs = 0
  steps = 0
  #order = 0
  readonly #heap: Event[] = []

  /** @returns a function that cancels it */
  after(delayMs: number, run: () => void): () => void {
    const event: Event = { atMs: this.nowMs + Math.max(0, delayMs), order: this.#order++, run }
    this.#push(event)
    return () => {
      event.run = undefined
    }
  }

  /**
   * Runs events until `finished` says so; it is asked before every event.
   * @throws what an event throws, and if nothing is left to happen
   */
  async runUntil(finished: () => boolean): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      let isOver = false
      const step = (): void => {
        if (isOver) return
        try {
          isOver = finished()
          if (isOver) resolve()
          else this.#runNext()
        } catch (error) {
          isOver = true
          reject(error instanceof Error ? error : new Error(String(error)))
        }
      }
      // Reactions of promises run between two immediates, to the last of them. Many immediates at once spare
      // the event loop its look at the outside world between them.
      const round = (): void => {
        for (let index = 0; index < stepsPerRound; index++) setImmediate(step)
        setImmediate(() => {
          if (!isOver) round()
        })
      }
      round()
    })
  }

  #runNext(): void {
    for (;;) {
      const event = this.#pop()
      if (event === undefined) throw new Error('nothing is left to happen')
      if (event.run === undefined) continue
      this.nowMs = event.atMs
      this.steps++
      event.run()
      return
    }
  }

  #push(event: Event): void {
    const heap = this.#heap
    let index = heap.length
    heap.push(event)
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = heap[parent] as Event
      if (!isBefore(event, above)) break
      heap[index] = above
      index = parent
    }
    heap[index] = event
  }

  #pop(): Event | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child++
      const below = heap[child] as Event
      if (!isBefore(below, last)) break
      heap[index] = below
      index = child
    }
    heap[index] = last
    return first
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
