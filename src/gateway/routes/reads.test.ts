import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { exam, group, meets, student } from '../../../actors/testing/sketches.ts'
import { DecisionsAway, type GatewayDeps } from '../gateway-ports.ts'
import { assertProblem, GatewayFixture } from '../testing/gateway-fixture.ts'

const campus = [
  student(1),
  student(2, { department: 2 }),
  student(3, { department: 2 }),
  group('10/1', {
    capacity: 2,
    reserveCapacity: 7,
    registered: [1, 9],
    queue: [8, 2],
    units: 3,
    genderLock: 'female',
    exam: exam('09:00'),
    meetings: meets('sat 08:00-10:00', 'mon 08:00-10:00'),
  }),
  group('10/2', { department: 2 }),
  group('11/1', { department: 2, registered: [2] }),
  group('5/1', { registered: [1] }),
] as const

function open(t: TestContext, overrides: Partial<GatewayDeps> = {}): GatewayFixture {
  const fixture = new GatewayFixture(campus, overrides)
  t.after(() => fixture.app.close())
  return fixture
}

const staff = { staff: 60, department: 1 }
const course10 = {
  course_id: 10,
  group_id: 1,
  units: 3,
  capacity: 2,
  registered_count: 2,
  exam_time: Date.UTC(2031, 0, 10, 9) / 1000,
  class_time: [
    { day: 0, start_minute: 480, end_minute: 600 },
    { day: 2, start_minute: 480, end_minute: 600 },
  ],
  lecturer: 'N. N.',
  name: 'Course 10',
  reserve_capacity: 7,
  reserved_count: 2,
  department: 1,
  sex_lock: 'female',
  notes: '',
  status: 'open',
}
const course5 = {
  course_id: 5,
  group_id: 1,
  units: 3,
  capacity: 30,
  registered_count: 1,
  exam_time: 0,
  class_time: [],
  lecturer: 'N. N.',
  name: 'Course 5',
  reserve_capacity: 5,
  reserved_count: 0,
  department: 1,
  sex_lock: null,
  notes: '',
  status: 'open',
}

test('students see the places that they hold, seats as position 0', async (t) => {
  const fixture = open(t)
  assert.deepEqual((await fixture.send({ student: 1 }, 'GET /student/course')).body, {
    data: [
      { course: course5, reserve_queue_position: 0 },
      { course: course10, reserve_queue_position: 0 },
    ],
  })
  const { data } = (await fixture.send({ student: 2 }, 'GET /student/course')).body as { data: unknown[] }
  assert.deepEqual(data[0], { course: course10, reserve_queue_position: 2 })
  assert.deepEqual((await fixture.send({ student: 3 }, 'GET /student/course')).body, { data: [] })
})

test('a student who was deleted since the login is told that there is no such student', async (t) => {
  assertProblem(await open(t).send({ student: 404 }, 'GET /student/course'), 404, 'no_such_student')
})

test('students see the courses of any department', async (t) => {
  const fixture = open(t)
  const own = await fixture.send({ student: 1 }, 'GET /student/courses?department=1')
  assert.deepEqual(own.body, { courses: [course5, course10] })
  const none = await fixture.send({ student: 1 }, 'GET /student/courses?department=77')
  assertProblem(none, 404, 'no_such_department')
})

test('staff see students of their department, and others who hold a place in its courses', async (t) => {
  const fixture = open(t)
  const own = await fixture.send(staff, 'GET /staff/student-courses?std_id=1')
  assert.equal((own.body as { data: unknown[] }).data.length, 2)
  const guest = await fixture.send(staff, 'GET /staff/student-courses?std_id=2')
  assert.deepEqual(guest.body, { data: [{ course: course10, reserve_queue_position: 2 }] })
  const other = await fixture.send(staff, 'GET /staff/student-courses?std_id=3')
  assertProblem(other, 403, 'other_department')
  const halfSeen = await fixture.send({ staff: 61, department: 2 }, 'GET /staff/student-courses?std_id=9')
  assertProblem(halfSeen, 403, 'other_department')
  const nobody = await fixture.send(staff, 'GET /staff/student-courses?std_id=404')
  assertProblem(nobody, 404, 'no_such_student')
})

