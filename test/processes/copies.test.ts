import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openDatabase } from '../../src/store/database.ts'
import { silent } from '../../kit/campus-database.ts'
import { enrollment, type Environment, startBatcher, startServer } from '../../kit/command-line.ts'
import { eventually } from '../../kit/eventually.ts'
import { inShort } from '../../kit/rest-client.ts'
import { copyDatabase } from '../../kit/servers/provide.ts'
import { RegistrationDay } from './registration-day.ts'
import { logIn, placesIn } from './process-fixture.ts'

/** A dump of the campus, restored as staging, at the same broker. */
describe('a copy of a campus’s database', () => {
  const day = new RegistrationDay()
  const oneLine = /^enrollment: this database is a copy of campus \S+ [^\n]+ --moved; [^\n]+ --new-campus\n$/

  async function copied() {
    const { url, drop } = await copyDatabase(day.campus.url)
    day.cleanUpWith(drop)
    const database = await openDatabase(url, { logger: silent })
    day.cleanUpWith(() => database.close())
    const environment: Environment = { ...day.campus.environment, DATABASE_URL: url }
    return { database, environment }
  }

  const enrolled = (database = day.campus.database) => placesIn(database, [401, 402, 403])

  async function serve(environment = day.campus.environment) {
    const server = day.running(await startServer(environment))
    const batcher = day.running(startBatcher(environment))
    await server.untilReady()
    return { server, batcher }
  }

  async function enroll({ server }: Awaited<ReturnType<typeof serve>>, course: number) {
    const [[, token] = []] = await logIn(server, 1)
    const body = { course_id: course, group_id: 1 }
    assert.equal(inShort(await server.client.send('PUT /student/course', { token, body })), '204')
  }

  test('neither serves nor writes, in one line, until somebody says what it is', async () => {
    const first = await serve()
    await enroll(first, 401)
    for (const program of [first.server, first.batcher]) assert.equal((await program.stop()).code, 0)
    const copy = await copied()
    const silenced = { ...copy.environment, ENROLLMENT_LOG_LEVEL: 'silent', LISTEN_ADDRESS: '127.0.0.1:0' }
    const commands = [
      ['server'],
      ['batcher'],
      ['gateway'],
      ['migrate', '--switch-journal'],
      ['load', '--sample'],
      ['adopt', '--apply'],
    ]
    const refused = commands.map((args) => enrollment(args, { ...silenced, CORE_ADDRESS: '127.0.0.1:1' }))
    for (const ended of await Promise.all(refused)) {
      assert.deepEqual({ code: ended.code, stdout: ended.stdout }, { code: 1, stdout: '' })
      assert.match(ended.stderr, oneLine)
    }
    // To look is allowed.
    assert.equal((await enrollment(['verify'], copy.environment)).code, 0)

    const itself = await enrollment(['migrate', '--new-campus'], copy.environment)
    assert.equal(itself.code, 1)
    assert.match(itself.stderr, /is campus \S+ already; name another one in ENROLLMENT_CAMPUS\n$/)
    const ENROLLMENT_CAMPUS = `${copy.environment['ENROLLMENT_CAMPUS']}-staging`
    const staging = { ...copy.environment, ENROLLMENT_CAMPUS }
    const named = await enrollment(['migrate', '--new-campus'], staging)
    assert.equal(named.code, 0, named.stderr)
    assert.match(named.stdout, /^campus: (\S+) -> \1-staging,/)

    // Both serve now, at one broker, and neither takes anything from the other.
    const [original, other] = await Promise.all([serve(), serve(staging)])
    await Promise.all([enroll(original, 402), enroll(other, 403)])
    await eventually(async () => (await enrolled()).length === 2)
    await eventually(async () => (await enrolled(copy.database)).length === 2)
    assert.deepEqual(await enrolled(), ['1 401 1', '1 402 1'])
    assert.deepEqual(await enrolled(copy.database), ['1 401 1', '1 403 1'])
    const inUse = await enrollment(['migrate', '--new-campus'], {
      ...day.campus.environment,
      ENROLLMENT_CAMPUS: 'another',
    })
    assert.match(
      inUse.stderr,
      /is campus \S+ itself, and in use \([^\n]*enrollment server\); stop that first\n$/,
    )
    for (const { server, batcher } of [original, other]) {
      for (const program of [server, batcher]) assert.equal((await program.stop()).code, 0)
    }
  })

  test('takes the original’s place when it is told so, and the original is then the copy', async () => {
    const copy = await copied()
    const moved = await enrollment(['migrate', '--moved'], copy.environment)
    assert.equal(moved.code, 0, moved.stderr)
    assert.match(moved.stdout, /^campus \S+ lives here from now on$/m)
    const again = await enrollment(['migrate', '--moved'], copy.environment)
    assert.match(again.stdout, /^campus \S+ lives here already$/m)
    const served = await serve(copy.environment)
    await enroll(served, 403)
    await eventually(async () => (await enrolled(copy.database)).length === 3)
  })
})
