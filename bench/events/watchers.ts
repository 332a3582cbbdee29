import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Streams to open, one for each student from `first` on; of the first ones every event is kept. */
export interface WatchOrder {
  readonly port: number
  readonly first: number
  readonly filters: readonly string[]
  readonly samples: number
}

/** What one stream has read: the `seq` of each event, and when (milliseconds since the epoch). */
export interface Heard {
  readonly index: number
  readonly events: [seq: number, atMs: number][]
}

export interface WatcherReport {
  readonly opened: number
  readonly messages: number
  readonly bytes: number
  /** What the first stream that could not be opened was answered. */
  readonly refusal?: string
  readonly heard: readonly Heard[]
}

const openTimeoutMs = 60_000

/** Many open streams of events, held by another process. */
export class Watchers {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  /** Resolves once every stream is open. */
  static async open(order: WatchOrder): Promise<Watchers> {
    const watchers = new Watchers(fork(join(import.meta.dirname, 'watcher-process.ts')))
    watchers.#child.send(order)
    const deadline = performance.now() + openTimeoutMs
    for (;;) {
      const { opened, refusal } = await watchers.report()
      if (opened === order.filters.length) return watchers
      if (refusal !== undefined) throw new Error(`a stream could not be opened: ${refusal}`)
      if (performance.now() > deadline) throw new Error(`only ${opened} streams could be opened`)
      await sleep(100)
    }
  }

  /** What came since the report before. */
  async report(): Promise<WatcherReport> {
    const answered = once(this.#child, 'message')
    this.#child.send('tell')
    const [report] = (await answered) as [WatcherReport]
    return report
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.send('end')
    await ended
  }
}
