import { byLabel, type Exposition } from '../metrics/exposition.ts'
import { histogramOfCounts, histogramOfSeconds } from '../metrics/histogram.ts'
import type { BatcherAlarm, BatcherEvent } from './batcher.ts'

type Clock = { now(): number; elapsed(): number }

/** What `/metrics` shows of the batcher, gathered from what it tells of itself: once for each transaction. */
export class BatcherMetrics {
  readonly #clock: Clock
  readonly #records = new Map([
    ['applied', 0],
    ['duplicate', 0],
    ['void', 0],
  ])
  readonly #alarms = new Map<BatcherAlarm, number>(
    (
      [
        'foreign_message',
        'set_aside',
        'changed_duplicate',
        'gap',
        'lost_tail',
        'unknown_leader',
        'void_records',
        'database',
        'database_went_back',
      ] as const
    ).map((alarm) => [alarm, 0]),
  )
  readonly #markers = new Map([
    ['accepted', 0],
    ['rejected', 0],
    ['judged before', 0],
  ])
  readonly #writing = histogramOfSeconds()
  readonly #lag = histogramOfSeconds()
  readonly #batchRecords = histogramOfCounts()
  #isConsuming = false
  /** The transaction at hand: when it was begun, by the steady clock, and when its records were decided. */
  #atHand: { readonly sinceMs: number; readonly oldestAt: number; readonly newestAt: number } | undefined

  constructor(exposition: Exposition, clock: Clock) {
    this.#clock = clock
    this.#show(exposition)
  }

  note(event: BatcherEvent): void {
    switch (event.kind) {
      case 'consuming':
        this.#isConsuming = true
        // What an earlier reader had at hand has gone back to the journal.
        this.#atHand = undefined
        return
      case 'writing':
        this.#atHand = { ...event, sinceMs: this.#clock.elapsed() }
        return
      case 'wrote':
        this.#wrote(event)
        return
      case 'marker':
        increase(this.#markers, event.judgement, 1)
        return
      case 'alarm':
        increase(this.#alarms, event.alarm, 1)
        return
      case 'waiting':
      case 'stopped':
        this.#isConsuming = false
        this.#atHand = undefined
    }
  }

  #wrote({ applied, duplicates, voids }: Extract<BatcherEvent, { kind: 'wrote' }>): void {
    increase(this.#records, 'applied', applied)
    increase(this.#records, 'duplicate', duplicates)
    increase(this.#records, 'void', voids)
    this.#batchRecords.observe(applied + duplicates + voids)
    if (this.#atHand === undefined) return
    this.#writing.observe((this.#clock.elapsed() - this.#atHand.sinceMs) / 1000)
    this.#lag.observe(Math.max(0, this.#clock.now() - this.#atHand.newestAt) / 1000, applied)
    this.#atHand = undefined
  }

  #show(exposition: Exposition): void {
    exposition.counters('enrollment_batcher_records_total', 'Records of the journal by their fate.', () =>
      byLabel('fate', this.#records),
    )
    exposition.counters('enrollment_batcher_alarms_total', 'Alarms; the log says more of each.', () =>
      byLabel('alarm', this.#alarms),
    )
    exposition.counters('enrollment_batcher_markers_total', 'Start markers of leaders by judgement.', () =>
      byLabel('judgement', this.#markers),
    )
    exposition.gauge(
      'enrollment_batcher_consuming',
      '1 while it has the journal open; of several, one gets messages.',
      () => Number(this.#isConsuming),
    )
    exposition.gauge(
      'enrollment_batcher_behind_seconds',
      'Age of the oldest decision that is being written now; 0 when nothing waits to be written.',
      () => (this.#atHand === undefined ? 0 : Math.max(0, this.#clock.now() - this.#atHand.oldestAt) / 1000),
    )
    const histograms = [
      [
        'enrollment_batcher_transaction_seconds',
        'From the first try of a transaction to its end.',
        this.#writing,
      ],
      ['enrollment_batcher_lag_seconds', 'From a decision to its row in PostgreSQL.', this.#lag],
      ['enrollment_batcher_transaction_records', 'Records of one transaction.', this.#batchRecords],
    ] as const
    for (const [name, help, histogram] of histograms) {
      exposition.histograms(name, help, () => histogram.samples(name))
    }
  }
}

function increase<Key>(counts: Map<Key, number>, key: Key, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by)
}
