import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { codeOf, inShort } from '../../kit/rest-client.ts'
import { password } from '../../kit/registration-campus.ts'
import { RestFixture } from '../../kit/rest-fixture.ts'
import { studentRulings } from '../../kit/rulings/student-rulings.ts'

let fixture: RestFixture
before(async () => {
  fixture = await RestFixture.open()
})
after(() => fixture.close())

const represent = { prefer: 'return=representation' }

for (const [sentence, holds] of Object.entries(studentRulings)) test(sentence, () => holds(fixture))

function typesOf(effects: readonly Record<string, unknown>[]): string[] {
  return effects.map(({ type, student_id: student }) => `${String(type)} ${String(student)}`)
}

test('a freed seat goes to the first in the queue, in the decision that freed it', async () => {
  const { course, students } = await fixture.courseOf(1, 3)
  const [holder = 0, first = 0, second = 0] = students
  assert.equal(inShort(await fixture.drop(holder, course)), '204')
  assert.deepEqual(await fixture.roster(course), [[first], [second]])
  const { effects, actor } = await fixture.lastDecision(holder)
  assert.deepEqual(actor, { role: 'student', id: holder })
  assert.deepEqual(typesOf(effects), [`left ${holder}`, `actions_spent ${holder}`, `promoted ${first}`])
  assert.equal((await fixture.lastDecision(first)).seq, (await fixture.lastDecision(holder)).seq)
})

test('when the capacity rises, as many as fit are promoted in order, in the same decision', async () => {
  const { course, students } = await fixture.courseOf(1, 5)
  const answer = await fixture.staff(
    1,
    'PATCH /staff/capacity',
    { course_id: course, group_id: 1, capacity: 3 },
    represent,
  )
  assert.deepEqual((answer.body as { promoted: number[] }).promoted, students.slice(1, 3))
  assert.deepEqual(await fixture.roster(course), [students.slice(0, 3), students.slice(3)])
})

test('a capacity below the registered count is refused and nothing changes', async () => {
  const { course, students } = await fixture.courseOf(2, 2)
  assert.equal(inShort(await fixture.setCapacity(course, 1, 1)), '409 capacity_below_registered')
  assert.deepEqual(await fixture.roster(course), [students, []])
  const [row] = await fixture.database.query<{ capacity: number }>(
    'SELECT capacity FROM courses WHERE course_id = $1 AND group_id = 1',
    [course],
  )
  assert.equal(row?.capacity, 2)
})

test('a move is one decision: it leaves, enters, and promotes from the old queue', async () => {
  const { course, students } = await fixture.courseOf(1, 2)
  const [mover = 0, waiting = 0] = students
  assert.equal(inShort(await fixture.move(mover, course, 2)), '204')
  assert.deepEqual(await fixture.roster(course, 1), [[waiting], []])
  assert.deepEqual(await fixture.roster(course, 2), [[mover], []])
  assert.deepEqual(typesOf((await fixture.lastDecision(mover)).effects), [
    `left ${mover}`,
    `registered ${mover}`,
    `actions_spent ${mover}`,
    `promoted ${waiting}`,
  ])
})

test('a student’s own drop or move costs an action, and nothing else does, also after a restart', async () => {
  const student = fixture.students.fresh()
  const course = fixture.students.course()
  const remaining = async () => (await fixture.lastDecision(student)).remaining_actions
  await fixture.add(student, course)
  assert.equal(await remaining(), 12)
  assert.equal(inShort(await fixture.move(student, course, 1)), '409 no_change')
  assert.equal(await remaining(), 12)
  await fixture.move(student, course, 2)
  assert.equal(await remaining(), 11)
  const line = `DELETE /staff/force-std?std_id=${student}&course_id=${course}&group_id=2` as const
  assert.equal(inShort(await fixture.staff(1, line)), '204')
  assert.equal(await remaining(), 11)
  await fixture.add(student, course)
  await fixture.drop(student, course)
  assert.equal(await remaining(), 10)
  const [row] = await fixture.database.query<{ remaining_actions: number }>(
    'SELECT remaining_actions FROM students WHERE id = $1',
    [student],
  )
  assert.equal(row?.remaining_actions, 10)
  await fixture.restart()
  await fixture.add(student, course)
  assert.equal(await remaining(), 10)
})