test('staff see who is in the groups of their department, the queue in its order', async (t) => {
  const fixture = open(t)
  const own = await fixture.send(staff, 'GET /staff/course-students?course_id=10&group_id=1')
  assert.deepEqual(own.body, { registered_students: [1, 9], reserved_queue_students: [8, 2] })
  const other = await fixture.send(staff, 'GET /staff/course-students?course_id=10&group_id=2')
  assertProblem(other, 403, 'other_department')
  for (const query of ['course_id=10&group_id=3', 'course_id=12&group_id=1']) {
    const nothing = await fixture.send(staff, `GET /staff/course-students?${query}`)
    assertProblem(nothing, 404, 'no_such_course')
  }
})

test('an extra seat counts as one of the capacity, and staff see who has it', async (t) => {
  const fixture = new GatewayFixture([
    student(1),
    group('10/1', { capacity: 2, registered: [1, 9], extra: [7], queue: [8] }),
  ])
  t.after(() => fixture.app.close())
  const { body } = await fixture.send({ student: 1 }, 'GET /student/courses?department=1')
  const [course] = (body as { courses: Record<string, unknown>[] }).courses
  assert.deepEqual([course?.['capacity'], course?.['extra_seats'], course?.['registered_count']], [3, 1, 3])
  const roster = await fixture.send(staff, 'GET /staff/course-students?course_id=10&group_id=1')
  assert.deepEqual(roster.body, {
    registered_students: [1, 7, 9],
    reserved_queue_students: [8],
    extra_seat_students: [7],
  })
})

test('staff of the whole campus see every department', async (t) => {
  const fixture = open(t, { staffScope: 'all' })
  for (const request of [
    'GET /staff/student-courses?std_id=3',
    'GET /staff/course-students?course_id=10&group_id=2',
    'GET /staff/decisions?student_id=3',
    'GET /staff/decisions?course_id=10&group_id=2',
  ] as const) {
    assert.equal((await fixture.send(staff, request)).status, 200, request)
  }
})

const place = { student: 2, course: 10, group: 1 }
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
    key: 'secret-key',
    requestHash: 'x',
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

test('staff read who did what when, yes or no, with all reasons, and not the keys', async (t) => {
  const fixture = open(t)
  fixture.decisions.push(accepted, refusedPlan)
  const own = { staff: 61, department: 2 }
  const answer = await fixture.send(own, 'GET /staff/decisions?student_id=2')
  assert.deepEqual(answer.body, {
    decisions: [
      {
        term: 3,
        seq: 12,
        at: '2030-09-21T07:01:00.000Z',
        actor: { role: 'student', id: 2 },
        student_id: 2,
        outcome: 'accepted',
        legs: [{ do: 'move', course_id: 10, group_id: 1, allow_reserve: true }],
        effects: [{ type: 'reserved', student_id: 2, course_id: 10, group_id: 1, order: 4, position: 2 }],
        reasons: [],
        remaining_actions: 2,
      },
      {
        term: 3,
        seq: 11,
        at: '2030-09-21T07:00:00.000Z',
        actor: { role: 'student', id: 2 },
        student_id: 2,
        outcome: 'refused',
        legs: [
          { do: 'drop', course_id: 4 },
          { do: 'add', course_id: 10, group_id: 1, reserve: 'never' },
        ],
        effects: [],
        reasons: [
          { code: 'not_enrolled', detail: 'You hold no place in course 4.', leg: 0, course_id: 4 },
          {
            code: 'course_full',
            detail: 'Group 1 of course 10 has no free seat.',
            leg: 1,
            course_id: 10,
            group_id: 1,
          },
        ],
        remaining_actions: 2,
      },
    ],
    next: null,
    up_to_date: true,
  })
})

