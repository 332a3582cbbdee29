import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Client } from 'pg'
import { createOlderCampus } from '../clients/older-campus.ts'
import { enrollment, type Environment, type ServerProcess, startServer } from '../../kit/command-line.ts'
import type { TestDatabase } from '../../kit/servers/provide.ts'

/** What the replaced system's known bugs leave behind, with students 1 to 9. */
const leftBehind = `
  INSERT INTO students SELECT id, 'x', now(), 20, 5, 40, 99, 'male' FROM generate_series(1, 9) AS id;
  UPDATE courses SET capacity = 1 WHERE course_id = 50002 AND group_id = 1;
  INSERT INTO enrolled_courses (id, course_id, group_id, student_id, reserved) VALUES
    -- Student 1 twice in one group, student 2 in two groups of a course.
    (1, 50001, 1, 1, FALSE), (2, 50001, 1, 1, FALSE), (3, 50001, 2, 2, FALSE), (4, 50001, 1, 2, FALSE),
    -- Two in one seat.
    (5, 50002, 1, 3, FALSE), (6, 50002, 1, 4, FALSE),
    -- One waits beside free seats.
    (7, 50003, 1, 5, TRUE);
  SELECT setval('enrolled_courses_id_seq', 7)`

describe('a database that the replaced system left behind', () => {
  let database: TestDatabase
  let environment: Environment
  let server: ServerProcess | undefined

  before(async () => {
    database = await createOlderCampus(3)
    environment = { DATABASE_URL: database.url }
    await query(leftBehind)
  })
  after(async () => {
    await server?.kill()
    await database.drop()
  })

  async function query(sql: string): Promise<unknown[]> {
    const client = new Client({ connectionString: database.url })
    await client.connect()
    try {
      return (await client.query(sql)).rows
    } finally {
      await client.end()
    }
  }
  const places = () =>
    query(`SELECT concat_ws(' ', student_id, course_id, group_id, CASE WHEN reserved THEN 'waits' END) AS place
           FROM enrolled_courses ORDER BY student_id, course_id, group_id, id`)

  test('is not served as it is; every row that cannot stand is told, and how to go on', async () => {
    server = await startServer(environment)
    const { code, stderr } = await server.ended
    assert.equal(code, 1)
    const lines = stderr.trim().split('\n')
    assert.equal(lines.length, 3, stderr)
    assert.match(stderr, /student 1 .*course 50001 group 1.* 2 times/)
    assert.match(stderr, /student 2 is in several groups of course 50001: 1, 2/)
    assert.match(lines.at(-1) ?? '', /^enrollment: .*enrollment adopt --dry-run$/)
    for (const pattern of [/holds 2 students in 1 seats/, /has free seats, and yet these wait: 5/]) {
      assert.equal(server.linesLike(pattern).length, 1, server.said)
    }
  })

  test('a dry run tells what would be done, row by row, and changes nothing', async () => {
    const held = await places()
    const { code, stdout } = await enrollment(['adopt', '--dry-run'], environment)
    assert.equal(code, 0)
    for (const pattern of [
      /^found: student 1 .*50001/m,
      /^would be done: course 50001 group 1: student 1 keeps one row, row 2 removed$/m,
      /^would be done: course 50001 group 1: student 2 leaves/m,
      /^would be done: course 50002 group 1: grows to 2 seats$/m,
      /^would be done: course 50003 group 1: student 5 moves up/m,
    ]) {
      assert.match(stdout, pattern)
    }
    assert.deepEqual(await places(), held)
    assert.deepEqual(await query('SELECT FROM decisions'), [])
  })

  test('it is adopted by decisions on record, and then served, and verified', async () => {
    const { code, stdout, stderr } = await enrollment(['adopt', '--apply'], environment)
    assert.equal(code, 0, stderr)
    assert.match(stdout, /adopted: the tables can be served\n$/)
    assert.deepEqual(
      await places(),
      ['1 50001 1', '2 50001 2', '3 50002 1', '4 50002 1', '5 50003 1'].map((place) => ({ place })),
    )
    const decided = await query(
      `SELECT actor_role, (legs -> 0 ->> 'course')::int AS course FROM decisions ORDER BY course`,
    )
    assert.deepEqual(
      decided,
      [50001, 50002, 50003].map((course) => ({ actor_role: 'operator', course })),
    )
    const again = await enrollment(['adopt', '--apply'], environment)
    assert.match(again.stdout, /^nothing to adopt/)
    server = await startServer(environment)
    await server.untilReady()
    assert.equal((await server.stop()).code, 0)
    const verified = await enrollment(['verify'], environment)
    assert.equal(verified.code, 0, verified.stdout)
    assert.match(verified.stdout, /^agreed: 3 decisions, 10 students, 9 groups, 5 seats, 0 waiting/)
  })
})
