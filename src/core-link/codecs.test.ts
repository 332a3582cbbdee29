import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Command, Leg } from '../../actors/messages/commands.ts'
import type { DecisionRecord, Effect } from '../../actors/messages/records.ts'
import { type Refusal, refusalCodes, type RefusalCode } from '../../actors/messages/refusals.ts'
import type { Outcome, SubmitOptions } from '../engine/service.ts'
import { ByteReader, ProtocolBroken } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import { readJsonCommand, readStudentCommand, writeCommand } from './command-codec.ts'
import { readDecided, readUnavailable, writeOutcome } from './outcome-codec.ts'
import { toEngine, toGateway } from './protocol.ts'

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const id = fc.integer({ min: 1, max: 2 ** 31 - 1 })
/** Of a student or staff member. */
const person = fc.oneof(id, fc.integer({ min: 2 ** 31, max: Number.MAX_SAFE_INTEGER }))
const at = { course: id, group: id }
const plain = { noNullPrototype: true } as const
const maybe = <T>(what: fc.Arbitrary<T>) => fc.option(what, { nil: undefined })

type Compact<T> = { readonly [Field in keyof T]: Exclude<T[Field], undefined> }

/** Without the fields that are undefined: a field that is not there goes as one that is not there. */
function compact<T extends object>(value: T): Compact<T> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Compact<T>
}

const studentLeg: fc.Arbitrary<Leg> = fc
  .oneof(
    fc.record({
      do: fc.constant('add' as const),
      ...at,
      reserve: fc.constantFrom('allow', 'never', 'only' as const),
    }),
    fc.record({ do: fc.constant('drop' as const), course: id }),
    fc.record({ do: fc.constant('move' as const), ...at, allowReserve: fc.boolean() }),
  )
  .map((leg) => ({ ...leg }))
const staffLeg: fc.Arbitrary<Leg> = fc.oneof(
  fc.record({ do: fc.constant('force_add' as const), ...at, note: maybe(fc.string()) }).map(compact),
  fc.record({ do: fc.constant('set_capacity' as const), ...at, capacity: int32 }).map(compact),
)
const byStudent: fc.Arbitrary<Command> = fc
  .record({
    student: person,
    legs: fc.array(studentLeg, { minLength: 1, maxLength: 20 }),
    plan: maybe(fc.boolean()),
  })
  .map(({ student, ...rest }) =>
    compact({ actor: { role: 'student' as const, id: student }, student, ...rest }),
  )
const byStaff: fc.Arbitrary<Command> = fc
  .record({
    staff: person,
    student: maybe(person),
    leg: staffLeg,
    department: int32,
    campusWide: fc.boolean(),
  })
  .map(({ staff, student, leg, ...rest }) =>
    compact({ actor: { role: 'staff' as const, id: staff, ...rest }, student, legs: [leg] }),
  )
const visible = fc
  .array(fc.integer({ min: 0x21, max: 0x7e }), { minLength: 1, maxLength: 255 })
  .map((codes) => String.fromCharCode(...codes))
const options: fc.Arbitrary<SubmitOptions> = fc
  .record({ request: maybe(fc.oneof(visible, fc.string())), key: maybe(visible) })
  .map(({ request, key }) => compact({ request, key, requestHash: key && 'a hash' }))

const effect: fc.Arbitrary<Effect> = fc
  .oneof(
    fc.record({ type: fc.constantFrom('registered', 'left', 'promoted'), student: person, ...at }),
    fc.record({
      type: fc.constant('reserved' as const),
      student: person,
      ...at,
      order: fc.maxSafeNat(),
      position: fc.nat(1e6),
    }),
    fc.record({
      type: fc.constant('actions_spent' as const),
      student: person,
      count: fc.nat(20),
      remaining: fc.nat(99),
    }),
    fc.record({ type: fc.constant('capacity_changed' as const), ...at, capacity: int32 }),
  )
  .map((one) => ({ ...one }))
