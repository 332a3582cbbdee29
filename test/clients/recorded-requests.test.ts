import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Engine } from '../../src/engine/engine.ts'
import { ensureCampus } from '../../src/store/campus-row.ts'
import { openDatabase } from '../../src/store/database.ts'
import { migrate } from '../../src/store/migrate.ts'
import { silent } from '../../kit/campus-database.ts'
import { type OpenGateway, openTestGateway } from '../../kit/open-gateway.ts'
import { directJournal, startEngine, untilLeading } from '../../kit/running-engine.ts'
import { createOlderCampus } from './older-campus.ts'
import { goRequest, postmanRequest, Wire, type WireAnswer } from './wire.ts'

const student = 99171333
const cleanups: (() => Promise<unknown>)[] = []
let gateway: OpenGateway
let engine: Engine

before(async () => {
  const created = await createOlderCampus()
  cleanups.push(() => created.drop())
  const campus = `clients-${randomUUID().slice(0, 8)}`
  const database = await openDatabase(created.url, { logger: silent })
  cleanups.push(() => database.close())
  await migrate(database)
  await ensureCampus(database, { configured: campus, generated: campus })
  const running = startEngine(database, campus, directJournal(database, campus))
  engine = running.engine
  cleanups.push(() => engine.stop(1000))
  await untilLeading(running)
  gateway = await openTestGateway(engine, database)
  cleanups.push(() => gateway.close())
})
after(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup()
})

interface Asked {
  readonly token?: string | undefined
  readonly body?: string
}
type Speech = typeof goRequest

/** Someone who speaks HTTP in this way, on one connection from first to last. */
async function clientOf(speech: Speech): Promise<{
  readonly ask: (line: string, asked?: Asked) => Promise<WireAnswer>
  readonly close: () => void
}> {
  const wire = await Wire.open(gateway.url)
  const { host } = new URL(gateway.url)
  return {
    ask: (line, asked = {}) => {
      const [method = '', path = ''] = line.split(' ')
      return wire.exchange(speech({ method, path, host, ...asked }))
    },
    close: () => wire.close(),
  }
}

function json(answer: WireAnswer): Record<string, unknown> {
  assert.match(answer.headers.get('content-type') ?? '', /^application\/json/)
  return JSON.parse(answer.body) as Record<string, unknown>
}

function assertDone(answer: WireAnswer): void {
  assert.deepEqual([answer.status, answer.body], [204, ''])
}

/** What the older API documents show of a course; a field that is new since then is no harm. */
function assertCourse(course: unknown, expected: Record<string, unknown>): void {
  const seen = course as Record<string, unknown>
  for (const [field, value] of Object.entries(expected)) assert.deepEqual(seen[field], value, field)
}

const lab = {
  course_id: 40103,
  group_id: 1,
  units: 1,
  capacity: 16,
  registered_count: 1,
  class_time: [{ day: 3, start_minute: 540, end_minute: 720 }],
  lecturer: 'Hamid',
}

const speeches: Record<string, Speech> = { 'a Go client': goRequest, Postman: postmanRequest }
for (const [who, speech] of Object.entries(speeches)) {
  const indented = speech === postmanRequest
  const text = (fields: Record<string, unknown>): string => {
    if (!indented) return JSON.stringify(fields)
    const inner = Object.entries(fields).map(([name, value]) => `    "${name}": ${JSON.stringify(value)}`)
    return `{\r\n${inner.join(',\r\n')}\r\n}`
  }

  test(`${who} sends what it always sent, and everything works as it did`, async () => {
    const { ask, close } = await clientOf(speech)
    const login = async (user: number, staff: boolean): Promise<string> => {
      const answer = await ask('POST /login', { body: text({ user, password: '1234', staff }) })
      assert.equal(answer.status, 200, answer.body)
      return json(answer)['token'] as string
    }
    const first = await login(student, false)
    const refreshed = await ask('POST /refresh', { token: first })
    assert.equal(refreshed.status, 200, refreshed.body)
    const token = json(refreshed)['token'] as string
    const staff = await login(1, true)

    assertDone(await ask('PUT /student/course', { token, body: text({ course_id: 40103, group_id: 1 }) }))
    const own = json(await ask('GET /student/course', { token }))['data'] as { course: unknown }[]
    assert.equal(own.length, 1)
    assertCourse(own[0]?.course, lab)
    const seen = json(await ask(`GET /staff/student-courses?std_id=${student}`, { token: staff }))
    assert.deepEqual(seen['data'], own)

    assertDone(await ask('PUT /student/course', { token, body: text({ course_id: 40108, group_id: 1 }) }))
    assertDone(await ask('PATCH /student/course', { token, body: text({ course_id: 40108, group_id: 2 }) }))
    const roster = async (course: number, group: number) => {
      const line = `GET /staff/course-students?course_id=${course}&group_id=${group}`
      return json(await ask(line, { token: staff }))
    }
    assert.deepEqual(await roster(40108, 2), { registered_students: [student], reserved_queue_students: [] })
    assertDone(await ask('DELETE /student/course?course_id=40108', { token }))

    const place = { std_id: student, course_id: 40103, group_id: 1 }
    const forced = await ask(`DELETE /staff/force-std?std_id=${student}&course_id=40103&group_id=1`, {
      token: staff,
    })
    assertDone(forced)
    assertDone(await ask('PUT /staff/force-std', { token: staff, body: text(place) }))
    assert.deepEqual(await roster(40103, 1), { registered_students: [student], reserved_queue_students: [] })
    const again = await ask('PUT /staff/force-std', { token: staff, body: text(place) })
    assert.equal(again.status, 409)
    assert.match((JSON.parse(again.body) as { reason: string }).reason, /already/)
    const capacity = { course_id: 40103, group_id: 1, capacity: 16 }
    assertDone(await ask('PATCH /staff/capacity', { token: staff, body: text(capacity) }))

    const catalog = json(await ask('GET /student/courses?department=40', { token }))
    const courses = catalog['courses'] as { course_id: number }[]
    assert.deepEqual(
      courses.map(({ course_id }) => course_id),
      [40103, 40108, 40108],
    )
    assertCourse(courses[0], lab)
    assertCourse(courses[1], { exam_time: Date.UTC(2023, 0, 19, 11, 30) / 1000, class_time: [] })

    assertDone(await ask('DELETE /student/course?course_id=40103', { token }))
    close()
  })
}

