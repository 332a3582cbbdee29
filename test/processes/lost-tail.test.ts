import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Connection } from 'rabbitmq-client'
import { enrollment, startBatcher, startServer } from '../../kit/command-line.ts'
import { eventually } from '../../kit/eventually.ts'
import { inShort } from '../../kit/rest-client.ts'
import { rabbitAddress } from '../../kit/servers/provide.ts'
import { TcpProxy } from '../../kit/servers/proxy.ts'
import { logIn, placesIn } from './process-fixture.ts'
import { RegistrationDay } from './registration-day.ts'

/** The remedy is the runbook's, step by step. */
describe('a broker that lost what it had confirmed', () => {
  const day = new RegistrationDay()
  const alarm = /^ALARM lost_tail/
  const body = { course_id: 401, group_id: 1 }

  test('nobody goes on, also if started anew with an empty queue, until a person has accepted the loss', async () => {
    const { proxy, url } = await TcpProxy.inFrontOf(rabbitAddress())
    const hand = new Connection(rabbitAddress())
    day.cleanUpWith(() => hand.close())
    day.cleanUpWith(() => proxy.close())
    const { environment } = day.campus
    const queue = `${environment['ENROLLMENT_CAMPUS']}.journal`
    const witness = day.running(await startServer({ ...environment, RABBITMQ_ADDRESS: url }))
    const firstBatcher = day.running(startBatcher(environment))
    await witness.untilReady()
    const [[student, token] = []] = await logIn(witness, 1)
    await firstBatcher.stop()
    assert.equal(inShort(await witness.client.send('PUT /student/course', { token, body })), '204')
    await hand.queuePurge({ queue })
    proxy.cut()
    await witness.untilSays(/waiting for the batcher to write/)

    const batcher = day.running(startBatcher(environment))
    assert.match(await batcher.untilSays(alarm), /record 1 of leader .* was confirmed/)
    assert.equal(await witness.readiness(), 503)
    await witness.kill()
    const restarted = day.running(await startServer(environment))
    await restarted.untilSays(/waiting for the batcher to write/)
    const alarmsBefore = batcher.linesLike(alarm).length
    await eventually(() => batcher.linesLike(alarm).length > alarmsBefore + 1)
    assert.equal(await restarted.readiness(), 503)

    for (const program of [restarted, batcher]) assert.equal((await program.stop()).code, 0)
    await hand.queuePurge({ queue })
    const lost = await enrollment(['verify'], environment)
    assert.equal(lost.code, 1)
    assert.match(lost.stdout, /expected record 1 of leader .*, which was acknowledged, found that it is lost/)
    assert.match(
      (await enrollment(['journal', '--accept-loss'], environment)).stdout,
      /^accepted: record 1 of leader/,
    )
    const server = day.running(await startServer(environment))
    const writer = day.running(startBatcher(environment))
    await server.untilReady()
    assert.deepEqual(await placesIn(day.campus.database, [401]), [])
    assert.equal(inShort(await server.client.send('PUT /student/course', { token, body })), '204')
    await eventually(async () => (await placesIn(day.campus.database, [401])).length > 0)
    assert.deepEqual(await placesIn(day.campus.database, [401]), [`${student} 401 1`])
    const verified = await enrollment(['verify'], environment)
    assert.equal(verified.code, 0, verified.stdout + verified.stderr)
    for (const program of [server, writer]) await program.stop()
  })

  test('nor after a leader that was killed, which had written down what it answered for', async () => {
    const { environment, database } = day.campus
    const hand = new Connection(rabbitAddress())
    day.cleanUpWith(() => hand.close())
    const leader = day.running(await startServer(environment))
    const writer = day.running(startBatcher(environment))
    await leader.untilReady()
    await writer.kill()
    const [, [, token] = []] = await logIn(leader, 2)
    assert.equal(inShort(await leader.client.send('PUT /student/course', { token, body })), '204')
    await eventually(
      async () =>
        (await database.query('SELECT FROM answered_records WHERE accepted_at IS NULL')).length === 1,
    )
    await leader.kill()
    await hand.queuePurge({ queue: `${environment['ENROLLMENT_CAMPUS']}.journal` })

    const server = day.running(await startServer(environment))
    const batcher = day.running(startBatcher(environment))
    assert.match(await batcher.untilSays(alarm), /record 1 of leader .* was confirmed/)
    assert.equal(await server.readiness(), 503)
    assert.equal((await enrollment(['verify'], environment)).code, 1)
    assert.match(
      (await enrollment(['journal', '--accept-loss'], environment)).stdout,
      /^accepted: record 1 of leader/,
    )
    await server.untilReady()
    for (const program of [server, batcher]) await program.stop()
    assert.equal((await enrollment(['verify'], environment)).code, 0)
  })
})
