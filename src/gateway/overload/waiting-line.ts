import type { IncomingMessage, ServerResponse } from 'node:http'

/** A request that has been read and not begun. */
export interface Waiting {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Milliseconds of a steady clock. */
  readonly sinceMs: number
}

/** How much of the array may lie before the head until it is cut off. */
const spentMax = 1024

/** First in, first out; every operation is constant in time over the long run. */
export class WaitingLine {
  /** Since when somebody has waited; it begins anew once nobody was late for as long as a burst may last. */
  standsSinceMs = 0
  /** When somebody in it was late last. */
  lateAtMs = Number.NEGATIVE_INFINITY
  /** What its requests have cost. Lines that wait for the same time are served by it, the least first. */
  spentMs = 0
  #requests: Waiting[] = []
  #head = 0

  get length(): number {
    return this.#requests.length - this.#head
  }

  /** Who has waited longest. */
  get first(): Waiting | undefined {
    return this.#requests[this.#head]
  }

  push(waiting: Waiting): void {
    this.#requests.push(waiting)
  }

  shift(): Waiting | undefined {
    const { first } = this
    if (first === undefined) return undefined
    this.#head++
    if (this.#head > spentMax || this.#head === this.#requests.length) {
      this.#requests.splice(0, this.#head)
      this.#head = 0
    }
    return first
  }
}
