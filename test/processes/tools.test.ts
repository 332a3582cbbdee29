import assert from 'node:assert/strict'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Client } from 'pg'
import { enrollment, type Environment, processKeeper, ServerProcess } from '../../kit/command-line.ts'
import { inShort } from '../../kit/rest-client.ts'
import { createDatabase, type TestDatabase } from '../../kit/servers/provide.ts'

/** A registrar's files, two of them with their columns in another order. */
const files = {
  departments: 'id,name\n1,Mathematics\n2,"Arts, Crafts"\n',
  staff: 'department_id,id,password_plain\n1,5,secret-5\n',
  students: [
    'id,password_plain,enrollment_start_time,enrollment_end_time,max_units,remaining_actions,department_id,entry_year,gender',
    ...[1, 2, 3].map((id) => `${id},secret-${id},2020-01-01T00:00Z,2099-01-01T00:00Z,20,12,1,1402,female`),
    '',
  ].join('\n'),
  courses: [
    'name,course_id,group_id,for_department,lecturer,units,capacity,reserve_capacity,class_time,notes',
    'Optics,401,1,1,Ada,3,1,5,Sat 09:00-10:30; Mon 09:00-10:30,',
    'Algebra,402,1,1,Emmy,3,30,5,,"bring ""paper"""',
    '',
  ].join('\r\n'),
}