const refusal: fc.Arbitrary<Refusal> = fc
  .record({
    code: fc.constantFrom(...(Object.keys(refusalCodes) as RefusalCode[])),
    leg: maybe(fc.nat(19)),
    course: maybe(id),
    group: maybe(id),
    with: maybe(fc.record(at, plain)),
    more: maybe(fc.integer({ min: 1, max: 100_000 })),
    window: maybe(fc.record({ startMs: fc.maxSafeNat(), endMs: fc.maxSafeNat() }, plain)),
  })
  .map(compact)
const verdict = fc.oneof(
  fc.record({ effects: fc.array(effect, { maxLength: 300 }) }),
  fc.record({ reasons: fc.array(refusal, { minLength: 1, maxLength: 100 }) }),
)

/** What the other side reads of one message. */
function sent(write: (to: ByteWriter) => void): { kind: number; from: ByteReader } {
  const writer = new ByteWriter(16)
  write(writer)
  const from = new ByteReader(writer.take())
  return { kind: from.uint8(), from }
}

test('the engine judges the very command that the gateway sends, with its key and its request id', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 32 - 1), fc.oneof(byStudent, byStaff), options, (number, command, submitted) => {
      const { kind, from } = sent((to) => writeCommand(to, number, command, submitted))
      const read = kind === toEngine.studentCommand ? readStudentCommand(from) : readJsonCommand(from)
      assert.deepEqual(read, { id: number, command, options: submitted })
      assert.equal(from.hasMore, false)
    }),
  )
})

test('the gateway answers from the very decision that the engine made', () => {
  fc.assert(
    fc.property(
      byStudent,
      options,
      verdict,
      fc.maxSafeNat(),
      maybe(fc.nat(99)),
      (command, submitted, judged, seq, remaining) => {
        const record: DecisionRecord = compact({
          seq,
          at: 1_790_000_000_000 + (seq % 1e9),
          actor: { role: 'student' as const, id: command.actor.id },
          student: command.student,
          legs: command.legs,
          ...judged,
          remaining,
          ...submitted,
        })
        const outcome: Outcome = { kind: 'decided', record, replayed: false }
        const { kind, from } = sent((to) => writeOutcome(to, 7, outcome))
        assert.equal(from.uint32(), 7)
        const read = kind === toGateway.decided ? readDecided(from, command, submitted) : from.json()
        assert.deepEqual(read, outcome)
        assert.equal(from.hasMore, false)
      },
    ),
  )
})

test('outcomes without a decision arrive as they are', () => {
  const outcomes: Outcome[] = [
    { kind: 'rejected', code: 'no_such_course', course: 7, group: 2 },
    { kind: 'key_refused', code: 'idempotency_in_flight' },
    ...(['busy', 'not_leading', 'recovering', 'journal_unavailable', 'outcome_unknown'] as const).map(
      (code) => ({ kind: 'unavailable', code }) as const,
    ),
  ]
  for (const outcome of outcomes) {
    const { kind, from } = sent((to) => writeOutcome(to, 1, outcome))
    assert.equal(from.uint32(), 1)
    assert.deepEqual(kind === toGateway.unavailable ? readUnavailable(from) : from.json(), outcome)
  }
})

test('a message that ends too early, or says what nobody knows, is refused', () => {
  const whole = new ByteWriter(16)
  writeCommand(
    whole,
    1,
    { actor: { role: 'student', id: 5 }, student: 5, legs: [{ do: 'drop', course: 1 }] },
    {},
  )
  const bytes = whole.take().subarray(1)
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => readStudentCommand(new ByteReader(bytes.subarray(0, length))), ProtocolBroken)
  }
  bytes[10] = 99
  assert.throws(
    () => readStudentCommand(new ByteReader(Buffer.concat([bytes, Buffer.alloc(9)]))),
    ProtocolBroken,
  )
})
