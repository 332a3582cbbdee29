import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import type { RegistryRows } from '../registry/rows.ts'
import { type LoadRefused, type LoadSources, loadTables } from './bulk-load.ts'
import { createTables, type TestTables } from './testing/tables.ts'

let db: TestTables

before(async () => {
  db = await createTables({ migrated: true })
})
after(() => db.remove())
beforeEach(async () => {
  await db.database.query('TRUNCATE departments, staff, students, courses, enrolled_courses CASCADE')
  await db.database.query('TRUNCATE outside_changes')
})

const department = (id: number) => ({ id, name: `Department ${id}` })
const student = (id: number, departmentId = 1) => ({
  id,
  password: '$argon2id$v=19$\\tab\t',
  enrollment_start_time: '2026-09-21T07:00:00.000Z',
  enrollment_end_time: null,
  max_units: 20,
  remaining_actions: 5,
  department_id: departmentId,
  entry_year: 2024,
  gender: 'female' as const,
})
const course = (id: number) => ({
  course_id: id,
  group_id: 1,
  for_department: 1,
  name: 'Optics',
  lecturer: 'Lise',
  units: 3,
  capacity: 30,
  reserve_capacity: 5,
  exam_time: '1970-01-01T00:00:00.000Z',
  exam_minutes: null,
  class_time: 0,
  meetings: '[{"day": 1, "start_minute": 5, "end_minute": 6}]',
  sex_lock: null,
  notes: 'two\nlines',
  status: 'closed' as const,
})
const counts = () =>
  db.rows(`SELECT ARRAY[(SELECT count(*)::int FROM departments), (SELECT count(*) FROM staff), (SELECT count(*) FROM students),
    (SELECT count(*) FROM courses), (SELECT count(*) FROM enrolled_courses), (SELECT count(*) FROM outside_changes)]::int[]`)

async function* later<Row>(rows: readonly Row[]): AsyncGenerator<Row> {
  yield* rows
}

test('a whole registry is loaded in one go, and noted as one change from outside', async () => {
  const progress: [string, number][] = []
  const registry: RegistryRows = {
    departments: { count: 2, rows: [department(1), department(9)] },
    staff: { count: 1, rows: later([{ id: 1, password: 'x', department_id: 1 }]) },
    students: { count: 2, rows: later([student(1), student(2)]) },
    courses: { count: 1, rows: [course(101)] },
    enrolled_courses: {
      count: 2,
      rows: [
        {
          course_id: 101,
          group_id: 1,
          student_id: 1,
          reserved: false,
          reserve_order: null,
          extra_seat: false,
        },
        { course_id: 101, group_id: 1, student_id: 2, reserved: true, reserve_order: 1, extra_seat: false },
      ],
    },
  }
  await loadTables(db.database, registry, { onProgress: (table, rows) => progress.push([table, rows]) })
  assert.deepEqual(await counts(), [[[2, 1, 2, 1, 2, 1]]])
  assert.deepEqual(await db.rows('SELECT password, enrollment_start_time FROM students WHERE id = 1'), [
    ['$argon2id$v=19$\\tab\t', new Date('2026-09-21T07:00:00Z')],
  ])
  assert.deepEqual(await db.rows('SELECT notes, meetings FROM courses'), [
    ['two\nlines', [{ day: 1, start_minute: 5, end_minute: 6 }]],
  ])
  assert.deepEqual(await db.rows('SELECT table_name, operation FROM outside_changes'), [
    ['departments, staff, students, courses, enrolled_courses', 'LOAD'],
  ])
  assert.deepEqual(progress, [
    ['departments', 2],
    ['staff', 1],
    ['students', 2],
    ['courses', 1],
    ['enrolled_courses', 2],
  ])
  const [added] = await db.rows("INSERT INTO departments (name) VALUES ('New') RETURNING id")
  assert.deepEqual(added, [10], 'ids go on behind those that were loaded')
})

test('as many of the extra seats in a file are loaded as extra as are beyond the capacity', async () => {
  const place = (student_id: number, extra_seat: boolean) => ({
    course_id: 101,
    group_id: 1,
    student_id,
    reserved: false,
    reserve_order: null,
    extra_seat,
  })
  const sources = {
    departments: { rows: [department(1)] },
    students: { rows: [1, 2, 3, 4].map((id) => student(id)) },
    courses: { rows: [{ ...course(101), capacity: 3 }] },
    enrolled_courses: { rows: [place(4, true), place(2, true), place(1, true), place(3, false)] },
  }
  await loadTables(db.database, sources)
  assert.deepEqual(
    await db.rows('SELECT student_id FROM enrolled_courses WHERE extra_seat ORDER BY student_id'),
    [[4]],
  )
})

