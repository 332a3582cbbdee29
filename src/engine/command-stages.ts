import { type Histogram, histogramOfCounts, histogramOfSeconds } from '../metrics/histogram.ts'

/** One command in so many has its way through mailbox and turn timed. */
const sampledEvery = 16

/**
 * Where the time of commands goes, through all terms of an engine. The path of a command pays next to nothing:
 * mailbox and turn are timed for one command in sixteen, the rest once for a whole batch.
 */
export class CommandStages {
  /** From admission to the turn. */
  readonly mailbox: Histogram = histogramOfSeconds()
  /** The turn itself: judging, and changing the campus in memory. */
  readonly decide: Histogram = histogramOfSeconds()
  /** From the turn until the journal has confirmed. */
  readonly commit: Histogram = histogramOfSeconds()
  /** From then until PostgreSQL is known to have applied it. */
  readonly apply: Histogram = histogramOfSeconds()
  /** From the moment when it may be answered until the answer is written. */
  readonly reply: Histogram = histogramOfSeconds()
  /** Records of a journal message. */
  readonly batchRecords: Histogram = histogramOfCounts()
  /** When the newest decisions were released to be answered, by the steady clock; 0 before the first. */
  releasedAtMs = 0
  #posted = 0

  /** The journal has confirmed a batch. */
  noteConfirmed(records: number, tookMs: number): void {
    this.batchRecords.observe(records)
    this.commit.observe(tookMs / 1000, records)
  }

  /** A sampled command has had its turn; times by the steady clock. */
  noteTurn(postedAtMs: number, startedAtMs: number, endedAtMs: number): void {
    this.mailbox.observe((startedAtMs - postedAtMs) / 1000)
    this.decide.observe((endedAtMs - startedAtMs) / 1000)
  }

  /** Whether the command that comes now is to be timed. */
  samples(): boolean {
    return this.#posted++ % sampledEvery === 0
  }
}