test('a body is JSON whatever its Content-Type says, as it was for Postman’s texts', async () => {
  const wire = await Wire.open(gateway.url)
  const body = `{"user": ${student}, "password": "1234"}`
  for (const type of [
    'Content-Type: text/plain\r\n',
    'Content-Type: application/x-www-form-urlencoded\r\n',
    '',
  ]) {
    const answer = await wire.exchange(
      `POST /login HTTP/1.1\r\nHost: x\r\n${type}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
    assert.equal(answer.status, 200, answer.body)
  }
  wire.close()
})

test('a body may come in chunks, and a request in pieces', async () => {
  const wire = await Wire.open(gateway.url)
  const parts = [`{"user": ${student},`, ' "password": "1234"}']
  const chunks = parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('')
  const answer = await wire.exchange(
    `POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`,
  )
  assert.equal(answer.status, 200, answer.body)
  wire.close()
})

test('a client that asks for gzip gets what it can read', async () => {
  const { ask, close } = await clientOf(goRequest)
  const token = json(
    await ask('POST /login', { body: `{"user":${student},"password":"1234","staff":false}` }),
  )['token'] as string
  const answer = await ask('GET /student/courses?department=40', { token })
  assert.equal(answer.headers.get('content-encoding'), undefined)
  assert.ok(Array.isArray(json(answer)['courses']))
  close()
})

test('what docs/replacing.md calls different on purpose is different', async () => {
  const { ask, close } = await clientOf(goRequest)
  const tokenOf = async (user: number, staff: boolean) => {
    const answer = await ask('POST /login', {
      body: JSON.stringify({ User: user, PASSWORD: '1234', staff, theme: 'dark' }),
    })
    return json(answer)['token'] as string
  }
  const [token, staff] = [await tokenOf(student, false), await tokenOf(1, true)]
  const problem = async (line: string, asked: Asked) => {
    // A body that cannot be read ends its connection.
    const other = await clientOf(goRequest)
    const answer = await other.ask(line, asked)
    other.close()
    assert.equal(answer.headers.get('content-type'), 'application/problem+json')
    const { code, reason } = JSON.parse(answer.body) as { code: string; reason: string }
    assert.ok(reason.length > 0)
    return `${answer.status} ${code}`
  }
  const place = (course_id: number) => JSON.stringify({ course_id, group_id: 1 })
  const capacity = (seats: number) => JSON.stringify({ course_id: 40108, group_id: 1, capacity: seats })
  const checks: Record<string, () => Promise<void>> = {
    'a rule refuses (window, units, conflict, …)': async () =>
      assert.equal(await problem('DELETE /student/course?course_id=40108', { token }), '409 not_enrolled'),
    'unknown course or student': async () => {
      assert.equal(await problem('PUT /student/course', { token, body: place(99) }), '404 no_such_course')
      const line = 'GET /staff/student-courses?std_id=5'
      assert.equal(await problem(line, { token: staff }), '404 no_such_student')
    },
    'unknown department': async () =>
      assert.equal(await problem('GET /student/courses?department=77', { token }), '404 no_such_department'),
    'the other role’s token': async () =>
      assert.equal(await problem('GET /student/course', { token: staff }), '403 wrong_role'),
    'the group of `DELETE /staff/force-std`': async () => {
      const line = `DELETE /staff/force-std?std_id=${student}&course_id=40108&group_id=2`
      assert.equal(await problem(line, { token: staff }), '409 not_enrolled')
    },
    '`"capacity": 0` in `PATCH /staff/capacity`': async () => {
      assertDone(await ask('PATCH /staff/capacity', { token: staff, body: capacity(0) }))
      assertDone(await ask('PATCH /staff/capacity', { token: staff, body: capacity(30) }))
    },
    'two JSON values in one body': async () =>
      assert.equal(
        await problem('PUT /student/course', { token, body: place(40108) + '{}' }),
        '400 malformed',
      ),
    'errors’ Content-Type': async () =>
      assert.equal(await problem('PATCH /student/course', { token, body: '{}' }), '400 malformed'),
  }
  const elsewhere: Record<string, string> = {
    'a student forced into a full group': 'test/rest/rulings.test.ts',
    'staff and another department': 'test/rest/refusals.test.ts',
    'the database or the broker fails': 'test/rest/refusals.test.ts',
    'too many requests, or failed logins': 'test/security/abuse.test.ts',
    'a key of the token (HS256)': 'src/store/migrate.test.ts',
  }
  const root = join(import.meta.dirname, '../..')
  const page = readFileSync(join(root, 'docs/replacing.md'), 'utf8')
  const rows = [...page.matchAll(/^\| (?!what|---)(.+?) \| /gm)].map(([, row = '']) =>
    row.replaceAll("'", '’'),
  )
  assert.deepEqual(rows.toSorted(), [...Object.keys(checks), ...Object.keys(elsewhere)].toSorted())
  for (const check of Object.values(checks)) await check()
  for (const file of Object.values(elsewhere)) assert.ok(existsSync(join(root, file)), file)
  close()
})
