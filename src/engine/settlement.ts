import type { Runtime } from './ports.ts'

/**
 * Replies that leave in one go; more would keep the event loop from everything else. As many as can be decided in a
 * round of a busy loop, and more: what is begun must be finished sooner than more is begun, or replies pile up.
 */
const settledAtOnce = 400
/** And of those that wait at least this share: whatever the pace, what waits stops growing. */
const settledShare = 1 / 8

/**
 * `durable`: the reply may leave. `late`: the deadline passed first. `lost`: the term ended first. `refused`: PostgreSQL does
 * not take this record. `undone`: the term ended over another record, and this one is certainly nowhere.
 */
export type Settlement = 'durable' | 'late' | 'lost' | 'refused' | 'undone'

/** Whoever waits for a decision to be durable. One object for everything: of each there are as many as requests wait. */
export interface Waiter {
  /** Both are set by `whenDurable`. */
  seq: number
  expiresMs: number
  settle(settlement: Settlement): void
}

/** Called when the journal has a record; never, when the term ends first. */
export interface Confirmable {
  confirmed(): void
  /** Nothing in memory rests on the record yet: if PostgreSQL refuses it, the term goes on. */
  readonly mayBeRefused?: boolean
  /** Called when PostgreSQL refused it. */
  refused?(): void
}

/** Those who wait for decisions to be durable, in the order of the decisions. One timer serves all: they expire in the order in which they came. */
export class Waiters {
  readonly #runtime: Runtime
  readonly #deadlineMs: number
  readonly #waiters: Waiter[] = []
  #cancel: (() => void) | undefined

  /** @param deadlineMs after which a waiter is told `late` */
  constructor(runtime: Runtime, deadlineMs: number) {
    this.#runtime = runtime
    this.#deadlineMs = deadlineMs
  }

  add(seq: number, waiter: Waiter): void {
    waiter.seq = seq
    waiter.expiresMs = this.#runtime.elapsed() + this.#deadlineMs
    this.#waiters.push(waiter)
    this.#cancel ??= this.#runtime.after(this.#deadlineMs, () => this.#expire())
  }

  /** Settles those who wait for nothing newer, as many as may be in one go. @returns whether there are more */
  settleSome(releasedSeq: number): boolean {
    const most = Math.max(settledAtOnce, this.#waiters.length * settledShare)
    let count = 0
    for (const waiter of this.#waiters) {
      if (waiter.seq > releasedSeq || count >= most) break
      count++
    }
    for (const waiter of this.#waiters.splice(0, count)) waiter.settle('durable')
    return (this.#waiters[0]?.seq ?? Number.POSITIVE_INFINITY) <= releasedSeq
  }

  settleAll(how: (waiter: Waiter) => Settlement): void {
    this.#cancel?.()
    this.#cancel = undefined
    for (const waiter of this.#waiters.splice(0)) waiter.settle(how(waiter))
  }

  #expire(): void {
    this.#cancel = undefined
    const now = this.#runtime.elapsed()
    let count = 0
    for (const waiter of this.#waiters) {
      if (waiter.expiresMs > now) break
      count++
    }
    for (const waiter of this.#waiters.splice(0, count)) waiter.settle('late')
    const [first] = this.#waiters
    if (first === undefined) return
    this.#cancel = this.#runtime.after(first.expiresMs - now, () => this.#expire())
  }
}
