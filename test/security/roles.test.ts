import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { hash } from '@node-rs/bcrypt'
import pg from 'pg'
import { eventually } from '../../kit/eventually.ts'
import { CliProcess, runCli } from '../../kit/load/cli-process.ts'
import { fillCampus, silent } from '../../kit/campus-database.ts'
import { inShort } from '../../kit/rest-client.ts'

import { readMigrations } from '../../src/store/migrate.ts'
import { BatcherTables } from '../../src/store/table-store.ts'
import { openDatabase } from '../../src/store/database.ts'
import { Keeper } from '../../kit/servers/keeper.ts'
import { createDatabase, rabbitAddress } from '../../kit/servers/provide.ts'
import { startPostgres, type TestPostgres } from '../../kit/servers/postgres.ts'
import { login, serveCampus, type ServedCampus } from './service.ts'

const keeper = new Keeper('roles', tmpdir())
const campus = `roles-${randomUUID().slice(0, 8)}`
const roles = ['migrator', 'server', 'batcher'] as const
type Role = (typeof roles)[number]
let postgres: TestPostgres
let superuser: string
let grants: string

/** The address of a database, for one of the three roles. */
function as(role: Role, databaseUrl = superuser): string {
  const url = new URL(databaseUrl)
  url.username = `enrollment_${role}`
  url.password = `password-of-${role}`
  return url.href
}

async function run(url: string, sql: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await client.query(sql)
  } finally {
    await client.end()
  }
}

/** As docs/security.md tells operators to. */
async function prepare(databaseUrl: string): Promise<void> {
  await run(databaseUrl, grants)
  for (const role of roles) {
    await run(databaseUrl, `ALTER ROLE enrollment_${role} LOGIN PASSWORD 'password-of-${role}'`)
  }
}

async function migrateAndFill(databaseUrl: string, campusId: string): Promise<void> {
  const migrated = await runCli(['migrate'], {
    DATABASE_URL: as('migrator', databaseUrl),
    ENROLLMENT_CAMPUS: campusId,
  })
  assert.equal(migrated.ending, 0, migrated.errors)
  await run(as('migrator', databaseUrl), grants)
  const database = await openDatabase(as('migrator', databaseUrl), { logger: silent })
  await fillCampus(database, 10)
  const stored = await hash('pass-1234', { cost: 4 })
  for (const table of ['students', 'staff']) {
    await database.query(`UPDATE ${table} SET password = $1`, [stored])
  }
  await database.close()
}

async function refusesAll(url: string, statements: Readonly<Record<string, string>>): Promise<void> {
  for (const [what, sql] of Object.entries(statements)) {
    await assert.rejects(run(url, sql), { code: '42501' }, `${what}: ${sql}`)
  }
}

before(async () => {
  grants = await readFile(join(import.meta.dirname, '../../schema/grants.sql'), 'utf8')
  postgres = await startPostgres()
  superuser = (await createDatabase(postgres.url)).url
  await prepare(superuser)
})
after(async () => {
  await keeper.release()
  await postgres.remove()
})

test('a server whose user may not make tables says who may, instead of starting', async () => {
  const { ending, errors } = await runCli(['server'], {
    DATABASE_URL: as('server'),
    LISTEN_ADDRESS: '127.0.0.1:0',
  })
  assert.equal(ending, 1)
  const [{ name } = { name: '' }] = await readMigrations()
  assert.equal(
    errors,
    `enrollment: the database lacks migration ${name}, which this user may not apply; run enrollment migrate as the owner\n`,
  )
})

test('migrations, server and batcher each run as a user of their own, and a student enrolls', async (t) => {
  await migrateAndFill(superuser, campus)
  const broker = { RABBITMQ_ADDRESS: rabbitAddress() }
  const batcher = new CliProcess('batcher', { ...broker, DATABASE_URL: as('batcher') }, keeper)
  const served = await serveCampus(keeper, { ...broker, DATABASE_URL: as('server') })
  t.after(() => Promise.all([served.stop(), batcher.end('SIGTERM')]))
  await enroll(served, superuser)
  assert.equal(batcher.countLogged(50), 0, batcher.lastWords())
})

