import { pauseBy } from './pause.ts'
import type { CampusStore, Runtime } from './ports.ts'
import {
  ClockOff,
  type ClockReading,
  clockPeriodMs,
  insistOnClock,
  readClocks,
  type TermClock,
} from './term-clock.ts'

/** The clock of the present term, and how to end the term. */
interface ClockedTerm {
  readonly clock: TermClock
  end(why: string): void
}

/**
 * Looks at this machine's clock for as long as an engine runs, whether it leads or not: against the steady clock every
 * second, against PostgreSQL's every ten. A term whose clocks cannot be trusted ends.
 */
export class ClockWatch {
  readonly #runtime: Runtime
  readonly #store: Pick<CampusStore, 'readClock'>
  readonly #skewMsMax: number
  readonly #onAlarm: (alarm: 'clock' | 'future', detail: string) => void
  #isOff = false
  #looks = 0

  /** @param options.onAlarm called once each time that the clocks come too far apart */
  constructor(options: {
    runtime: Runtime
    store: Pick<CampusStore, 'readClock'>
    skewMsMax: number
    onAlarm: (alarm: 'clock' | 'future', detail: string) => void
  }) {
    this.#runtime = options.runtime
    this.#store = options.store
    this.#skewMsMax = options.skewMsMax
    this.#onAlarm = options.onAlarm
  }

  /**
   * Holds this machine's clock against PostgreSQL's.
   * @throws ClockOff if nobody may lead by it; whatever the database throws
   */
  async compare(): Promise<ClockReading> {
    const reading = await readClocks(this.#runtime, () => this.#store.readClock())
    try {
      insistOnClock(reading, this.#skewMsMax)
    } catch (error) {
      if (!this.#isOff && error instanceof ClockOff) this.#onAlarm('clock', error.message)
      this.#isOff = true
      throw error
    }
    this.#isOff = false
    return reading
  }

  /** Resolves when this machine's clock may be led by. */
  async untilAgreed(signal: AbortSignal): Promise<void> {
    let isOff = true
    while (isOff && !signal.aborted) {
      await pauseBy(this.#runtime, clockPeriodMs.look, signal).catch(() => undefined)
      isOff = await this.compare().then(
        () => false,
        () => true,
      )
    }
  }

  /**
   * How long a new leader waits until it is as late as the newest decision on record, milliseconds: that may have been made by
   * a clock a little ahead. One of a far future is not waited for, but told: its clock was wrong.
   */
  leadOf(newestAtMs: number, clock: TermClock): number {
    const aheadMs = newestAtMs - clock.nowMs()
    if (aheadMs <= this.#skewMsMax) return Math.max(0, aheadMs)
    const dated = new Date(newestAtMs).toISOString()
    this.#onAlarm(
      'future',
      `the newest decision on record is of ${dated}, which is yet to come: a clock was wrong. Windows are judged by the ` +
        `right time; decisions are dated ${dated} until then`,
    )
    return 0
  }

  /** Watches while `work` goes on. @param term the one that is led at the moment, if any */
  async during(term: () => ClockedTerm | undefined, work: () => Promise<void>): Promise<void> {
    let cancel = (): void => {}
    const look = (): void => {
      cancel = this.#runtime.after(clockPeriodMs.look, look)
      const present = term()
      const trouble = present?.clock.trouble
      if (trouble === undefined) present?.clock.look()
      else present?.end(trouble)
      if (this.#looks++ % (clockPeriodMs.compare / clockPeriodMs.look) === 0) void this.#compareFor(term)
    }
    cancel = this.#runtime.after(clockPeriodMs.look, look)
    await work().finally(() => cancel())
  }

  async #compareFor(term: () => ClockedTerm | undefined): Promise<void> {
    const present = term()
    try {
      const reading = await this.compare()
      const trouble = present?.clock.follow(reading)
      if (trouble !== undefined) present?.end(trouble)
    } catch (error) {
      // Without PostgreSQL there is nothing to compare with; the steady clock goes on.
      if (error instanceof ClockOff) present?.end(error.message)
    }
  }
}
