import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { type Database, openDatabase } from '../../src/store/database.ts'
import { silent } from '../../kit/campus-database.ts'
import {
  enrollment,
  type Environment,
  processKeeper,
  type Program,
  type ServerProcess,
  startBatcher,
  startServer,
} from '../../kit/command-line.ts'
import { eventually } from '../../kit/eventually.ts'
import { inShort } from '../../kit/rest-client.ts'
import { createDatabase } from '../../kit/servers/provide.ts'
import { RegistrationDay } from './registration-day.ts'
import { logIn, placesIn } from './process-fixture.ts'

/** What docs/backup.md promises, and its commands. */
describe('a backup of a campus', () => {
  const day = new RegistrationDay()
  let folder: string
  /** The first backup: of what `rows` has. */
  let file: string
  let rows: Record<string, string>

  before(() => {
    folder = join(processKeeper().directory, 'backup')
    mkdirSync(folder, { mode: 0o755 })
    file = join(folder, 'campus.enrollment')
  })

  async function emptyDatabase() {
    const { url, drop } = await createDatabase()
    day.cleanUpWith(drop)
    const database = await openDatabase(url, { logger: silent, applicationName: 'test' })
    day.cleanUpWith(() => database.close())
    return { database, environment: { ...day.campus.environment, DATABASE_URL: url } }
  }

  async function serve(environment: Environment = day.campus.environment) {
    const server = day.running(await startServer(environment))
    const batcher = day.running(startBatcher(environment))
    await server.untilReady()
    return { server, batcher }
  }

  async function enroll({ server }: { readonly server: ServerProcess }, course: number) {
    const [[, token] = []] = await logIn(server, 1)
    const body = { course_id: course, group_id: 1 }
    assert.equal(inShort(await server.client.send('PUT /student/course', { token, body })), '204')
  }

  async function stop(...programs: Program[]) {
    for (const program of programs) assert.equal((await program.stop()).code, 0, program.said)
  }

  async function succeed(args: readonly string[], environment: Environment): Promise<string> {
    const { code, stdout, stderr } = await enrollment(args, environment)
    assert.equal(code, 0, stdout + stderr)
    return stdout
  }

  async function refuse(args: readonly string[], environment: Environment, line: RegExp) {
    const { code, stdout, stderr } = await enrollment(args, environment)
    assert.deepEqual({ code, stdout }, { code: 1, stdout: '' })
    assert.match(stderr, line)
    assert.equal(stderr.split('\n').length, 2, stderr)
  }

  test('is taken beside a server, by one command, into one file that only its owner reads', async () => {
    const { database, environment } = day.campus
    await database.query(`
      ALTER TABLE students ADD COLUMN shelf VARCHAR(20);
      ALTER TABLE staff ADD COLUMN counted SERIAL;
      UPDATE students SET shelf = E'tab\\tand \\\\N' WHERE id = 5;
      UPDATE courses SET notes = E'two lines,\\r\\n\\\\. one "quoted"', lecturer = 'Zoë, 教授' WHERE course_id = 402;
      UPDATE students SET enrollment_start_time = '-infinity', enrollment_end_time = NULL WHERE id = 6;
      CREATE TABLE decisions_2020_01 (LIKE decisions INCLUDING DEFAULTS INCLUDING CONSTRAINTS, PRIMARY KEY (term, seq));
      INSERT INTO decisions_2020_01 (term, seq, at, actor_role, actor_id, legs, reasons)
      VALUES (0, 1, '2020-01-05Z', 'staff', 1, '[]', '[]')`)
    const served = await serve()
    await enroll(served, 401)
    await eventually(async () => (await placesIn(database, [401])).length === 1)
    const said = await succeed(['backup', file], environment)
    assert.match(
      said,
      /campus\.enrollment: campus process-\S+ as of \S+, decision 1 of term 1; [\d,]+ rows\n$/,
    )
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.deepEqual(readdirSync(folder), ['campus.enrollment'])
    await stop(served.server, served.batcher)
    rows = await rowsOf(database)
  })

  test('restores every row of every table into a new database, which is then a copy until it is said what it is', async () => {
    const { database, environment } = await emptyDatabase()
    assert.match(await succeed(['restore', file], environment), /^restored: campus process-.*--new-campus/s)
    assert.deepEqual(await rowsOf(database), rows)
    await refuse(['server'], { ...environment, ENROLLMENT_LOG_LEVEL: 'silent' }, /is a copy of campus/)
    await succeed(['migrate', '--moved'], environment)
    assert.match(await succeed(['verify'], environment), /\n/)
    const served = await serve(environment)
    await enroll(served, 402)
    await eventually(async () => (await placesIn(database, [402])).length === 1)
    await stop(served.server, served.batcher)
    await succeed(['verify'], environment)
  })

  test('restores rows that only an older system could write, and that were not adopted', async () => {
    const { database, environment } = await emptyDatabase()
    await succeed(['migrate'], environment)
    await database
      .query(`
      ALTER TABLE courses DROP CONSTRAINT courses_numbers_not_negative`)
      .catch(() => {})
    await database.query(`
      DROP INDEX enrolled_courses_once;
      INSERT INTO departments VALUES (1, 'x');
      INSERT INTO students (id, password, enrollment_start_time, max_units, remaining_actions, department_id, entry_year, gender)
      VALUES (1, 'x', '2020-01-01', 20, 2, 1, 1400, 'male');
      INSERT INTO courses (course_id, group_id, for_department, name, lecturer, units, capacity, reserve_capacity, class_time, notes)
      VALUES (1, 1, 1, '', '', 3, 1, 1, 0, '');
      INSERT INTO enrolled_courses (course_id, group_id, student_id) VALUES (1, 1, 1), (1, 1, 1)`)
    const older = join(folder, 'older.enrollment')
    await succeed(['backup', older], environment)
    const there = await emptyDatabase()
    await succeed(['restore', older], there.environment)
    assert.deepEqual(await rowsOf(there.database), await rowsOf(database))
  })

  test('restores into the database of enrollment start, which needs no PostgreSQL of its own to be backed up', async () => {
    const data = join(folder, 'embedded')
    const postmaster = join(data, 'postgresql/cluster/postmaster.pid')
    processKeeper().atEnd(
      'postmaster of a restore',
      `[ -f ${postmaster} ] && end QUIT $(head -n 1 ${postmaster})`,
    )
    const environment = { ENROLLMENT_DATA: data }
    await succeed(['restore', file], environment)
    await refuse(['restore', file], environment, /has the table \S+ already; restore into a new one/)
    await succeed(['migrate', '--moved'], environment)
    const again = join(folder, 'again.enrollment')
    await succeed(['backup', again], environment)
    const there = await emptyDatabase()
    await succeed(['restore', again], there.environment)
    const { campus: _campus, ...others } = await rowsOf(there.database)
    const { campus: _before, ...expected } = rows
    assert.deepEqual(others, expected)
  })

  test('loses nothing while the queue still holds what came after it', async () => {
    const { environment, database } = day.campus
    const { server, batcher } = await serve()
    await stop(batcher)
    const older = join(folder, 'drained.enrollment')
    await succeed(['backup', older], environment)
    await enroll({ server }, 403)
    await stop(server)
    const there = await emptyDatabase()
    await succeed(['restore', older], there.environment)
    await succeed(['migrate', '--moved'], there.environment)
    const again = await serve(there.environment)
    assert.deepEqual(await placesIn(there.database, [401, 403]), ['1 401 1', '1 403 1'])
    await stop(again.server, again.batcher)
    await succeed(['verify'], there.environment)
    assert.deepEqual(await placesIn(database, [403]), [], 'the database of before is served no more')
  })

  test('that is older than what the queue holds stops the batcher, until a person gives that up, once for each leader', async () => {
    const { database, environment } = await emptyDatabase()
    await succeed(['restore', file], environment)
    await succeed(['migrate', '--moved'], environment)
    const first = await serve(environment)
    const older = join(folder, 'old.enrollment')
    await succeed(['backup', older], environment)
    await enroll(first, 404)
    await eventually(async () => (await placesIn(database, [404])).length === 1)
    await stop(first.server)
    // Another leader, of which the backup knows nothing.
    const server = day.running(await startServer(environment))
    await server.untilReady()
    await stop(first.batcher)
    await enroll({ server }, 405)
    await stop(server)

    const there = await emptyDatabase()
    await succeed(['restore', older], there.environment)
    await succeed(['migrate', '--moved'], there.environment)
    const batcher = day.running(startBatcher(there.environment))
    const alarm = await batcher.untilSays(/^ALARM unknown_leader/)
    const [, leader = ''] = /leader (\S+), whose records/.exec(alarm) ?? []
    const accepted = await succeed(['journal', '--accept-loss', '--leader', leader], there.environment)
    assert.match(accepted, /goes to void_records/)
    const after = day.running(await startServer(there.environment))
    await after.untilReady()
    await enroll({ server: after }, 406)
    await eventually(async () => (await placesIn(there.database, [404, 405, 406])).length > 0)
    assert.deepEqual(await placesIn(there.database, [404, 405, 406]), ['1 406 1'])
    assert.equal((await there.database.query('SELECT FROM void_records')).length, 1)
    await stop(after, batcher)
    await succeed(['verify'], there.environment)
    await refuse(['journal', '--accept-loss', '--leader', 'x'], there.environment, /wants the id/)
  })

  test('is refused, in one line and before anything is written, if it or the place for it is wrong', async () => {
    const { database, environment } = await emptyDatabase()
    const wrong = join(folder, 'wrong')
    const bytes = readFileSync(file)
    const writeWrong = (change: (bytes: Buffer) => Buffer) => writeFileSync(wrong, change(Buffer.from(bytes)))
    const last = bytes.length - 1
    for (const at of [100, Math.floor(last / 2), last]) {
      writeWrong((copy) => copy.fill(~(copy[at] ?? 0) & 0xff, at, at + 1))
      await refuse(['restore', wrong], environment, /wrong is damaged: its checksum does not fit; nothing/)
    }
    writeWrong((copy) => copy.subarray(0, last))
    await refuse(['restore', wrong], environment, /is damaged/)
    writeWrong(() => Buffer.from('id,name\n1,x\n'))
    await refuse(['restore', wrong], environment, /wrong is no backup of enrollment/)
    writeWrong((copy) => Buffer.concat([Buffer.from('enrollment-backup 2 '), copy.subarray(20)]))
    await refuse(['restore', wrong], environment, /written by a newer version/)
    await refuse(['restore', join(folder, 'none')], environment, /ENOENT.*correct the path/)
    await refuse(['restore'], environment, /wants the name of one file; see enrollment restore --help/)
    await refuse(['backup', file], day.campus.environment, /is there already; --overwrite replaces it/)
    copyFileSync(file, wrong)
    await succeed(['backup', wrong, '--overwrite'], day.campus.environment)
    await refuse(['restore', file], day.campus.environment, /this database has the table \S+ already/)
    assert.deepEqual(await rowsOf(database), {})

    const waiting = await openDatabase(environment.DATABASE_URL, {
      logger: silent,
      applicationName: 'enrollment server',
    })
    await refuse(['restore', file], environment, /is in use \(enrollment server\); stop that first/)
    await waiting.close()
  })
})

/** A print of all rows of each table, by its name. */
async function rowsOf(database: Database): Promise<Record<string, string>> {
  const tables = await database.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
       AND NOT relispartition ORDER BY relname`,
  )
  const prints: Record<string, string> = {}
  for (const { name } of tables) {
    const [row] = await database.query<{ print: string }>(
      `SELECT concat(count(*), ' ', md5(string_agg(t::text, E'\\n' ORDER BY t::text))) AS print FROM ${name} AS t`,
    )
    prints[name] = row?.print ?? ''
  }
  return prints
}