/** A yes, a no, a drop that promotes, a capacity: every kind of effect reaches the tables. */
async function enroll({ client }: ServedCampus, databaseUrl: string): Promise<void> {
  const tokens = await Promise.all([1, 3, 5].map((id) => login(client, id, 'pass-1234')))
  for (const token of tokens) {
    const body = { course_id: 101, group_id: 1 }
    assert.equal(inShort(await client.send('PUT /student/course', { token, body })), '204')
  }
  const [token] = tokens
  assert.equal(inShort(await client.send('DELETE /student/course?course_id=101', { token })), '204')
  const staff = await login(client, 1, 'pass-1234', true)
  const added = {
    std_id: 77,
    department: 1,
    gender: 'male',
    entry_year: 2026,
    max_units: 20,
    remaining_actions: 5,
    enrollment_start_time: '2026-09-21T07:00:00Z',
  }
  const addition = await client.send('POST /staff/student', { token: staff, body: added })
  assert.equal(inShort(addition), '204', addition.text)
  const set = { std_id: 9, password: 'another' }
  assert.equal(inShort(await client.send('PUT /staff/student-password', { token: staff, body: set })), '204')
  await login(client, 9, 'another')
  await eventually(async () => {
    const { rowCount } = await run(databaseUrl, 'SELECT FROM students WHERE id = 77')
    return rowCount === 1
  })
  const places = 'SELECT student_id::int, reserved FROM enrolled_courses ORDER BY student_id'
  await eventually(async () => {
    const { rows } = await run(databaseUrl, places)
    return JSON.stringify(rows) === '[{"student_id":3,"reserved":false},{"student_id":5,"reserved":false}]'
  })
  const verified = await runCli(['verify'], { DATABASE_URL: as('migrator', databaseUrl) })
  assert.equal(verified.ending, 0, verified.output + verified.errors)
}

test('the server cannot write what decisions decide, nor take back what was decided', async () => {
  await refusesAll(as('server'), {
    'a seat': 'INSERT INTO enrolled_courses (course_id, group_id, student_id) VALUES (102, 1, 7)',
    'a promotion': 'UPDATE enrolled_courses SET reserved = FALSE',
    'a drop': 'DELETE FROM enrolled_courses',
    'a decision': `INSERT INTO decisions SELECT 9, seq, at, actor_role FROM decisions`,
    'a changed decision': `UPDATE decisions SET reasons = '[]'`,
    'a deleted decision': 'DELETE FROM decisions',
    'a month of decisions': 'SELECT make_decision_partitions()',
    'a forged leader': `INSERT INTO leaders (leader, after, term) VALUES (gen_random_uuid(), gen_random_uuid(), 99)`,
    'the position': 'UPDATE journal_position SET seq = 0',
    'the position’s lock': 'SELECT FROM journal_position FOR UPDATE',
    'spent actions': 'UPDATE students SET remaining_actions = 99',
    'a password': `UPDATE students SET password = ''`,
    'a password that nobody set': `INSERT INTO password_changes (staff_id, student_id, request) VALUES (1, 1, 'x')`,
    'a trace less': 'DELETE FROM password_changes',
    'another key of the messages': `UPDATE campus SET journal_keys = ARRAY['x']`,
    'what was set aside': 'SELECT FROM set_aside_messages',
    'a trace of somebody else': 'UPDATE password_changes SET staff_id = 2',
    'a capacity': 'UPDATE courses SET capacity = 999',
    'another campus': `UPDATE campus SET id = 'other'`,
    'the sample mark': 'UPDATE campus SET is_sample = FALSE',
    'an emptied table': 'TRUNCATE enrolled_courses',
    'a table of its own': 'CREATE TABLE mine ()',
    'a temporary table': 'CREATE TEMPORARY TABLE mine ()',
    'a trigger': 'ALTER TABLE enrolled_courses DISABLE TRIGGER ALL',
    'a migration': `INSERT INTO enrollment_migrations (name, checksum) VALUES ('9999', '')`,
  })
})

test('the batcher knows nobody’s secrets, and only adds to what was decided', async () => {
  await refusesAll(as('batcher'), {
    'students’ passwords': 'SELECT password FROM students',
    'staff’s passwords': 'SELECT password FROM staff',
    'the key of the tokens': 'SELECT jwt_secret FROM campus',
    'a key of its own': `UPDATE campus SET jwt_secret = 'x'`,
    'another key of the messages': `UPDATE campus SET journal_keys = ARRAY['x']`,
    'a decision to go on without a message': `UPDATE set_aside_messages SET decided_by = 'x', decided_at = now()`,
    'such a decision with the message': `INSERT INTO set_aside_messages (reason, detail, headers, body, bytes, digest,
      decided_by, decided_at, note) VALUES ('not_understood', '', '{}', '', 0, '', 'x', now(), 'x')`,
    'a kept message less': 'DELETE FROM set_aside_messages',
    'another password': `UPDATE students SET password = ''`,
    'a password by the way of staff': `SELECT set_student_password(1, '', 1, '', NULL, NULL, '')`,
    'who set which password': 'SELECT * FROM password_changes',
    'another student’s number': 'UPDATE students SET id = 8888 WHERE id = 1',
    'an account with a password': `INSERT INTO students (id, password, enrollment_start_time, max_units,
      remaining_actions, department_id, entry_year, gender) VALUES (8888, 'x', now(), 1, 1, 1, 1, 'male')`,
    'a student': 'DELETE FROM students',
    'a department': `INSERT INTO departments (id, name) VALUES (9, 'x')`,
    'a course': 'DELETE FROM courses',
    'another student’s place': 'UPDATE enrolled_courses SET student_id = 7',
    'a changed decision': `UPDATE decisions SET reasons = '[]'`,
    'a deleted decision': 'DELETE FROM decisions',
    'a changed leader': 'UPDATE leaders SET term = 9',
    'a month of decisions': 'DELETE FROM decisions_default',
    'a month less': `SELECT archive_decisions('decisions_earliest')`,
    'a deleted leader': 'DELETE FROM leaders',
    'a void record less': 'DELETE FROM void_records',
    'an outside change less': 'DELETE FROM outside_changes',
    'emptied tables': 'TRUNCATE enrolled_courses',
    'a table of its own': 'CREATE TABLE mine ()',
    'a trigger': 'ALTER TABLE enrolled_courses DISABLE TRIGGER ALL',
  })
})

