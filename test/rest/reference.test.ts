import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { hash } from '@node-rs/bcrypt'
import type { Operations } from '../../src/client/api.ts'
import { EnrollmentClient, Refused } from '../../src/client/client.ts'
import { operationExamples } from '../../src/gateway/routes/examples.ts'
import { sampleCampus } from '../../src/registry/sample-campus.ts'
import { loadTables } from '../../src/store/bulk-load.ts'
import { ensureCampus } from '../../src/store/campus-row.ts'
import { openDatabase } from '../../src/store/database.ts'
import { migrate } from '../../src/store/migrate.ts'
import { ReplySchemas } from '../client/reply-schemas.ts'
import type { OpenApiDocument } from '../client/types-of.ts'
import { silent } from '../../kit/campus-database.ts'
import { type OpenGateway, openTestGateway } from '../../kit/open-gateway.ts'
import { directJournal, startEngine, untilLeading } from '../../kit/running-engine.ts'
import { createDatabase } from '../../kit/servers/provide.ts'

// The sample campus, as whoever tries the engine has it, and the typed client.

const campus = 'sample'
const closing: (() => Promise<unknown>)[] = []
let gateway: OpenGateway
let document: OpenApiDocument
let student: EnrollmentClient
let staff: EnrollmentClient

before(async () => {
  const created = await createDatabase()
  closing.push(() => created.drop())
  const database = await openDatabase(created.url, { logger: silent })
  closing.push(() => database.close())
  await migrate(database)
  await ensureCampus(database, { configured: campus, generated: campus })
  const hashed = new Map<string, Promise<string>>()
  const rows = await sampleCampus({
    nowMs: Date.now() - 60_000,
    // Only those log in here; for the others any hash will do.
    hash: (plain) => {
      const kept = /^(student-1|staff-40)$/.test(plain) ? plain : 'nobody'
      const one = hashed.get(kept) ?? hash(kept, { cost: 4 })
      hashed.set(kept, one)
      return one
    },
  })
  await loadTables(database, rows)
  const running = startEngine(database, campus, directJournal(database, campus))
  closing.push(() => running.engine.stop(5000))
  await untilLeading(running)
  gateway = await openTestGateway(running.engine, database)
  closing.push(() => gateway.close())
  document = (await gateway.client.send('GET /openapi.json')).body as OpenApiDocument
  student = await logIn(1, false)
  staff = await logIn(40, true)
})
after(async () => {
  for (const one of closing.toReversed()) await one()
})

async function logIn(user: number, isStaff: boolean): Promise<EnrollmentClient> {
  const client = new EnrollmentClient(gateway.url)
  const password = `${isStaff ? 'staff' : 'student'}-${user}`
  const answer = await client.call('POST /login', { body: { user, password, staff: isStaff } })
  assert.ok(answer.ok, JSON.stringify(answer))
  client.token = answer.data.token
  return client
}

/** Reads the beginning of a stream; to leave the loop closes it. */
async function firstEvent(query: Operations['GET /events']['query']) {
  for await (const event of student.events(query)) return event
  throw new Error('the stream ended before the first event')
}

test('every operation’s example goes through on the sample campus and answers as the document says', async () => {
  const schemas = new ReplySchemas(document)
  const lines = new Map<string, keyof Operations>()
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const { operationId } = operation as unknown as { operationId: string }
      lines.set(operationId, `${method.toUpperCase()} ${path}` as keyof Operations)
    }
  }
  for (const [operationId, { query, body }] of Object.entries(operationExamples)) {
    const line = lines.get(operationId)
    assert.ok(line !== undefined, operationId)
    if (line === 'GET /events') {
      const { seats, places, event } = await firstEvent(query as Operations['GET /events']['query'])
      assert.deepEqual([event, seats.length, places], ['resync', 25, []])
      continue
    }
    const client = line.includes('/staff') ? staff : student
    const headers = { Prefer: 'return=representation' }
    // Whatever the example says, a wrong one is refused.
    const input = { query, headers, ...(body !== undefined && { body }) } as never
    const answer = await client.call(line, input)
    assert.ok(answer.ok, `${operationId}: ${JSON.stringify(answer)}`)
    schemas.assertFits(line, answer.data)
  }
})

test('the typed client tells a refusal with its reason, and when to come back', async () => {
  const answer = await student.call('DELETE /student/course', { query: { course_id: 40101 } })
  assert.ok(!answer.ok)
  assert.equal(answer.problem.code, 'not_enrolled')
  assert.equal(answer.retryAfterSeconds, undefined)
  const stranger = new EnrollmentClient(gateway.url)
  await assert.rejects(async () => {
    for await (const event of stranger.events({ places: 'own' })) assert.fail(event.id)
  }, Refused)
})

test('the typed client watches a course fill', async () => {
  const stopping = new AbortController()
  const seen: (number | undefined)[] = []
  for await (const { event, seats } of student.events({ course_id: '40107' }, { signal: stopping.signal })) {
    seen.push(seats.find((one) => one.group_id === 1)?.registered_count)
    if (event === 'changes') break
    const where = { course_id: 40107, group_id: 1 }
    const answer = await staff.call('PUT /staff/force-std', { body: { ...where, std_id: 100 } })
    assert.ok(answer.ok)
  }
  const [atFirst = 0, now] = seen
  assert.equal(now, atFirst + 1)
})
