import type { Runtime } from '../engine/ports.ts'

/** Waits that end early when the batcher is to stop. */
export class StoppableWait {
  readonly #runtime: Runtime
  readonly #signal: AbortSignal

  /** @param signal aborted when the batcher is to stop */
  constructor(runtime: Runtime, signal: AbortSignal) {
    this.#runtime = runtime
    this.#signal = signal
  }

  /** Waits for `event`, for so long at most, or until the batcher is to stop. */
  async within(delayMs: number, event?: Promise<void>): Promise<void> {
    let cancel = (): void => {}
    const over = new Promise<void>((resolve) => {
      cancel = this.#runtime.after(delayMs, resolve)
    })
    await this.orStopped(event === undefined ? over : Promise.race([event, over]))
    cancel()
  }

  /**
   * Waits for `event`, or until the batcher is to stop.
   * @returns undefined when it is to stop
   */
  async orStopped<T>(event: Promise<T>): Promise<T | undefined> {
    let onAbort = (): void => {}
    const stopped = new Promise<undefined>((resolve) => {
      onAbort = () => resolve(undefined)
      if (this.#signal.aborted) resolve(undefined)
      else this.#signal.addEventListener('abort', onAbort)
    })
    // By a race also when it is to stop already: whatever becomes of `event` then, nobody else looks at it.
    const outcome = await Promise.race([event, stopped])
    this.#signal.removeEventListener('abort', onAbort)
    return outcome
  }
}
