import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import pg from 'pg'
import { serverAccount } from './account.ts'
import { startEmbeddedPostgres } from './embedded-postgres.ts'
import { isAlive, startTimeOf } from './processes.ts'

function newDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'enrollment-embedded-'))
  chmodSync(directory, 0o755)
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, 'data')
}

/** Starts it, and stops it after the test if the test did not. */
async function start(t: TestContext, dataDirectory: string) {
  const lines: string[] = []
  const postgres = await startEmbeddedPostgres({ dataDirectory, log: (line) => lines.push(line) })
  t.after(() => postgres.stop())
  return { postgres, lines }
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

/** Another process of ours that keeps the database of this directory, until it is killed. */
async function startElsewhere(t: TestContext, dataDirectory: string) {
  const program = `
    const { startEmbeddedPostgres } = await import(${JSON.stringify(join(import.meta.dirname, 'embedded-postgres.ts'))})
    const postgres = await startEmbeddedPostgres({ dataDirectory: ${JSON.stringify(dataDirectory)}, log: () => {} })
    console.log(JSON.stringify({ pid: postgres.pid, url: postgres.url }))
    setInterval(() => {}, 1000)
  `
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  const [line] = await once(createInterface(child.stdout), 'line')
  return { child, postgres: JSON.parse(line) as { pid: number; url: string } }
}

test('the first start makes a database that speaks UTF-8, flushes to disk and wants a password', async (t) => {
  const { postgres, lines } = await start(t, newDirectory(t))
  const [settings] = await query(
    postgres.url,
    `SELECT current_setting('server_encoding') AS encoding, current_setting('fsync') AS fsync, upper('ä') AS upper,
            current_setting('listen_addresses') AS listens, current_database() AS database`,
  )
  assert.deepEqual(settings, {
    encoding: 'UTF8',
    fsync: 'on',
    upper: 'Ä',
    listens: '127.0.0.1',
    database: 'enrollment',
  })
  assert.match(lines.join('\n'), /^Creating a PostgreSQL 18\.\d+ database in /m)
  const stranger = new URL(postgres.url)
  stranger.password = 'guessed'
  await assert.rejects(query(stranger.href, 'SELECT 1'), { code: '28P01' })
})

test('the password is for the account of PostgreSQL alone', async (t) => {
  const dataDirectory = newDirectory(t)
  const { postgres } = await start(t, dataDirectory)
  const file = join(dataDirectory, 'postgresql', 'password')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.ok(postgres.url.includes(readFileSync(file, 'utf8')))
})

test('after a stop, the next start has the same address and the same data', async (t) => {
  const dataDirectory = newDirectory(t)
  const first = await start(t, dataDirectory)
  await query(first.postgres.url, 'CREATE TABLE kept AS SELECT 7 AS number')
  await first.postgres.stop()
  assert.deepEqual(await first.postgres.ended, { code: 0, signal: null })
  assert.equal(isAlive(first.postgres.pid), false)
  const second = await start(t, dataDirectory)
  assert.equal(second.postgres.url, first.postgres.url)
  assert.deepEqual(await query(second.postgres.url, 'SELECT number FROM kept'), [{ number: 7 }])
  assert.deepEqual(
    second.lines.filter((line) => line.startsWith('Creating')),
    [],
  )
})

test('a second start while one runs says who runs, and disturbs nobody', async (t) => {
  const dataDirectory = newDirectory(t)
  const { child, postgres } = await startElsewhere(t, dataDirectory)
  await assert.rejects(start(t, dataDirectory), {
    name: 'AlreadyRunning',
    message: new RegExp(`^Already running: process ${child.pid} uses the data directory .+\\.$`),
  })
  assert.deepEqual(await query(postgres.url, 'SELECT 1 AS one'), [{ one: 1 }])
  child.kill('SIGKILL')
  await once(child, 'exit')
  await start(t, dataDirectory)
})

test('the PostgreSQL that a killed process left behind is stopped, and its data are there', async (t) => {
  const dataDirectory = newDirectory(t)
  const { child, postgres: left } = await startElsewhere(t, dataDirectory)
  await query(left.url, 'CREATE TABLE kept AS SELECT 7 AS number')
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal(isAlive(left.pid), true)
  const { postgres } = await start(t, dataDirectory)
  assert.equal(isAlive(left.pid), false)
  assert.deepEqual(await query(postgres.url, 'SELECT number FROM kept'), [{ number: 7 }])
})

test('a killed PostgreSQL is noticed, and the next start recovers what was committed', async (t) => {
  const dataDirectory = newDirectory(t)
  const { postgres } = await start(t, dataDirectory)
  await query(postgres.url, 'CREATE TABLE kept AS SELECT 7 AS number')
  process.kill(postgres.pid, 'SIGKILL')
  assert.deepEqual(await postgres.ended, { code: null, signal: 'SIGKILL' })
  await postgres.stop()
  const again = await start(t, dataDirectory)
  assert.deepEqual(await query(again.postgres.url, 'SELECT number FROM kept'), [{ number: 7 }])
})

test('a lock counts only while the very process that took it runs', async (t) => {
  const dataDirectory = newDirectory(t)
  mkdirSync(dataDirectory)
  // Our own id, but of a process that began at another time: what is left after ids went round.
  const stale = JSON.stringify({ pid: process.pid, startTime: `${startTimeOf(process.pid)}0` })
  for (const content of [stale, '{"pid":999999999}', '', 'no JSON']) {
    writeFileSync(join(dataDirectory, 'lock'), content)
    const { postgres } = await start(t, dataDirectory)
    await postgres.stop()
  }
  assert.deepEqual(readdirSync(dataDirectory), ['postgresql'])
})

test('a first start that was interrupted is begun anew', async (t) => {
  const dataDirectory = newDirectory(t)
  const account = serverAccount('/')
  for (const folder of ['postgresql', 'postgresql/cluster.half', 'postgresql/cluster.half/base']) {
    mkdirSync(join(dataDirectory, folder), { recursive: true })
    if (account !== undefined) chownSync(join(dataDirectory, folder), account.uid, account.gid)
  }
  const { postgres } = await start(t, dataDirectory)
  assert.deepEqual(await query(postgres.url, 'SELECT 1 AS one'), [{ one: 1 }])
})

test('PostgreSQL that cannot start says why', async (t) => {
  const dataDirectory = newDirectory(t)
  const { postgres } = await start(t, dataDirectory)
  await postgres.stop()
  writeFileSync(join(dataDirectory, 'postgresql', 'cluster', 'postgresql.conf'), 'no_such_setting = 1\n')
  await assert.rejects(start(t, dataDirectory), { name: 'StartFailed', message: /no_such_setting/ })
  assert.deepEqual(readdirSync(dataDirectory), ['postgresql'])
})

test('root with a data directory that only root may enter gets a database all the same', {
  skip: process.getuid?.() === 0 ? false : 'needs root',
}, async (t) => {
  const closed = mkdtempSync(join(tmpdir(), 'enrollment-closed-'))
  const dataDirectory = join(closed, 'data')
  const { postgres, lines } = await start(t, dataDirectory)
  const home = join(dataDirectory, 'postgresql')
  assert.equal(lstatSync(home).isSymbolicLink(), true)
  assert.match(lines.join('\n'), /cannot reach .+: its database is kept in \/var\/lib\/course-enrollment\//)
  await query(postgres.url, 'CREATE TABLE kept AS SELECT 7 AS number')
  await postgres.stop()
  const again = await start(t, dataDirectory)
  assert.deepEqual(await query(again.postgres.url, 'SELECT number FROM kept'), [{ number: 7 }])
  await again.postgres.stop()
  rmSync(realpathSync(home), { recursive: true })
  rmSync(closed, { recursive: true, force: true })
})

test('started as root, it follows no link that the account of PostgreSQL put into its folder', {
  skip: process.getuid?.() === 0 ? false : 'needs root',
}, async (t) => {
  const dataDirectory = newDirectory(t)
  const first = await start(t, dataDirectory)
  await first.postgres.stop()
  const home = realpathSync(join(dataDirectory, 'postgresql'))
  const precious = join(dataDirectory, 'precious')
  writeFileSync(precious, 'of root', { mode: 0o600 })
  for (const name of ['port', 'password', 'postgresql.log']) {
    const kept = name === 'password' ? readFileSync(join(home, name), 'utf8') : undefined
    rmSync(join(home, name))
    symlinkSync(precious, join(home, name))
    await assert.rejects(start(t, dataDirectory), name)
    const { uid, size } = statSync(precious)
    assert.deepEqual([uid, size, readFileSync(precious, 'utf8')], [0, 7, 'of root'], name)
    rmSync(join(home, name))
    if (kept === undefined) continue
    writeFileSync(join(home, name), kept, { mode: 0o600 })
    chownSync(join(home, name), statSync(home).uid, statSync(home).gid)
  }
  await start(t, dataDirectory)
})
