import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DecisionRecord } from '../../actors/records.ts'
import { KeyMemory, keyLifetimeMs, keysPerCallerMax } from './idempotency.ts'

const ali = { role: 'student', id: 1 } as const
const zahra = { role: 'student', id: 2 } as const
const now = 1_000_000

function decided(seq: number, key: string, at = now): DecisionRecord {
  return {
    seq,
    at,
    actor: ali,
    student: 1,
    legs: [{ do: 'drop', course: 1 }],
    effects: [],
    key,
    requestHash: 'h',
  }
}

test('a key is free, then in flight, then answers with the first decision', () => {
  const keys = new KeyMemory(new Set())
  assert.deepEqual(keys.find(ali, 'k', 'h', now), { kind: 'unknown' })
  keys.reserve(ali, 'k', 'h')
  assert.deepEqual(keys.find(ali, 'k', 'h', now), { kind: 'in_flight' })
  const record = decided(5, 'k')
  keys.settle(ali, 'k', record, 0)
  assert.deepEqual(keys.find(ali, 'k', 'h', now), { kind: 'decided', record, seq: 5 })
})

test('the same key with another request is refused, decided or not', () => {
  const keys = new KeyMemory(new Set())
  keys.reserve(ali, 'k', 'h')
  assert.deepEqual(keys.find(ali, 'k', 'other', now), { kind: 'mismatch' })
  keys.settle(ali, 'k', decided(1, 'k'), 0)
  assert.deepEqual(keys.find(ali, 'k', 'other', now), { kind: 'mismatch' })
})

test("a key belongs to its caller: another student's same key is free", () => {
  const keys = new KeyMemory(new Set())
  keys.reserve(ali, 'k', 'h')
  assert.deepEqual(keys.find(zahra, 'k', 'h', now), { kind: 'unknown' })
  assert.deepEqual(keys.find({ role: 'staff', id: 1 }, 'k', 'h', now), { kind: 'unknown' })
})

test('a key whose request ended without a decision is free again', () => {
  const keys = new KeyMemory(new Set())
  keys.reserve(ali, 'k', 'h')
  keys.release(ali, 'k')
  assert.deepEqual(keys.find(ali, 'k', 'another request', now), { kind: 'unknown' })
})

test('a key stands for 24 hours from its decision', () => {
  const keys = new KeyMemory(new Set())
  keys.reserve(ali, 'k', 'h')
  keys.settle(ali, 'k', decided(1, 'k'), 0)
  assert.equal(keys.find(ali, 'k', 'h', now + keyLifetimeMs - 1).kind, 'decided')
  assert.equal(keys.find(ali, 'k', 'h', now + keyLifetimeMs).kind, 'unknown')
})

test('the oldest keys are forgotten beyond 64, and then PostgreSQL is to be asked', () => {
  const keys = new KeyMemory(new Set())
  for (let seq = 1; seq <= keysPerCallerMax + 1; seq++) {
    keys.reserve(ali, `k${seq}`, 'h')
    keys.settle(ali, `k${seq}`, decided(seq, `k${seq}`), seq)
  }
  assert.equal(keys.find(ali, 'k1', 'h', now).kind, 'forgotten')
  assert.equal(keys.find(ali, 'k2', 'h', now).kind, 'decided')
  assert.equal(keys.find(zahra, 'k1', 'h', now).kind, 'unknown', 'nobody else is affected')
})

test('a caller who has forgotten keys is asked about those alone: a new key costs no question', () => {
  const keys = new KeyMemory(new Set())
  for (let seq = 1; seq <= 500; seq++) {
    assert.equal(keys.find(ali, `k${seq}`, 'h', now).kind, 'unknown', `k${seq}`)
    keys.reserve(ali, `k${seq}`, 'h')
    keys.settle(ali, `k${seq}`, decided(seq, `k${seq}`), seq)
  }
  for (let seq = 1; seq <= 500 - keysPerCallerMax; seq++) {
    assert.equal(keys.find(ali, `k${seq}`, 'h', now).kind, 'forgotten', `k${seq}`)
  }
})

