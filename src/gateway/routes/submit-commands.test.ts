import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import {
  exam,
  group,
  type GroupSketch,
  meets,
  student,
  type StudentSketch,
  windowCloses,
  windowOpens,
} from '../../../actors/testing/sketches.ts'
import type { ProblemCode } from '../replies/problems.ts'
import { type Answer, assertProblem, GatewayFixture, type Sender } from '../testing/gateway-fixture.ts'

const monday = meets('mon 08:00-10:00')
const campus: readonly (GroupSketch | StudentSketch)[] = [
  student(1),
  student(2, { gender: 'male' }),
  student(3, { actions: 0 }),
  student(4, { maxUnits: 3 }),
  group('10/1', { registered: [1, 3, 4], meetings: monday, exam: exam('09:00') }),
  group('10/2', { capacity: 0, reserveCapacity: 2, queue: [5] }),
  group('10/3'),
  group('20/1', { capacity: 1, reserveCapacity: 1, registered: [6], queue: [7] }),
  group('20/2', { capacity: 1, reserveCapacity: 4, registered: [8], queue: [9] }),
  group('30/1', { meetings: monday, units: 1 }),
  group('30/2', { exam: exam('09:00'), units: 1 }),
  group('30/3', { genderLock: 'female' }),
  group('40/1', { department: 2 }),
]

function open(t: TestContext): GatewayFixture {
  const fixture = new GatewayFixture(campus)
  t.after(() => fixture.app.close())
  return fixture
}

const staff: Sender = { staff: 60, department: 1 }
const ask: Record<
  string,
  (sender: Sender, course: number, group: number, fixture: GatewayFixture) => Promise<Answer>
> = {
  add: (sender, course_id, group_id, fixture) =>
    fixture.send(sender, 'PUT /student/course', { body: { course_id, group_id } }),
  'add a seat only': (sender, course_id, group_id, fixture) =>
    fixture.send(sender, 'PUT /student/course', { body: { course_id, group_id, reserve: 'never' } }),
  move: (sender, course_id, group_id, fixture) =>
    fixture.send(sender, 'PATCH /student/course', { body: { course_id, group_id } }),
  drop: (sender, course_id, _group, fixture) =>
    fixture.send(sender, `DELETE /student/course?course_id=${course_id}`),
  'plan to add': (sender, course_id, group_id, fixture) =>
    fixture.send(sender, 'POST /student/plan', { body: { legs: [{ add: { course_id, group_id } }] } }),
  'plan to move': (sender, course_id, group_id, fixture) =>
    fixture.send(sender, 'POST /student/plan', { body: { legs: [{ move: { course_id, group_id } }] } }),
  'plan to drop': (sender, course_id, _group, fixture) =>
    fixture.send(sender, 'POST /student/plan', { body: { legs: [{ drop: { course_id } }] } }),
  'force add 1': (sender, course_id, group_id, fixture) =>
    fixture.send(sender, 'PUT /staff/force-std', { body: { course_id, group_id, std_id: 1 } }),
  'force add 404': (sender, course_id, group_id, fixture) =>
    fixture.send(sender, 'PUT /staff/force-std', { body: { course_id, group_id, std_id: 404 } }),
  'force drop 1': (sender, course_id, group_id, fixture) =>
    fixture.send(sender, `DELETE /staff/force-std?std_id=1&course_id=${course_id}&group_id=${group_id}`),
  'force drop 404': (sender, course_id, group_id, fixture) =>
    fixture.send(sender, `DELETE /staff/force-std?std_id=404&course_id=${course_id}&group_id=${group_id}`),
  'set capacity': (sender, course_id, group_id, fixture) =>
    fixture.send(sender, 'PATCH /staff/capacity', { body: { course_id, group_id, capacity: 2 } }),
}

