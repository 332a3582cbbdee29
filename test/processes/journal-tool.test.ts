import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Connection } from 'rabbitmq-client'
import { Seal } from '../../src/journal/seal.ts'
import { readJournalKeys } from '../../src/store/campus-row.ts'
import { enrollment, startBatcher, startServer } from '../../kit/command-line.ts'
import { eventually } from '../../kit/eventually.ts'
import { inShort } from '../../kit/rest-client.ts'
import { rabbitAddress } from '../../kit/servers/provide.ts'
import { RegistrationDay } from './registration-day.ts'
import { logIn, placesIn } from './process-fixture.ts'

/** The remedy is the runbook's, step by step. */
describe('a message in the journal that is not understood, and the keys of the campus', () => {
  const day = new RegistrationDay()
  const body = { course_id: 401, group_id: 1 }

  test('an operator reads it and takes it out, on record, and what waited behind it is written', async () => {
    const { environment, database } = day.campus
    const campus = environment['ENROLLMENT_CAMPUS'] ?? ''
    const hand = new Connection(rabbitAddress())
    day.cleanUpWith(() => hand.close())
    const server = day.running(await startServer(environment))
    const batcher = day.running(startBatcher(environment))
    await server.untilReady()
    assert.doesNotMatch((await server.client.send('GET /readyz')).text, /[0-9a-f]{8}-[0-9a-f]{4}/)
    const [[student, token] = []] = await logIn(server, 1)
    const seal = new Seal(campus, () => readJournalKeys(database))
    await seal.refresh()
    const news = Buffer.from(JSON.stringify({ version: 2, campus, news: 'of a newer version' }))
    const publisher = hand.createPublisher({ confirm: true })
    const envelope = { routingKey: `${campus}.journal`, durable: true }
    await publisher.send({ ...envelope, headers: seal.sign('journal', news) }, news)
    await publisher.send(envelope, 'one line of text')
    await publisher.close()
    assert.match(
      await batcher.untilSays(/^ALARM foreign_message/),
      /version 2; see: enrollment journal --show/,
    )
    assert.equal(inShort(await server.client.send('PUT /student/course', { token, body })), '204')
    assert.deepEqual(await placesIn(database, [401]), [])

    const shown = await enrollment(['journal', '--show'], environment)
    assert.match(shown.stdout, /^1 .* not_understood .* STOPS THE BATCHER\n.*version 2\n.*of a newer version/)
    assert.equal((await enrollment(['journal', '--body', '1'], environment)).stdout, news.toString())
    const silent = await enrollment(['journal', '--set-aside', '1'], environment)
    assert.match(silent.stderr, /wants --why/)
    const done = await enrollment(
      ['journal', '--set-aside', '1', '--why', 'a test', '--by', 'Ada'],
      environment,
    )
    assert.equal(done.code, 0, done.stderr)
    assert.match(done.stdout, /the decision of Ada is on record\n.*taken it out/)
    await eventually(async () => (await placesIn(database, [401])).includes(`${student} 401 1`))
    const after = await enrollment(['journal', '--show'], environment)
    assert.match(after.stdout, /unsigned .* out of the queue\n.*\n.*one line of text/)
    assert.match(after.stdout, /decided by Ada: a test/)
    const none = await enrollment(['journal', '--set-aside', '77', '--why', 'a test'], environment)
    assert.match(none.stderr, /there is no message 77/)

    await day.campus.database.query('SELECT 1')
    assert.equal((await enrollment(['journal', '--rotate-key'], environment)).code, 0)
    const early = await enrollment(['journal', '--drop-old-keys'], environment)
    assert.match(early.stderr, /still signs with an older key/)
    assert.equal((await server.stop()).code, 0)
    const next = day.running(await startServer(environment))
    await next.untilReady()
    const dropped = await enrollment(['journal', '--drop-old-keys'], environment)
    assert.equal(dropped.code, 0, dropped.stderr)
    assert.equal((await readJournalKeys(database)).length, 1)
    const second = { course_id: 402, group_id: 1 }
    assert.equal(inShort(await next.client.send('PUT /student/course', { token, body: second })), '204')
    await eventually(async () => (await placesIn(database, [402])).includes(`${student} 402 1`))
    const verified = await enrollment(['verify'], environment)
    assert.equal(verified.code, 0, verified.stdout + verified.stderr)
  })
})
