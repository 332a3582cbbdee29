import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  enrollment,
  type Environment,
  processKeeper,
  Program,
  type ServerProcess,
  startServer,
} from '../../kit/command-line.ts'
import { eventually } from '../../kit/eventually.ts'
import { inShort } from '../../kit/rest-client.ts'
import { createDatabase, type TestDatabase } from '../../kit/servers/provide.ts'
import { Client } from 'pg'

const student = (id: number) =>
  `${id},secret-${id},2020-01-01T00:00:00.000Z,2099-01-01T00:00:00.000Z,20,12,1,1402,female`
const group = (course: number) => `${course},1,1,Seminar,Emmy,1,30,5,`

/** Each test finds the campus as the one before left it. */
describe('a registrar’s files, while a server leads', () => {
  const folder = join(processKeeper().directory, 'sync')
  let database: TestDatabase
  let environment: Environment
  let server: ServerProcess

  const path = (name: string) => join(folder, name)
  const write = (name: string, lines: readonly string[]) => writeFileSync(path(name), `${lines.join('\n')}\n`)
  const read = (name: string) => readFileSync(path(name), 'utf8').trimEnd().split(/\r?\n/)
  const change = (name: string, from: string | RegExp, to: string) => {
    const text = readFileSync(path(name), 'utf8')
    assert.notEqual(text.replace(from, to), text, String(from))
    writeFileSync(path(name), text.replace(from, to))
  }
  const both = () => ['--students', path('students.csv'), '--courses', path('courses.csv')]
  const syncArgs = (...args: string[]) => [
    'sync',
    '--url',
    server.address,
    '--token-file',
    path('token'),
    ...args,
  ]
  const sync = (...args: string[]) => enrollment(syncArgs(...args))
  const exported = async () => {
    const { code, stderr } = await enrollment(['export', '--to', folder, '--overwrite'], environment)
    assert.equal(code, 0, stderr)
  }
  /** The decisions are folded at once, with the direct journal: an export shows what was acknowledged. */
  const assertExportIsTheFile = async () => {
    const written = [read('students.csv'), read('courses.csv')]
    await exported()
    assert.deepEqual([read('students.csv'), read('courses.csv')], written)
  }
  const query = async (sql: string): Promise<Record<string, unknown>[]> => {
    const client = new Client({ connectionString: database.url })
    await client.connect()
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows
    } finally {
      await client.end()
    }
  }
  const tokenOf = async (user: number, password: string, staff: boolean) => {
    const { body } = await server.client.send('POST /login', { body: { user, password, staff } })
    return (body as { token: string }).token
  }

  before(async () => {
    database = await createDatabase()
    environment = {
      DATABASE_URL: database.url,
      STAFF_SCOPE: 'all',
      ENROLLMENT_STAFF_RATE: '20/s',
      ENROLLMENT_STAFF_BURST: '10',
    }
    mkdirSync(folder)
    write('d.csv', ['id,name', '1,Mathematics', '2,Arts'])
    write('t.csv', ['id,password_plain,department_id', '5,secret-5,1'])
    write('s.csv', [
      'id,password_plain,enrollment_start_time,enrollment_end_time,max_units,remaining_actions,department_id,entry_year,gender',
      ...Array.from({ length: 40 }, (_, index) => student(index + 1)),
    ])
    write('c.csv', [
      'course_id,group_id,for_department,name,lecturer,units,capacity,reserve_capacity,class_time',
      '401,1,1,Optics,Ada,3,1,5,Sat 09:00-10:30; Mon 09:00-10:30',
      ...Array.from({ length: 10 }, (_, index) => group(410 + index)),
    ])
    write('e.csv', ['student_id,course_id,group_id,reserve_order', '1,401,1,', '2,401,1,1'])
    const all = Object.entries({
      departments: 'd',
      staff: 't',
      students: 's',
      courses: 'c',
      enrollments: 'e',
    })
    const files = all.flatMap(([name, file]) => [`--${name}`, path(`${file}.csv`)])
    const loaded = await enrollment(['load', ...files], environment)
    assert.equal(loaded.code, 0, loaded.stderr)
    server = await startServer(environment)
    await server.untilReady()
    write('token', [await tokenOf(5, 'secret-5', true)])
  })
  after(async () => {
    await server.kill()
    await database.drop()
  })

  test('what differs is shown, and nothing is sent before --apply', async () => {
    await exported()
    const same = await sync(...both())
    assert.equal(same.code, 0, same.stderr)
    assert.match(
      same.stdout,
      /^course groups: 0 new, 0 changed, .*, 11 the same\nstudents: 0 new, 0 changed, .*, 40 the same\ndry run: 0 commands/,
    )
    change(
      'courses.csv',
      ',3,1,5,Sat 09:00-10:30; Mon 09:00-10:30,,',
      ',3,2,6,Sun 08:00-09:00; Mon 10:00-11:00,2027-01-10T08:30:00.000Z,90',
    )
    change('courses.csv', /^410,1,1,Seminar,Emmy,(.*),open,\r$/m, '410,1,1,Seminar,Emmy Noether,$1,closed,\r')
    write('courses.csv', [
      ...read('courses.csv'),
      '499,1,2,Weaving,Eva,2,9,0,Sat 22:00-23:00,,,female,"bring ""wool""",open,',
    ])
    change('students.csv', /^4,(.*),2099-01-01T00:00:00.000Z,20,12,/m, '4,$1,2098-01-01T03:04:05.678Z,24,11,')
    write('students.csv', [
      ...read('students.csv'),
      '41,2020-01-01T00:00:00.000Z,2099-01-01T00:00:00.000Z,20,12,2,1402,male,',
    ])
    const tried = await sync(...both(), '--show', '1')
    assert.equal(tried.code, 0, tried.stderr)
    for (const pattern of [
      /^course groups: 1 new, 2 changed, 0 .*, 9 the same$/m,
      /^ {2}new: course 499 group 1 \(line 13\)$/m,
      /^ {2}changed: course 401 group 1 \(line 2\): capacity 1 -> 2, reserve_capacity 5 -> 6, class_time /m,
      /^ {2}and 1 more$/m,
      /^ {2}changed: student 4 \(line 5\): .*max_units 20 -> 24, remaining_actions 12 -> 11$/m,
      /^dry run: 6 commands would be sent; --apply sends them$/m,
    ]) {
      assert.match(tried.stdout, pattern)
    }
    assert.deepEqual(await query('SELECT FROM decisions'), [])
  })

  test('with --apply the campus is as the files say, by commands on record, and an export is the file', async () => {
    const sent = await sync(...both(), '--apply')
    assert.equal(sent.code, 0, sent.stdout + sent.stderr)
    assert.match(sent.stdout, /^sent: 6 commands were taken, 0 were not, 0 rows need more$/m)
    await assertExportIsTheFile()
    const noted = await query(
      `SELECT FROM decisions WHERE actor_id = 5 AND legs -> 0 ->> 'note' = 'enrollment sync'`,
    )
    assert.equal(noted.length, 6)
    const promoted = await query('SELECT FROM enrolled_courses WHERE course_id = 401 AND NOT reserved')
    assert.equal(promoted.length, 2)
    assert.match((await sync(...both(), '--apply')).stdout, /^sent: 0 commands were taken, 0 were not/m)
  })

  test('a run that is cut is resumed by running it again, which sends what is left', async () => {
    const lines = read('students.csv').map((line) => line.replace(/,20,12,/, ',21,12,'))
    write('students.csv', lines)
    const changed = () => query('SELECT id FROM students WHERE max_units = 21')
    const cut = new Program(syncArgs(...both(), '--apply'), {})
    await eventually(async () => (await changed()).length >= 3)
    await cut.kill()
    const resumed = await sync(...both(), '--apply')
    assert.equal(resumed.code, 0, resumed.stdout + resumed.stderr)
    await assertExportIsTheFile()
    const decided = await query(
      `SELECT student_id, count(*)::int AS count FROM decisions WHERE legs -> 0 ->> 'maxUnits' = '21' GROUP BY student_id`,
    )
    // The one that was on its way when the run was cut may have been decided after the next run had looked.
    assert.equal(decided.length, 40)
    assert.deepEqual(decided.filter(({ count }) => count !== 1).slice(1), [])
  })

  test('what is refused is named by line and code, what no command says too, and the same difference is sent again', async () => {
    change('courses.csv', ',3,2,6,Sun', ',3,1,6,Sun')
    change('courses.csv', /^411,1,1,Seminar/m, '411,1,1,Seminary')
    change('courses.csv', /^412,1,1,Seminar,Emmy,1,30/m, '412,1,1,Seminar,Emmy,1,31')
    const below = await sync(...both(), '--apply')
    assert.equal(below.code, 1)
    assert.match(
      below.stdout,
      /^cannot be sent: \S+courses\.csv line 4: course 411 group 1: name Seminar -> Seminary$/m,
    )
    assert.match(
      below.stdout,
      /^refused: \S+courses\.csv line 2: course 401 group 1: capacity_below_registered: /m,
    )
    assert.match(below.stdout, /^sent: 1 commands were taken, 1 were not, 1 rows need more$/m)
    const token = read('token')[0] ?? ''
    const body = { course_id: 412, group_id: 1, capacity: 30 }
    assert.equal(inShort(await server.client.send('PATCH /staff/capacity', { token, body })), '204')
    change('courses.csv', ',3,1,6,Sun', ',3,2,6,Sun')
    change('courses.csv', /^411,1,1,Seminary/m, '411,1,1,Seminar')
    const again = await sync(...both(), '--apply')
    assert.equal(again.code, 0, again.stdout + again.stderr)
    await assertExportIsTheFile()
  })

  test('a new student has the first password of the file, and an older one keeps theirs', async () => {
    write('students.csv', [
      'id,password_plain,enrollment_start_time,enrollment_end_time,max_units,remaining_actions,department_id,entry_year,gender',
      student(42),
      student(3).replace('secret-3', 'other-3').replace(',20,12,', ',21,12,'),
    ])
    const sent = await sync('--students', path('students.csv'), '--apply')
    assert.equal(sent.code, 0, sent.stdout + sent.stderr)
    for (const id of [42, 3]) assert.equal(typeof (await tokenOf(id, `secret-${id}`, false)), 'string')
    await exported()
  })

  test('groups that the file does not name are cancelled if asked, more than a tenth only if that is said', async () => {
    write(
      'courses.csv',
      read('courses.csv').filter((line) => !/^41[12],/.test(line)),
    )
    const guarded = await sync(...both(), '--apply', '--remove-missing')
    assert.equal(guarded.code, 1)
    assert.match(
      guarded.stderr,
      /courses: 2 of 12 are not in the file, .*--remove-at-most 2; nothing was sent\n$/,
    )
    const sent = await sync(...both(), '--apply', '--remove-missing', '--remove-at-most', '2')
    assert.equal(sent.code, 0, sent.stdout + sent.stderr)
    const cancelled = await query(`SELECT course_id FROM courses WHERE status = 'cancelled' ORDER BY 1`)
    assert.deepEqual(
      cancelled.map(({ course_id }) => course_id),
      [411, 412],
    )
    write('token', ['nobody'])
    assert.match((await sync(...both())).stderr, /the token is not good/)
    await server.stop()
    const verified = await enrollment(['verify'], environment)
    assert.equal(verified.code, 0, verified.stdout)
  })
})
