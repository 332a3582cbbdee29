import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Latencies } from './latencies.ts'

test('99 of 100 durations are at most the 0.99 quantile', () => {
  const latencies = new Latencies()
  assert.equal(latencies.quantile(0.5), 0)
  for (let duration = 3000; duration >= 1; duration--) latencies.add(duration)
  assert.equal(latencies.count, 3000)
  assert.equal(latencies.quantile(0), 1)
  assert.equal(latencies.quantile(0.5), 1500)
  assert.equal(latencies.quantile(0.99), 2970)
  assert.equal(latencies.quantile(1), 3000)
  latencies.add(5000)
  assert.equal(latencies.quantile(1), 5000)
})
