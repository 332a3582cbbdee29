import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Client } from 'pg'
import { eventually } from '../../kit/eventually.ts'
import { type Ended, Program, startBatcher, startServer } from '../../kit/command-line.ts'
import { inShort } from '../../kit/rest-client.ts'
import { createDatabase, rabbitAddress } from '../../kit/servers/provide.ts'
import { TcpProxy } from '../../kit/servers/proxy.ts'
import { logIn } from './process-fixture.ts'
import { RegistrationDay } from './registration-day.ts'

/** A neighbour that says nothing any more, as one that is suspended or behind a dead network does. */
describe('processes that are told to stop while a neighbour is silent', () => {
  const day = new RegistrationDay()

  async function throughProxy(address: string) {
    const through = await TcpProxy.inFrontOf(address)
    day.cleanUpWith(() => through.proxy.close())
    return through
  }

  function assertStopped({ code, stdout, tookMs }: Ended): void {
    assert.equal(code, 0, stdout)
    assert.ok(tookMs < 5000, `${tookMs} ms`)
  }

  test('a server with decisions that the broker does not confirm says that they are not known, and stops in time', async () => {
    const broker = await throughProxy(rabbitAddress())
    const environment = {
      ...day.campus.environment,
      RABBITMQ_ADDRESS: broker.url,
      ENROLLMENT_SHUTDOWN: '5s',
    }
    const server = day.running(await startServer(environment))
    const batcher = day.running(startBatcher(environment))
    await server.untilReady()
    const [[, token] = []] = await logIn(server, 1)
    broker.proxy.hold()
    const waiting = server.client.send('PUT /student/course', {
      token,
      body: { course_id: 401, group_id: 1 },
    })
    await eventually(async () =>
      /^enrollment_pending_records 1$/m.test((await server.client.send('GET /metrics')).text),
    )
    const stopping = [server.stop(), batcher.stop()]
    assert.equal(inShort(await waiting), '503 outcome_unknown')
    for (const ended of await Promise.all(stopping)) assertStopped(ended)
    // Only now does the broker learn that they are gone.
    broker.proxy.cut()
  })

  test('a server and a batcher stop in time though the database says nothing', async () => {
    const database = await throughProxy(day.campus.url)
    const environment = { ...day.campus.environment, DATABASE_URL: database.url, ENROLLMENT_SHUTDOWN: '5s' }
    const server = day.running(await startServer(environment))
    const batcher = day.running(startBatcher(environment))
    await server.untilReady()
    const [[, token] = []] = await logIn(server, 1)
    database.proxy.hold()
    const body = { course_id: 402, group_id: 1 }
    assert.equal(inShort(await server.client.send('PUT /student/course', { token, body })), '204')
    for (const ended of await Promise.all([server.stop(), batcher.stop()])) assertStopped(ended)
  })

  test('a server and a batcher stop in time though the broker has never said anything', async () => {
    const broker = await throughProxy(rabbitAddress())
    broker.proxy.hold()
    const environment = { ...day.campus.environment, RABBITMQ_ADDRESS: broker.url, ENROLLMENT_SHUTDOWN: '5s' }
    const server = day.running(await startServer(environment))
    const batcher = day.running(startBatcher(environment))
    await eventually(() => broker.proxy.connectionCount === 2)
    for (const ended of await Promise.all([server.stop(), batcher.stop()])) assertStopped(ended)
  })

  test('a batcher stops in time though the database has never said anything', async () => {
    const database = await throughProxy(day.campus.url)
    database.proxy.hold()
    const environment = { ...day.campus.environment, DATABASE_URL: database.url, ENROLLMENT_SHUTDOWN: '5s' }
    const batcher = day.running(startBatcher(environment))
    await eventually(() => database.proxy.connectionCount === 1)
    assertStopped(await batcher.stop())
  })

  test('migrate ends in one line, whatever it waits for', async () => {
    const silent = { ...day.campus.environment, ENROLLMENT_LOG_LEVEL: 'silent' }
    const told = { code: 1, stdout: '', stderr: 'enrollment: stopped by SIGTERM\n' }
    const assertOneLine = ({ code, stdout, stderr }: Ended) =>
      assert.deepEqual({ code, stdout, stderr }, told)

    const database = await throughProxy(day.campus.url)
    database.proxy.hold()
    const forDatabase = day.running(new Program(['migrate'], { ...silent, DATABASE_URL: database.url }))
    await eventually(() => database.proxy.connectionCount === 1)
    assertOneLine(await forDatabase.stop())

    const empty = await createDatabase()
    day.cleanUpWith(() => empty.drop())
    const migrations = new Client({ connectionString: empty.url })
    await migrations.connect()
    day.cleanUpWith(() => migrations.end())
    // Another one is at it.
    await migrations.query('SELECT pg_advisory_lock(1701733747, 1)')
    const forAnother = day.running(new Program(['migrate'], { ...silent, DATABASE_URL: empty.url }))
    const waiting = `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND classid = 1701733747`
    await eventually(async () => (await migrations.query(waiting)).rowCount === 1)
    assertOneLine(await forAnother.stop())
  })
})
