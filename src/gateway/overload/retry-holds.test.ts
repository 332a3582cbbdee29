import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RetryHolds } from './retry-holds.ts'

test('whoever was told when to come again may ask from then on, counted from when they asked', () => {
  const times = new RetryHolds()
  assert.equal(times.waitMs(7, 1000), 0)
  times.tell(7, 1000, 2)
  assert.ok(times.waitMs(7, 1001) > 1800)
  assert.ok(times.waitMs(7, 2800) > 0)
  assert.equal(times.waitMs(7, 3000), 0)
  assert.equal(times.waitMs(8, 1001), 0)
})

test('asking a little too early costs nothing, asking again and again at once costs the place', () => {
  const times = new RetryHolds()
  times.tell(7, 1000, 3)
  times.tell(8, 1000, 3)
  for (let ms = 2000; ms < 3900; ms += 900) times.tell(7, ms, 3)
  for (let ms = 1010; ms < 3900; ms += 10) times.tell(8, ms, 3)
  assert.equal(times.waitMs(7, 4000), 0)
  assert.ok(times.waitMs(8, 4000) > 2500)
})
