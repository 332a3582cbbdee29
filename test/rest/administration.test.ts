import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { eventually } from '../../kit/eventually.ts'
import { verify } from '../../src/audit/verify.ts'
import { openAuditReader } from '../../src/store/audit-reader.ts'
import { inShort } from '../../kit/rest-client.ts'
import { examTime } from '../../kit/registration-campus.ts'

import { RestFixture } from '../../kit/rest-fixture.ts'

let fixture: RestFixture
before(async () => {
  fixture = await RestFixture.open()
})
after(() => fixture.close())

interface Course {
  readonly course_id: number
  readonly group_id: number
  readonly status: string
  readonly [field: string]: unknown
}

async function shown(course: number, group = 1): Promise<Course | undefined> {
  const { body } = await fixture.student(999, 'GET /student/courses?department=1')
  const { courses } = body as { courses: Course[] }
  return courses.find((one) => one.course_id === course && one.group_id === group)
}

async function done(answer: ReturnType<RestFixture['staff']>): Promise<void> {
  assert.equal(inShort(await answer), '204')
}

const monday = [{ day: 2, start_minute: 540, end_minute: 630 }]

test('what staff change of a course is in the catalog, in PostgreSQL, and there after a restart', async () => {
  const course = fixture.students.course()
  const changes = {
    capacity: 12,
    reserve_capacity: 4,
    lecturer: 'Emmy "N."',
    notes: 'Room 4\nbring a ruler',
    class_time: monday,
    exam_time: examTime + 900_000,
  }
  const body = { course_id: course, group_id: 1, ...changes, exam_minutes: 90 }
  await done(fixture.staff(1, 'PATCH /staff/course', body))
  const asChanged = await shown(course)
  assert.deepEqual({ ...asChanged, ...changes }, asChanged)
  await fixture.restart()
  assert.deepEqual(await shown(course), asChanged)
  const [row] = await fixture.database.query<{ exam_minutes: number; lecturer: string }>(
    'SELECT exam_minutes, lecturer FROM courses WHERE course_id = $1 AND group_id = 1',
    [course],
  )
  assert.deepEqual(row, { exam_minutes: 90, lecturer: 'Emmy "N."' })
})

test('a closed course stays closed, and a cancelled one cancelled, after a restart', async () => {
  const [closed, cancelled] = [fixture.students.course(), fixture.students.course()]
  const holder = fixture.students.fresh()
  assert.equal(inShort(await fixture.add(holder, cancelled)), '204')
  await done(fixture.staff(1, 'PUT /staff/course-status', { course_id: closed, status: 'closed' }))
  await done(fixture.staff(1, `DELETE /staff/course?course_id=${cancelled}&note=too+few`))
  const student = fixture.students.fresh()
  const refused = async () => [
    inShort(await fixture.add(student, closed)),
    inShort(await fixture.add(student, cancelled, 2)),
  ]
  assert.deepEqual(await refused(), ['409 course_closed', '409 course_cancelled'])
  await fixture.restart()
  assert.deepEqual(await refused(), ['409 course_closed', '409 course_cancelled'])
  assert.deepEqual(await fixture.roster(cancelled), [[], []])
  const { legs, effects } = await fixture.lastDecision(holder)
  assert.deepEqual(legs, [{ do: 'cancel', course_id: cancelled, note: 'too few' }])
  assert.deepEqual(
    effects.map(({ type }) => type),
    ['left', 'group_cancelled', 'group_cancelled'],
  )
})