/** Each test finds the database as the one before left it. */
describe('a registrar’s tools, from an empty database on', () => {
  let database: TestDatabase
  let environment: Environment
  let folder: string
  let server: ServerProcess | undefined

  before(async () => {
    database = await createDatabase()
    environment = { DATABASE_URL: database.url }
    folder = join(processKeeper().directory, 'tools')
    mkdirSync(folder)
  })
  after(async () => {
    await server?.kill()
    await database.drop()
  })

  async function query<Row extends object>(sql: string): Promise<Row[]> {
    const client = new Client({ connectionString: database.url })
    await client.connect()
    try {
      return (await client.query<Row>(sql)).rows
    } finally {
      await client.end()
    }
  }

  const counts = () =>
    query(
      `SELECT (SELECT count(*)::int FROM departments) AS departments, (SELECT count(*)::int FROM staff) AS staff,
         (SELECT count(*)::int FROM students) AS students, (SELECT count(*)::int FROM courses) AS courses`,
    )

  async function load(contents: Partial<typeof files>) {
    const args = Object.entries(contents).flatMap(([table, text]) => {
      const path = join(folder, `${table}.csv`)
      writeFileSync(path, text)
      return [`--${table}`, path]
    })
    return await enrollment(['load', ...args], environment)
  }

  test('migrations that are started at once are applied once', async () => {
    const telling = { ...environment, ENROLLMENT_LOG_LEVEL: 'debug' }
    const all = await Promise.all([1, 2, 3].map(() => enrollment(['migrate'], telling)))
    for (const { code, stdout, stderr } of all) {
      assert.equal(code, 0, stderr)
      assert.match(
        stdout,
        /^campus campus-[0-9a-f]{8}: the tables are up to date; (nothing was to be applied|applied \d+ migrations, \S+ to \S+)\n$/,
      )
    }
    assert.equal(all.filter(({ stdout }) => /; applied/.test(stdout)).length, 1)
    assert.equal(new Set(all.map(({ stdout }) => stdout.split(':')[0])).size, 1)
    assert.equal((await query('SELECT FROM campus')).length, 1)
    const applied = all.flatMap(({ stderr }) => stderr.match(/applied \d+ migrations/g) ?? [])
    assert.equal(applied.length, 1)
    const nothing = await enrollment(['verify'], environment)
    assert.deepEqual(
      [nothing.code, nothing.stdout],
      [0, 'nothing to verify yet: no leader has served this database\n'],
    )
  })

  test('a bad file is refused with file, line, column and reason, and nothing is loaded', async () => {
    const refused = await load({
      ...files,
      students: files.students.replace('secret-2,2020-01-01T00:00Z', 'secret-2,tomorrow'),
      courses: files.courses.replace('Ada,3,1', 'Ada,3,many'),
    })
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /students\.csv line 3, enrollment_start_time: .*"tomorrow"/)
    assert.match(refused.stderr, /courses\.csv line 2, capacity: .*"many"/)
    assert.deepEqual(await counts(), [{ departments: 0, staff: 0, students: 0, courses: 0 }])
  })

  test('good files are loaded, and a row that is there already loads nothing of the next ones', async () => {
    const loaded = await load(files)
    assert.equal(loaded.code, 0, loaded.stderr)
    assert.deepEqual(await counts(), [{ departments: 2, staff: 1, students: 3, courses: 2 }])
    const [course] = await query('SELECT name, notes FROM courses WHERE course_id = 402')
    assert.deepEqual(course, { name: 'Algebra', notes: 'bring "paper"' })
    const again = await load({
      departments: 'id,name\n3,Physics\n',
      courses: files.courses.replace(',402,', ',403,'),
    })
    assert.equal(again.code, 1)
    assert.match(again.stderr, /courses\.csv.*401.*nothing was loaded\n$/)
    assert.deepEqual(await counts(), [{ departments: 2, staff: 1, students: 3, courses: 2 }])
    const missing = await enrollment(['load', '--students', join(folder, 'none.csv')], environment)
    assert.equal(missing.code, 1)
    assert.match(missing.stderr, /none\.csv/)
  })

  test('the sample campus wants an empty database', async () => {
    const refused = await enrollment(['load', '--sample'], environment)
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /^enrollment: this database holds a campus already[^\n]*\n$/)
    const other = await createDatabase()
    try {
      const loaded = await enrollment(['load', '--sample'], { DATABASE_URL: other.url })
      assert.equal(loaded.code, 0, loaded.stderr)
      const served = await enrollment(['server'], {
        DATABASE_URL: other.url,
        LISTEN_ADDRESS: '0.0.0.0:0',
        ENROLLMENT_LOG_LEVEL: 'silent',
      })
      assert.equal(served.code, 1)
      assert.match(served.stderr, /^enrollment: this is the sample campus[^\n]*\n$/)
    } finally {
      await other.drop()
    }
  })

  test('who was loaded is served over a socket, whose file a killed server leaves and the next one replaces', async () => {
    const path = join(folder, 'enrollment.sock')
    const start = async () => {
      const one = new ServerProcess(
        ['server'],
        { ...environment, LISTEN_PROTOCOL: 'unix', LISTEN_ADDRESS: path },
        path,
      )
      server = one
      await one.untilReady()
      return one
    }
    const first = await start()
    const login = await first.client.send('POST /login', { body: { user: 2, password: 'secret-2' } })
    const { token } = login.body as { token: string }
    const body = { course_id: 401, group_id: 1 }
    assert.equal(inShort(await first.client.send('PUT /student/course', { token, body })), '204')
    const second = await enrollment(['server'], {
      ...environment,
      LISTEN_PROTOCOL: 'unix',
      LISTEN_ADDRESS: path,
    })
    assert.equal(second.code, 1)
    assert.match(
      second.stderr,
      /^enrollment: another process serves on [^\n]*enrollment\.sock: stop it, [^\n]*\n$/,
    )
    await first.kill()
    assert.ok(existsSync(path))
    const next = await start()
    const { body: held } = await next.client.send('GET /student/course', { token })
    assert.equal((held as { data: unknown[] }).data.length, 1)
    assert.equal((await next.stop()).code, 0)
    assert.ok(!existsSync(path), 'a server that is stopped takes its socket with it')
  })

  test('verify agrees, and when a row is deleted by hand says which, and that it was done from outside', async () => {
    const agreed = await enrollment(['verify'], environment)
    assert.equal(agreed.code, 0)
    assert.match(agreed.stdout, /^agreed: 1 decision, 3 students, 2 groups, 1 seat, 0 waiting, [^\n]*\n$/)
    await query('DELETE FROM enrolled_courses WHERE student_id = 2')
    const differs = await enrollment(['verify'], environment)
    assert.equal(differs.code, 1)
    const [difference = '', summary = '', ...more] = differs.stdout.trim().split('\n')
    assert.match(
      difference,
      /^student 2 in 401\/1: expected .*; made from outside \(\w+, \S+, DELETE on enrolled_courses\)$/,
    )
    assert.match(summary, /^1 difference: /)
    assert.deepEqual(more, [])
    const { code, stdout } = await enrollment(['verify', '--json'], environment)
    assert.equal(code, 1)
    assert.equal((JSON.parse(stdout) as { verdict: string }).verdict, 'differs')
  })
})
