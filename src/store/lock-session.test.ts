import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { eventually } from '../../kit/eventually.ts'
import { startPostgres } from '../../kit/servers/postgres.ts'
import { openDatabase } from './database.ts'
import { type LockSession, tryLockSession } from './lock-session.ts'
import {
  applyEffects,
  createTables,
  resetTables,
  seat,
  silent,
  takeTerm,
  type TestTables,
} from './testing/tables.ts'

let db: TestTables
const sessions: LockSession[] = []

before(async () => {
  db = await createTables({ migrated: true })
  await resetTables(db.database)
})
after(() => db.remove())
afterEach(async () => {
  for (const session of sessions.splice(0)) await session.close()
})

async function lock(campus: string, idleTimeoutMs = 60_000): Promise<LockSession | undefined> {
  const session = await tryLockSession(db.database, { campus, idleTimeoutMs })
  if (session !== undefined) sessions.push(session)
  return session
}

async function held(campus: string, idleTimeoutMs?: number): Promise<LockSession> {
  const session = await lock(campus, idleTimeoutMs)
  assert.ok(session)
  return session
}

test('one session holds the lock of a campus; another campus has its own', async () => {
  const first = await held('north')
  assert.equal(await lock('north'), undefined)
  await held('south')
  await first.close()
  assert.match(await first.ended, /closed/)
  await held('north')
})

test('a session whose connection is lost says so, cannot write, and its lock is free', async () => {
  const session = await held('north')
  await takeTerm(session.tables)
  assert.equal(session.open, true)
  await db.database.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE application_name = 'enrollment leader' AND datname = current_database()`,
  )
  assert.match(await session.ended, /terminat|closed/i)
  assert.equal(session.open, false)
  await assert.rejects(session.ping())
  await assert.rejects(session.tables.begin())
  // The server says so a moment before it has let go of what the session held.
  await eventually(async () => (await lock('north')) !== undefined)
})

test('a holder that the server does not hear of loses the lock; one that pings keeps it', async () => {
  const idleMs = 2000
  const silences: number[] = []
  const over = new AbortController()
  const keepPinging = async (session: LockSession): Promise<void> => {
    for (let last = performance.now(); !over.signal.aborted; last = performance.now()) {
      await session.ping()
      await new Promise((resolve) => setTimeout(resolve, 50))
      silences.push(performance.now() - last)
    }
  }
  const suspended = await held('north', idleMs)
  const pinging = await held('south', idleMs)
  const pings = keepPinging(pinging)
  try {
    await suspended.ended
    // A machine that stood still for the whole time pinged as little as the suspended holder did.
    assert.ok(pinging.open || Math.max(...silences) >= idleMs)
    await eventually(async () => (await lock('north')) !== undefined)
  } finally {
    over.abort()
    await pings.catch(() => {})
  }
})

test('pings and batches share the session without waiting for one another in the wrong order', async () => {
  const session = await held('north')
  await takeTerm(session.tables)
  const timer = setInterval(() => void session.ping(), 1)
  try {
    for (let student = 1; student <= 9; student++) {
      await Promise.all([session.ping(), session.ping(), applyEffects(session.tables, seat(student))])
    }
  } finally {
    clearInterval(timer)
  }
  assert.deepEqual(await db.rows('SELECT count(*) FROM enrolled_courses'), [[9]])
})

test('a server that hangs loses its holder, and does not hold up the end of anything', async () => {
  const server = await startPostgres()
  const database = await openDatabase(server.url, { logger: silent })
  const session = await tryLockSession(database, { campus: 'north', idleTimeoutMs: 300 })
  assert.ok(session)
  const backends = await database.query<{ pid: number }>(
    "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'enrollment%'",
  )
  for (const { pid } of backends) process.kill(pid, 'SIGSTOP')
  try {
    await assert.rejects(session.ping())
    await session.ended
    await session.close()
    await database.close()
  } finally {
    for (const { pid } of backends) process.kill(pid, 'SIGCONT')
    await server.remove()
  }
})
