import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { group, meets, student } from '../../../actors/testing/sketches.ts'
import { assertProblem, GatewayFixture } from '../testing/gateway-fixture.ts'

const sender = { student: 1 }

function open(t: TestContext): GatewayFixture {
  const fixture = new GatewayFixture([
    student(1),
    group('10/1', { registered: [1], meetings: meets('sat 08:00-10:00') }),
    group('10/2', { capacity: 0, reserveCapacity: 3, queue: [5] }),
    group('20/1', { meetings: meets('sat 09:00-11:00') }),
    group('30/1', { capacity: 0, reserveCapacity: 3, queue: [6] }),
    group('40/1', { capacity: 0, reserveCapacity: 0 }),
  ])
  t.after(() => fixture.app.close())
  return fixture
}

test('a plan is answered with what became of each leg', async (t) => {
  const legs = [
    { drop: { course_id: 10 } },
    { add: { course_id: 20, group_id: 1 } },
    { add: { course_id: 30, group_id: 1 } },
  ]
  const answer = await open(t).send(sender, 'POST /student/plan', { body: { legs } })
  assert.equal(answer.status, 200, answer.text)
  const { decision, ...rest } = answer.body as { decision: { seq: number } }
  assert.equal(decision.seq, 1)
  assert.deepEqual(rest, {
    dry_run: false,
    legs: [
      { do: 'drop', course_id: 10, group_id: null, place: null, reserve_queue_position: null },
      { do: 'add', course_id: 20, group_id: 1, place: 'registered', reserve_queue_position: 0 },
      { do: 'add', course_id: 30, group_id: 1, place: 'reserved', reserve_queue_position: 2 },
    ],
    remaining_actions: 2,
  })
})

test('a dry run says the same and does nothing', async (t) => {
  const fixture = open(t)
  const legs = [{ move: { course_id: 10, group_id: 2, allow_reserve: true } }]
  const answer = await fixture.send(sender, 'POST /student/plan', { body: { legs, dry_run: true } })
  assert.deepEqual(answer.body, {
    dry_run: true,
    legs: [{ do: 'move', course_id: 10, group_id: 2, place: 'reserved', reserve_queue_position: 2 }],
    remaining_actions: 2,
    decision: null,
  })
  assert.equal(fixture.service.journal.appended.length, 0)
  const held = await fixture.send(sender, 'GET /student/course')
  assert.deepEqual(
    (held.body as { data: { course: { group_id: number } }[] }).data.map(({ course }) => course.group_id),
    [1],
  )
})

test('a refused plan names every reason of every leg, by its number', async (t) => {
  const legs = [
    { add: { course_id: 20, group_id: 1 } },
    { drop: { course_id: 30 } },
    { add: { course_id: 40, group_id: 1 } },
  ]
  for (const dry_run of [true, false]) {
    const answer = await open(t).send(sender, 'POST /student/plan', { body: { legs, dry_run } })
    const { detail, reasons } = assertProblem(answer, 409, 'not_enrolled')
    assert.deepEqual(
      reasons.map(({ leg, code }) => [leg, code]),
      [
        [1, 'not_enrolled'],
        [0, 'class_conflict'],
        [2, 'course_full'],
      ],
    )
    assert.equal(detail, reasons.map((reason) => reason.detail).join(' '))
    assert.deepEqual((answer.body as { reasons: { with?: unknown }[] }).reasons[1]?.with, {
      course_id: 10,
      group_id: 1,
    })
  }
})

test('a single command names no leg', async (t) => {
  const answer = await open(t).send(sender, 'PUT /student/course', { body: { course_id: 20, group_id: 1 } })
  assert.deepEqual(assertProblem(answer, 409, 'class_conflict').reasons, [
    {
      code: 'class_conflict',
      detail: 'The classes of course 20 overlap with those of course 10.',
      course_id: 20,
      group_id: 1,
      with: { course_id: 10, group_id: 1 },
    },
  ])
})

test('where several legs are about one course, the last one tells where it ends', async (t) => {
  const legs = [
    { add: { course_id: 20, group_id: 1 } },
    { drop: { course_id: 20 } },
    { drop: { course_id: 10 } },
  ]
  const answer = await open(t).send(sender, 'POST /student/plan', { body: { legs } })
  assert.equal(answer.status, 200, answer.text)
  assert.deepEqual(
    (answer.body as { legs: { place: string | null }[] }).legs.map(({ place }) => place),
    [null, null, null],
  )
})

test('a place that is dropped and asked for again in one plan is unchanged', async (t) => {
  const legs = [
    { drop: { course_id: 10 } },
    { add: { course_id: 10, group_id: 1 } },
    { add: { course_id: 30, group_id: 1 } },
  ]
  const answer = await open(t).send(sender, 'POST /student/plan', { body: { legs } })
  assert.deepEqual(
    (answer.body as { legs: { place: string | null }[] }).legs.map(({ place }) => place),
    [null, 'unchanged', 'reserved'],
  )
})

test('a plan that changes nothing is refused', async (t) => {
  const legs = [{ drop: { course_id: 10 } }, { add: { course_id: 10, group_id: 1 } }]
  const { detail } = assertProblem(
    await open(t).send(sender, 'POST /student/plan', { body: { legs } }),
    409,
    'no_change',
  )
  assert.equal(detail, 'The plan would change nothing.')
})

test('a plan has 1 to 20 legs, each of exactly one kind', async (t) => {
  const fixture = open(t)
  const leg = { drop: { course_id: 10 } }
  const malformed = [
    {},
    { legs: [] },
    { legs: {} },
    { legs: [{}] },
    { legs: [null] },
    { legs: [{ ...leg, add: { course_id: 20, group_id: 1 } }] },
    { legs: [{ swap: { course_id: 10 } }] },
    { legs: [{ drop: { course_id: 10, group_id: 1 } }] },
    { legs: [{ add: { course_id: 20 } }] },
    { legs: [{ add: { course_id: 20, group_id: 1, reserve: 'maybe' } }] },
    { legs: [{ add: { course_id: 20, group_id: 1, allow_reserve: true } }] },
    { legs: [{ move: { course_id: 10, group_id: 2, allow_reserve: 'yes' } }] },
    { legs: Array.from({ length: 21 }, () => leg) },
    { legs: [leg], dry_run: 1 },
    { legs: [leg], note: 'x' },
  ]
  for (const body of malformed) {
    assertProblem(await fixture.send(sender, 'POST /student/plan', { body }), 400, 'malformed')
  }
  const legs = Array.from({ length: 20 }, (_, index) => ({ drop: { course_id: index } }))
  assertProblem(await fixture.send(sender, 'POST /student/plan', { body: { legs } }), 404, 'no_such_course')
})