const [first, second, spent, novice, stranger] = [1, 2, 3, 4, 404].map((id) => ({ student: id })) as [
  Sender,
  Sender,
  Sender,
  Sender,
  Sender,
]
const refused: readonly [string, Sender, string, number, ProblemCode, RegExp][] = [
  ['add', stranger, '10/1', 404, 'no_such_student', /no such student/],
  ['add', second, '99/1', 404, 'no_such_course', /no group 1 of course 99/],
  ['add', second, '10/9', 404, 'no_such_course', /no group 9 of course 10/],
  ['add', first, '10/3', 409, 'already_enrolled', /You hold a place in course 10 already/],
  ['add', second, '30/3', 409, 'gender_locked', /Group 3 of course 30 is reserved for the other gender/],
  ['add', novice, '30/2', 409, 'unit_limit', /Course 30 would take you over your unit limit/],
  ['add', first, '30/1', 409, 'class_conflict', /classes of course 30 overlap with those of course 10/],
  ['add', first, '30/2', 409, 'exam_conflict', /exam of course 30 overlaps with that of course 10/],
  ['add', first, '20/1', 409, 'course_full', /neither a free seat nor a free reserve place/],
  ['add a seat only', first, '20/2', 409, 'course_full', /Group 2 of course 20 has no free seat/],
  ['move', stranger, '10/2', 404, 'no_such_student', /./],
  ['move', first, '99/1', 404, 'no_such_course', /./],
  ['move', second, '10/2', 409, 'not_enrolled', /You hold no place in group 2 of course 10/],
  ['move', first, '10/1', 409, 'no_change', /Your place is in group 1 of course 10 already/],
  ['move', first, '10/2', 409, 'move_would_lose_seat', /"allow_reserve": true/],
  ['move', spent, '10/3', 409, 'no_actions_left', /You have no drops or moves left/],
  ['drop', stranger, '10/1', 404, 'no_such_student', /./],
  ['drop', first, '99/1', 404, 'no_such_course', /no course 99/],
  ['drop', second, '10/1', 409, 'not_enrolled', /You hold no place in course 10/],
  ['drop', spent, '10/1', 409, 'no_actions_left', /./],
  ['plan to add', stranger, '10/1', 404, 'no_such_student', /./],
  ['plan to add', first, '99/1', 404, 'no_such_course', /./],
  ['plan to add', first, '10/3', 409, 'already_enrolled', /./],
  ['plan to add', second, '30/3', 409, 'gender_locked', /./],
  ['plan to add', novice, '30/2', 409, 'unit_limit', /./],
  ['plan to add', first, '30/1', 409, 'class_conflict', /./],
  ['plan to add', first, '30/2', 409, 'exam_conflict', /./],
  ['plan to add', first, '20/1', 409, 'course_full', /./],
  ['plan to move', first, '10/1', 409, 'no_change', /./],
  ['plan to move', first, '10/2', 409, 'move_would_lose_seat', /./],
  ['plan to move', second, '10/2', 409, 'not_enrolled', /./],
  ['plan to drop', spent, '10/1', 409, 'no_actions_left', /./],
  ['force add 1', staff, '40/1', 403, 'other_department', /group 1 of course 40/],
  ['force add 1', staff, '99/1', 404, 'no_such_course', /./],
  ['force add 404', staff, '10/1', 404, 'no_such_student', /./],
  ['force add 1', staff, '10/3', 409, 'already_enrolled', /The student holds a place in course 10 already/],
  ['force drop 1', staff, '40/1', 403, 'other_department', /./],
  ['force drop 1', staff, '99/1', 404, 'no_such_course', /./],
  ['force drop 404', staff, '10/1', 404, 'no_such_student', /./],
  ['force drop 1', staff, '10/3', 409, 'not_enrolled', /The student holds no place in group 3 of course 10/],
  ['set capacity', staff, '40/1', 403, 'other_department', /./],
  ['set capacity', staff, '99/1', 404, 'no_such_course', /./],
  ['set capacity', staff, '10/1', 409, 'capacity_below_registered', /Group 1 of course 10 has more students/],
]

for (const [what, sender, at, status, code, detail] of refused) {
  const who = 'student' in sender ? `student ${sender.student}` : 'staff'
  test(`${what} ${at} by ${who} is answered ${code}, in words`, async (t) => {
    const [course = 0, number = 0] = at.split('/').map(Number)
    const answer = await ask[what]?.(sender, course, number, open(t))
    assert.ok(answer !== undefined)
    assert.match(assertProblem(answer, status, code).detail, detail)
  })
}

