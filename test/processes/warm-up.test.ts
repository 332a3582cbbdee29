import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from 'pg'
import { startServer } from '../../kit/command-line.ts'
import { createOlderCampus } from '../clients/older-campus.ts'

test('a server that has warmed up shows nothing of it: no decision, no request, no metric, one line in the log', async (t) => {
  const database = await createOlderCampus(3)
  const server = await startServer({
    DATABASE_URL: database.url,
    ENROLLMENT_METRICS_ADDRESS: 'off',
    ENROLLMENT_METRICS_FOR_CLIENTS: 'yes',
    ENROLLMENT_LOG_LEVEL: 'debug',
    ENROLLMENT_WARM_UP: '1s',
  })
  t.after(async () => {
    await server.kill()
    await database.drop()
  })
  await server.untilReady()
  const [line = ''] = server.linesLike(/^warm after/)
  assert.match(line, /^warm after .* [1-9]\d* decisions on a campus/)
  assert.equal(server.linesLike(/warm-up|scratch|^warm/).length, 1, server.said)
  assert.ok(!server.said.includes('PUT /student/course'), 'its requests are not logged')
  const { text: metrics } = await server.client.send('GET /metrics')
  assert.match(metrics, /^enrollment_decided_seq 0$/m)
  assert.ok(!/PUT \/student\/course.*\} [1-9]/.test(metrics), 'its requests are not measured')
  const client = new Client({ connectionString: database.url })
  await client.connect()
  const { rows } = await client.query<{ count: number }>('SELECT count(*)::int FROM decisions')
  await client.end()
  assert.deepEqual(rows, [{ count: 0 }])
})
