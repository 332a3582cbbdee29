import assert from 'node:assert/strict'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { unpackClassTime } from '../../actors/rules/timetable.ts'
import { checkFiles } from './check-files.ts'
import {
  argon,
  bcrypt,
  check,
  type Contents,
  course,
  courseHeader,
  coursesWith,
  departments,
  faultsOf,
  folder,
  nobodyInDatabase,
  rowsOf,
  student,
  studentHeader,
  write,
} from './csv-fixture.ts'
import type { RegistryFileError } from './file-findings.ts'

test('four good files become rows whose fields are the columns of the tables', async () => {
  const checked = await check({
    departments,
    staff: `id,password,department_id\n1,${bcrypt},2\n2,"${argon}",1\n`,
    students: `${studentHeader},enrollment_end_time\n${student(7)},2026-09-01T09:00:00.5+03:30\n${student(8)},\n`,
    courses: `${courseHeader}\n${course}\n`,
  })
  assert.deepEqual(await rowsOf(checked.departments), [
    { id: 1, name: 'Physics' },
    { id: 2, name: 'Arts, Crafts' },
  ])
  assert.deepEqual(await rowsOf(checked.staff), [
    { id: 1, password: bcrypt, department_id: 2, code: null },
    { id: 2, password: argon, department_id: 1, code: null },
  ])
  assert.equal(checked.plainPasswords, 2)
  const done: number[] = []
  await checked.hashPasswords(
    async (plain) => `hash of ${plain}`,
    (count) => done.push(count),
  )
  assert.deepEqual(done, [1, 2])
  const first = {
    id: 7,
    password: 'hash of secret-7',
    enrollment_start_time: '2026-09-01T03:30:00.000Z',
    enrollment_end_time: '2026-09-01T05:30:00.500Z',
    max_units: 20,
    remaining_actions: 12,
    department_id: 1,
    entry_year: 1402,
    gender: 'female',
    code: null,
  }
  const second = { ...first, id: 8, password: 'hash of secret-8', enrollment_end_time: null }
  assert.deepEqual(await rowsOf(checked.students), [first, second])
  assert.deepEqual(await rowsOf(checked.students), [first, second], 'a second reading gives the same')
  const [row] = await rowsOf(checked.courses)
  assert.deepEqual(row && unpackClassTime(row.class_time), [
    { day: 0, startMinute: 540, endMinute: 630 },
    { day: 2, startMinute: 540, endMinute: 630 },
  ])
  assert.deepEqual(row, {
    course_id: 40_103,
    group_id: 1,
    for_department: 1,
    name: 'Optics',
    lecturer: 'Ada Lovelace',
    units: 3,
    capacity: 40,
    reserve_capacity: 10,
    exam_time: '2027-01-10T08:00:00.000Z',
    exam_minutes: 120,
    class_time: row?.class_time,
    meetings: null,
    sex_lock: null,
    notes: '',
    status: 'open',
    code: null,
  })
  assert.deepEqual(
    [checked.departments.count, checked.staff.count, checked.students.count, checked.courses.count],
    [2, 2, 2, 1],
  )
})

test('meetings that differ by day get the column of their own, and no exam is the time zero', async () => {
  const text = coursesWith('class_time', 'saturday 08:00-09:30; TUE 7:15–8:00;')
    .replace('2027-01-10T08:00Z', '')
    .replace(',120,', ',,')
  const [row] = await rowsOf((await check({ departments, courses: text })).courses)
  assert.equal(row?.class_time, 0)
  assert.equal(
    row?.meetings,
    '[{"day":0,"start_minute":480,"end_minute":570},{"day":3,"start_minute":435,"end_minute":480}]',
  )
  assert.equal(row?.exam_time, null)
  assert.equal(row?.exam_minutes, null)
})

test('the packed class time of an older export is read, and no class is no class', async () => {
  const packed = 480 + 1440 * 570 + 2 ** 22 + 2 ** 24
  for (const [cell, classTime] of [
    [String(packed), packed],
    ['0', 0],
    ['', 0],
  ] as const) {
    const [row] = await rowsOf(
      (await check({ departments, courses: coursesWith('class_time', cell) })).courses,
    )
    assert.equal(row?.class_time, classTime)
    assert.equal(row?.meetings, null)
  }
})

test('columns may stand in any order, cells may be quoted, lines may end the Windows way, blank lines count for nothing', async () => {
  const text = '\uFEFFname,id\r\n"Say ""hi"", Bob",3\r\n\r\n"Müller\u2019s",4'
  assert.deepEqual(await rowsOf((await check({ departments: text })).departments), [
    { id: 3, name: 'Say "hi", Bob' },
    { id: 4, name: 'Müller’s' },
  ])
})

