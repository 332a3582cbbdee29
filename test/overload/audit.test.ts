import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compare } from './audit.ts'
import { recoveryMs, stretchOf } from './figures.ts'
import { outcomes, type Traffic } from './outcomes.ts'
import { keyOf } from './requests.ts'

/** Requests 10 ms apart, each answered 5 ms later. */
function traffic(outcome: readonly number[]): Traffic {
  const due = Float64Array.from(outcome, (_told, index) => index * 10)
  return {
    first: 0,
    count: outcome.length,
    due,
    sent: due,
    received: due.map((ms) => ms + 5),
    outcome: Uint8Array.from(outcome),
    retryAfter: new Uint8Array(outcome.length),
    contestant: new Int32Array(outcome.length),
  }
}

const { done, refused, busy, unknown } = outcomes
const told = traffic([done, refused, busy, unknown])
const honest = [
  { key: keyOf(0), isYes: true },
  { key: keyOf(1), isYes: false },
]

const faultsOf = (rows: Parameters<typeof compare>[0]) =>
  compare(rows, [told]).checks.flatMap(({ faults }) => faults)

test('answers that the tables bear out pass, whether or not the unknown one was decided', () => {
  assert.deepEqual(faultsOf(honest), [])
  assert.deepEqual(faultsOf([...honest, { key: keyOf(3), isYes: true }]), [])
  assert.equal(compare(honest, [told]).acknowledged, 2)
})

test('a lost, doubled, turned or unasked decision is found, and one of whoever was turned away', () => {
  const [yes, no] = honest as [(typeof honest)[0], (typeof honest)[0]]
  assert.equal(compare([no], [told]).lost, 1)
  for (const rows of [
    [no],
    [yes, yes, no],
    [{ ...yes, isYes: false }, no],
    [...honest, { key: keyOf(2), isYes: true }],
    [...honest, { key: keyOf(9), isYes: true }],
  ]) {
    assert.equal(faultsOf(rows).length, 1, JSON.stringify(rows))
  }
})

test('a stretch counts what should have left in it, and decisions that were answered in it', () => {
  const { offered, goodput, counts } = stretchOf(told, 0, 20)
  assert.deepEqual([offered, goodput, counts.busy], [100, 100, 0])
})

test('it is back to normal after the last one who was turned away or waited too long', () => {
  const calm = traffic([busy, ...Array.from({ length: 99 }, () => done)])
  assert.equal(recoveryMs(calm, 0, 1000, 50), 0)
  assert.equal(recoveryMs(calm, 0, 1000, 1), undefined)
  const late = traffic(Array.from({ length: 100 }, (_, index) => (index === 20 ? busy : done)))
  assert.equal(recoveryMs(late, 0, 1000, 50), 200)
})
