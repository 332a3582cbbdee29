import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  type Ended,
  enrollment,
  type Environment,
  processKeeper,
  startServer,
} from '../../kit/command-line.ts'
import { inShort } from '../../kit/rest-client.ts'
import { createDatabase, type TestDatabase } from '../../kit/servers/provide.ts'

const studentColumns =
  'id,password_plain,enrollment_start_time,enrollment_end_time,max_units,remaining_actions,department_id,entry_year,gender,code'
const student = (id: number, code = '') =>
  `${id},secret-${id},2020-01-01T00:00:00.000Z,2099-01-01T00:00:00.000Z,20,12,1,1402,female,${code}`
const courseColumns =
  'course_id,group_id,for_department,name,lecturer,units,capacity,reserve_capacity,class_time,exam_time,exam_minutes,sex_lock,notes,status,code'
const groups = [
  '401,1,1,Optics,Ada,3,1,5,Sat 09:00-10:30; Mon 09:00-10:30,2027-01-10T08:30:00.000Z,120,,"bring ""paper""",open,CE-401',
  '402,1,1,Algebra,Emmy,3,30,5,Sun 08:00-09:00; Mon 10:00-11:00,,,male,,open,',
  ...Array.from({ length: 8 }, (_, index) => `${410 + index},1,1,Seminar,Emmy,1,30,5,,,,,,open,`),
]