test('a file with nothing but its header loads nothing', async () => {
  const checked = await check({ departments: 'id,name' })
  assert.equal(checked.departments.count, 0)
  assert.deepEqual(await rowsOf(checked.departments), [])
  assert.deepEqual(await rowsOf(checked.courses), [])
})

test('a department may be in the database instead of in the files', async () => {
  await check({ students: `${studentHeader}\n${student(1)}` }, [1])
  const [fault] = await faultsOf({ students: `${studentHeader}\n${student(1)}` }, [2])
  assert.deepEqual([fault?.line, fault?.column], [2, 'department_id'])
  assert.match(fault?.reason ?? '', /^is 1, a department that is neither/)
})

test('an id or a group that comes again is told with the line of the first', async () => {
  const students = `${studentHeader}\n${student(1)}\n\n${student(2)}\n${student(1)}\n`
  const twice = `${courseHeader}\n${course}\n${course.replace(',1,', ',2,')}\n${course}\n`
  const faults = await faultsOf({ departments: `${departments}2,Again\n`, students, courses: twice })
  assert.deepEqual(
    faults.map(({ line, column, reason }) => [line, column, reason]),
    [
      [4, 'id', 'is 2 again; first on line 3'],
      [5, 'id', 'is 1 again; first on line 2'],
      [4, 'course_id, group_id', 'is 40103, 1 again; first on line 2'],
    ],
  )
})

test('nobody has a place in a group that was cancelled; in a closed one they do', async () => {
  const [one, two] = [course, course.replace('40103,1', '40103,2')]
  const courses = `${courseHeader},status\n${one},cancelled\n${two},closed\n`
  const students = `${studentHeader}\n${student(1)}\n${student(2)}\n`
  const places = (group: number) => `student_id,course_id,group_id\n1,40103,${group}\n2,40103,2\n`
  const known = { departments, students, courses }
  assert.deepEqual(
    (await rowsOf((await check({ ...known, enrollments: places(2) })).courses)).map(({ status }) => status),
    ['cancelled', 'closed'],
  )
  const [fault, ...others] = await faultsOf({ ...known, enrollments: places(1) })
  assert.equal(fault?.line, 2)
  assert.match(fault?.reason ?? '', /^is 40103\/1, a group that was cancelled/)
  assert.deepEqual(others, [])
})

test('every fault of a row is told, and the line is right behind cells of several lines', async () => {
  const withNotes = coursesWith('notes', '"one\ntwo\nthree"')
  const faults = await faultsOf({ departments, courses: `${withNotes}x,1,9,Optics,,many,40,10,,,,,\n` })
  assert.deepEqual(
    faults.map(({ line, column }) => [line, column]),
    [
      [5, 'course_id'],
      [5, 'units'],
    ],
  )
})

test('a header must name the columns that there are, once each', async () => {
  const reasons = async (contents: Contents) =>
    (await faultsOf(contents)).map(({ column, reason }) => `${column}: ${reason}`)
  assert.deepEqual(await reasons({ departments: 'id,name,id,titel\n' }), [
    'id: is there twice',
    '"titel": is no column of this file; it has id, name',
  ])
  assert.deepEqual(await reasons({ departments: 'name\n' }), ['id: is missing'])
  assert.match(
    (await reasons({ departments: 'id;name\n1;x\n' }))[0] ?? '',
    /separated by semicolons; wants commas/,
  )
  assert.match((await reasons({ departments: '' }))[0] ?? '', /is empty; wants a header: id, name/)
  assert.match(
    (await reasons({ staff: 'id,department_id\n' }))[0] ?? '',
    /has no column password and no password_plain/,
  )
})

test('rows with too few or too many cells are refused', async () => {
  const faults = await faultsOf({ departments: 'id,name\n1\n2,x,y\n3,z\n' })
  assert.deepEqual(
    faults.map(({ line, reason }) => [line, reason]),
    [[2, 'has 1 cells where the header has 2']],
  )
})

test('what is no CSV is refused on the line where it stops being one, after the faults before it', async () => {
  const cases = [
    ['id,name\nx,ok\n2,"open\n3,x\n', 3, /never closed/],
    ['id,name\nx,ok\n2,"a"b\n', 3, /behind a closing quotation mark/],
    ['id,name\nx,ok\n2,a"b\n', 3, /inside a cell that does not begin with one/],
    [`id,name\nx,ok\n2,"${'x'.repeat(1_100_000)}\n`, 3, /never closed/],
    [Buffer.from('id,name\nx,ok\n2,M\xfcller\n', 'latin1'), 3, /is not UTF-8/],
    [Buffer.from('id,name\nx,ok\n2,M\xc3', 'latin1'), 3, /is not UTF-8/],
  ] as const
  for (const [content, line, reason] of cases) {
    const faults = await faultsOf({ departments: content })
    const last = faults.at(-1)
    assert.equal(last?.line, line)
    assert.match(last?.reason ?? '', reason)
  }
  const [fault] = await faultsOf({ departments: Buffer.from('\uFEFFid,name\n', 'utf16le') })
  assert.match(fault?.reason ?? '', /is UTF-16/)
})

