import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decide } from '../../actors/rules/decide.ts'
import { evolve } from '../../actors/rules/evolve.ts'
import type { DecisionRecord } from '../../actors/messages/records.ts'
import { scene } from '../../actors/testing/arbitraries.ts'
import { campusOf } from '../../actors/testing/scenario.ts'
import { recordSchema } from '../../schema/journal-message.ts'
import { ajv } from './messages.ts'
import { faultOfRecord } from './record-check.ts'

const fitsSchema = ajv.compile(structuredClone(recordSchema))

/** Beside every bound that a field of a record has, and what is no integer. */
const strangeNumbers = [0, 1, 1000, 2 ** 15, 2 ** 31, 253_402_300_799_999, 2 ** 53]
  .flatMap((bound) => [bound - 1, bound, bound + 1])
  .flatMap((bound) => [bound, -bound])
const strange = fc.record({
  number: fc.constantFrom(...strangeNumbers, 0.5, Number.NaN, Number.POSITIVE_INFINITY, -0),
  text: fc.constantFrom('', ' ', 'é', 'a b', '\u0000', 'x'.repeat(64), 'x'.repeat(65), 'y'.repeat(256)),
})
const keyed = fc.record(
  { key: fc.constant('k-1'), requestHash: fc.constant('h_1'), request: fc.constant('r-1') },
  { requiredKeys: [] },
)

/** What says of which kind something is; and the request's id, which the record writer leaves out if it does not fit. */
const words = new Set(['do', 'type', 'role', 'reserve', 'code', 'request'])

/** Every place in a record where a value stands, but the words that say of which kind something is. */
function* valuesIn(holder: object): Generator<readonly [object, string, string]> {
  for (const [name, value] of Object.entries(holder)) {
    if (typeof value === 'object' && value !== null) yield* valuesIn(value as object)
    else if (typeof value !== 'boolean' && !words.has(name)) yield [holder, name, typeof value]
  }
}

function assertSameVerdict(record: DecisionRecord): void {
  const fits = fitsSchema(record)
  assert.equal(faultOfRecord(record) === undefined, fits, JSON.stringify(record))
}

test('records are judged as their schema judges them, whatever stands in any field of them', () => {
  fc.assert(
    fc.property(scene, keyed, fc.nat(), strange, ({ groups, students, steps }, texts, at, value) => {
      const campus = campusOf([...students, ...groups])
      for (const [index, { command, nowMs }] of steps.entries()) {
        const verdict = decide(campus, command, nowMs)
        assert.ok(!('rejection' in verdict))
        for (const effect of verdict.effects ?? []) evolve(campus, effect)
        const { actor, student, legs } = command
        const record: DecisionRecord = {
          seq: index + 1,
          at: 1_790_000_000_000 + index,
          actor: { role: actor.role, id: actor.id },
          ...(student !== undefined && { student }),
          legs,
          ...verdict,
          ...texts,
        }
        assert.equal(faultOfRecord(record), undefined)
        const broken = structuredClone(record)
        const places = [...valuesIn(broken)]
        const [holder, name, kind] = places[at % places.length] ?? assert.fail('a record has values')
        Object.assign(holder, { [name]: kind === 'number' ? value.number : value.text })
        assertSameVerdict(broken)
      }
    }),
  )
})

test('what neither was decided nor refused, or both, fits no journal', () => {
  const record: DecisionRecord = {
    seq: 1,
    at: 1,
    actor: { role: 'student', id: 1 },
    student: 1,
    legs: [{ do: 'drop', course: 1 }],
    effects: [],
    remaining: 1,
  }
  const reasons = [{ code: 'not_enrolled' }] as const
  const { effects: _none, ...undecided } = record
  for (const [told, wrong] of Object.entries({
    neither: undecided,
    both: { ...record, reasons },
    'no reason': { ...undecided, reasons: [] },
    'no legs': { ...record, legs: [] },
  })) {
    assertSameVerdict(wrong)
    assert.notEqual(faultOfRecord(wrong), undefined, told)
  }
})