test('a window without an end lasts an hour, and staff are bound by none', async () => {
  const enter = (id: number, start: string, end = 'NULL') =>
    fixture.database.query(
      `INSERT INTO students (id, password, enrollment_start_time, enrollment_end_time, max_units, remaining_actions,
         department_id, entry_year, gender)
       SELECT ${id}, password, timezone('utc', now()) + interval '${start}', ${end}, 20, 12, 1, 1400, 'male'
       FROM students WHERE id = 1`,
    )
  await enter(6001, '1 hour')
  await enter(6002, '-59 minutes')
  await enter(6003, '-61 minutes')
  await enter(6004, '-61 minutes', `timezone('utc', now()) + interval '1 hour'`)
  const course = fixture.students.course()
  assert.equal(inShort(await fixture.add(6001, course)), '409 outside_enrollment_window')
  assert.equal(inShort(await fixture.add(6002, course)), '204')
  assert.equal(inShort(await fixture.add(6003, course)), '409 outside_enrollment_window')
  assert.equal(inShort(await fixture.add(6004, course)), '204')
  for (const std_id of [6001, 6003]) {
    const body = { std_id, course_id: course, group_id: 1 }
    assert.equal(inShort(await fixture.staff(1, 'PUT /staff/force-std', body)), '204')
  }
})

test('an extra seat is shown to staff, ends with its holder, promotes nobody, and outlives a restart', async () => {
  const { course, students } = await fixture.courseOf(2, 3)
  const [seated = 0, other = 0, waiting = 0] = students
  const late = fixture.students.late()
  const where = { course_id: course, group_id: 1 }
  const line = `DELETE /staff/force-std?std_id=${late}&course_id=${course}&group_id=1` as const
  const seats = async (): Promise<unknown[]> => {
    const { body } = await fixture.staff(1, `GET /staff/student-courses?std_id=${other}`)
    const { data } = body as { data: { course: Record<string, unknown> }[] }
    const found = data.find((place) => place.course['course_id'] === course)?.course
    const roster = await fixture.staff(1, `GET /staff/course-students?course_id=${course}&group_id=1`)
    const extra = (roster.body as { extra_seat_students?: number[] }).extra_seat_students
    return [found?.['capacity'], found?.['extra_seats'], found?.['registered_count'], extra]
  }
  assert.deepEqual(await seats(), [2, undefined, 2, undefined])
  assert.equal(inShort(await fixture.staff(1, 'PUT /staff/force-std', { ...where, std_id: late })), '204')
  assert.deepEqual(await seats(), [3, 1, 3, [late]])
  await fixture.restart()
  assert.deepEqual(await seats(), [3, 1, 3, [late]])
  assert.equal(inShort(await fixture.setCapacity(course, 1, 1)), '409 capacity_below_registered')
  assert.equal(inShort(await fixture.staff(1, line)), '204')
  assert.deepEqual(await seats(), [2, undefined, 2, undefined])
  assert.deepEqual((await fixture.roster(course))[1], [waiting])
  assert.equal(inShort(await fixture.setCapacity(course, 1, 2)), '204')
  assert.equal(inShort(await fixture.staff(1, 'PUT /staff/force-std', { ...where, std_id: late })), '204')
  assert.equal(inShort(await fixture.drop(seated, course)), '204')
  assert.deepEqual(typesOf((await fixture.lastDecision(late)).effects), [
    `left ${seated}`,
    `actions_spent ${seated}`,
    `extra_seat_ended ${late}`,
  ])
  assert.deepEqual(await seats(), [2, undefined, 2, undefined])
  assert.deepEqual((await fixture.roster(course))[1], [waiting])
})

