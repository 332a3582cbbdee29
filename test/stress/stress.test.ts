import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDatabase, rabbitAddress } from '../../kit/servers/provide.ts'
import { formatReport } from './report.ts'
import { runStress, type StressServers } from './stress-run.ts'

const tiny = { clients: 30, seconds: 2, seed: 1, kill: false }

async function assertAllHolds(servers: StressServers): Promise<void> {
  const host = { say: () => {}, signal: new AbortController().signal }
  const result = await runStress(tiny, servers, host)
  const wrong = result.checks.filter(({ holds }) => !holds)
  assert.deepEqual(wrong, [], formatReport(result).join('\n'))
  assert.ok(result.decisions.length > 0, 'somebody was heard')
}

test('whatever thirty clients were told through broker and batcher is what the tables hold', async (t) => {
  const database = await createDatabase()
  t.after(() => database.drop())
  await assertAllHolds({ databaseUrl: database.url, rabbitAddress: rabbitAddress() })
})

test('whatever thirty clients were told without a broker is what the tables hold', async (t) => {
  const database = await createDatabase()
  t.after(() => database.drop())
  await assertAllHolds({ databaseUrl: database.url, rabbitAddress: undefined })
})
