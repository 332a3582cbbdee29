import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { duringWindow, group, student } from '../../../actors/testing/sketches.ts'
import type { CatalogReply } from '../../../schema/rest.ts'
import { DecisionsAway, type GatewayDeps } from '../gateway-ports.ts'
import { assertProblem, GatewayFixture } from '../testing/gateway-fixture.ts'

const campus = [
  student(1, { maxUnits: 12, actions: 4 }),
  group('5/1', { registered: [1] }),
  group('10/1', {
    department: 2,
    exam: { startMs: Date.UTC(2031, 0, 10, 9), endMs: Date.UTC(2031, 0, 10, 11) },
  }),
] as const
const student1 = { student: 1 }
const staff = { staff: 60, department: 1 }

function open(t: TestContext, overrides: Partial<GatewayDeps> = {}): GatewayFixture {
  const fixture = new GatewayFixture(campus, overrides)
  t.after(() => fixture.app.close())
  return fixture
}

test('students and staff read the courses of all departments in one request', async (t) => {
  const fixture = open(t)
  for (const sender of [student1, staff]) {
    const { courses } = (await fixture.send(sender, 'GET /catalog')).body as CatalogReply
    assert.deepEqual(
      courses.map((one) => [one.course_id, one.department, one.registered_count, one.exam_minutes]),
      [
        [5, 1, 1, undefined],
        [10, 2, 0, 120],
      ],
    )
  }
  assertProblem(await fixture.send(undefined, 'GET /catalog'), 401, 'unauthenticated')
})

test('the catalog is sent as compact as the client takes it, and not at all if it has it', async (t) => {
  const fixture = open(t)
  const plain = await fixture.send(student1, 'GET /catalog')
  const etag = String(plain.headers['etag'])
  const ask = async (headers: Record<string, string>) => {
    await fixture.app.ready()
    const authorization = fixture.authorization(student1)
    return await fixture.app.inject({
      method: 'GET',
      url: '/catalog',
      headers: { authorization, ...headers },
    })
  }
  const unpackers = { br: brotliDecompressSync, gzip: gunzipSync }
  for (const [encoding, unpack] of Object.entries(unpackers)) {
    const packed = await ask({ 'accept-encoding': `deflate, ${encoding}` })
    assert.equal(packed.headers['content-encoding'], encoding)
    assert.equal(packed.headers['vary'], 'accept-encoding')
    assert.equal(unpack(packed.rawPayload).toString(), plain.text)
    assert.equal(packed.headers['etag'], etag)
  }
  assert.equal((await ask({ 'if-none-match': etag })).statusCode, 304)
})

test('there is no catalog while nobody leads', async (t) => {
  const fixture = open(t)
  fixture.service.unavailable = 'recovering'
  assertProblem(await fixture.send(student1, 'GET /catalog'), 503, 'recovering')
})

test('everybody with a token reads the departments, from the database once', async (t) => {
  let reads = 0
  const fixture = open(t, {
    lists: {
      students: () => Promise.resolve([]),
      groups: () => Promise.resolve([]),
      departments: () => {
        if (reads++ === 0) return Promise.reject(new DecisionsAway('the database is away'))
        return Promise.resolve([{ id: 1, name: 'Botany' }])
      },
    },
  })
  assertProblem(await fixture.send(student1, 'GET /departments'), 503, 'journal_unavailable')
  const departments = [{ id: 1, name: 'Botany' }]
  assert.deepEqual((await fixture.send(student1, 'GET /departments')).body, { departments })
  assert.deepEqual((await fixture.send(staff, 'GET /departments')).body, { departments })
  assert.equal(reads, 2)
})

test('students read what they may, and when, by the clock of the server', async (t) => {
  const fixture = open(t)
  const { body } = await fixture.send(student1, 'GET /student/me')
  const { window, ...me } = body as { window: { from: string; until: string } }
  assert.deepEqual(me, {
    student_id: 1,
    department: 1,
    gender: 'female',
    units: 3,
    max_units: 12,
    remaining_actions: 4,
    server_time: new Date(duringWindow).toISOString(),
  })
  assert.ok(Date.parse(window.from) <= duringWindow && duringWindow < Date.parse(window.until))
  assertProblem(await fixture.send(staff, 'GET /student/me'), 403, 'wrong_role')
  assertProblem(await fixture.send({ student: 404 }, 'GET /student/me'), 404, 'no_such_student')
})