test('the batcher keeps what it sets aside, and passes by a message of ours when the migrator has decided so', async () => {
  const database = await openDatabase(as('batcher'), { logger: silent })
  const tables = new BatcherTables(database)
  const found = {
    detail: 'a\0test',
    body: Buffer.from('x'),
    headers: { 'a\0b': 'c\0d\\u0000', n: [1, null] },
  }
  const mayPass = async (): Promise<boolean> => {
    const transaction = await tables.begin()
    await transaction.setAside([{ reason: 'unsigned', ...found }])
    const passes = await transaction.mayPass({ reason: 'not_understood', ...found })
    await transaction.commit()
    return passes
  }
  assert.equal(await mayPass(), false)
  assert.equal(await mayPass(), false)
  await run(
    as('migrator'),
    `UPDATE set_aside_messages SET decided_by = 'x', decided_at = now(), note = 'x' WHERE reason = 'not_understood'`,
  )
  assert.equal(await mayPass(), true)
  const { rows } = await run(
    as('migrator'),
    'SELECT reason, count(*)::int FROM set_aside_messages GROUP BY 1 ORDER BY 1',
  )
  assert.deepEqual(rows, [
    { reason: 'not_understood', count: 1 },
    { reason: 'unsigned', count: 3 },
  ])
  await tables.close()
  await database.close()
})

test('the server’s user may export the registry and decisions, the batcher’s decisions alone', async () => {
  const folder = join(keeper.directory, 'exported')
  const exported = async (role: Role, ...args: readonly string[]) =>
    await runCli(['export', ...args], { DATABASE_URL: as(role) })
  for (const role of ['server', 'batcher'] as const) {
    const { ending, output, errors } = await exported(role, '--decisions', '-', '--format', 'ndjson')
    assert.equal(ending, 0, errors)
    assert.match(output, /"student_id":1\b/)
  }
  const registry = await exported('server', '--to', folder, '--with-passwords')
  assert.equal(registry.ending, 0, registry.errors)
  const refused = await exported('batcher', '--to', folder, '--overwrite')
  assert.equal(refused.ending, 1)
  assert.match(refused.errors, /permission denied for table (students|staff)/)
})

test('nobody else comes into the database', async () => {
  await run(superuser, `CREATE ROLE stranger LOGIN PASSWORD 'password-of-stranger'`)
  const url = new URL(superuser)
  url.username = 'stranger'
  url.password = 'password-of-stranger'
  await assert.rejects(run(url.href, 'SELECT 1'), { code: '42501' })
})

test('a database that somebody else made, and served, becomes the migrator’s', async () => {
  const { url } = await createDatabase(postgres.url)
  const made = await runCli(['migrate'], { DATABASE_URL: url, ENROLLMENT_CAMPUS: campus })
  assert.equal(made.ending, 0, made.errors)
  await prepare(url)
  const { rows } = await run(
    url,
    `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S')
       AND relowner <> 'enrollment_migrator'::regrole`,
  )
  assert.deepEqual(rows, [])
  await run(as('migrator', url), `ALTER TYPE sex ADD VALUE 'other'`)
  await run(as('migrator', url), 'DROP FUNCTION note_outside_change() CASCADE')
})

test('with the direct journal the server is given what the batcher may, and needs no more', async (t) => {
  const { url } = await createDatabase(postgres.url)
  await prepare(url)
  await migrateAndFill(url, campus)
  await run(url, 'GRANT enrollment_batcher TO enrollment_server')
  // As before PostgreSQL 15, or where no superuser has run the grants.
  await run(url, 'REVOKE SET ON PARAMETER session_replication_role FROM enrollment_batcher')
  t.after(() => run(url, 'REVOKE enrollment_batcher FROM enrollment_server'))
  const served = await serveCampus(keeper, { DATABASE_URL: as('server', url) })
  t.after(() => served.stop())
  await enroll(served, url)
  assert.equal(served.process.countLogged(50), 0, served.process.lastWords())
})
