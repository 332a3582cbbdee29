import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { eventually } from '../../kit/eventually.ts'
import { freePort } from '../../src/embedded/cluster.ts'
import {
  enrollment,
  type Environment,
  type Program,
  ServerProcess,
  startBatcher,
  startServer,
} from '../../kit/command-line.ts'
import { ClosableProxy } from '../../kit/closable-proxy.ts'
import { inShort } from '../../kit/rest-client.ts'
import { rabbitAddress } from '../../kit/servers/provide.ts'
import { RegistrationDay } from './registration-day.ts'
import { placesIn } from './process-fixture.ts'

/** One registration day: each test finds server and batcher as the one before left them. */
describe('server and batcher as processes', () => {
  const day = new RegistrationDay()
  let environment: Environment
  let server: ServerProcess
  let batcher: Program

  const anotherServer = async () => day.running(await startServer(environment))
  const anotherBatcher = () => day.running(startBatcher(environment))

  const load = () => day.rush(() => server.client)

  test('started before database and broker are up, each says in one line what it waits for, and goes on', async () => {
    const postgres = await ClosableProxy.to(day.campus.url)
    const rabbit = await ClosableProxy.to(rabbitAddress())
    day.cleanUpWith(() => postgres.shut())
    day.cleanUpWith(() => rabbit.shut())
    environment = {
      ...day.campus.environment,
      DATABASE_URL: postgres.url,
      RABBITMQ_ADDRESS: rabbit.url,
      ENROLLMENT_WARM_UP: '300ms',
    }
    server = await anotherServer()
    batcher = anotherBatcher()
    for (const program of [server, batcher]) {
      await program.untilSays(new RegExp(`^waiting for PostgreSQL at 127\\.0\\.0\\.1:${postgres.port}/`))
    }
    await postgres.open()
    for (const program of [server, batcher]) await program.untilSays(/waiting for RabbitMQ/)
    for (const program of [server, batcher]) {
      assert.equal(program.linesLike(/waiting for PostgreSQL/).length, 1, program.said)
      assert.equal(program.linesLike(/waiting for RabbitMQ/).length, 1, program.said)
      for (const { password } of [new URL(postgres.url), new URL(rabbit.url)]) {
        assert.ok(!program.said.includes(`:${password}@`), 'a password is never logged')
      }
    }
    await rabbit.open()
    await server.untilReady()
    for (const program of [server, batcher]) assert.equal(program.linesLike(/^warm after/).length, 1)
    assert.ok(server.said.indexOf('warm after') < server.said.indexOf('engine leading'), server.said)
    assert.deepEqual(await day.campus.database.query('SELECT * FROM decisions'), [])
    await day.logInAt(server)
    const students = load()
    await students.done
    await day.assertEverybodyIsIn(students)
  })

  test('a second server stands by and says so; when the first is killed it takes over, and nothing is lost', async () => {
    const second = await anotherServer()
    await second.untilSays(/^engine standby: another engine leads/)
    const readiness = await second.client.send('GET /readyz')
    assert.equal(inShort(readiness), '503 not_leading')
    assert.match(String(readiness.headers['retry-after']), /^[1-9]\d*$/)
    const [[, token] = []] = day.tokens
    const body = { course_id: 401, group_id: 1 }
    const turnedAway = await second.client.send('PUT /student/course', { token, body })
    assert.equal(inShort(turnedAway), '503 not_leading')
    assert.match(String(turnedAway.headers['retry-after']), /^[1-9]\d*$/)
    const students = load()
    await eventually(() => students.granted.length > 60)
    await server.kill()
    server = second
    await students.done
    assert.equal(await second.readiness(), 200)
    await day.assertEverybodyIsIn(students)
  })

  test('a second batcher stands by; when the first is killed it goes on where that one was', async () => {
    const second = anotherBatcher()
    await second.untilSays(/consuming the journal/)
    const students = load()
    await eventually(() => students.granted.length > 60)
    await batcher.kill()
    batcher = second
    await students.done
    await day.assertEverybodyIsIn(students)
  })

  test('a batcher that is stopped under load ends in 10 s, and the next one goes on', async () => {
    const students = load()
    await eventually(() => students.granted.length > 60)
    const ended = await batcher.stop()
    assert.equal(ended.code, 0, ended.stderr)
    assert.ok(ended.tookMs < 10_000, `${ended.tookMs} ms`)
    await students.done
    batcher = anotherBatcher()
    await day.assertEverybodyIsIn(students)
  })

  test('a server and a batcher that are killed under load and started again lose and repeat nothing', async () => {
    const students = load()
    await eventually(() => students.granted.length > 60)
    await Promise.all([server.kill(), batcher.kill()])
    batcher = anotherBatcher()
    server = await anotherServer()
    await students.done
    await day.assertEverybodyIsIn(students)
  })

  test('a server that is stopped under load ends in 10 s, and every yes that it gave is in the tables', async () => {
    const students = load()
    await eventually(() => students.granted.length > 60)
    const ended = await server.stop()
    await students.leave()
    assert.equal(ended.code, 0, ended.stderr)
    assert.ok(ended.tookMs < 10_000, `${ended.tookMs} ms`)
    assert.deepEqual(students.wrong, [])
    assert.ok(
      students.granted.length < day.tokens.size * students.courses.length,
      'it was under load to the end',
    )
    const lacking = async () => {
      const places = new Set(await placesIn(day.campus.database, students.courses))
      return students.granted.filter((place) => !places.has(place))
    }
    await eventually(async () => (await lacking()).length === 0)
    await batcher.stop()
    const verified = await enrollment(['verify'], day.campus.environment)
    assert.equal(verified.code, 0, verified.stdout)
  })

  test('one process does what the two did, and answers only what the tables hold if told so', async () => {
    const address = `127.0.0.1:${await freePort()}`
    const applied = { ...environment, LISTEN_ADDRESS: address, ENROLLMENT_ACK: 'applied' }
    server = day.running(new ServerProcess(['start'], applied, `http://${address}`))
    await server.untilReady()
    const course = day.nextCourse()
    for (const [student, token] of [...day.tokens].slice(0, 10)) {
      const body = { course_id: course, group_id: 1 }
      assert.equal(inShort(await server.client.send('PUT /student/course', { token, body })), '204')
      assert.ok((await placesIn(day.campus.database, [course])).includes(`${student} ${course} 1`))
    }
    const ended = await server.stop()
    assert.equal(ended.code, 0, ended.stderr)
  })

  test('a process that waits for its database, or its broker, stops at once when it is told to', async () => {
    const nowhere = `127.0.0.1:${await freePort()}`
    const waiting = [
      day.running(startBatcher({ ...environment, DATABASE_URL: `postgres://a:b@${nowhere}/c` })),
      day.running(startBatcher({ ...environment, RABBITMQ_ADDRESS: `amqp://${nowhere}` })),
      day.running(await startServer({ ...environment, RABBITMQ_ADDRESS: `amqp://${nowhere}` })),
    ]
    for (const program of waiting) {
      await program.untilSays(/waiting for (PostgreSQL|RabbitMQ)/)
      const ended = await program.stop()
      assert.equal(ended.code, 0, program.said)
      assert.ok(ended.tookMs < 5000, `${ended.tookMs} ms`)
    }
  })
})
