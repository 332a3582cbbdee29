import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { AdoptionNeeded } from '../engine/ports.ts'
import { DatabaseCampusStore } from './campus-store.ts'
import { adoptLegs, findings, stopsService } from './table-findings.ts'
import { finishAdoption } from './migrate.ts'
import { describeSetAside, type SetAsideRows } from './row-faults.ts'
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

test('who is known to sit beyond the capacity is no finding, and is loaded as such', async () => {
  await db.database.query('UPDATE courses SET capacity = 2 WHERE course_id = 101 AND group_id = 1')
  await hold([1, 101, 1, false], [2, 101, 1, false], [3, 101, 1, false])
  await db.database.query('UPDATE enrolled_courses SET extra_seat = TRUE WHERE student_id = 1')
  assert.deepEqual(await findings(db.database), [])
  assert.deepEqual((await load()).campus.group(101, 1).extra, [1])
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

describe('rows of other programs', () => {
  before(async () => {
    await db.database.query('ALTER TABLE students DROP CONSTRAINT students_numbers_not_negative')
    await db.database.query('ALTER TABLE courses DROP CONSTRAINT courses_numbers_not_negative')
  })
  const texts = async () => (await findings(db.database)).map(({ text }) => text)

  test('that cannot be served are named by column and value, and nobody else is kept waiting', async () => {
    await db.database.query(`
      UPDATE students SET max_units = -1 WHERE id = 2;
      UPDATE students SET enrollment_start_time = '1969-12-31 23:59:59' WHERE id = 3;
      UPDATE students SET enrollment_start_time = '0001-01-01' WHERE id = 4;
      UPDATE students SET enrollment_start_time = '-infinity' WHERE id = 5;
      UPDATE students SET enrollment_start_time = 'infinity' WHERE id = 6;
      UPDATE students SET id = -7 WHERE id = 7;
      UPDATE courses SET units = -1, capacity = -2, class_time = -1 WHERE course_id = 102`)
    await hold([1, 101, 1, true], [2, 101, 2, true])
    await db.database.query(
      'UPDATE enrolled_courses SET reserve_order = 9007199254740992 WHERE student_id = 1',
    )
    await db.database.query('UPDATE enrolled_courses SET reserve_order = -5 WHERE student_id = 2')
    const lines = (await texts()).filter((text) => !text.includes('free seats'))
    const values = await db.rows(
      'SELECT enrollment_start_time::text FROM students WHERE id BETWEEN 3 AND 6 ORDER BY id',
    )
    const [early, zero, ...ends] = values.flat()
    assert.deepEqual(lines.toSorted(), [
      '1 row of courses cannot be served because of capacity, and is set aside until corrected: course 102 group 1 (-2)',
      '1 row of courses cannot be served because of class_time, and is set aside until corrected: course 102 group 1 (-1)',
      '1 row of courses cannot be served because of units, and is set aside until corrected: course 102 group 1 (-1)',
      '1 row of enrolled_courses cannot be served because of reserve_order, and is set aside until corrected: row 1 (9007199254740992)',
      '1 row of enrolled_courses with a reserve_order below 0 waits in that order, before those with another: row 2',
      '1 row of students cannot be served because of id, and is set aside until corrected: student -7 (-7)',
      '1 row of students cannot be served because of max_units, and is set aside until corrected: student 2 (-1)',
      '4 rows of students cannot be served because of enrollment_start_time, and are set aside until corrected: ' +
        `student 3 (${String(early)}), student 4 (${String(zero)}), student 5 (-infinity), student 6 (infinity)`,
    ])
    assert.deepEqual(ends, ['-infinity', 'infinity'])
    const told: SetAsideRows[][] = []
    const telling = new DatabaseCampusStore(db.database, {
      windowMs: 3_600_000,
      onSetAside: (rows) => told.push([...rows]),
    })
    const { campus } = await telling.loadCampus(await takeTerm(db.batcher), {
      keysSinceMs: 0,
      keysBytesMax: 0,
    })
    const setAside = [...campus.students.values()].filter(({ profile }) => profile.faults !== undefined)
    assert.deepEqual(
      setAside.map(({ id }) => id).toSorted((a, b) => a - b),
      [-7, 2, 3, 4, 5, 6],
    )
    const { capacity, units, profile } = campus.group(102, 1)
    assert.deepEqual([capacity, units, profile.meetings], [0, 0, []], 'nobody gains by it')
    assert.deepEqual(campus.group(101, 1).profile.faults, ['reserve_order'])
    assert.equal(campus.group(101, 2).profile.faults, undefined)
    assert.equal(campus.group(101, 2).nextOrder, 1)
    assert.deepEqual(
      told.map((rows) => rows.map(describeSetAside).toSorted()),
      [lines.filter((line) => line.includes('set aside')).toSorted()],
    )
  })

  test('of one kind are counted, and ten of them named', async () => {
    await db.database.query(`
      INSERT INTO students (id, password, enrollment_start_time, max_units, remaining_actions, department_id, entry_year, gender)
      SELECT id, 'x', '-infinity', 20, 5, 1, 2024, 'male' FROM generate_series(11, 40) AS id`)
    const [line = ''] = await texts()
    assert.match(
      line,
      /^30 rows of students .*: student 11 \(-infinity\), .*student 20 \(-infinity\), and 20 more$/,
    )
  })

  test('with a bit that is no hour, or with an end before the start, are told and served as they are meant', async () => {
    const nine = 540 + 1440 * 630 + 2 ** 23
    await db.database.query('UPDATE courses SET class_time = $1 WHERE group_id = 1', [nine + 2 ** 21])
    await db.database.query('UPDATE courses SET class_time = $1 WHERE group_id = 2', [
      1380 + 1440 * 60 + 2 ** 23,
    ])
    assert.deepEqual(await texts(), [
      `2 class_time of courses have bit 21, which is no hour of a day, and are read without it; a day may be missing: ` +
        `course 101 group 1 (${nine + 2 ** 21}: 9:00-10:30), course 102 group 1 (${nine + 2 ** 21}: 9:00-10:30)`,
      '1 class_time of courses ends before or as it begins, read as an end on the next day, or as no time at all if both are ' +
        `the same: course 101 group 2 (${1380 + 1440 * 60 + 2 ** 23}: 23:00-1:00)`,
    ])
    const { campus } = await load()
    assert.deepEqual(campus.group(101, 1).profile.meetings, [{ day: 1, startMinute: 540, endMinute: 630 }])
  })

  test('that adoption would have to name, and cannot, must be corrected by hand', async () => {
    await db.database.query('UPDATE students SET id = -7 WHERE id = 7')
    await hold([-7, 101, 1, false], [-7, 101, 1, false])
    const found = await findings(db.database)
    assert.deepEqual(
      found.map(({ kind }) => kind),
      ['set_aside', 'unusable'],
    )
    assert.deepEqual(adoptLegs(found), [])
    await assert.rejects(load(true), AdoptionNeeded)
  })
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