test('where more keys are forgotten than are noted, PostgreSQL is asked about every key', () => {
  const keys = new KeyMemory(new Set(), 100)
  for (let seq = 1; seq <= keysPerCallerMax + 101; seq++) {
    keys.reserve(ali, `k${seq}`, 'h')
    keys.settle(ali, `k${seq}`, decided(seq, `k${seq}`), seq)
  }
  for (const key of ['k1', 'k90', 'k101', 'new']) {
    assert.equal(keys.find(ali, key, 'h', now).kind, 'forgotten', key)
  }
  assert.equal(keys.find(zahra, 'new', 'h', now).kind, 'unknown')
})

test('a key is never forgotten before PostgreSQL has its decision', () => {
  const keys = new KeyMemory(new Set())
  for (let seq = 1; seq <= keysPerCallerMax + 10; seq++) {
    keys.reserve(ali, `k${seq}`, 'h')
    keys.settle(ali, `k${seq}`, decided(seq, `k${seq}`), 2)
  }
  assert.equal(keys.find(ali, 'k1', 'h', now).kind, 'forgotten')
  assert.equal(keys.find(ali, 'k2', 'h', now).kind, 'forgotten')
  assert.equal(keys.find(ali, 'k3', 'h', now).kind, 'decided')
})

test('after a takeover a caller with earlier keys is looked up once, and known from then on', () => {
  const keys = new KeyMemory(new Set(['student:1']))
  assert.equal(keys.find(ali, 'k', 'h', now).kind, 'forgotten')
  const record = decided(3, 'k')
  keys.learn(keys.ask(ali, 'k', 'h'), [{ record, leader: 'x' }], true)
  assert.deepEqual(keys.find(ali, 'k', 'h', now), { kind: 'decided', record, seq: 0 })
  assert.equal(keys.find(ali, 'new', 'h', now).kind, 'unknown')
})

test('memory for keys is bounded over all callers; the oldest are forgotten once PostgreSQL has them', () => {
  const keys = new KeyMemory(new Set(), 10)
  const callerOf = (seq: number) => ({ role: 'student', id: seq }) as const
  for (let seq = 1; seq <= 11; seq++) {
    keys.reserve(callerOf(seq), 'k', 'h')
    keys.settle(callerOf(seq), 'k', decided(seq, 'k'), 3)
  }
  const found = [1, 3, 4, 11].map((seq) => keys.find(callerOf(seq), 'k', 'h', now).kind)
  assert.deepEqual(found, ['forgotten', 'forgotten', 'decided', 'decided'])
})

test('keys learned after a takeover count against the bound like all others', () => {
  const history = new Set(Array.from({ length: 6 }, (_, index) => `student:${index + 1}`))
  const keys = new KeyMemory(history, 10)
  for (let id = 1; id <= 6; id++) {
    const caller = { role: 'student', id } as const
    keys.learn(
      keys.ask(caller, 'a', 'h'),
      ['a', 'b'].map((key) => ({ record: decided(id, key), leader: 'x' })),
      true,
    )
  }
  assert.equal(keys.find({ role: 'student', id: 1 }, 'a', 'h', now).kind, 'forgotten')
  assert.equal(keys.find({ role: 'student', id: 6 }, 'b', 'h', now).kind, 'decided')
})

test('what PostgreSQL did not tell about one key is asked again, though it told all about another meanwhile', () => {
  const keys = new KeyMemory(new Set(['student:1']))
  const first = keys.ask(ali, 'first', 'h')
  const second = keys.ask(ali, 'second', 'h')
  keys.learn(second, [{ record: decided(3, 'first'), leader: 'x' }], true)
  assert.equal(keys.find(ali, 'first', 'h', now).kind, 'in_flight')
  keys.giveUp(first)
  assert.equal(keys.find(ali, 'first', 'h', now).kind, 'forgotten')
})

test('an answer from before a key was forgotten does not stand for it', () => {
  const keys = new KeyMemory(new Set(['student:1']))
  const question = keys.ask(ali, 'old', 'h')
  for (let seq = 1; seq <= 66; seq++) {
    keys.reserve(ali, `k${seq}`, 'h')
    keys.settle(ali, `k${seq}`, decided(seq, `k${seq}`), 66)
  }
  keys.learn(question, [], true)
  assert.equal(keys.find(ali, 'k1', 'h', now).kind, 'forgotten')
})
