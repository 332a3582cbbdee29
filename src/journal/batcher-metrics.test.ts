import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Exposition } from '../metrics/exposition.ts'
import { BatcherMetrics } from './batcher-metrics.ts'

function setUp() {
  const clock = { ms: 1_000_000, now: () => clock.ms, elapsed: () => clock.ms }
  const exposition = new Exposition()
  const metrics = new BatcherMetrics(exposition, clock)
  const value = async (series: string): Promise<number> => {
    const line = (await exposition.text()).split('\n').find((one) => one.startsWith(`${series} `))
    assert.ok(line !== undefined, series)
    return Number(line.split(' ').at(-1))
  }
  return { clock, metrics, value }
}

test('records are counted by their fate, once for each transaction', async () => {
  const { metrics, value } = setUp()
  metrics.note({ kind: 'wrote', applied: 5, duplicates: 2, voids: 1 })
  metrics.note({ kind: 'wrote', applied: 1, duplicates: 0, voids: 0 })
  assert.equal(await value('enrollment_batcher_records_total{fate="applied"}'), 6)
  assert.equal(await value('enrollment_batcher_records_total{fate="duplicate"}'), 2)
  assert.equal(await value('enrollment_batcher_records_total{fate="void"}'), 1)
  assert.equal(await value('enrollment_batcher_transaction_records_sum'), 9)
})

test('while a transaction cannot be written, the age of its oldest decision grows', async () => {
  const { clock, metrics, value } = setUp()
  assert.equal(await value('enrollment_batcher_behind_seconds'), 0)
  metrics.note({ kind: 'writing', oldestAt: clock.ms - 2000, newestAt: clock.ms - 1000 })
  clock.ms += 3000
  metrics.note({ kind: 'alarm', alarm: 'database', detail: 'away' })
  assert.equal(await value('enrollment_batcher_behind_seconds'), 5)
  assert.equal(await value('enrollment_batcher_alarms_total{alarm="database"}'), 1)
  metrics.note({ kind: 'wrote', applied: 2, duplicates: 0, voids: 0 })
  assert.equal(await value('enrollment_batcher_behind_seconds'), 0)
  assert.equal(await value('enrollment_batcher_transaction_seconds_sum'), 3)
  assert.equal(await value('enrollment_batcher_lag_seconds_sum'), 8)
  assert.equal(await value('enrollment_batcher_lag_seconds_count'), 2)
})

test('a batcher that lost the journal does not say that it consumes', async () => {
  const { metrics, value } = setUp()
  metrics.note({ kind: 'consuming' })
  assert.equal(await value('enrollment_batcher_consuming'), 1)
  metrics.note({ kind: 'waiting', detail: 'waiting for RabbitMQ' })
  assert.equal(await value('enrollment_batcher_consuming'), 0)
})

test('what was at hand when the journal was lost is at hand no more', async () => {
  const { clock, metrics, value } = setUp()
  metrics.note({ kind: 'writing', oldestAt: clock.ms, newestAt: clock.ms })
  metrics.note({ kind: 'consuming' })
  clock.ms += 3000
  assert.equal(await value('enrollment_batcher_behind_seconds'), 0)
})
