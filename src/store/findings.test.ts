import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { AdoptionNeeded } from '../engine/ports.ts'
import { DatabaseCampusStore } from './campus-store.ts'
import { adoptLegs, findings, stopsService } from './findings.ts'
import { finishAdoption } from './migrate.ts'
import { createTables, resetTables, takeTerm, type TestTables } from './testing/tables.ts'

let db: TestTables
let store: DatabaseCampusStore

before(async () => {
  db = await createTables({ migrated: true })
  store = new DatabaseCampusStore(db.database, { windowMs: 3_600_000 })
})
after(() => db.remove())
beforeEach(async () => {
  await resetTables(db.database)
  await db.database.query('DROP INDEX IF EXISTS enrolled_courses_once')
})

/** student, course, group, reserved; ids count from 1 */
async function hold(...rows: readonly (readonly [number, number, number, boolean])[]): Promise<void> {
  for (const row of rows) {
    await db.database.query(
      'INSERT INTO enrolled_courses (student_id, course_id, group_id, reserved) VALUES ($1, $2, $3, $4)',
      [...row],
    )
  }
}

async function load(evenIfAdoptionNeeded = false) {
  return store.loadCampus(await takeTerm(db.batcher), {
    keysSinceMs: 0,
    keysBytesMax: 1_000_000,
    evenIfAdoptionNeeded,
  })
}

test('rows that repeat one another are named with the one that stays, and stop the service', async () => {
  await hold([1, 101, 1, true], [1, 101, 1, false], [1, 101, 1, false], [2, 101, 1, false])
  const found = await findings(db.database)
  assert.deepEqual(found, [
    {
      kind: 'duplicate',
      student: 1,
      course: 101,
      group: 1,
      keeps: 2,
      rows: [3, 1],
      text: 'student 1 is in course 101 group 1 3 times: row 2 stays, rows 3, 1 go',
    },
  ])
  await assert.rejects(load(), (error: unknown) => {
    assert.ok(error instanceof AdoptionNeeded)
    assert.deepEqual(
      error.findings,
      found.map(({ text }) => text),
    )
    return true
  })
  const { campus } = await load(true)
  assert.deepEqual(new Set(campus.group(101, 1).registered), new Set([1, 2]))
  assert.equal(campus.group(101, 1).registered.length, 2, 'once each')
  assert.deepEqual(campus.group(101, 1).queue, [], 'the seat counts, not the reserve place')
})

test('a student in several groups of a course stops the service, whether by seats or by reserve places', async () => {
  await hold(
    [1, 101, 1, false],
    [1, 101, 2, false],
    [2, 101, 1, true],
    [2, 101, 2, false],
    [3, 101, 1, false],
  )
  await finishAdoption(db.database)
  const found = await findings(db.database)
  const several = found.filter(({ kind }) => kind === 'several_groups')
  assert.deepEqual(
    several.map(({ text }) => text),
    [
      'student 1 is in several groups of course 101: 1, 2',
      'student 2 is in several groups of course 101: 1, 2',
    ],
  )
  await assert.rejects(load(), AdoptionNeeded)
  const { campus } = await load(true)
  assert.equal(campus.student(1).places.length, 2)
})

test('too many seats taken, or somebody waiting beside a free one, is told and served all the same', async () => {
  await db.database.query('UPDATE courses SET capacity = 2 WHERE course_id = 101 AND group_id = 1')
  await hold([1, 101, 1, false], [2, 101, 1, false], [3, 101, 1, false])
  await hold([6, 102, 1, false], [7, 102, 1, false], [4, 102, 1, true], [5, 102, 1, true], [8, 101, 2, true])
  const found = await findings(db.database)
  assert.deepEqual(
    found.map(({ text }) => text),
    [
      'course 101 group 1 holds 3 students in 2 seats',
      'course 101 group 2 has free seats, and yet these wait: 8',
      'course 102 group 1 has free seats, and yet these wait: 4',
    ],
  )
  assert.equal(found.some(stopsService), false)
  const { campus } = await load()
  assert.equal(campus.group(101, 1).freeSeats, 0)
})

test('who waits since an older row than somebody’s seat is told of, and no seat is taken away', async () => {
  await hold([1, 101, 1, false], [2, 101, 1, true], [3, 101, 1, false], [4, 101, 1, false])
  const found = await findings(db.database)
  assert.deepEqual(
    found.map(({ text }) => text),
    [
      'student 2 waits in course 101 group 1 since row 2, and 2 got a seat there later, the first by row 3: no seat is taken away for it',
    ],
  )
  assert.equal(found.some(stopsService), false)
  assert.deepEqual(adoptLegs(found), [])
})

test('a clean database has no findings, with the unique index or without', async () => {
  await hold([1, 101, 1, false], [2, 101, 1, false], [3, 101, 1, false], [4, 101, 1, true])
  assert.deepEqual(await findings(db.database), [])
  await load()
  await finishAdoption(db.database)
  await load()
})

test('rows that no adoption can mend must be corrected by hand', async () => {
  await db.database.query('ALTER TABLE students DROP CONSTRAINT students_numbers_not_negative')
  await db.database.query('ALTER TABLE courses DROP CONSTRAINT courses_numbers_not_negative')
  await db.database.query('UPDATE students SET max_units = -1 WHERE id = 2')
  await db.database.query('UPDATE courses SET units = -1 WHERE course_id = 102')
  const found = await findings(db.database)
  assert.deepEqual(
    found.map(({ text }) => text),
    [
      'student 2: a negative id or unit limit: correct it by hand',
      'course 102 group 1: a negative id, capacity or number of units: correct it by hand',
    ],
  )
  await assert.rejects(load(true), AdoptionNeeded)
})

test('adoption is one leg for each course with something to settle, with the rows to remove', async () => {
  await hold(
    [1, 101, 1, false],
    [1, 101, 1, false],
    [2, 101, 1, false],
    [2, 101, 2, false],
    [3, 102, 1, true],
  )
  assert.deepEqual(adoptLegs(await findings(db.database)), [
    { do: 'adopt', course: 101, duplicates: [{ student: 1, group: 1, rows: [2] }] },
    { do: 'adopt', course: 102, duplicates: [] },
  ])
})
