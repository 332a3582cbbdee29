import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DecisionRecord } from '../../actors/messages/records.ts'
import { KeyMemory, keyLifetimeMs } from './key-memory.ts'
import { archivedText, KeyArchive } from './key-archive.ts'

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

const mebibyte = 1024 * 1024

function archive(bytesMax = 64 * mebibyte): KeyArchive {
  return new KeyArchive(bytesMax, keyLifetimeMs)
}

/** What earlier terms decided for ali, under `k1`, `k2`, …, a kilobyte each. */
function archived(count: number, bytesMax: number): KeyArchive {
  const made = archive(bytesMax)
  const request = 'r'.repeat(850)
  for (let seq = 1; seq <= count; seq++) {
    const text = archivedText({ ...decided(seq, `k${seq}`), request })
    made.add({ caller: 'student:1', key: `k${seq}`, text, at: now, seq: 0 }, 0)
  }
  return made
}

test('a key is free, then in flight, then answers with the first decision', () => {
  const keys = new KeyMemory(archive())
  assert.deepEqual(keys.find(ali, 'k', 'h', now), { kind: 'unknown' })
  keys.reserve(ali, 'k', 'h')
  assert.deepEqual(keys.find(ali, 'k', 'h', now), { kind: 'in_flight' })
  const record = decided(5, 'k')
  keys.settle(ali, 'k', record, 0)
  assert.deepEqual(keys.find(ali, 'k', 'h', now), { kind: 'decided', record, seq: 5 })
})

test('the same key with another request is refused, decided or not', () => {
  const keys = new KeyMemory(archive())
  keys.reserve(ali, 'k', 'h')
  assert.deepEqual(keys.find(ali, 'k', 'other', now), { kind: 'mismatch' })
  keys.settle(ali, 'k', decided(1, 'k'), 0)
  assert.deepEqual(keys.find(ali, 'k', 'other', now), { kind: 'mismatch' })
})

test("a key belongs to its caller: another student's same key is free", () => {
  const keys = new KeyMemory(archive())
  keys.reserve(ali, 'k', 'h')
  assert.deepEqual(keys.find(zahra, 'k', 'h', now), { kind: 'unknown' })
  assert.deepEqual(keys.find({ role: 'staff', id: 1 }, 'k', 'h', now), { kind: 'unknown' })
})

test('a key whose request ended without a decision is free again', () => {
  const keys = new KeyMemory(archive())
  keys.reserve(ali, 'k', 'h')
  keys.release(ali, 'k')
  assert.deepEqual(keys.find(ali, 'k', 'another request', now), { kind: 'unknown' })
})

test('a key stands for 24 hours from its decision', () => {
  const keys = new KeyMemory(archive())
  keys.reserve(ali, 'k', 'h')
  keys.settle(ali, 'k', decided(1, 'k'), 0)
  assert.equal(keys.find(ali, 'k', 'h', now + keyLifetimeMs - 1).kind, 'decided')
  assert.equal(keys.find(ali, 'k', 'h', now + keyLifetimeMs).kind, 'unknown')
})

test('what an earlier term decided is answered from memory, and any other key is new', () => {
  const keys = new KeyMemory(archived(1000, 64 * mebibyte))
  for (const seq of [1, 500, 1000]) {
    const found = keys.find(ali, `k${seq}`, 'h', now)
    assert.ok(found.kind === 'decided' && found.seq === 0)
    assert.deepEqual(found.record, { ...decided(seq, `k${seq}`), request: 'r'.repeat(850) })
  }
  assert.equal(keys.find(ali, 'k1', 'other', now).kind, 'mismatch')
  for (const caller of [ali, zahra]) assert.equal(keys.find(caller, 'new', 'h', now).kind, 'unknown')
  assert.equal(keys.find(zahra, 'k1', 'h', now).kind, 'unknown')
})

test('beyond the bound PostgreSQL is asked about the oldest keys, and about no new one', () => {
  const keys = archived(20_000, 12 * mebibyte)
  assert.ok(keys.bytes <= 12 * mebibyte, `${keys.bytes} bytes`)
  const memory = new KeyMemory(keys)
  assert.equal(memory.find(ali, 'k1', 'h', now).kind, 'forgotten')
  assert.equal(memory.find(ali, 'k20000', 'h', now).kind, 'decided')
  for (let index = 0; index < 1000; index++) {
    assert.equal(memory.find(ali, `new${index}`, 'h', now).kind, 'unknown')
  }
})

test('where not even prints fit, PostgreSQL is asked about every key that memory has not, until those are too old', () => {
  const memory = new KeyMemory(archived(20_000, 4.5 * mebibyte))
  assert.equal(memory.find(ali, 'new', 'h', now).kind, 'forgotten')
  assert.equal(memory.find(ali, 'k20000', 'h', now).kind, 'decided')
  assert.equal(memory.find(ali, 'new', 'h', now + keyLifetimeMs).kind, 'unknown')
})

test('a key is never forgotten before PostgreSQL has its decision', () => {
  for (const appliedSeq of [0, 20_000]) {
    const keys = new KeyMemory(archive(5 * mebibyte))
    const request = 'r'.repeat(850)
    for (let seq = 1; seq <= 20_000; seq++) {
      keys.reserve(ali, `k${seq}`, 'h')
      keys.settle(ali, `k${seq}`, { ...decided(seq, `k${seq}`), request }, appliedSeq)
    }
    assert.equal(keys.find(ali, 'k1', 'h', now).kind, appliedSeq === 0 ? 'decided' : 'forgotten')
    assert.equal(keys.find(ali, 'k20000', 'h', now).kind, 'decided')
  }
})

test('a key that is used again after its time stands for the new decision', () => {
  const keys = new KeyMemory(archived(1, 64 * mebibyte))
  const later = now + keyLifetimeMs
  assert.equal(keys.find(ali, 'k1', 'h', later).kind, 'unknown')
  keys.reserve(ali, 'k1', 'h')
  const record = decided(7, 'k1', later)
  keys.settle(ali, 'k1', record, 0)
  assert.deepEqual(keys.find(ali, 'k1', 'h', later), { kind: 'decided', record, seq: 7 })
})
