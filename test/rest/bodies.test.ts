import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { inShort } from '../../kit/rest-client.ts'
import { examTime, password } from '../../kit/registration-campus.ts'
import { RestFixture } from '../../kit/rest-fixture.ts'

let fixture: RestFixture
before(async () => {
  fixture = await RestFixture.open()
})
after(() => fixture.close())

function claimsOf(token: string): Record<string, unknown> {
  const [, claims = ''] = token.split('.')
  return JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')) as Record<string, unknown>
}

function courseOf(course_id: number, group_id: number, more: object = {}): Record<string, unknown> {
  return {
    course_id,
    group_id,
    units: 3,
    capacity: 30,
    registered_count: 0,
    exam_time: 0,
    class_time: [],
    lecturer: 'Sophie',
    name: `Course ${course_id}`,
    reserve_capacity: 5,
    reserved_count: 0,
    department: 1,
    sex_lock: null,
    notes: '',
    status: 'open',
    ...more,
  }
}

test('a login gives a token with the claims that other services read', async () => {
  const answer = await fixture.anyone('POST /login', { body: { user: 7, password } })
  assert.equal(answer.status, 200)
  assert.deepEqual(Object.keys(answer.body as object), ['token'])
  const { iat, nbf, exp, auth_time, password_tag, ...claims } = claimsOf(
    (answer.body as { token: string }).token,
  )
  assert.deepEqual(claims, { iss: 'cea', sub: '7', department: 1, staff: false })
  assert.ok(typeof iat === 'number' && Math.abs(iat - Date.now() / 1000) < 60)
  assert.deepEqual([nbf, exp, auth_time, typeof password_tag], [iat, iat + 3600, iat, 'string'])
  const staff = await fixture.anyone('POST /login', { body: { user: 2, password, staff: true } })
  const { sub, department, staff: isStaff } = claimsOf((staff.body as { token: string }).token)
  assert.deepEqual({ sub, department, isStaff }, { sub: '2', department: 2, isStaff: true })
})

test('a refresh gives the next token, with the department of by now', async () => {
  const token = await fixture.tokens.student(9)
  await fixture.database.query('UPDATE students SET department_id = 2 WHERE id = 9')
  const answer = await fixture.anyone('POST /refresh', { token })
  assert.equal(answer.status, 200)
  assert.deepEqual(Object.keys(answer.body as object), ['token'])
  const next = claimsOf((answer.body as { token: string }).token)
  assert.deepEqual([next['sub'], next['department'], next['staff']], ['9', 2, false])
})

test('a command is answered 204 without a body', async () => {
  const { course, students } = await fixture.courseOf(2, 1)
  const [student = 0] = students
  const answers = [
    await fixture.move(student, course, 2),
    await fixture.drop(student, course),
    await fixture.add(student, course),
    await fixture.staff(1, `DELETE /staff/force-std?std_id=${student}&course_id=${course}&group_id=1`),
    await fixture.staff(1, 'PUT /staff/force-std', { std_id: student, course_id: course, group_id: 1 }),
    await fixture.setCapacity(course, 1, 5),
    await fixture.staff(1, 'PATCH /staff/capacity', { course_id: course, group_id: 1, new_capacity: 6 }),
  ]
  for (const answer of answers) {
    assert.equal(answer.status, 204, answer.text)
    assert.equal(answer.text, '')
    assert.equal(answer.headers['content-type'], undefined)
  }
})

test('a command that asks for a representation is answered with what happened', async () => {
  const prefer = { prefer: 'return=representation' }
  const { course, students } = await fixture.courseOf(1, 2)
  const [seated = 0] = students
  const student = fixture.students.fresh()
  const seen = async (answer: Awaited<ReturnType<RestFixture['student']>>) => {
    assert.equal(answer.status, 200, answer.text)
    assert.equal(answer.headers['preference-applied'], 'return=representation')
    const { decision, ...rest } = answer.body as { decision: { seq: number; at: string } }
    assert.deepEqual(Object.keys(decision).toSorted(), ['at', 'seq'])
    assert.ok(Number.isSafeInteger(decision.seq) && !Number.isNaN(Date.parse(decision.at)))
    return rest
  }
  const body = { course_id: course, group_id: 1 }
  assert.deepEqual(await seen(await fixture.student(student, 'PUT /student/course', body, prefer)), {
    place: 'reserved',
    reserve_queue_position: 2,
    remaining_actions: 12,
    ...body,
  })
  const there = { course_id: course, group_id: 2 }
  assert.deepEqual(await seen(await fixture.student(student, 'PATCH /student/course', there, prefer)), {
    place: 'registered',
    reserve_queue_position: 0,
    remaining_actions: 11,
    ...there,
  })
  const line = `DELETE /student/course?course_id=${course}` as const
  assert.deepEqual(await seen(await fixture.student(student, line, undefined, prefer)), {
    place: null,
    reserve_queue_position: null,
    remaining_actions: 10,
    ...there,
  })
  const force = { ...body, std_id: student }
  assert.deepEqual(await seen(await fixture.staff(1, 'PUT /staff/force-std', force, prefer)), {
    place: 'registered',
    reserve_queue_position: 0,
    remaining_actions: 10,
    ...body,
  })
  const capacity = { ...body, capacity: 3 }
  assert.deepEqual(await seen(await fixture.staff(1, 'PATCH /staff/capacity', capacity, prefer)), {
    ...capacity,
    dry_run: false,
    promoted: [students[1]],
  })
  const forced = `DELETE /staff/force-std?std_id=${seated}&course_id=${course}&group_id=1` as const
  assert.deepEqual(await seen(await fixture.staff(1, forced, undefined, prefer)), {
    place: null,
    reserve_queue_position: null,
    remaining_actions: 12,
    ...body,
  })
})