for (const what of ['add', 'move', 'drop', 'plan to add', 'plan to move', 'plan to drop']) {
  test(`outside of the window, ${what} is answered outside_enrollment_window`, async (t) => {
    const fixture = open(t)
    fixture.nowMs = windowCloses
    const answer = await ask[what]?.(first, 10, 1, fixture)
    assert.ok(answer !== undefined)
    const [reason] = assertProblem(answer, 409, 'outside_enrollment_window').reasons
    const [from, until] = [windowOpens, windowCloses].map((ms) =>
      new Date(ms).toISOString().replace('.000Z', 'Z'),
    )
    assert.equal(reason?.detail, `It is not your enrollment time, which is from ${from} until ${until}.`)
    assert.deepEqual(reason?.window, { from, until })
  })
}

const representation = { headers: { prefer: 'return=representation' } }
const done = [
  ['PUT /student/course', second, { course_id: 10, group_id: 1 }],
  ['PATCH /student/course', first, { course_id: 10, group_id: 3 }],
  ['DELETE /student/course?course_id=10', first, undefined],
  ['PUT /staff/force-std', staff, { course_id: 20, group_id: 1, std_id: 1, note: 'graduates' }],
  ['DELETE /staff/force-std?std_id=1&course_id=10&group_id=1&note=moved', staff, undefined],
  ['PATCH /staff/capacity', staff, { course_id: 10, group_id: 1, capacity: 40 }],
  ['PATCH /staff/capacity', staff, { course_id: 10, group_id: 1, new_capacity: 40 }],
] as const
for (const [request, sender, body] of done) {
  test(`${request} ${JSON.stringify(body ?? '')} is answered 204 and nothing else`, async (t) => {
    const answer = await open(t).send(sender, request, body === undefined ? {} : { body })
    assert.deepEqual([answer.status, answer.text, answer.headers['content-type']], [204, '', undefined])
  })
}