test('a course and a student that staff add meet at once, and know each other after a restart', async () => {
  const body = {
    course_id: 480,
    group_id: 1,
    name: 'Topology',
    lecturer: 'Emmy',
    units: 3,
    capacity: 1,
    reserve_capacity: 1,
    class_time: monday,
    sex_lock: 'female',
    notes: '',
  }
  await done(fixture.staff(1, 'POST /staff/course', body))
  const student = {
    std_id: 7001,
    gender: 'female',
    entry_year: 2026,
    max_units: 20,
    remaining_actions: 3,
    enrollment_start_time: '2020-01-01T03:30:00+03:30',
    enrollment_end_time: '2099-01-01T00:00:00Z',
  }
  await done(fixture.staff(1, 'POST /staff/student', student))
  await done(fixture.staff(1, 'PUT /staff/force-std', { std_id: 7001, course_id: 480, group_id: 1 }))
  assert.deepEqual(await fixture.roster(480), [[7001], []])
  const asChanged = await shown(480)
  await fixture.restart()
  assert.deepEqual(await fixture.roster(480), [[7001], []])
  assert.deepEqual(await shown(480), asChanged)
  assert.equal(inShort(await fixture.staff(1, 'POST /staff/student', student)), '409 student_exists')
  const login = async (given: string) =>
    inShort(await fixture.anyone('POST /login', { body: { user: 7001, password: given } }))
  assert.equal(await login('!'), '401 unauthenticated')
  await done(fixture.staff(1, 'PUT /staff/student-password', { std_id: 7001, password: 'the first' }))
  assert.equal(await login('the first'), '200')
})

test('who is added and given a password in one breath logs in with it, and verify finds nothing odd', async () => {
  const student = {
    std_id: 7002,
    gender: 'male',
    entry_year: 2026,
    max_units: 20,
    remaining_actions: 3,
    enrollment_start_time: '2020-01-01T00:00:00Z',
  }
  const password = (given: string, key: string) =>
    fixture.staff(
      1,
      'PUT /staff/student-password',
      { std_id: 7002, password: given, note: 'lost it' },
      { 'idempotency-key': key },
    )
  const login = async (given: string) =>
    inShort(await fixture.anyone('POST /login', { body: { user: 7002, password: given } }))
  await done(fixture.staff(1, 'POST /staff/student', student))
  await done(password('the first', 'p1'))
  await done(password('the second', 'p2'))
  await done(password('the first', 'p1'))
  assert.deepEqual(
    [await login('the first'), await login('the second')],
    ['401 unauthenticated', '200'],
    'a key that comes again sets nothing again',
  )
  assert.equal(inShort(await password('the third', 'p2')), '422 idempotency_mismatch')
  const noted = await fixture.database.query(
    'SELECT staff_id, note, key FROM password_changes WHERE student_id = 7002 ORDER BY id',
  )
  assert.deepEqual(noted, [
    { staff_id: 1, note: 'lost it', key: 'p1' },
    { staff_id: 1, note: 'lost it', key: 'p2' },
  ])
  assert.deepEqual(
    await fixture.database.query(
      "SELECT FROM outside_changes WHERE student_id = 7002 AND operation = 'UPDATE'",
    ),
    [],
  )
})

test('a window that staff move holds for the student, also after a restart', async () => {
  const student = fixture.students.late()
  const course = fixture.students.course()
  assert.equal(inShort(await fixture.add(student, course)), '409 outside_enrollment_window')
  const body = { std_id: student, enrollment_end_time: '2099-01-01T00:00:00Z', note: 'was ill' }
  await done(fixture.staff(1, 'PATCH /staff/student', body))
  assert.equal(inShort(await fixture.add(student, course)), '204')
  await fixture.restart()
  assert.equal(inShort(await fixture.drop(student, course)), '204')
})

test('a decision about a student alone is found by their number', async () => {
  const student = fixture.students.fresh()
  const body = { std_id: student, max_units: 24, remaining_actions: 9 }
  await done(fixture.staff(1, 'PATCH /staff/student', body))
  await eventually(async () => (await fixture.lastDecision(student)).actor.role === 'staff')
  const { legs, effects, remaining_actions: remaining } = await fixture.lastDecision(student)
  assert.deepEqual(legs, [{ do: 'change_student', max_units: 24, remaining_actions: 9 }])
  assert.deepEqual(effects, [
    { type: 'max_units_changed', student_id: student, max_units: 24, held_units: 0 },
    { type: 'actions_changed', student_id: student, remaining: 9 },
  ])
  assert.equal(remaining, 9)
})

test('the decisions, replayed from what the first leader found, say what the tables say', async () => {
  const reader = await openAuditReader(fixture.database)
  try {
    const verification = await verify(reader)
    assert.ok(verification.verdict === 'agreed', JSON.stringify(verification))
    assert.ok(verification.counts.decisions > 10)
    assert.equal(verification.counts.orphaned, 0)
  } finally {
    await reader.close()
  }
})
