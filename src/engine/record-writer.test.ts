import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { AddLeg, DropLeg, Leg, MoveLeg } from '../../actors/messages/commands.ts'
import { decide } from '../../actors/rules/decide.ts'
import { evolve } from '../../actors/rules/evolve.ts'
import type { DecisionRecord } from '../../actors/messages/records.ts'
import type { Refusal } from '../../actors/messages/refusals.ts'
import { scene } from '../../actors/testing/arbitraries.ts'
import { campusOf } from '../../actors/testing/scenario.ts'
import { RecordWriter } from './record-writer.ts'

const writer = new RecordWriter()

function assertSame(expected: DecisionRecord, record = expected): void {
  writer.begin()
  writer.records([record])
  assert.deepEqual(JSON.parse(writer.take().toString()), JSON.parse(JSON.stringify(expected)))
}

test('a record reads back as it was decided, whoever asked for what', () => {
  fc.assert(
    fc.property(
      scene,
      fc.string(),
      fc.oneof(fc.string(), fc.string({ unit: 'binary' })),
      ({ groups, students, steps }, key, request) => {
        const campus = campusOf([...students, ...groups])
        for (const [index, { command, nowMs }] of steps.entries()) {
          const verdict = decide(campus, command, nowMs)
          assert.ok(!('rejection' in verdict))
          for (const effect of verdict.effects ?? []) evolve(campus, effect)
          const { actor, student, legs } = command
          const written: DecisionRecord = {
            seq: index + 1,
            at: 1_790_000_000_000 + index,
            actor: { role: actor.role, id: actor.id },
            ...(student !== undefined && { student }),
            legs,
            ...verdict,
            key,
            requestHash: key,
            // Another one is left out of what a student asked for.
            ...((actor.role !== 'student' || /^[!-~]{1,64}$/.test(request)) && { request }),
          }
          assertSame(written)
          if (actor.role === 'student') assertSame(written, { ...written, request })
        }
      },
    ),
  )
})

// All fields, by the compiler's word: one that is added must be written, and added here.
const add: Required<AddLeg> = { do: 'add', course: 1, group: 2, reserve: 'only' }
const drop: Required<DropLeg> = { do: 'drop', course: 1 }
const move: Required<MoveLeg> = { do: 'move', course: 1, group: 2, allowReserve: true }
const refusal: Required<Refusal> = {
  code: 'class_conflict',
  leg: 1,
  course: 2,
  group: 3,
  with: { course: 4, group: 5 },
  more: 6,
  window: { startMs: 6, endMs: 7 },
}
const whole: Required<DecisionRecord> = {
  seq: 1,
  at: 2,
  actor: { role: 'student', id: 3 },
  student: 3,
  legs: [],
  effects: [],
  reasons: [refusal],
  remaining: 4,
  key: 'a "key"',
  requestHash: 'a hash',
  request: 'a"request"',
}

test('no field of a record is left out', () => {
  assertSame(whole)
  for (const leg of [add, drop, move] satisfies Leg[]) assertSame({ ...whole, legs: [leg] })
  for (const type of ['registered', 'left', 'promoted'] as const) {
    assertSame({ ...whole, effects: [{ type, student: 3, course: 1, group: 2 }] })
  }
})

test('numbers are written to the last digit', () => {
  const numbers = [
    0,
    9,
    10,
    99,
    2 ** 31 - 1,
    2 ** 31,
    999_999_999,
    1e9,
    1_790_000_000_007,
    Number.MAX_SAFE_INTEGER,
  ]
  for (const number of numbers)
    assertSame({ ...whole, seq: number, at: number, student: number, remaining: number })
  assertSame({ ...whole, remaining: -3 })
})

test('a record longer than the room there was is written whole, behind those before it', () => {
  const large = {
    ...whole,
    reasons: Array.from({ length: 2000 }, () => refusal),
    key: 'x'.repeat(70_000),
  }
  const records = [whole, large, whole]
  writer.begin()
  writer.text('[')
  writer.records(records)
  writer.text(']')
  assert.deepEqual(JSON.parse(writer.take().toString()), records)
})
