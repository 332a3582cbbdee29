import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { DecisionRecord } from '../../../actors/messages/records.ts'
import { group, student } from '../../../actors/testing/sketches.ts'
import { type DecisionsReply } from '../../../schema/rest-decisions.ts'
import { GatewayFixture } from '../testing/gateway-fixture.ts'

const staff = { staff: 60, department: 1 }
const place = { student: 2, course: 10, group: 1 }
/** Of student 2, who is of department 2 and waits in a course of department 1. */
const accepted = {
  term: 3,
  record: {
    seq: 12,
    at: Date.UTC(2030, 8, 21, 7, 1),
    actor: { role: 'student', id: 2 },
    student: 2,
    legs: [{ do: 'move', course: 10, group: 1, allowReserve: true }],
    effects: [{ type: 'reserved', ...place, order: 4, position: 2 }],
    remaining: 2,
  },
} as const
const refusedPlan = {
  term: 3,
  record: {
    seq: 11,
    at: Date.UTC(2030, 8, 21, 7),
    actor: { role: 'student', id: 2 },
    student: 2,
    legs: [
      { do: 'drop', course: 4 },
      { do: 'add', course: 10, group: 1, reserve: 'never' },
    ],
    reasons: [
      { code: 'not_enrolled', leg: 0, course: 4 },
      { code: 'course_full', leg: 1, course: 10, group: 1 },
    ],
    remaining: 2,
  },
} as const

function open(t: TestContext): GatewayFixture {
  const fixture = new GatewayFixture([
    student(1),
    student(2, { department: 2 }),
    student(3, { department: 2 }),
    group('10/1', { capacity: 1, registered: [1], queue: [2] }),
    group('10/2', { department: 2 }),
    group('11/1', { department: 2, registered: [2] }),
  ])
  t.after(() => fixture.app.close())
  return fixture
}

test('of another department’s student staff read what is about their own courses alone', async (t) => {
  const fixture = open(t)
  const elsewhere = { student: 2, course: 10, group: 2 }
  const left = { ...accepted.record, seq: 13, legs: [{ do: 'drop', course: 11 }], remaining: 1 }
  const conflict = {
    code: 'class_conflict',
    leg: 0,
    course: 10,
    group: 1,
    with: { course: 11, group: 1 },
  } as const
  const refused = {
    ...accepted.record,
    seq: 14,
    effects: undefined,
    reasons: [conflict],
  } as unknown as DecisionRecord
  const promotedElsewhere = { type: 'promoted', ...elsewhere, student: 3 } as const
  fixture.decisions.push(
    accepted,
    refusedPlan,
    { term: 3, record: { ...left, effects: [{ type: 'left', ...elsewhere }] } as DecisionRecord },
    { term: 3, record: refused },
    {
      term: 3,
      record: { ...accepted.record, seq: 15, effects: [...accepted.record.effects, promotedElsewhere] },
    },
  )
  const answer = await fixture.send(staff, 'GET /staff/decisions?student_id=2')
  const { decisions } = answer.body as DecisionsReply
  const own = [{ do: 'add', course_id: 10, group_id: 1, reserve: 'never' }]
  assert.deepEqual(
    decisions.map(({ seq }) => seq),
    [12, 11, 14, 15],
  )
  assert.ok(decisions.every((decision) => decision.remaining_actions === null))
  assert.deepEqual(decisions[1]?.legs, own)
  assert.deepEqual(
    decisions[1]?.reasons.map(({ code, detail }) => `${code}: ${detail}`),
    ['course_full: Group 1 of course 10 has no free seat.'],
  )
  assert.deepEqual(decisions[2]?.reasons, [
    {
      code: 'class_conflict',
      detail: 'The classes of course 10 overlap with those of another course.',
      course_id: 10,
      group_id: 1,
    },
  ])
  assert.deepEqual(decisions[3]?.effects, decisions[0]?.effects)
})

test('who gave up a place in a course of another department is not named to those whose student got it', async (t) => {
  const fixture = open(t)
  const away = { course: 10, group: 2 }
  const record = {
    ...accepted.record,
    legs: [{ do: 'drop', course: 77 }],
    effects: [
      { type: 'left', student: 2, ...away },
      { type: 'promoted', student: 1, ...away },
    ],
  } as const
  fixture.decisions.push({ term: 3, record })
  const { decisions } = (await fixture.send(staff, 'GET /staff/decisions?student_id=1'))
    .body as DecisionsReply
  const [{ actor, student_id, legs, effects } = assert.fail()] = decisions
  assert.deepEqual(
    { actor, student_id, legs, effects },
    {
      actor: { role: 'student', id: null },
      student_id: null,
      legs: [],
      effects: [{ type: 'promoted', student_id: 1, course_id: 10, group_id: 2 }],
    },
  )
})
