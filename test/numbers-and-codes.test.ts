import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { hash } from '@node-rs/bcrypt'
import type { Engine } from '../src/engine/engine.ts'
import { openAuditReader } from '../src/store/audit-reader.ts'
import { formatVerification } from '../src/audit/format-verification.ts'
import { verify } from '../src/audit/verify.ts'
import { createCampusDatabase, type CampusDatabase } from '../kit/campus-database.ts'
import { inShort } from '../kit/rest-client.ts'
import { type OpenGateway, openTestGateway } from '../kit/open-gateway.ts'
import { directJournal, startEngine, untilLeading } from '../kit/running-engine.ts'

const student = 9_999_111_110
const other = Number.MAX_SAFE_INTEGER
const staff = 9_999_111_111
let campus: CampusDatabase
let engine: Engine
let gateway: OpenGateway

before(async () => {
  campus = await createCampusDatabase({ campus: 'numbers' })
  const { database } = campus
  const password = await hash('1234', { cost: 4 })
  await database.query('INSERT INTO staff (id, password, department_id, code) VALUES ($1, $2, 1, $3)', [
    staff,
    password,
    'Registrar Ä',
  ])
  await database.query(
    `INSERT INTO students (id, password, enrollment_start_time, max_units, remaining_actions, department_id, entry_year,
       gender, code)
     SELECT id, $1, '2020-01-01Z', 20, 12, 1, 1400, 'male', code
     FROM (VALUES (${student}, '0099-A'), (${other}, '3'), (2147483648, NULL)) AS people (id, code)`,
    [password],
  )
  await database.query("UPDATE students SET password = $1, enrollment_end_time = '2099-01-01Z'", [password])
  await database.query("UPDATE courses SET code = 'MATH-101' WHERE course_id = 101")
  const running = startEngine(database, 'numbers', directJournal(database, 'numbers'))
  engine = running.engine
  await untilLeading(running)
  gateway = await openTestGateway(engine, database)
})
after(async () => {
  await gateway.close()
  await engine.stop(1000)
  await campus.remove()
})

async function tokenOf(user: number | string, isStaff = false): Promise<string> {
  const answer = await gateway.client.send('POST /login', {
    body: { user, password: '1234', staff: isStaff },
  })
  assert.equal(answer.status, 200, answer.text)
  return (answer.body as { token: string }).token
}

test('numbers beyond 32 bits go through login, places, queues, promotion, staff, decisions and verify', async () => {
  const seat = { course_id: 101, group_id: 2 }
  const [first, second, fixture] = [await tokenOf(student), await tokenOf(other), await tokenOf(staff, true)]
  for (const token of [first, second]) {
    assert.equal((await gateway.client.send('PUT /student/course', { token, body: seat })).status, 204)
  }
  const group = 'course_id=101&group_id=2'
  const roster = await gateway.client.send(`GET /staff/course-students?${group}`, { token: fixture })
  assert.deepEqual(roster.body, { registered_students: [student], reserved_queue_students: [other] })
  assert.equal(
    (await gateway.client.send('DELETE /student/course?course_id=101', { token: first })).status,
    204,
  )
  const force = { ...seat, course_id: 102, group_id: 1, std_id: 2_147_483_648 }
  assert.equal(
    (await gateway.client.send('PUT /staff/force-std', { token: fixture, body: force })).status,
    204,
  )
  const found = await gateway.client.send(`GET /staff/decisions?student_id=${other}`, { token: fixture })
  const { decisions } = found.body as { decisions: { actor: unknown; effects: unknown[] }[] }
  assert.deepEqual(decisions[0]?.actor, { role: 'student', id: student }, 'the drop that promoted them')
  assert.equal(decisions.length, 2)
  const reader = await openAuditReader(campus.database)
  const verification = await verify(reader)
  await reader.close()
  assert.equal(verification.verdict, 'agreed', formatVerification(verification).join('\n'))
})

test('a code stands for the number at login, and the code counts where it is somebody else’s number', async () => {
  const places = async (token: string) => {
    const { body } = await gateway.client.send('GET /student/course', { token })
    return (body as { data: { course: { course_id: number; code?: string } }[] }).data.map(
      ({ course }) => course,
    )
  }
  assert.deepEqual(await places(await tokenOf('0099-A')), [])
  const [course] = await places(await tokenOf('3'))
  assert.deepEqual([course?.course_id, course?.code], [101, 'MATH-101'])
  assert.deepEqual(await places(await tokenOf(3)), [])
  assert.deepEqual(await places(await tokenOf('2')), [], 'nobody has the code 2, and somebody the number')
  await tokenOf('Registrar Ä', true)
  for (const user of ['02', '0099-a', 'Registrar Ä']) {
    const answer = await gateway.client.send('POST /login', { body: { user, password: '1234' } })
    assert.equal(inShort(answer), '401 unauthenticated', user)
  }
})