/** Each test finds the campus as the one before left it. */
describe('a nightly file, while nobody leads', () => {
  const folder = join(processKeeper().directory, 'nightly')
  let database: TestDatabase
  let environment: Environment

  const path = (name: string) => join(folder, `${name}.csv`)
  const write = (name: string, lines: readonly string[]) => writeFileSync(path(name), `${lines.join('\n')}\n`)
  const read = (name: string) => readFileSync(path(name), 'utf8').trimEnd().split(/\r?\n/)
  const change = (name: string, from: string | RegExp, to: string) =>
    writeFileSync(path(name), readFileSync(path(name), 'utf8').replace(from, to))
  const files = (...names: string[]) => names.flatMap((name) => [`--${name}`, path(name)])
  const all = () => files('departments', 'staff', 'students', 'courses')
  const update = (...args: string[]) => enrollment(['load', '--update', ...args], environment)
  const exported = async () => {
    const { code, stderr } = await enrollment(['export', '--to', folder, '--overwrite'], environment)
    assert.equal(code, 0, stderr)
  }
  const verified = async () => {
    const { code, stdout, stderr } = await enrollment(['verify'], environment)
    assert.equal(code, 0, stdout + stderr)
  }
  function assertTaken({ code, stdout, stderr }: Ended, ...patterns: RegExp[]): void {
    assert.equal(code, 0, stderr)
    for (const pattern of patterns) assert.match(stdout, pattern)
  }

  before(async () => {
    database = await createDatabase()
    environment = { DATABASE_URL: database.url }
    mkdirSync(folder)
    write('departments', ['id,name', '1,Mathematics', '2,Arts'])
    write('staff', ['id,password_plain,department_id', '5,secret-5,1'])
    write('students', [studentColumns, ...Array.from({ length: 12 }, (_, index) => student(index + 1))])
    write('courses', [courseColumns, ...groups])
    write('enrollments', ['student_id,course_id,group_id,reserve_order', '1,401,1,', '2,401,1,1', '3,402,1,'])
    const loaded = await enrollment(['load', ...all(), ...files('enrollments')], environment)
    assert.equal(loaded.code, 0, loaded.stderr)
    const server = await startServer(environment)
    await server.untilReady()
    const login = await server.client.send('POST /login', { body: { user: 3, password: 'secret-3' } })
    const { token } = login.body as { token: string }
    const dropped = await server.client.send('DELETE /student/course?course_id=402', { token })
    assert.equal(inShort(dropped), '204')
    await server.stop()
  })
  after(() => database.drop())

  test('what is exported changes nothing', async () => {
    await exported()
    assertTaken(
      await update(...all()),
      /^departments: 0 new, 0 changed, 0 .*, 2 the same\nstaff: 0 new, 0 changed, 0 .*, 1 the same\nstudents: 0 new, 0 changed, 0 .*, 12 the same\ncourse groups: 0 new, 0 changed, 0 .*, 10 the same\nthe campus/,
    )
    const oneroster = join(folder, 'oneroster')
    await enrollment(['export', '--to', oneroster, '--format', 'oneroster', '--overwrite'], environment)
    const { code, stdout, stderr } = await update('--oneroster', oneroster)
    assert.equal(code, 0, stderr)
    assert.equal(stdout.match(/0 new, 0 changed/g)?.length, 4, stdout)
    await verified()
  })

  test('is tried first; then it is as the file says, twice in a row is no change, and who waited has the seat', async () => {
    change('departments', 'Arts', 'Arts and Crafts')
    change('staff', '5,1', '5,2')
    change('students', /^4,(.*),20,12,/m, '4,$1,24,12,')
    change('students', /^6,(.*),$/m, '6,$1,S-6')
    write('students', [...read('students'), '13,2020-01-01T00:00:00.000Z,,20,12,2,1402,male,S-13'])
    change('courses', ',3,1,5,Sat', ',3,2,5,Sat')
    write('courses', [...read('courses'), '499,1,2,Weaving,Eva,2,9,0,Sat 22:00-02:00,,,,,closed,'])
    const args = [...all(), '--without-passwords']
    const tried = await update(...args, '--dry-run')
    assertTaken(
      tried,
      /^ {2}changed: department 2 \(line 3\): name Arts -> "Arts and Crafts"$/m,
      /^students: 1 new, 2 changed, 0 .*, 10 the same$/m,
      /^ {2}new: student 13 \(line 14\)$/m,
      /^ {2}changed: student 4 \(line 5\): max_units 20 -> 24$/m,
      /^ {2}changed: course 401 group 1 \(line 2\): capacity 1 -> 2$/m,
      /^students who waited and have a seat now: 1\ndry run: nothing was written$/m,
    )
    const done = await update(...args)
    assert.equal(done.stdout.replace(/\n[^\n]*\n$/, ''), tried.stdout.replace(/\n[^\n]*\n$/, ''), done.stderr)
    await verified()
    const again = await update(...args)
    assert.equal(again.stdout.match(/0 new, 0 changed/g)?.length, 4, again.stdout)
    const written = ['departments', 'staff', 'students', 'courses'].map((name) => read(name))
    await exported()
    assert.deepEqual(
      ['departments', 'staff', 'students', 'courses'].map((name) => read(name)),
      written,
    )
    assert.deepEqual(read('enrollments').slice(1), ['1,401,1,,', '2,401,1,,'])
  })

  test('a column that it lacks says nothing; codes may change hands; a plain password is for who has none', async () => {
    write('students', ['id,password_plain,code', '6,other-6,S-13', '13,secret-13,S-6'])
    assertTaken(
      await update(...files('students')),
      /^students: 0 new, 2 changed, 11 not in the file \(they stay\), 0 the same$/m,
      /changed: student 6 \(line 2\): code S-6 -> S-13$/m,
      /changed: student 13 \(line 3\): password none -> "the file’s", code S-13 -> S-6$/m,
    )
    assertTaken(await update(...files('students')), /0 new, 0 changed/)
    await verified()
  })

  test('what cannot be is refused by line, and nothing of the file is taken', async () => {
    await exported()
    change('courses', ',3,2,5,Sat', ',3,1,5,Sat')
    change('students', /^4,(.*),24,12,/m, '4,$1,21,12,')
    const below = await update(...files('students', 'courses'))
    assert.equal(below.code, 1)
    assert.match(below.stderr, /courses\.csv line 2, capacity: is 1, below the 2 seats that are taken\n$/)
    change('courses', ',3,1,5,Sat', ',3,2,5,Sat')
    change('courses', /open,CE-401$/m, 'cancelled,CE-401')
    const cancelled = await update(...files('courses'))
    assert.match(cancelled.stderr, /courses\.csv line 2, status: is cancelled, and 2 hold places/)
    write('students', ['id,max_units', '77,20'])
    const lacks = await update(...files('students'))
    assert.match(lacks.stderr, /students\.csv line 2: student 77 is new, and the file has no column \w+/)
    write('students', [studentColumns, student(78).replace('secret-78', '')])
    const open = await update(...files('students'))
    assert.match(open.stderr, /students\.csv line 2: student 78 is new and has no password/)
    write('students', ['id,enrollment_end_time', '3,2098-01-01T00:00Z', '4,2001-01-01T00:00Z'])
    const window = await update(...files('students'))
    assert.match(
      window.stderr,
      /students\.csv line 3, enrollment_end_time: leads to a window from 2020-.* to 2001-/,
    )
    write('students', [studentColumns, student(3), student(79, 'S-6')])
    const taken = await update(...files('students'))
    assert.match(taken.stderr, /students\.csv line 3: code S-6: is there already; nothing was loaded\n$/)
    write('departments', ['id,name', '1,Mathematics'])
    const named = await update('--remove-missing', '--remove-at-most', '1', ...files('departments'))
    assert.match(named.stderr, /departments\.csv: id 2: is still named elsewhere; nothing was loaded\n$/)
    const places = await update(...files('enrollments'))
    assert.match(places.stderr, /takes no --enrollments/)
    await exported()
    assert.match(read('students')[4] ?? '', /^4,.*,24,12,/)
  })

  test('what it does not name is removed only if asked, and more than a tenth only if that is said', async () => {
    write(
      'students',
      read('students').filter((line) => !/^(1|12),/.test(line)),
    )
    const refused = await enrollment(['load', '--remove-missing', ...files('students')], environment)
    assert.equal(refused.code, 1)
    assert.match(
      refused.stderr,
      /students: 2 of 13 are not in the file, more than 10 % of them; .*--remove-at-most 2; nothing/,
    )
    const tooMany = await update('--remove-missing', '--remove-at-most', '1', ...files('students'))
    assert.match(tooMany.stderr, /more than the 1 of --remove-at-most/)
    assertTaken(
      await update('--remove-missing', '--remove-at-most', '2', ...files('students')),
      /^students: 0 new, 0 changed, 2 to be removed, 11 the same$/m,
      /^ {2}removed: student 1$/m,
      /^places that end with those who are removed: 1$/m,
    )
    await verified()
    const file = read('students')
    await exported()
    assert.deepEqual(read('students'), file)
    assert.deepEqual(read('enrollments').slice(1), ['2,401,1,,'])
    const server = await startServer(environment)
    await server.untilReady()
    const login = await server.client.send('POST /login', { body: { user: 'S-6', password: 'secret-13' } })
    assert.equal(login.status, 200, login.text)
    await server.stop()
    await verified()
  })
})
