import assert from 'node:assert/strict'
import { test } from 'node:test'
import { audit } from './audit.ts'
import {
  claims,
  assertFaults,
  withDecision,
  withCommand,
  answered,
  effectsOf,
  withAfter,
  upTo,
  group,
} from './testing/doctored.ts'
import { honestHistory } from './testing/honest-history.ts'

test('the second in the queue promoted before the first is found', () => {
  const evidence = effectsOf(6, (effects) =>
    effects.map((effect) => (effect.type === 'promoted' ? { ...effect, student: 4 } : effect)),
  )
  // The tables and the reads tell the same wrong story.
  const places = evidence.after.places.map((place) =>
    place.student === 3
      ? { ...place, order: 1 }
      : place.student === 4
        ? { ...place, order: undefined }
        : place,
  )
  assertFaults({ ...withAfter(evidence, { places }), reads: [], lastReads: [] }, 'queues')
})

test('a freed seat that stays free while others wait is found', () => {
  const evidence = effectsOf(6, (effects) => effects.filter(({ type }) => type !== 'promoted'))
  const places = [
    { student: 2, ...group, order: undefined },
    { student: 3, ...group, order: 1 },
    { student: 4, ...group, order: 2 },
  ]
  assertFaults(upTo(6, withAfter(evidence, { groups: evidence.before.groups, places })), 'queues')
})

test('a newcomer who is seated while others wait is found', () => {
  const yes = withCommand(5, (command) => answered(command, { kind: 'done', body: undefined }))
  const { decisions } = withDecision(5, {
    reasons: undefined,
    effects: [
      { type: 'registered', student: 5, ...group },
      { type: 'extra_seat_given', student: 5, ...group },
    ],
  })
  const places = [
    ...[1, 2, 5].map((student) => ({ student, ...group, order: undefined, isExtra: student === 5 })),
    ...[3, 4].map((student) => ({ student, ...group, order: student - 2 })),
  ]
  const evidence = withAfter({ ...yes, decisions }, { places, students: yes.before.students })
  // That a student's own request gave an extra seat is found as well.
  assertFaults(upTo(5, evidence), 'queues', 'seats')
})

test('a third student on two seats is found', () => {
  const evidence = effectsOf(3, () => [{ type: 'registered', student: 3, ...group }])
  const places = [1, 2, 3].map((student) => ({ student, ...group, order: undefined }))
  assertFaults(upTo(3, { ...evidence, after: { ...evidence.before, places } }), 'seats')
})

test('the seat of one who was forced in, given to the queue when they leave, is found', () => {
  const evidence = honestHistory()
  const extra = { student: 4, ...group }
  const decision = {
    ...evidence.decisions[6],
    seq: 10,
    at: (evidence.decisions.at(-1)?.at ?? 0) + 10,
    legs: [{ do: 'force_drop', ...group }],
    effects: [
      { type: 'left', student: 6, ...group },
      { type: 'promoted', ...extra },
    ],
    key: 'j',
  }
  const decisions = [...evidence.decisions, decision] as typeof evidence.decisions
  const failed = audit({ ...evidence, decisions }).checks.filter(({ holds }) => !holds)
  assert.ok(failed.some(({ claim }) => claims.seats.test(claim)))
})

test('a place in the queue before those who came earlier is found', () => {
  const evidence = effectsOf(4, (effects) =>
    effects.map((effect) => (effect.type === 'reserved' ? { ...effect, order: 1, position: 1 } : effect)),
  )
  const places = evidence.after.places.map((place) =>
    place.order === undefined ? place : { ...place, order: 1 },
  )
  assertFaults(withAfter(evidence, { places }), 'queues')
})

test('a promotion of somebody who does not wait is found', () => {
  const evidence = effectsOf(6, (effects) =>
    effects.map((effect) => (effect.type === 'promoted' ? { ...effect, student: 5 } : effect)),
  )
  const failed = audit(evidence).checks.filter(({ holds }) => !holds)
  assert.ok(failed.some(({ claim }) => claims.possible.test(claim)))
})

test('reasons recorded against their precedence are found, though the client was told the same', () => {
  const evidence = withCommand(5, (command) => {
    const [first] = command.tries
    assert.ok(first?.answer.kind === 'refused')
    return answered(command, { kind: 'refused', reasons: first.answer.reasons.toReversed() })
  })
  const decisions = evidence.decisions.map((decision) =>
    decision.seq === 5 ? { ...decision, reasons: decision.reasons?.toReversed() } : decision,
  )
  assertFaults({ ...evidence, decisions }, 'ordered')
})

test('a course called full while it is not is found', () => {
  const evidence = honestHistory()
  const groups = evidence.before.groups.map((one) => ({ ...one, reserveCapacity: 3 }))
  assertFaults({ ...evidence, before: { ...evidence.before, groups } }, 'justified')
})

test('an action that was not spent, or spent on an add, is found', () => {
  const unspent = effectsOf(6, (effects) => effects.filter(({ type }) => type !== 'actions_spent'))
  const students = unspent.after.students.map(({ id }) => ({ id, remaining: 5 }))
  assertFaults(withAfter(unspent, { students }), 'actions')
  const spent = effectsOf(9, (effects) => [
    ...effects,
    { type: 'actions_spent', student: 5, count: 1, remaining: 4 },
  ])
  const poorer = spent.after.students.map(({ id, remaining }) => ({
    id,
    remaining: id === 5 ? 4 : remaining,
  }))
  assertFaults(withAfter(spent, { students: poorer }), 'actions')
})