test('students see what they hold, and staff see the same', async () => {
  const { course, students } = await fixture.courseOf(1, 3)
  const [, , third = 0] = students
  await fixture.add(third, 301)
  await fixture.add(third, 303)
  const weekday = (day: number) => ({ day, start_minute: 540, end_minute: 630 })
  const expected = {
    data: [
      {
        course: courseOf(301, 1, { registered_count: 1, class_time: [weekday(0), weekday(2)] }),
        reserve_queue_position: 0,
      },
      { course: courseOf(303, 1, { registered_count: 1, exam_time: examTime }), reserve_queue_position: 0 },
      {
        course: courseOf(course, 1, { capacity: 1, registered_count: 1, reserved_count: 2 }),
        reserve_queue_position: 2,
      },
    ],
  }
  const own = await fixture.student(third, 'GET /student/course')
  assert.equal(own.status, 200)
  assert.match(String(own.headers['content-type']), /^application\/json/)
  assert.deepEqual(own.body, expected)
  const seen = await fixture.staff(1, `GET /staff/student-courses?std_id=${third}`)
  assert.deepEqual(seen.body, expected)
  const nothing = await fixture.student(fixture.students.fresh(), 'GET /student/course')
  assert.deepEqual(nothing.body, { data: [] })
})

test('a catalog has every group of a department, and nothing of any other', async () => {
  const student = fixture.students.fresh()
  const catalog = async (department: number) => {
    const answer = await fixture.student(student, `GET /student/courses?department=${department}`)
    assert.equal(answer.status, 200)
    return (answer.body as { courses: Record<string, unknown>[] }).courses
  }
  assert.deepEqual(await catalog(2), [
    courseOf(201, 1, { name: 'Mechanics', lecturer: 'Lise', department: 2 }),
  ])
  const ours = await catalog(1)
  assert.ok(ours.every(({ department }) => department === 1))
  const order = ours.map(({ course_id, group_id }) => Number(course_id) * 10 + Number(group_id))
  assert.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
  )
  const locked = ours.find(({ course_id, group_id }) => course_id === 305 && group_id === 2)
  assert.deepEqual(locked, courseOf(305, 2, { sex_lock: 'female' }))
  const byDay = ours.find(({ course_id }) => course_id === 313)
  assert.deepEqual(byDay?.['class_time'], [
    { day: 0, start_minute: 600, end_minute: 660 },
    { day: 5, start_minute: 480, end_minute: 540 },
  ])
  const unknown = await fixture.student(student, 'GET /student/courses?department=77')
  assert.equal(inShort(unknown), '404 no_such_department')
})

test('staff see who is registered and who waits, in the order of the queue', async () => {
  const { course, students } = await fixture.courseOf(2, 6)
  const [first = 0, second = 0, third = 0, ...others] = students
  await fixture.drop(third, course)
  await fixture.add(third, course)
  const answer = await fixture.staff(1, `GET /staff/course-students?course_id=${course}&group_id=1`)
  assert.equal(answer.status, 200)
  assert.deepEqual(answer.body, {
    registered_students: [first, second],
    reserved_queue_students: [...others, third],
  })
})

test('a read shows the reader’s own acknowledged decision, always', async () => {
  const student = fixture.students.fresh()
  const course = fixture.students.course()
  for (let round = 0; round < 5; round++) {
    assert.equal(inShort(await fixture.add(student, course)), '204')
    const held = await fixture.student(student, 'GET /student/course')
    assert.equal((held.body as { data: unknown[] }).data.length, 1)
    assert.ok((await fixture.roster(course))[0].includes(student))
    assert.equal(inShort(await fixture.drop(student, course)), '204')
    const left = await fixture.student(student, 'GET /student/course')
    assert.deepEqual(left.body, { data: [] })
    assert.ok(!(await fixture.roster(course))[0].includes(student))
  }
})

test('the service says that it lives and leads, what it counts, and how it is used', async () => {
  assert.deepEqual((await fixture.anyone('GET /healthz')).body, { status: 'live' })
  const ready = await fixture.anyone('GET /readyz')
  assert.equal(ready.status, 200)
  const { state, term } = ready.body as { state: string; term: number }
  assert.deepEqual([state, term >= 1], ['leading', true])
  const metrics = await fixture.anyone('GET /metrics')
  assert.match(String(metrics.headers['content-type']), /^text\/plain/)
  assert.match(metrics.text, /^# TYPE \w+ /m)
  const document = (await fixture.anyone('GET /openapi.json')).body as { openapi: string; paths: object }
  assert.equal(document.openapi, '3.1.0')
  for (const path of ['/login', '/student/course', '/staff/force-std']) assert.ok(path in document.paths)
  assert.equal((await fixture.anyone('GET /docs/errors')).status, 200)
  assert.match((await fixture.anyone('GET /docs')).text, /swagger/i)
})

test('what is no route, no method or too large is told in the same form', async () => {
  const token = await fixture.tokens.student(fixture.students.fresh())
  assert.equal(inShort(await fixture.anyone('GET /students')), '404 no_such_path')
  const wrongMethod = await fixture.anyone('GET /student/plan', { token })
  assert.equal(inShort(wrongMethod), '405 method_not_allowed')
  assert.match(String(wrongMethod.headers['allow']), /POST/)
  const large = await fixture.anyone('PUT /student/course', { token, body: 'x'.repeat(16_385) })
  assert.equal(inShort(large), '413 body_too_large')
  const headers = { 'x-large': 'x'.repeat(20_000) }
  assert.equal(
    inShort(await fixture.anyone('GET /student/course', { token, headers })),
    '431 headers_too_large',
  )
})
