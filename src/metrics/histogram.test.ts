import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Histogram } from './histogram.ts'

function seriesOf(histogram: Histogram): Record<string, number> {
  return Object.fromEntries(
    Array.from(histogram.samples('m', { stage: 'a' }), ({ metricName, labels, value }) => [
      [metricName, labels['le']].filter((part) => part !== undefined).join(' '),
      value,
    ]),
  )
}

test('each bucket counts what is as long as its bound or shorter, and the last one everything', () => {
  const histogram = new Histogram([1, 10])
  for (const value of [0, 1, 1.5, 10, 11]) histogram.observe(value)
  assert.deepEqual(seriesOf(histogram), {
    'm_bucket 1': 2,
    'm_bucket 10': 4,
    'm_bucket +Inf': 5,
    m_sum: 23.5,
    m_count: 5,
  })
})

test("a batch's measurement counts once for each of its records", () => {
  const histogram = new Histogram([1])
  histogram.observe(0.5, 4)
  assert.deepEqual(seriesOf(histogram), { 'm_bucket 1': 4, 'm_bucket +Inf': 4, m_sum: 2, m_count: 4 })
  assert.equal(histogram.count, 4)
})
