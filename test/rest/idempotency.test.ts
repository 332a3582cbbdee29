import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { eventually } from '../../kit/eventually.ts'
import { holdJournal } from '../../kit/held-journal.ts'
import { type Answer, inShort } from '../../kit/rest-client.ts'

import { RestFixture } from '../../kit/rest-fixture.ts'

let fixture: RestFixture
before(async () => {
  fixture = await RestFixture.open()
})
after(() => fixture.close())

const keyed = (key: string) => ({ 'idempotency-key': key, prefer: 'return=representation' })

async function countDecisions(student: number): Promise<number> {
  const [row] = await fixture.database.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM decisions WHERE student_id = $1',
    [student],
  )
  return row?.count ?? 0
}

function assertReplayOf(first: Answer, again: Answer): void {
  assert.equal(again.status, first.status)
  assert.equal(again.text, first.text)
  assert.equal(first.headers['idempotency-replayed'], undefined)
  assert.equal(again.headers['idempotency-replayed'], 'true')
}

test('a repeated request is answered like the first and decides nothing, after a restart too', async () => {
  const student = fixture.students.fresh()
  const body = { course_id: fixture.students.course(), group_id: 1 }
  const key = randomUUID()
  const ask = () => fixture.student(student, 'PUT /student/course', body, keyed(key))
  const first = await ask()
  assert.equal(first.status, 200)
  assertReplayOf(first, await ask())
  await fixture.drop(student, body.course_id)
  assertReplayOf(first, await ask())
  await fixture.restart()
  assertReplayOf(first, await ask())
  assert.equal(await countDecisions(student), 2)
  assert.deepEqual((await fixture.student(student, 'GET /student/course')).body, { data: [] })
})

test('a refusal by a rule is remembered under its key, even when the rule would say yes by now', async () => {
  const { course, students } = await fixture.courseOf(1, 6)
  const [seated = 0] = students
  const student = fixture.students.fresh()
  const key = randomUUID()
  const ask = () =>
    fixture.student(student, 'PUT /student/course', { course_id: course, group_id: 1 }, keyed(key))
  const first = await ask()
  assert.equal(inShort(first), '409 course_full')
  await fixture.drop(seated, course)
  assertReplayOf(first, await ask())
  await fixture.restart()
  assertReplayOf(first, await ask())
})

test('a key with another request is refused: another body, another method, another path', async () => {
  const student = fixture.students.fresh()
  const [course, other] = [fixture.students.course(), fixture.students.course()]
  const key = { 'idempotency-key': randomUUID() }
  const body = { course_id: course, group_id: 1 }
  assert.equal(inShort(await fixture.student(student, 'PUT /student/course', body, key)), '204')
  const mismatches = [
    await fixture.student(student, 'PUT /student/course', { ...body, course_id: other }, key),
    await fixture.student(student, 'PUT /student/course', { ...body, reserve: 'never' }, key),
    await fixture.student(student, 'PATCH /student/course', body, key),
    await fixture.student(student, `DELETE /student/course?course_id=${course}`, undefined, key),
    await fixture.student(student, 'POST /student/plan', { legs: [{ add: body }] }, key),
  ]
  assert.deepEqual(
    mismatches.map(inShort),
    mismatches.map(() => '422 idempotency_mismatch'),
  )
  await fixture.restart()
  const late = await fixture.student(student, 'PUT /student/course', { ...body, course_id: other }, key)
  assert.equal(inShort(late), '422 idempotency_mismatch')
})

test('the order of a body’s fields, and white space, make no other request', async () => {
  const student = fixture.students.fresh()
  const course = fixture.students.course()
  const headers = { 'idempotency-key': randomUUID() }
  const ask = (body: string) => fixture.student(student, 'PUT /student/course', body, headers)
  assert.equal(inShort(await ask(`{"course_id":${course},"group_id":1}`)), '204')
  const again = await ask(`{\r\n    "group_id": 1,\r\n    "course_id": ${course}\r\n}`)
  assert.equal(inShort(again), '204')
  assert.equal(again.headers['idempotency-replayed'], 'true')
})

test('a key belongs to its caller', async () => {
  const course = fixture.students.course()
  const headers = { 'idempotency-key': 'a-key-that-many-choose' }
  for (const student of [fixture.students.fresh(), fixture.students.fresh()]) {
    const body = { course_id: course, group_id: 1 }
    const answer = await fixture.student(student, 'PUT /student/course', body, headers)
    assert.equal(inShort(answer), '204')
    assert.equal(answer.headers['idempotency-replayed'], undefined)
  }
  const body = { std_id: fixture.students.fresh(), course_id: course, group_id: 1 }
  assert.equal(inShort(await fixture.staff(1, 'PUT /staff/force-std', body, headers)), '204')
  assert.equal((await fixture.roster(course))[0].length, 3)
})

test('while the first request is on its way, a repetition is told so; then it gets the first answer', async () => {
  const student = fixture.students.fresh()
  const body = { course_id: fixture.students.course(), group_id: 1 }
  const ask = () => fixture.student(student, 'PUT /student/course', body, keyed('one-key'))
  await fixture.tokens.student(student)
  const letGo = await holdJournal(fixture.databaseUrl)
  const first = ask()
  await eventually(async () => /^\w*pending_records 1$/m.test(await metrics()))
  assert.equal(inShort(await ask()), '409 idempotency_in_flight')
  await letGo()
  assert.equal((await first).status, 200)
  assertReplayOf(await first, await ask())
  assert.equal(await countDecisions(student), 1)
})

async function metrics(): Promise<string> {
  return (await fixture.anyone('GET /metrics')).text
}

test('a request that was turned away leaves its key free', async () => {
  const student = fixture.students.fresh()
  const headers = { 'idempotency-key': randomUUID() }
  const ask = (course_id: number) =>
    fixture.student(student, 'PUT /student/course', { course_id, group_id: 1 }, headers)
  assert.equal(inShort(await ask(999)), '404 no_such_course')
  assert.equal(inShort(await ask(fixture.students.course())), '204')
})

test('a key is 1 to 255 visible ASCII characters', async () => {
  const student = fixture.students.fresh()
  const body = { course_id: fixture.students.course(), group_id: 1 }
  const ask = (key: string | string[]) =>
    fixture.student(student, 'PUT /student/course', body, { 'idempotency-key': key })
  for (const key of ['', 'x'.repeat(256), 'two words', 'cl\u00e9', ['a', 'b']]) {
    assert.equal(inShort(await ask(key)), '400 malformed', JSON.stringify(key))
  }
  assert.equal(inShort(await ask('x'.repeat(255))), '204')
})

test('more keys than memory keeps are answered from the database', async () => {
  const student = fixture.students.fresh()
  const course = fixture.students.course()
  const ask = (number: number) =>
    fixture.student(
      student,
      'PUT /student/course',
      { course_id: course, group_id: 1 },
      keyed(`key-${number}`),
    )
  const first = await ask(0)
  assert.equal(first.status, 200)
  for (let number = 1; number <= 80; number++) {
    assert.equal(inShort(await ask(number)), '409 already_enrolled')
  }
  assertReplayOf(first, await ask(0))
  assert.equal(await countDecisions(student), 81)
})