test('a code belongs to one person, and to the groups of one course', async () => {
  const { database } = campus
  await assert.rejects(database.query("UPDATE students SET code = '3' WHERE id = 1"), /students_code_once/)
  await assert.rejects(
    database.query("UPDATE courses SET code = 'MATH-101' WHERE course_id = 102"),
    /another course has the code MATH-101/,
  )
  await database.query("UPDATE staff SET code = '3' WHERE id = 1")
  for (const code of ['', ' 1', '1 ', 'a\nb', 'x'.repeat(65)]) {
    await assert.rejects(
      database.query('UPDATE students SET code = $1 WHERE id = 1', [code]),
      /code_is_a_line/,
    )
  }
})

test('staff name students and courses by their codes wherever they name them by their numbers', async () => {
  const fixture = await tokenOf(staff, true)
  const ask = async (line: Parameters<typeof gateway.client.send>[0], body?: object, key?: string) =>
    await gateway.client.send(line, {
      token: fixture,
      ...(body !== undefined && { body }),
      ...(key !== undefined && { headers: { 'idempotency-key': key } }),
    })
  const seat = { course_code: 'MATH-101', group_id: 1, std_code: '0099-A' }
  assert.equal(inShort(await ask('PUT /staff/force-std', seat, 'one')), '204')
  const byNumber = { course_id: 101, group_id: 1, std_id: student }
  assert.equal(inShort(await ask('PUT /staff/force-std', byNumber, 'one')), '204', 'the same request')
  const held = await ask('GET /staff/student-courses?std_code=0099-A')
  assert.deepEqual(held.body, (await ask(`GET /staff/student-courses?std_id=${student}`)).body)
  const roster = await ask('GET /staff/course-students?course_code=MATH-101&group_id=1')
  assert.deepEqual((roster.body as { registered_students: number[] }).registered_students, [student])
  for (const about of ['student_code=0099-A', 'course_code=MATH-101&group_id=1']) {
    const { body } = await ask(`GET /staff/decisions?${about}`)
    assert.equal((body as { decisions: { actor: { id: number } }[] }).decisions[0]?.actor.id, staff, about)
  }
  assert.equal(
    inShort(await ask('PATCH /staff/capacity', { course_code: 'MATH-101', group_id: 1, capacity: 9 })),
    '204',
  )
  assert.equal(
    inShort(await ask('PATCH /staff/course', { course_code: 'MATH-101', group_id: 1, notes: 'x' })),
    '204',
  )
  assert.equal(inShort(await ask('PATCH /staff/student', { std_code: '0099-A', max_units: 21 })), '204')
  const drop = 'DELETE /staff/force-std?std_code=0099-A&course_code=MATH-101&group_id=1'
  assert.equal(inShort(await ask(drop)), '204')

  assert.equal(
    inShort(await ask('PUT /staff/force-std', { ...seat, std_code: '0099-a' })),
    '404 no_such_student',
  )
  assert.equal(
    inShort(await ask('PUT /staff/force-std', { ...seat, course_code: '101' })),
    '404 no_such_course',
  )
  for (const wrong of [
    { ...seat, std_id: student },
    { ...seat, std_code: 99 },
    { ...seat, course_code: '' },
    { ...seat, std_code: '0099-A\0' },
  ]) {
    assert.equal(inShort(await ask('PUT /staff/force-std', wrong)), '400 malformed')
  }
  assert.equal(inShort(await ask('GET /staff/student-courses?std_code=%00')), '400 malformed')
  const added = { std_code: '0099-A', department: 1, entry_year: 1400, gender: 'male' }
  assert.equal(
    inShort(await ask('POST /staff/student', added)),
    '400 malformed',
    'a new student has a new number',
  )
})

test('the lists of staff have what files have, page by page, whatever page is asked for', async () => {
  const fixture = await tokenOf(staff, true)
  const { database } = campus
  await database.query('UPDATE students SET enrollment_end_time = NULL WHERE id = $1', [student])
  const listed = await gateway.client.send('GET /staff/students', { token: fixture })
  const { students } = listed.body as {
    students: { student_id: number; enrollment_end_time: string | null }[]
  }
  assert.deepEqual(
    students
      .filter(({ student_id }) => [student, other].includes(student_id))
      .map(({ enrollment_end_time: end }) => end),
    [null, '2099-01-01T00:00:00.000Z'],
  )
  for (const [list, cursor] of [
    ['students', '9999999999999999'],
    ['courses', '9999999999.9999999999'],
  ]) {
    const { status, text } = await gateway.client.send(`GET /staff/${list}?cursor=${cursor}`, {
      token: fixture,
    })
    assert.equal(status, 200, text)
    assert.match(text, new RegExp(`^\\{"${list}":\\[\\],"next":null`))
  }
})
