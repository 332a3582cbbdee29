import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { exam, group, meets, student } from '../../../actors/testing/sketches.ts'
import type { ChangeReply } from '../../../schema/rest-administration.ts'
import { type Answer, assertProblem, GatewayFixture } from '../testing/gateway-fixture.ts'

const staff = { staff: 60, department: 1 }
const represent = { prefer: 'return=representation' }

/** Course 10 is full and somebody waits; 11 has its meeting on Saturday at nine and its exam at two. */
function open(t: TestContext, windowMs?: number): GatewayFixture {
  const fixture = new GatewayFixture(
    [
      group('10/1', { capacity: 1, registered: [1], queue: [2, 3] }),
      group('11/1', { registered: [1, 2], meetings: meets('sat 09:00-10:30'), exam: exam('14:00-16:00') }),
      student(4),
    ],
    windowMs === undefined ? {} : { windowMs },
  )
  t.after(() => fixture.app.close())
  return fixture
}

async function asked(
  fixture: GatewayFixture,
  line: Parameters<GatewayFixture['send']>[1],
  body?: object,
  headers: Record<string, string> = represent,
): Promise<Answer> {
  return await fixture.send(staff, line, { headers, ...(body !== undefined && { body }) })
}

function told(answer: Answer): ChangeReply {
  assert.equal(answer.status, 200, answer.text)
  return answer.body as ChangeReply
}

const group10 = { course_id: 10, group_id: 1 }
const saturday = [{ day: 0, start_minute: 600, end_minute: 660 }]

test('a dry run says who would be promoted and whom it would hurt, and changes nothing', async (t) => {
  const fixture = open(t)
  const body = { ...group10, capacity: 2, class_time: saturday }
  const would = told(await asked(fixture, 'PATCH /staff/course?dry_run', body, {}))
  assert.deepEqual(would, {
    dry_run: true,
    summary: [
      '1 student would move up from the reserve queue.',
      '2 students would then have a time conflict, and keep their places.',
    ],
    promoted: { count: 1, students: [2] },
    conflicts: {
      count: 2,
      students: [
        { student_id: 1, code: 'class_conflict', with: { course_id: 11, group_id: 1 } },
        { student_id: 2, code: 'class_conflict', with: { course_id: 11, group_id: 1 } },
      ],
    },
    ended: { registered: 0, reserved: 0, students: [] },
    decision: null,
  })
  assert.equal(fixture.service.journal.appended.length, 0)
  const did = told(await asked(fixture, 'PATCH /staff/course', body))
  assert.deepEqual(did, {
    ...would,
    dry_run: false,
    summary: [
      '1 student moved up from the reserve queue.',
      '2 students now have a time conflict, and keep their places.',
    ],
    decision: did.decision,
  })
  assert.equal(did.decision?.seq, 1)
})

test('of another department’s student a conflict does not say with which course, unless it is one’s own', async (t) => {
  const fixture = new GatewayFixture([
    student(1, { department: 2 }),
    student(2),
    group('10/1', { registered: [1, 2, 3] }),
    group('11/1', { department: 2, registered: [1, 2], meetings: meets('sat 09:00-10:30') }),
    group('12/1', { registered: [3], meetings: meets('sat 09:00-10:30') }),
    student(3, { department: 2 }),
  ])
  t.after(() => fixture.app.close())
  const { conflicts } = told(
    await asked(fixture, 'PATCH /staff/course?dry_run', { ...group10, class_time: saturday }),
  )
  const code = 'class_conflict'
  assert.deepEqual(conflicts.students, [
    { student_id: 1, code },
    { student_id: 2, code, with: { course_id: 11, group_id: 1 } },
    { student_id: 3, code, with: { course_id: 12, group_id: 1 } },
  ])
})

test('a course counts no more units than the setting says', async (t) => {
  const body = {
    course_id: 77,
    group_id: 1,
    name: 'Large',
    lecturer: 'N. N.',
    units: 61,
    capacity: 1,
    reserve_capacity: 0,
    class_time: [],
  }
  const usual = open(t)
  const refused = assertProblem(await asked(usual, 'POST /staff/course', body), 400, 'malformed')
  assert.equal(refused.detail, '"units" is 61; a course counts at most 60.')
  told(await asked(usual, 'POST /staff/course', { ...body, units: 60 }))
  const generous = new GatewayFixture([group('10/1')], { courseUnitsMax: 61 })
  t.after(() => generous.app.close())
  told(await asked(generous, 'POST /staff/course', body))
})

test('another group of a course is for the department of the course if nobody says', async (t) => {
  const fixture = new GatewayFixture([group('10/1', { department: 2 })], { staffScope: 'all' })
  t.after(() => fixture.app.close())
  const body = {
    course_id: 10,
    group_id: 2,
    name: 'Two',
    lecturer: 'N. N.',
    units: 3,
    capacity: 1,
    reserve_capacity: 0,
    class_time: [],
  }
  told(await asked(fixture, 'POST /staff/course', body))
  assert.equal(fixture.service.seats?.course(10).at(-1)?.department, 2)
})

test('the same key gives the same account of a change, even when others have changed it since', async (t) => {
  const fixture = open(t)
  const headers = { ...represent, 'idempotency-key': 'one' }
  const body = { ...group10, class_time: saturday }
  const first = told(await asked(fixture, 'PATCH /staff/course', body, headers))
  assert.equal((await asked(fixture, 'PATCH /staff/course', { ...group10, class_time: [] }, {})).status, 204)
  assert.deepEqual(told(await asked(fixture, 'PATCH /staff/course', body, headers)), first)
})

