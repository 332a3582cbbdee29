import { describeError } from './describe-error.ts'
import type { EngineAlarm } from './journal-watch.ts'
import {
  type CampusStore,
  JournalLost,
  type JournalQueue,
  type JournalTerm,
  MessageReturned,
  type Runtime,
  type StartMessage,
  WrongCampus,
} from './ports.ts'
import { ClockOff } from './term-clock.ts'

/** How often the batcher's judgement of a marker is asked for, and how often an unreachable database is. */
export const barrierPollMs = { first: 10, most: 250 }
/** After how long a marker that nobody has judged is published again: somebody may have emptied the queue. */
const markerMs = { first: 5000, most: 60_000 }

interface TakeoverOptions {
  readonly journal: JournalTerm
  readonly store: CampusStore
  readonly runtime: Runtime
  /** How long the journal may take to confirm a marker, milliseconds. */
  readonly confirmMsMax: number
  /** Aborted when the engine is to stop. */
  readonly signal: AbortSignal
  readonly onAlarm: (alarm: EngineAlarm, detail: string) => void
  /** Called with what is waited for, a line for people. */
  readonly onProgress: (detail: string) => void
}

/** What a term waits for before it may load: its marker, and the barrier that the batcher's judgement of it is. */
export class Takeover {
  readonly #options: TakeoverOptions
  /** Called when the term ends, while something is waited for in it. */
  #cutWaitShort: (why: string) => void = () => {}

  constructor(options: TakeoverOptions) {
    this.#options = options
    // Once, and not by a race at each wait: a promise that lives long keeps every reaction to it.
    void options.journal.ended.then((why) => this.#cutWaitShort(why))
  }

  /**
   * Publishes the marker, and waits until the batcher has judged it.
   * @throws JournalLost when the term ends meanwhile
   */
  async pass(marker: StartMessage): Promise<'accepted' | 'rejected'> {
    const { journal, onProgress } = this.#options
    const line = 'waiting for the batcher to write what earlier leaders decided'
    onProgress(line)
    const body = await this.#published(() => journal.append(marker))
    onProgress(line)
    return await this.#judged(marker.start.leader, body)
  }

  /** Publishes a marker until the queue takes it. */
  async #published<T>(publish: () => Promise<T>): Promise<T> {
    const { queue } = this.#options.journal
    for (;;) {
      try {
        return await this.#confirmed(publish())
      } catch (error) {
        if (!(error instanceof MessageReturned) || queue === undefined) throw error
        await this.#inspect(queue)
        await this.sleep(barrierPollMs.most)
      }
    }
  }

  /**
   * @throws JournalLost if the queue is gone or unfit: what earlier leaders answered for may be lost with it, and a new term
   *   asks that before it makes the queue
   */
  async #inspect(queue: JournalQueue): Promise<{ readonly ready: number }> {
    const state = await this.whileOpen(queue.inspect())
    if (state.kind === 'gone') throw new JournalLost('the journal queue is gone')
    if (state.kind === 'unfit') throw new JournalLost(`the journal queue is unfit: ${state.detail}`)
    return state
  }

  /** Ends the term if the journal stays silent: a broker that blocks says so, one that hangs does not. */
  async #confirmed<T>(sent: Promise<T>): Promise<T> {
    const { journal, runtime, confirmMsMax, onAlarm } = this.#options
    let cancel = (): void => {}
    const wait = (): void => {
      cancel = runtime.after(confirmMsMax, () => {
        if (journal.blocked) return wait()
        onAlarm(
          'journal_silent',
          `the journal has not confirmed a marker for ${confirmMsMax} ms; the term ends`,
        )
        void journal.close()
      })
    }
    wait()
    try {
      return await this.whileOpen(sent)
    } finally {
      cancel()
    }
  }

  async #judged(leader: string, marker: Buffer | void): Promise<'accepted' | 'rejected'> {
    const { runtime, store, journal } = this.#options
    let delayMs = barrierPollMs.first
    let patienceMs = markerMs.first
    let sentAtMs = runtime.elapsed()
    for (;;) {
      const judgement = await this.insist(() => store.judgementOf(leader))
      if (judgement !== undefined) return judgement
      await this.sleep(delayMs)
      delayMs = Math.min(delayMs * 2, barrierPollMs.most)
      const { queue } = journal
      if (!marker || queue === undefined || runtime.elapsed() - sentAtMs < patienceMs) continue
      const { ready } = await this.#inspect(queue)
      if (ready === 0) await this.#published(() => queue.appendAgain(marker))
      sentAtMs = runtime.elapsed()
      patienceMs = Math.min(patienceMs * 2, markerMs.most)
    }
  }

  /** Asks the database until it answers; PostgreSQL may be down while a term lasts. */
  async insist<T>(ask: () => Promise<T>): Promise<T> {
    const { journal, signal, onProgress } = this.#options
    for (;;) {
      try {
        return await this.whileOpen(ask())
      } catch (error) {
        const isFinal = error instanceof ClockOff || error instanceof WrongCampus
        if (!journal.open || signal.aborted || isFinal) throw error
        onProgress(`waiting for the database: ${describeError(error)}`)
        await this.sleep(barrierPollMs.most)
      }
    }
  }

  async sleep(delayMs: number): Promise<void> {
    await this.whileOpen(new Promise<void>((resolve) => this.#options.runtime.after(delayMs, resolve)))
  }

  /** Waits for one thing at a time, and rejects when the term ends. */
  async whileOpen<T>(work: Promise<T>): Promise<T> {
    const { journal } = this.#options
    if (!journal.open) throw new JournalLost(await journal.ended)
    return await new Promise<T>((resolve, reject) => {
      this.#cutWaitShort = (why) => reject(new JournalLost(why))
      work.then(resolve, reject)
    })
  }
}