test('staff seat a student against every rule, in an extra seat where the group is full, and it is on record', async () => {
  const { course, students } = await fixture.courseOf(1, 2)
  const [seated = 0, waiting = 0] = students
  const late = fixture.students.late()
  const force = (std_id: number, course_id: number, group_id: number, note?: string) =>
    fixture.staff(1, 'PUT /staff/force-std', { std_id, course_id, group_id, ...(note && { note }) })
  assert.equal(inShort(await force(late, course, 1, 'Graduates this term.')), '204')
  assert.deepEqual(await fixture.roster(course), [[seated, late].toSorted((a, b) => a - b), [waiting]])
  const forced = await fixture.lastDecision(late)
  assert.deepEqual(forced.actor, { role: 'staff', id: 1 })
  assert.equal(forced.legs[0]?.['note'], 'Graduates this term.')
  assert.deepEqual(
    forced.effects.map(({ type }) => type),
    ['registered', 'extra_seat_given'],
  )
  assert.equal(inShort(await force(waiting, course, 1)), '204')
  assert.deepEqual(typesOf((await fixture.lastDecision(waiting)).effects), [
    `promoted ${waiting}`,
    `extra_seat_given ${waiting}`,
  ])
  for (const [id, group] of [
    [301, 1],
    [302, 2],
    [303, 1],
    [304, 2],
    [305, 2],
    [306, 2],
    [308, 2],
  ] as const) {
    assert.equal(inShort(await force(seated, id, group)), '204', `course ${id}`)
  }
})

test('a refusal names every broken rule, the most important first', async () => {
  const student = fixture.students.fresh()
  await fixture.add(student, 303)
  await fixture.add(student, 308)
  const answer = await fixture.student(student, 'POST /student/plan', {
    legs: [
      { add: { course_id: 304, group_id: 2 } },
      { move: { course_id: 308, group_id: 2 } },
      { add: { course_id: 305, group_id: 2 } },
    ],
  })
  assert.equal(answer.status, 409)
  const { reasons } = answer.body as { reasons: { code: string; leg?: number; course_id?: number }[] }
  assert.deepEqual(
    reasons.map(({ code, leg, course_id }) => [code, leg, course_id]),
    [
      ['gender_locked', 2, 305],
      ['unit_limit', 1, 308],
      ['unit_limit', 2, 305],
      ['exam_conflict', 0, 304],
    ],
  )
})

test('staff of one department do nothing in another, unless the campus lets all staff do all', async (t) => {
  const student = fixture.students.fresh()
  const body = { std_id: student, course_id: 201, group_id: 1 }
  assert.equal(inShort(await fixture.staff(1, 'PUT /staff/force-std', body)), '403 other_department')
  const all = await fixture.beside({ staffScope: 'all' })
  t.after(() => all.close())
  const token = await fixture.tokens.staff(1)
  assert.equal(inShort(await all.client.send('PUT /staff/force-std', { token, body })), '204')
  const line = 'GET /staff/course-students?course_id=201&group_id=1'
  assert.equal(inShort(await fixture.staff(1, line)), '403 other_department')
  assert.equal((await all.client.send(line, { token })).status, 200)
})

test('staff see a student of another department who holds a place in a course of theirs', async () => {
  const student = fixture.students.fresh()
  const line = `GET /staff/student-courses?std_id=${student}` as const
  assert.equal(inShort(await fixture.staff(2, line)), '403 other_department')
  await fixture.add(student, 201)
  assert.equal((await fixture.staff(2, line)).status, 200)
})

test('who is added to the tables while it runs can log in and enroll', async () => {
  await fixture.database.query(
    `INSERT INTO students SELECT 7001, password, enrollment_start_time, max_units, remaining_actions, department_id,
       entry_year, gender, enrollment_end_time FROM students WHERE id = 1`,
  )
  await fixture.database.query(
    'INSERT INTO staff (id, password, department_id) SELECT 7, password, 2 FROM staff WHERE id = 1',
  )
  assert.equal(inShort(await fixture.add(7001, 201)), '204')
  const answer = await fixture.staff(7, 'GET /staff/course-students?course_id=201&group_id=1')
  assert.ok((answer.body as { registered_students: number[] }).registered_students.includes(7001))
  const wrong = await fixture.anyone('POST /login', { body: { user: 7001, password: `${password}!` } })
  assert.equal(codeOf(wrong), 'unauthenticated')
})
