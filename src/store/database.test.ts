import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { after, before, test } from 'node:test'
import { eventually } from '../../kit/eventually.ts'
import { createDatabase } from '../../kit/servers/provide.ts'
import { TcpProxy } from '../../kit/servers/proxy.ts'
import { freePort } from '../embedded/cluster.ts'
import { openDatabase } from './database.ts'
import { createTables, silent, type TestTables } from './testing/tables.ts'

let db: TestTables

before(async () => {
  db = await createTables({ migrated: false })
})
after(() => db.remove())

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

test('big integers are read exactly or not at all', async () => {
  const [row] = await db.rows(
    "SELECT 9007199254740991::bigint AS one, '{1,9999111110}'::bigint[] AS two, '{}'::bigint[] AS none",
  )
  assert.deepEqual(row, [9_007_199_254_740_991, [1, 9_999_111_110], []])
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
  await eventually(async () => {
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
  const port = await freePort()
  await new Promise<void>((resolve) => breaking.listen(port, '127.0.0.1', resolve))
  t.after(() => breaking.close())
  const url = `postgresql://somebody@127.0.0.1:${port}/any`
  await assert.rejects(openDatabase(url, { logger: silent }), /terminated unexpectedly|ECONNRESET/)
})

test('a server that vanishes without a word is not waited for longer than a statement may take', async (t) => {
  const { proxy, url } = await TcpProxy.inFrontOf(db.url)
  t.after(() => proxy.close())
  const database = await openDatabase(url, { logger: silent, statementTimeoutMs: 1500, silenceMs: 500 })
  proxy.hold()
  await assert.rejects(database.query('SELECT 1'), /Query read timeout/)
  await database.close()
})

test('a connection that is busy throughout is cut off when nothing comes any more', async (t) => {
  const { proxy, url } = await TcpProxy.inFrontOf(db.url)
  t.after(() => proxy.close())
  const database = await openDatabase(url, { logger: silent })
  const client = await database.connect({ idleMsMax: 2000 })
  assert.equal((await client.query('SELECT 1')).rowCount, 1)
  proxy.hold()
  await assert.rejects(client.query('SELECT 1'), /Connection terminated/)
  await database.close()
})

test('closing ends the connections as well that nobody has ended, and does not wait for one that is silent', async (t) => {
  const { proxy, url } = await TcpProxy.inFrontOf(db.url)
  t.after(() => proxy.close())
  const database = await openDatabase(url, { logger: silent })
  const client = await database.connect()
  proxy.hold()
  const asked = assert.rejects(client.query('SELECT 1'), /Connection terminated/)
  await database.close()
  await asked
})

test('closing does not wait for connections of the pool that a silent server has not answered yet', async (t) => {
  const { proxy, url } = await TcpProxy.inFrontOf(db.url)
  t.after(() => proxy.close())
  const database = await openDatabase(url, { logger: silent })
  proxy.hold()
  const asked = [1, 2].map(() => assert.rejects(database.query('SELECT 1'), /Connection terminated/))
  await eventually(() => proxy.connectionCount === 2)
  const began = performance.now()
  await database.close()
  assert.ok(performance.now() - began < 8000, 'it waited for the time to connect, 10 s')
  await Promise.all(asked)
})

test('opening a connection is cut short when it is not wanted any more, and when nothing answers', async (t) => {
  const { proxy, url } = await TcpProxy.inFrontOf(db.url)
  t.after(() => proxy.close())
  const database = await openDatabase(url, { logger: silent })
  proxy.hold()
  const unwanted = new AbortController()
  const opening = database.connect({ signal: unwanted.signal })
  unwanted.abort(new Error('enough'))
  await assert.rejects(opening, /enough/)
  await assert.rejects(database.connect({ signal: unwanted.signal }), /enough/)
  await assert.rejects(
    database.connect({ connectTimeoutMs: 100 }),
    /no answer from the database within 100 ms/,
  )
  await database.close()
})
