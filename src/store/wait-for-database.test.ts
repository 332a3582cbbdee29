import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { after, before, test } from 'node:test'
import { freePort } from '../embedded/cluster.ts'
import { eventually } from '../../kit/eventually.ts'
import { startPostgres, type TestPostgres } from '../../kit/servers/postgres.ts'
import { createDatabase } from '../../kit/servers/provide.ts'
import { openDatabase } from './database.ts'
import { silent } from './testing/tables.ts'
import { describeDatabase, waitForDatabase } from './wait-for-database.ts'

let server: TestPostgres
let existing: Awaited<ReturnType<typeof createDatabase>>

before(async () => {
  server = await startPostgres({ settings: { fsync: 'off' } })
  existing = await createDatabase()
})
after(async () => {
  await existing.drop()
  await server.remove()
})

test('a server that may forget what it confirmed is refused, and not waited for', async () => {
  const refusal = { name: 'DatabaseRefused', message: /fsync=off/ }
  await assert.rejects(openDatabase(server.url, { logger: silent }), refusal)
  await assert.rejects(waitFor(server.url, [], AbortSignal.timeout(30_000)), refusal)
})

async function waitFor(url: string, lines: string[], signal: AbortSignal): Promise<void> {
  await waitForDatabase(url, { logger: silent, signal, onWaiting: (line) => lines.push(line) })
}

test('a server that is not up yet is waited for, with one line and no password in it', async () => {
  const gone = new URL(existing.url)
  gone.password = 'secret'
  gone.port = String(await freePort())
  const lines: string[] = []
  const waiting = new AbortController()
  const wait = assert.rejects(waitFor(gone.href, lines, waiting.signal), /enough/)
  await eventually(() => lines.length > 0)
  waiting.abort(new Error('enough'))
  await wait
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /^waiting for PostgreSQL at .*: connection refused$/)
  assert.doesNotMatch(lines[0] ?? '', /secret/)
})

test('waiting ends when the server comes up', async () => {
  await server.stop()
  const lines: string[] = []
  const wait = waitFor(server.url, lines, AbortSignal.timeout(60_000))
  await eventually(() => lines.length > 0)
  await server.start()
  // This one runs with fsync=off: being refused is its way of having come up.
  await assert.rejects(wait, { name: 'DatabaseRefused' })
})

test('what no waiting can cure is told at once', async () => {
  const missing = new URL(existing.url)
  missing.pathname = '/no_such_database'
  await assert.rejects(waitFor(missing.href, [], AbortSignal.timeout(30_000)), /no_such_database/)
})

test('one that takes the connection and says nothing is left at once when it is not waited for any more', async (t) => {
  const waiting = new AbortController()
  const mute = createServer(() => setImmediate(() => waiting.abort(new Error('enough'))))
  const port = await freePort()
  await new Promise<void>((resolve) => mute.listen(port, '127.0.0.1', resolve))
  t.after(() => mute.close())
  const began = performance.now()
  await assert.rejects(waitFor(`postgres://127.0.0.1:${port}/any`, [], waiting.signal), /enough/)
  assert.ok(performance.now() - began < 5000)
})

test('an address is shown without its user and password', () => {
  const shown: [string, string][] = [
    ['postgres://user:secret@db.example:5433/campus', 'db.example:5433/campus'],
    ['postgres://user:secret@db.example/campus', 'db.example:5432/campus'],
    ['postgres:///campus?host=/run/postgresql', '/run/postgresql:5432/campus'],
    ['no address, secret', 'an address that is not a URL'],
  ]
  for (const [url, text] of shown) assert.equal(describeDatabase(url), text)
})
