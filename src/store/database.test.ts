import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:net'
import { after, before, test } from 'node:test'
import { startPostgres, type TestPostgres } from '../../test/servers/postgres.ts'
import { createDatabase } from '../../test/servers/provide.ts'
import { describeDatabase, openDatabase, waitForDatabase } from './database.ts'
import { createTables, silent, type TestTables } from './testing/tables.ts'

let db: TestTables
let server: TestPostgres

before(async () => {
  db = await createTables({ migrated: false })
  server = await startPostgres({ settings: { fsync: 'off' } })
})
after(async () => {
  await db.remove()
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
  const gone = new URL(db.url)
  gone.password = 'secret'
  gone.port = String(await closedPort())
  const lines: string[] = []
  const waiting = new AbortController()
  const wait = assert.rejects(waitFor(gone.href, lines, waiting.signal), /enough/)
  await untilTrue(() => lines.length > 0)
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
  await untilTrue(() => lines.length > 0)
  await server.start()
  // This one runs with fsync=off: being refused is its way of having come up.
  await assert.rejects(wait, { name: 'DatabaseRefused' })
})

test('what no waiting can cure is told at once', async () => {
  const missing = new URL(db.url)
  missing.pathname = '/no_such_database'
  await assert.rejects(waitFor(missing.href, [], AbortSignal.timeout(30_000)), /no_such_database/)
})

test('sessions run in UTC, confirm only what is on disk, and give up on endless statements', async () => {
  const name = new URL(db.url).pathname.slice(1)
  await db.database.query(`ALTER DATABASE ${name} SET synchronous_commit = off`)
  await db.database.query(`ALTER DATABASE ${name} SET TimeZone = 'Asia/Tehran'`)
  const fresh = await openDatabase(db.url, { logger: silent })
  const settings = await fresh.query(
    `SELECT current_setting('TimeZone') AS zone, current_setting('synchronous_commit') AS commits,
       current_setting('statement_timeout') AS bound`,
  )
  assert.deepEqual(settings, [{ zone: 'UTC', commits: 'on', bound: '30s' }])
  await fresh.close()
  const impatient = await openDatabase(db.url, { logger: silent, statementTimeoutMs: 50 })
  await assert.rejects(impatient.query('SELECT pg_sleep(10)'), /statement timeout/)
  await impatient.close()
})

test('big integers and times without a zone are read as they are meant', async () => {
  const [row] = await db.rows("SELECT 9007199254740991::bigint, timestamp '2026-09-21 07:00:00.5' AS b")
  assert.deepEqual(row, [9_007_199_254_740_991, new Date('2026-09-21T07:00:00.500Z')])
  await assert.rejects(db.rows('SELECT 9007199254740993::bigint'), /does not fit/)
})

test('a transaction that throws leaves nothing behind', async () => {
  await db.database.query('CREATE TABLE kept (id INTEGER)')
  const failing = db.database.transaction(async (client) => {
    await client.query('INSERT INTO kept VALUES (1)')
    throw new Error('changed my mind')
  })
  await assert.rejects(failing, /changed my mind/)
  await db.database.transaction((client) => client.query('INSERT INTO kept VALUES (2)'))
  assert.deepEqual(await db.rows('SELECT id FROM kept'), [[2]])
})

test('idle connections that the server cuts are replaced, and nothing crashes', async () => {
  const other = await createDatabase()
  const database = await openDatabase(other.url, { logger: silent })
  const cut = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${new URL(other.url).pathname.slice(1)}'`
  await db.database.query(cut)
  await untilTrue(async () => {
    const answer = await database.query('SELECT 1').catch(() => undefined)
    return answer !== undefined
  })
  await database.close()
  await other.drop()
})

test('a connection that breaks between two statements of a transaction makes it fail, and ends nothing else', async () => {
  const failing = db.database.transaction(async (client) => {
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    // Not `once` of node:events: that rejects at the error which comes before the end.
    const ended = new Promise((resolve) => client.once('end', resolve))
    await db.rows('SELECT pg_terminate_backend($1)', [rows[0]?.pid])
    await ended
    await client.query('SELECT 1')
  })
  await assert.rejects(failing, /not queryable/)
  assert.equal((await db.rows('SELECT 1')).length, 1)
})

test('a connection that breaks while its session is set up makes the query fail, and ends nothing else', async (t) => {
  const authenticated = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0])
  const ready = Buffer.from([0x5a, 0, 0, 0, 5, 0x49])
  const breaking = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write(Buffer.concat([authenticated, ready]))
      socket.once('data', () => socket.destroy())
    })
  })
  await new Promise<void>((resolve) => breaking.listen(0, '127.0.0.1', resolve))
  t.after(() => breaking.close())
  const url = `postgresql://somebody@127.0.0.1:${portOf(breaking)}/any`
  await assert.rejects(openDatabase(url, { logger: silent }), /terminated unexpectedly|ECONNRESET/)
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

async function closedPort(): Promise<number> {
  const listener: Server = createServer()
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const port = portOf(listener)
  await new Promise((resolve) => listener.close(resolve))
  return port
}

function portOf(listener: Server): number {
  const address = listener.address()
  assert.ok(address !== null && typeof address === 'object')
  return address.port
}

async function untilTrue(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 30_000
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, 'within half a minute')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
