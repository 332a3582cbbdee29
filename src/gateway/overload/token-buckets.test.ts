import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BoundedMap } from '../bounded-map.ts'
import { TokenBuckets } from './token-buckets.ts'

test('a bounded map never holds more than its bound, and keeps what is asked for', () => {
  const map = new BoundedMap<number, string>(100)
  for (let key = 0; key < 10_000; key++) {
    map.set(key, `value ${key}`)
    assert.equal(map.get(0), 'value 0')
    assert.equal(map.get(key), `value ${key}`)
    assert.ok(map.size <= 100)
  }
  assert.equal(map.get(5_000), undefined)
  assert.equal(map.get(9_990), 'value 9990')
})

test('a bounded map replaces and deletes in both of its generations', () => {
  const map = new BoundedMap<string, number>(4)
  for (const [index, key] of ['a', 'b', 'c'].entries()) map.set(key, index)
  map.set('a', 10)
  assert.equal(map.get('a'), 10)
  for (const key of ['a', 'b', 'c']) map.delete(key)
  assert.deepEqual([map.get('a'), map.get('b'), map.get('c'), map.size], [undefined, undefined, undefined, 0])
})

test('a bucket gives its burst at once and its rate over time', () => {
  const buckets = new TokenBuckets<string>({ count: 10, perMs: 1000 }, 20)
  for (let taken = 0; taken < 20; taken++) assert.equal(buckets.take('a', 5_000), 0)
  assert.equal(buckets.take('a', 5_000), 100)
  assert.equal(buckets.take('a', 5_040), 60)
  assert.equal(buckets.waitMs('a', 5_100), 0)
  assert.equal(buckets.take('a', 5_100), 0)
  assert.equal(buckets.take('a', 5_100), 100)
})

test('a token that is given back can be taken again, and no bucket holds more than its burst', () => {
  const buckets = new TokenBuckets<string>({ count: 2, perMs: 1000 })
  assert.equal(buckets.take('a', 0), 0)
  buckets.giveBack('a')
  buckets.giveBack('a')
  buckets.giveBack('never seen')
  assert.equal(buckets.take('a', 0), 0)
  assert.equal(buckets.take('a', 0), 0)
  assert.equal(buckets.take('a', 0), 500)
})

test('a clock that is set back neither fills a bucket nor closes it for long', () => {
  const buckets = new TokenBuckets<string>({ count: 1, perMs: 1000 })
  assert.equal(buckets.take('a', 1_000_000), 0)
  assert.equal(buckets.take('a', 500_000), 1000)
  assert.equal(buckets.take('a', 501_000), 0)
})

test('what was charged beyond a bucket is waited for', () => {
  const buckets = new TokenBuckets<number>({ count: 10, perMs: 1000 }, 20)
  assert.equal(buckets.take(1, 0), 0)
  buckets.charge(1, 24, 0)
  assert.equal(buckets.take(1, 0), 600)
  assert.equal(buckets.take(1, 599), 1)
  assert.equal(buckets.take(1, 600), 0)
})