test('who waits beside a free seat has it when the load is over, first come first', async () => {
  const place = (student_id: number, reserve_order: number | null) => ({
    course_id: 101,
    group_id: 1,
    student_id,
    reserved: reserve_order !== null,
    reserve_order,
    extra_seat: false,
  })
  const sources = {
    departments: { rows: [department(1)] },
    students: { rows: [1, 2, 3, 4].map((id) => student(id)) },
    courses: { rows: [{ ...course(101), capacity: 3 }] },
    enrolled_courses: { rows: [place(4, 9), place(1, 7), place(2, 8), place(3, null)] },
  }
  assert.deepEqual(await loadTables(db.database, sources, { dryRun: true }), { seated: 2 })
  assert.deepEqual(await loadTables(db.database, sources), { seated: 2 })
  assert.deepEqual(
    await db.rows('SELECT student_id, reserved, reserve_order FROM enrolled_courses ORDER BY student_id'),
    [
      [1, false, null],
      [2, false, null],
      [3, false, null],
      [4, true, 9],
    ],
  )
})

test('a load larger than any buffer arrives whole', async () => {
  await loadTables(db.database, {
    departments: { rows: [department(1)] },
    students: { rows: Array.from({ length: 5000 }, (_, index) => student(index)) },
  })
  assert.deepEqual(await db.rows('SELECT count(*), max(id) FROM students'), [[5000, 4999]])
})

const refusals: { name: string; sources: LoadSources; refusal: Partial<LoadRefused> }[] = [
  {
    name: 'a student who is there already',
    sources: { students: { rows: [student(1), student(7)] } },
    refusal: { table: 'students', row: 2, column: 'id', key: { id: '7' }, message: 'id 7: is there already' },
  },
  {
    name: 'a student of a department that is not there',
    sources: { students: { rows: [student(1), student(2, 44)] } },
    refusal: {
      table: 'students',
      column: 'department_id',
      key: { department_id: '44' },
      message: 'department_id 44: names something that is not there',
    },
  },
  {
    name: 'the same course group twice',
    sources: { courses: { rows: [course(101), course(102), course(101)] } },
    refusal: {
      table: 'courses',
      row: 3,
      column: 'course_id',
      key: { course_id: '101', group_id: '1' },
      message: 'course_id 101, group_id 1: is there already',
    },
  },
  {
    name: 'a number that its column cannot hold',
    sources: { students: { rows: [student(1), { ...student(2), max_units: 40_000 }] } },
    refusal: { table: 'students', row: 2, column: 'max_units' },
  },
  {
    name: 'a capacity below nothing',
    sources: { courses: { rows: [{ ...course(101), capacity: -1 }] } },
    refusal: { table: 'courses', row: 1 },
  },
  {
    name: 'a missing name',
    sources: { departments: { rows: [{ id: 3, name: null }] } },
    refusal: { table: 'departments', row: 1, column: 'name' },
  },
]
for (const { name, sources, refusal } of refusals) {
  test(`${name} is refused, named, and nothing is loaded`, async () => {
    await loadTables(db.database, {
      departments: { rows: [department(1)] },
      students: { rows: [student(7)] },
    })
    const held = await counts()
    await assert.rejects(
      loadTables(db.database, { departments: { rows: [department(2)] }, ...sources }),
      (error: LoadRefused) => {
        assert.equal(error.name, 'LoadRefused')
        for (const [field, value] of Object.entries(refusal)) {
          assert.deepEqual(error[field as keyof LoadRefused], value, field)
        }
        return true
      },
    )
    assert.deepEqual(await counts(), held)
  })
}

test('a source that fails in the middle loads nothing and says why itself', async () => {
  async function* failing() {
    for (let id = 0; id < 2000; id++) yield student(id)
    throw new RangeError('line 2001, column gender: neither')
  }
  await assert.rejects(
    loadTables(db.database, { departments: { rows: [department(1)] }, students: { rows: failing() } }),
    { name: 'RangeError', message: 'line 2001, column gender: neither' },
  )
  assert.deepEqual(await counts(), [[[0, 0, 0, 0, 0, 0]]])
})
