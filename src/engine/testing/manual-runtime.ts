import type { Runtime } from '../ports.ts'

interface Task {
  readonly dueMs: number
  readonly order: number
  readonly run: () => void
}

/** A clock and a scheduler that stand still until told: tests own every step. */
export class ManualRuntime implements Runtime {
  #nowMs: number
  #elapsedMs = 0
  #order = 0
  #tasks: Task[] = []
  #ids = 0

  constructor(nowMs = 1_000_000) {
    this.#nowMs = nowMs
  }

  now(): number {
    return this.#nowMs
  }

  elapsed(): number {
    return this.#elapsedMs
  }

  uuid(): string {
    return `00000000-0000-4000-8000-${String(++this.#ids).padStart(12, '0')}`
  }

  defer(task: () => void): void {
    this.#tasks.push({ dueMs: this.#elapsedMs, order: this.#order++, run: task })
  }

  after(delayMs: number, task: () => void): () => void {
    const entry = { dueMs: this.#elapsedMs + delayMs, order: this.#order++, run: task }
    this.#tasks.push(entry)
    return () => {
      this.#tasks = this.#tasks.filter((other) => other !== entry)
    }
  }

  /** Sets the clock without running anything; it may go back. */
  setClock(nowMs: number): void {
    this.#nowMs = nowMs
  }

  /** Lets time pass and runs what falls due, promises in between included. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#elapsedMs + byMs
    await settlePromises()
    for (;;) {
      const due = this.#tasks.filter((task) => task.dueMs <= untilMs)
      const next = due.toSorted((a, b) => a.dueMs - b.dueMs || a.order - b.order)[0]
      if (next === undefined) break
      this.#tasks = this.#tasks.filter((task) => task !== next)
      this.#passTo(next.dueMs)
      next.run()
      await settlePromises()
    }
    this.#passTo(untilMs)
  }

  #passTo(elapsedMs: number): void {
    const byMs = Math.max(0, elapsedMs - this.#elapsedMs)
    this.#elapsedMs += byMs
    this.#nowMs += byMs
  }
}

/** Runs every promise reaction that is ready, and those that they make ready. */
export async function settlePromises(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve))
}