test('a dry run of a capacity, a cancellation, or a unit limit says what would become of whom', async (t) => {
  const fixture = open(t)
  const capacity = await asked(fixture, 'PATCH /staff/capacity?dry_run=true', { ...group10, capacity: 3 }, {})
  assert.deepEqual((capacity.body as { promoted: number[] }).promoted, [2, 3])
  const cancelled = told(await asked(fixture, 'DELETE /staff/course?course_id=10&dry_run', undefined, {}))
  assert.deepEqual(cancelled.summary, ['1 seat and 2 reserve places would end for good.'])
  assert.deepEqual(cancelled.ended, { registered: 1, reserved: 2, students: [2, 3, 1] })
  const units = { std_id: 1, max_units: 4 }
  assert.deepEqual(told(await asked(fixture, 'PATCH /staff/student?dry_run', units, {})).summary, [
    'The student would then hold 6 units of 4, and keeps them.',
  ])
  assert.equal(fixture.service.journal.appended.length, 0)
})

test('a dry run is refused for the reasons that the change would be', async (t) => {
  const body = { ...group10, capacity: 0, reserve_capacity: 0 }
  for (const line of ['PATCH /staff/course?dry_run', 'PATCH /staff/course'] as const) {
    const { reasons } = assertProblem(await asked(open(t), line, body), 409, 'capacity_below_registered')
    assert.deepEqual(
      reasons.map(({ code }) => code),
      ['capacity_below_registered', 'reserve_capacity_below_waiting'],
    )
  }
})

test('a course that is closed or cancelled shows as such in the catalog', async (t) => {
  const fixture = open(t)
  await asked(fixture, 'PUT /staff/course-status', { course_id: 10, status: 'closed' })
  await asked(fixture, 'DELETE /staff/course?course_id=11')
  const { body } = await fixture.send({ student: 4 }, 'GET /student/courses?department=1')
  const { courses } = body as { courses: { course_id: number; status: string }[] }
  assert.deepEqual(
    courses.map(({ course_id: course, status }) => [course, status]),
    [
      [10, 'closed'],
      [11, 'cancelled'],
    ],
  )
})

test('what cannot be meant is malformed, in words that name the field', async (t) => {
  const fixture = open(t)
  const newStudent = { std_id: 9, gender: 'male', entry_year: 2026, max_units: 20, remaining_actions: 3 }
  const cases: [Parameters<GatewayFixture['send']>[1], object, RegExp][] = [
    ['PATCH /staff/course', group10, /what to change/],
    ['PATCH /staff/course', { ...group10, note: 'only this' }, /what to change/],
    ['PATCH /staff/course', { ...group10, lecturer: '   ' }, /"lecturer"/],
    ['PATCH /staff/course', { ...group10, lecturer: 'two\nlines' }, /"lecturer"/],
    ['PATCH /staff/course', { ...group10, notes: 'a bell \u0007' }, /"notes"/],
    ['PATCH /staff/course', { ...group10, exam_minutes: 90 }, /"exam_time"/],
    ['PATCH /staff/course', { ...group10, exam_time: 0, exam_minutes: 90 }, /"exam_minutes"/],
    [
      'PATCH /staff/course',
      { ...group10, class_time: [{ day: 0, start_minute: 600, end_minute: 600 }] },
      /"class_time\[0\]" ends before/,
    ],
    ['PATCH /staff/course', { ...group10, class_time: [...saturday, ...saturday] }, /overlaps/],
    ['PATCH /staff/course?dry_run=perhaps', { ...group10, capacity: 3 }, /"dry_run"/],
    ['PATCH /staff/student', { std_id: 1 }, /what to change/],
    [
      'PATCH /staff/student',
      { std_id: 1, enrollment_end_time: '2026-09-21T07:00:00' },
      /"enrollment_end_time"/,
    ],
    ['PATCH /staff/student', { std_id: 1, enrollment_end_time: '2026-02-30T07:00:00Z' }, /no date/],
    ['PATCH /staff/student', { std_id: 1, max_units: -1 }, /"max_units"/],
    ['POST /staff/student', { ...newStudent, enrollment_start_time: '2026-09-21T25:00:00Z' }, /no date/],
  ]
  for (const [line, body, words] of cases) {
    const { detail } = assertProblem(await asked(fixture, line, body), 400, 'malformed')
    assert.match(detail, words)
  }
  assert.equal(fixture.service.journal.appended.length, 0)
})

test('a new student’s window without an end lasts as long as the server’s windows do', async (t) => {
  const fixture = open(t, 30 * 60_000)
  const body = {
    std_id: 9,
    gender: 'female',
    entry_year: 2026,
    max_units: 20,
    remaining_actions: 3,
    enrollment_start_time: '2030-09-21T10:30:00+03:30',
  }
  assert.equal((await asked(fixture, 'POST /staff/student', body)).status, 200)
  const { window } = fixture.service.term.campus.student(9)
  assert.deepEqual(
    [new Date(window.startMs).toISOString(), new Date(window.endMs).toISOString()],
    ['2030-09-21T07:00:00.000Z', '2030-09-21T07:30:00.000Z'],
  )
})
