import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { Client } from 'pg'
import { eventually } from '../../kit/eventually.ts'
import {
  enrollment,
  type Environment,
  type Program,
  type ServerProcess,
  startBatcher,
  startServer,
} from '../../kit/command-line.ts'
import { inShort } from '../../kit/rest-client.ts'
import { rabbitAddress } from '../../kit/servers/provide.ts'
import {
  authorize,
  type BenchmarkReply,
  type BenchmarkStudent,
  register,
  setUpStudents,
} from './benchmark.ts'
import { createOlderCampus } from './older-campus.ts'

const count = 120

/** Nothing may fail but by a rule that the benchmark's students can break. */
const rulesBroken = ['already_enrolled', 'course_full', 'exam_conflict', 'class_conflict']

function assertAnswered(replies: readonly BenchmarkReply[]): void {
  assert.equal(replies.length, count * 7)
  const answers = new Set(
    replies.map(({ status, body }) =>
      body === '' ? `${status}` : `${status} ${(JSON.parse(body) as { code: string }).code}`,
    ),
  )
  const usual = new Set(['204', ...rulesBroken.map((code) => `409 ${code}`)])
  assert.deepEqual(
    [...answers].filter((answer) => !usual.has(answer)),
    [],
  )
}

function placesGranted(replies: readonly BenchmarkReply[]): string[] {
  return replies
    .filter(({ status }) => status === 204)
    .map(({ student, course, group }) => `${student} ${course} ${group}`)
    .toSorted()
}

describe('the replaced system’s benchmark, unchanged, against server and batcher', () => {
  let url: string
  let environment: Environment
  let server: ServerProcess
  let batcher: Program
  let students: BenchmarkStudent[]
  let tokens: ReadonlyMap<number, string>
  const cleanups: (() => Promise<unknown>)[] = []

  before(async () => {
    const created = await createOlderCampus(100)
    cleanups.push(() => created.drop())
    url = created.url
    environment = {
      DATABASE_URL: url,
      RABBITMQ_ADDRESS: rabbitAddress(),
      ENROLLMENT_CAMPUS: `bench-${randomUUID().slice(0, 8)}`,
      ENROLLMENT_QUEUE_SETTLE: '0s',
    }
  })
  after(async () => {
    for (const cleanup of cleanups.toReversed()) await cleanup()
  })

  async function placesInTables(): Promise<string[]> {
    const client = new Client({ connectionString: url })
    await client.connect()
    try {
      const { rows } = await client.query<{ place: string }>(
        `SELECT concat_ws(' ', student_id, course_id, group_id) AS place FROM enrolled_courses`,
      )
      return rows.map(({ place }) => place).toSorted()
    } finally {
      await client.end()
    }
  }

  async function run(who: readonly BenchmarkStudent[]): Promise<void> {
    const { address } = server
    tokens = await authorize(address, who)
    const replies = await register(address, who, tokens)
    assertAnswered(replies)
    const granted = placesGranted(replies)
    assert.ok(granted.length > count)
    await eventually(async () => (await placesInTables()).length >= granted.length)
    assert.deepEqual(await placesInTables(), granted)
  }

  test('students who were set up before the start get places, and every one of them is in the tables', async () => {
    students = await setUpStudents(url, { count, seed: 1 })
    batcher = startBatcher(environment)
    cleanups.push(() => batcher.stop())
    server = await startServer(environment)
    cleanups.push(() => server.stop())
    await server.untilReady()
    await run(students)
    const verified = await enrollment(['verify'], environment)
    assert.equal(verified.code, 0, verified.stdout)
    assert.match(verified.stdout, /^agreed: 840 decisions, 120 students, 203 groups/)
  })

  test('students who are set up while the server leads, and are new to it, get places', async () => {
    const [gone] = students
    const token = tokens.get(gone?.id ?? 0)
    await run(await setUpStudents(url, { count, firstId: 10_001, seed: 2 }))
    // Of who is in no table any more, the server knows: the decision stands, and the batcher goes on without it.
    const body = { course_id: 40103, group_id: 1 }
    const answer = await server.client.send('PUT /student/course', { token, body })
    assert.equal(inShort(answer), '204')
    await eventually(async () =>
      /1 effect without a row/.test((await enrollment(['verify'], environment)).stdout),
    )
    const verified = await enrollment(['verify'], environment)
    assert.equal(verified.code, 1)
    const differences = verified.stdout.trim().split('\n').slice(0, -1)
    assert.ok(differences.length > count)
    const orphaned = differences.filter((line) => line.includes('found no row to change'))
    assert.equal(orphaned.length, 1)
    for (const line of differences)
      assert.match(line, /made from outside .* TRUNCATE on (students|enrolled_courses)/)
  })

  test('students whom the server knew before their tables were emptied keep what it knows until it starts anew', async () => {
    students = await setUpStudents(url, { count, seed: 1 })
    tokens = await authorize(server.address, students)
    const replies = await register(server.address, students, tokens)
    assertAnswered(replies)
    // Their places of the first run are in the server's memory and in no table.
    assert.deepEqual(placesGranted(replies), [])
    assert.deepEqual(await placesInTables(), [])
    await server.stop()
    server = await startServer(environment)
    cleanups.push(() => server.stop())
    await server.untilReady()
    await run(students)
    const verified = await enrollment(['verify'], environment)
    assert.equal(verified.code, 0, verified.stdout)
  })
})