test('characters of several bytes that fall between two pieces of a large file are read whole', async () => {
  // 3 bytes each, so that a piece of 64 KiB ends inside one whatever comes before.
  for (const shift of ['', 'a', 'aa']) {
    const names = Array.from({ length: 1000 }, (_, index) => `${index},"${shift}${'\u2019'.repeat(190)}"`)
    const checked = await check({ departments: `id,name\n${names.join('\n')}` })
    for (const { name } of await rowsOf(checked.departments))
      assert.equal(name, `${shift}${'\u2019'.repeat(190)}`)
    assert.equal(checked.departments.count, 1000)
  }
})

test('of each kind of fault the first is told, and how many there are', async () => {
  const text = `id,name\n${Array.from({ length: 50 }, (_, index) => `x${index},y`).join('\n')}\n1,"a\0b"\n`
  await assert.rejects(check({ departments: text }), (error: RegistryFileError) => {
    assert.equal(error.findings.length, 2)
    assert.match(
      error.message,
      /line 2, id: is "x0"; wants .* \(and 49 more like it\)\n.* line 52, name: contains/,
    )
    return true
  })
})

test('a file that is not there, or that cannot be read twice, is refused', async () => {
  const departmentsInDatabase = async () => new Set<number>()
  for (const [path, reason] of [
    [join(folder, 'none.csv'), /cannot be read \(ENOENT\)/],
    [folder, /is not a regular file/],
  ] as const) {
    await assert.rejects(
      checkFiles({ courses: path }, { departmentsInDatabase, knownInDatabase: nobodyInDatabase }),
      reason,
    )
  }
})

test('a file that changes after it was checked is not loaded', async () => {
  const checked = await check({ departments })
  await appendFile(join(folder, 'departments.csv'), '3,Added\n')
  await assert.rejects(rowsOf(checked.departments), /has changed since it was checked/)
  await appendFile(join(folder, 'departments.csv'), 'x,Broken\n')
  await assert.rejects(rowsOf(checked.departments), /has changed since it was checked/)
})

test('progress counts the bytes of all files', async () => {
  const files = await write({ departments, students: `${studentHeader}\n${student(1)}\n` })
  const told: number[][] = []
  await checkFiles(files, {
    departmentsInDatabase: async () => new Set(),
    knownInDatabase: nobodyInDatabase,
    onBytes: (read, total) => told.push([read, total]),
  })
  const [read, total] = told.at(-1) ?? []
  assert.ok(read === total && (total ?? 0) > departments.length)
})

test('a window ends after it began by microseconds, too', async () => {
  const students = (end: string) =>
    `${studentHeader},enrollment_end_time\n${student(1).replace('07:00:00+03:30', '07:00:00.000001+03:30')},${end}\n`
  await check({ departments, students: students('2026-09-01T03:30:00.000002Z') })
  for (const end of ['2026-09-01T03:30:00.000001Z', '2026-09-01T03:30:00Z']) {
    const [fault] = await faultsOf({ departments, students: students(end) })
    assert.equal(fault?.reason, 'is not after enrollment_start_time')
  }
})

test('a place says that it waits, and in which order, or neither', async () => {
  const enrollments = 'student_id,course_id,group_id,reserve_order,reserved,extra_seat\n'
  const known = {
    departments,
    students: `${studentHeader}\n${student(1)}\n`,
    courses: `${courseHeader}\n${course}\n`,
  }
  for (const [row, reason] of [
    ['1,40103,1,,yes,', 'is true without an order in the queue'],
    ['1,40103,1,3,no,', 'is false with an order in the queue'],
    ['1,40103,1,,,perhaps', 'is "perhaps"; wants yes or no'],
  ]) {
    const [fault] = await faultsOf({ ...known, enrollments: `${enrollments}${row}\n` })
    assert.equal(fault?.reason, reason)
  }
})

test('a course counts no more units than the setting says', async () => {
  const files = await write({ departments, courses: coursesWith('units', '61') })
  const options = { departmentsInDatabase: async () => new Set<number>(), knownInDatabase: nobodyInDatabase }
  await checkFiles(files, options)
  await assert.rejects(
    checkFiles(files, { ...options, courseUnitsMax: 60 }),
    /units: is "61"; wants at most 60, or a larger ENROLLMENT_COURSE_UNITS_MAX/,
  )
})