async function represented(
  t: TestContext,
  sender: Sender,
  request: (typeof done)[number][0],
  body?: unknown,
) {
  const answer = await open(t).send(sender, request, {
    ...(body !== undefined && { body }),
    ...representation,
  })
  assert.equal(answer.status, 200, answer.text)
  assert.equal(answer.headers['preference-applied'], 'return=representation')
  const { decision, ...rest } = answer.body as { decision: { seq: number; at: string } }
  assert.equal(decision.seq, 1)
  assert.match(decision.at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  return rest
}

test('who asks for a representation is told of the seat', async (t) => {
  const told = await represented(t, second, 'PUT /student/course', { course_id: 10, group_id: 1 })
  assert.deepEqual(told, {
    place: 'registered',
    reserve_queue_position: 0,
    remaining_actions: 3,
    course_id: 10,
    group_id: 1,
  })
})

test('who gets a reserve place is told of its position', async (t) => {
  const told = await represented(t, first, 'PUT /student/course', { course_id: 20, group_id: 2 })
  assert.deepEqual(told, {
    place: 'reserved',
    reserve_queue_position: 2,
    remaining_actions: 3,
    course_id: 20,
    group_id: 2,
  })
})

test('who joins a queue where a seat is free is registered at once', async (t) => {
  const body = { course_id: 10, group_id: 1, reserve: 'only' }
  const told = await represented(t, second, 'PUT /student/course', body)
  assert.deepEqual(told, {
    place: 'registered',
    reserve_queue_position: 0,
    remaining_actions: 3,
    course_id: 10,
    group_id: 1,
  })
})

test('who moves is told of the new group, and gives up a seat for a reserve place only on request', async (t) => {
  const body = { course_id: 10, group_id: 2, allow_reserve: true }
  const told = await represented(t, first, 'PATCH /student/course', body)
  assert.deepEqual(told, {
    place: 'reserved',
    reserve_queue_position: 2,
    remaining_actions: 2,
    course_id: 10,
    group_id: 2,
  })
})

test('who drops a course is told that no place is left, and of the actions', async (t) => {
  const told = await represented(t, first, 'DELETE /student/course?course_id=10')
  assert.deepEqual(told, {
    place: null,
    reserve_queue_position: null,
    remaining_actions: 2,
    course_id: 10,
    group_id: 1,
  })
})

test('staff are told where they seated a student, and at no cost of actions', async (t) => {
  const told = await represented(t, staff, 'PUT /staff/force-std', { course_id: 20, group_id: 1, std_id: 7 })
  assert.deepEqual(told, {
    place: 'registered',
    reserve_queue_position: 0,
    remaining_actions: 3,
    course_id: 20,
    group_id: 1,
  })
})

test('staff who raise a capacity are told who moved up', async (t) => {
  const body = { course_id: 20, group_id: 2, capacity: 2 }
  const told = await represented(t, staff, 'PATCH /staff/capacity', body)
  assert.deepEqual(told, { course_id: 20, group_id: 2, capacity: 2, promoted: [9], dry_run: false })
})

test('other preferences do not ask for a representation', async (t) => {
  for (const prefer of ['return=minimal', 'respond-async', 'wait=5', 'return=representations']) {
    const body = { course_id: 10, group_id: 1 }
    const answer = await open(t).send(second, 'PUT /student/course', { body, headers: { prefer } })
    assert.equal(answer.status, 204)
  }
  const headers = { prefer: 'wait=5, return="representation"' }
  const body = { course_id: 10, group_id: 1 }
  assert.equal((await open(t).send(second, 'PUT /student/course', { body, headers })).status, 200)
})

test('staff of the whole campus act on every department', async (t) => {
  const fixture = new GatewayFixture(campus, { staffScope: 'all' })
  t.after(() => fixture.app.close())
  const body = { course_id: 40, group_id: 1, std_id: 1 }
  assert.equal((await fixture.send(staff, 'PUT /staff/force-std', { body })).status, 204)
})

test('the note of an override and the number of the request are kept with the decision', async (t) => {
  const fixture = open(t)
  const body = { course_id: 20, group_id: 1, std_id: 1, note: 'graduates' }
  await fixture.send(staff, 'PUT /staff/force-std', { body })
  const [message] = fixture.service.journal.appended
  assert.ok(message !== undefined && 'records' in message)
  const [record] = message.records
  assert.deepEqual(record?.legs, [{ do: 'force_add', course: 20, group: 1, note: 'graduates' }])
  assert.match(record?.request ?? '', /^[\x21-\x7e]{1,64}$/)
})

for (const code of ['busy', 'not_leading', 'recovering', 'journal_unavailable', 'outcome_unknown'] as const) {
  test(`while the engine says ${code}, every command and read says so, and when to come again`, async (t) => {
    const fixture = open(t)
    fixture.service.unavailable = code
    for (const [request, sender, body] of done) {
      const answer = await fixture.send(sender, request, body === undefined ? {} : { body })
      assertProblem(answer, 503, code)
      assert.match(String(answer.headers['retry-after']), /^[1-9]$/)
    }
    for (const dry_run of [true, false]) {
      const body = { legs: [{ drop: { course_id: 10 } }], dry_run }
      assertProblem(await fixture.send(first, 'POST /student/plan', { body }), 503, code)
    }
    for (const path of ['/student/course', '/student/courses?department=1']) {
      assertProblem(await fixture.send(first, `GET ${path}` as 'GET /'), 503, code)
    }
    for (const path of [
      '/staff/student-courses?std_id=1',
      '/staff/course-students?course_id=10&group_id=1',
      '/staff/decisions?student_id=1',
      '/staff/decisions?course_id=10&group_id=1',
    ]) {
      assertProblem(await fixture.send(staff, `GET ${path}` as 'GET /'), 503, code)
    }
  })
}

test('a bug in the engine leaves the outcome of a command unknown, and says so', async (t) => {
  const fixture = open(t)
  fixture.service.broken = true
  const answer = await ask['add']?.(second, 10, 1, fixture)
  assert.ok(answer !== undefined)
  assertProblem(answer, 503, 'outcome_unknown')
  assert.equal(fixture.log.length, 1)
})
