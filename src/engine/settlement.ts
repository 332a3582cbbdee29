/** `durable`: the reply may leave. `late`: the deadline passed first. `lost`: the term ended first. */
export type Settlement = 'durable' | 'late' | 'lost'

/** Whoever waits for a decision to be durable. One object for everything: of each there are as many as requests wait. */
export interface Waiter {
  /** Both are set by `whenDurable`. */
  seq: number
  expiresMs: number
  settle(settlement: Settlement): void
}

/** Told when the journal has a record; never, when the term ends first. */
export interface Confirmable {
  confirmed(): void
}