test('decisions come page by page, each page from the end of the one before', async (t) => {
  const fixture = open(t)
  fixture.decisions.push(accepted, refusedPlan)
  const page = await fixture.send(staff, 'GET /staff/decisions?course_id=10&group_id=1&limit=1')
  const { next } = page.body as { next: string }
  assert.equal(next, '3.12')
  const query = `course_id=10&group_id=1&limit=1&cursor=${next}&from=2030-09-21&to=2030-09-21T08:00:00.5Z`
  await fixture.send(staff, `GET /staff/decisions?${query}`)
  assert.deepEqual(fixture.searches, [
    { about: { course: 10, group: 1 }, limit: 1 },
    {
      about: { course: 10, group: 1 },
      fromMs: Date.UTC(2030, 8, 21),
      toMs: Date.UTC(2030, 8, 21, 8) + 500,
      before: { term: 3, seq: 12 },
      limit: 1,
    },
  ])
})

test('staff read decisions of their own department only', async (t) => {
  const fixture = open(t)
  for (const query of ['student_id=3', 'course_id=10&group_id=2']) {
    assertProblem(await fixture.send(staff, `GET /staff/decisions?${query}`), 403, 'other_department')
  }
  assertProblem(await fixture.send(staff, 'GET /staff/decisions?student_id=404'), 404, 'no_such_student')
  const nothing = await fixture.send(staff, 'GET /staff/decisions?course_id=1&group_id=1')
  assertProblem(nothing, 404, 'no_such_course')
  assert.deepEqual(fixture.searches, [])
})

test('a reader of decisions waits for the database to catch up', async (t) => {
  const fixture = open(t)
  fixture.service.state = { ...fixture.service.state, confirmedSeq: 9, appliedSeq: 8 }
  const answer = fixture.send(staff, 'GET /staff/decisions?student_id=1')
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(fixture.searches, [])
  fixture.service.state = { ...fixture.service.state, appliedSeq: 9 }
  assert.equal(((await answer).body as { up_to_date: boolean }).up_to_date, true)
})

test('a reader of decisions is told when the database stays behind', async (t) => {
  const fixture = open(t)
  fixture.service.state = { ...fixture.service.state, confirmedSeq: 9, appliedSeq: 8 }
  const answer = await fixture.send(staff, 'GET /staff/decisions?student_id=1')
  assert.equal((answer.body as { up_to_date: boolean }).up_to_date, false)
})

test('while the database is away, a reader of decisions is asked to come again', async (t) => {
  const fixture = open(t, { searchDecisions: () => Promise.reject(new DecisionsAway('no connection')) })
  const answer = await fixture.send(staff, 'GET /staff/decisions?student_id=1')
  assertProblem(answer, 503, 'journal_unavailable')
  assert.match(fixture.log.join(''), /could not be looked up/)
})

test('an error while searching is ours, is logged, and tells the client nothing of it', async (t) => {
  const fixture = open(t, {
    searchDecisions: () => Promise.reject(new Error('relation "decisions" is gone')),
  })
  const answer = await fixture.send(staff, 'GET /staff/decisions?student_id=1')
  assertProblem(answer, 500, 'internal')
  assert.doesNotMatch(answer.text, /relation/)
  assert.match(fixture.log.join(''), /relation/)
})

test('a catalog that has not changed is not sent again, and one that has is', async (t) => {
  const fixture = open(t)
  const ask = (id: number, headers: Record<string, string> = {}) =>
    fixture.send({ student: id }, 'GET /student/courses?department=1', { headers })
  const first = await ask(1)
  assert.equal(first.status, 200)
  const etag = String(first.headers['etag'])
  assert.match(etag, /^"[^"]+"$/)
  for (const known of [etag, `W/${etag}`, `"older", ${etag}`, '*']) {
    const again = await ask(1, { 'if-none-match': known })
    assert.equal(again.status, 304, known)
    assert.equal(again.text, '')
    assert.equal(again.headers['etag'], etag)
  }
  const added = await fixture.send({ student: 3 }, 'PUT /student/course', {
    body: { course_id: 5, group_id: 1 },
  })
  assert.equal(added.status, 204)
  const changed = await ask(3, { 'if-none-match': etag })
  assert.equal(changed.status, 200, 'whoever took the seat sees it taken')
  assert.notEqual(changed.headers['etag'], etag)
})
