import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Answer } from '../../kit/rest-client.ts'
import { RestFixture } from '../../kit/rest-fixture.ts'

let fixture: RestFixture
before(async () => {
  fixture = await RestFixture.open()
})
after(() => fixture.close())

function plan(student: number, legs: readonly object[], more: object = {}): Promise<Answer> {
  return fixture.student(student, 'POST /student/plan', { legs, ...more })
}

async function coursesOf(student: number): Promise<string[]> {
  const { body } = await fixture.student(student, 'GET /student/course')
  const { data } = body as { data: { course: { course_id: number; group_id: number } }[] }
  return data.map(({ course }) => `${course.course_id}/${course.group_id}`)
}

test('a plan is judged by where it leads: two courses are exchanged for one that conflicts with both', async () => {
  const student = fixture.students.fresh()
  await fixture.add(student, 301)
  await fixture.add(student, 303)
  const other = fixture.students.course()
  const legs = [
    { add: { course_id: 302, group_id: 2 } },
    { drop: { course_id: 301 } },
    { drop: { course_id: 303 } },
    { add: { course_id: 304, group_id: 2 } },
    { add: { course_id: other, group_id: 1, reserve: 'never' } },
  ]
  const answer = await plan(student, legs)
  assert.equal(answer.status, 200, answer.text)
  const { decision, ...rest } = answer.body as { decision: { seq: number } }
  assert.ok(decision.seq > 0)
  const entered = { place: 'registered', reserve_queue_position: 0 }
  const left = { group_id: null, place: null, reserve_queue_position: null }
  assert.deepEqual(rest, {
    dry_run: false,
    legs: [
      { do: 'add', course_id: 302, group_id: 2, ...entered },
      { do: 'drop', course_id: 301, ...left },
      { do: 'drop', course_id: 303, ...left },
      { do: 'add', course_id: 304, group_id: 2, ...entered },
      { do: 'add', course_id: other, group_id: 1, ...entered },
    ],
    remaining_actions: 10,
  })
  assert.deepEqual(await coursesOf(student), ['302/2', '304/2', `${other}/1`])
  assert.equal((await fixture.lastDecision(student)).legs.length, 5)
})

test('a plan of which one leg is impossible changes nothing, and tells every reason of every leg', async () => {
  const student = fixture.students.fresh()
  await fixture.add(student, 301)
  const answer = await plan(student, [
    { drop: { course_id: 301 } },
    { add: { course_id: 305, group_id: 2 } },
    { add: { course_id: 306, group_id: 2 } },
    { drop: { course_id: 303 } },
  ])
  assert.equal(answer.status, 409)
  const { code, reasons } = answer.body as {
    code: string
    reasons: { code: string; leg: number; course_id: number; group_id?: number }[]
  }
  assert.equal(code, 'not_enrolled')
  assert.deepEqual(
    reasons.map((reason) => [reason.code, reason.leg, reason.course_id, reason.group_id]),
    [
      ['not_enrolled', 3, 303, undefined],
      ['gender_locked', 1, 305, 2],
      ['course_full', 2, 306, 2],
    ],
  )
  assert.deepEqual(await coursesOf(student), ['301/1'])
})

test('a dry run answers as the plan would, and changes and records nothing', async () => {
  const { course, students } = await fixture.courseOf(1, 2)
  const [, waiting = 0] = students
  const student = fixture.students.fresh()
  await fixture.add(student, 301)
  const legs = [
    { move: { course_id: 301, group_id: 1 } },
    { add: { course_id: course, group_id: 1, reserve: 'only' } },
  ]
  const impossible = await plan(student, legs, { dry_run: true })
  assert.equal(impossible.status, 409)
  const possible = legs.slice(1)
  const tried = await plan(student, possible, { dry_run: true })
  assert.equal(tried.status, 200, tried.text)
  const expected = {
    legs: [{ do: 'add', course_id: course, group_id: 1, place: 'reserved', reserve_queue_position: 2 }],
    remaining_actions: 12,
  }
  assert.deepEqual(tried.body, { dry_run: true, decision: null, ...expected })
  assert.deepEqual(await coursesOf(student), ['301/1'])
  const { seq, ...last } = await fixture.lastDecision(student)
  assert.equal(last.legs[0]?.['course_id'], 301)
  const done = await plan(student, possible)
  assert.deepEqual(done.body, { dry_run: false, ...expected, decision: (done.body as never)['decision'] })
  assert.ok((await fixture.lastDecision(student)).seq > seq)
  assert.deepEqual(await fixture.roster(course), [[students[0]], [waiting, student]])
})

test('each drop and each move costs an action, and a plan that changes nothing is refused', async () => {
  const student = fixture.students.fresh()
  const [one, two] = [fixture.students.course(), fixture.students.course()]
  await fixture.add(student, one)
  await fixture.add(student, two)
  const legs = [{ move: { course_id: one, group_id: 2 } }, { drop: { course_id: two } }]
  const answer = await plan(student, legs)
  assert.equal((answer.body as { remaining_actions: number }).remaining_actions, 10)
  const back = [{ drop: { course_id: one } }, { add: { course_id: one, group_id: 2 } }]
  const nothing = await plan(student, back)
  assert.equal((nothing.body as { code: string }).code, 'no_change')
})

test('a plan has 1 to 20 legs, and a leg does one thing', async () => {
  const student = fixture.students.fresh()
  const drop = { drop: { course_id: 301 } }
  const malformed = [
    [],
    Array.from({ length: 21 }, () => drop),
    [{ ...drop, add: { course_id: 301, group_id: 1 } }],
    [{}],
    [{ drop: { course_id: '301' } }],
    [{ drop: { course_id: 301, group_id: 1 } }],
    [{ add: { course_id: 301, group_id: 1, reserve: 'perhaps' } }],
    [{ swap: { course_id: 301 } }],
    'all',
  ]
  for (const legs of malformed) {
    const answer = await fixture.student(student, 'POST /student/plan', { legs })
    assert.equal(answer.status, 400, JSON.stringify(legs))
  }
})
