import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { claimJournal, ensureCampus, jwtSecret, markSample, readCampus, switchJournal } from './campus-row.ts'
import { finishAdoption, migrate, readMigrations } from './migrate.ts'
import { createTables, type TestTables } from './testing/tables.ts'
import { replacedTables } from '../../kit/replaced-tables.ts'

let db: TestTables

beforeEach(async () => {
  db = await createTables({ migrated: false })
})
afterEach(() => db.remove())

const olderRows = `
  INSERT INTO departments (name) VALUES ('Physics');
  INSERT INTO staff (id, password, department_id) VALUES (1, 'hash', 1);
  INSERT INTO students (id, password, enrollment_start_time, max_units, remaining_actions, department_id, entry_year,
    gender) VALUES (7, 'hash', '2026-09-21 07:00', 20, 5, 1, 2024, 'male');
  INSERT INTO courses (course_id, group_id, for_department, name, lecturer, units, capacity, reserve_capacity,
    exam_time, class_time, notes) VALUES (101, 1, 1, 'Optics', 'Lise', 3, 30, 5, 'epoch', 0, '');
  INSERT INTO enrolled_courses (course_id, group_id, student_id) VALUES (101, 1, 7)`
const hasUniquePlaces = "SELECT to_regclass('enrolled_courses_once') IS NOT NULL"

test('an empty database gets every table, and a second time changes nothing', async () => {
  const names = (await readMigrations()).map(({ name }) => name)
  assert.deepEqual(await migrate(db.database), names)
  assert.deepEqual(await migrate(db.database), [])
  assert.deepEqual(
    await db.rows('SELECT name FROM enrollment_migrations ORDER BY name'),
    names.map((name) => [name]),
  )
})

test('a database of the replaced system is taken over with every row in it', async () => {
  await db.database.query(replacedTables('TIMESTAMP'))
  await db.database.query(olderRows)
  await migrate(db.database)
  assert.deepEqual(await db.rows('SELECT id, student_id, reserved, reserve_order FROM enrolled_courses'), [
    [1, 7, false, null],
  ])
  assert.deepEqual(await db.rows(hasUniquePlaces), [[true]])
  await db.database.query(
    olderRows.replaceAll('101', '102').replaceAll('(7,', '(8,').replace(' (1, ', ' (2, '),
  )
})

test('where duplicates stand, they are left standing until adoption has removed them', async () => {
  await db.database.query(replacedTables('TIMESTAMP'))
  await db.database.query(olderRows)
  await db.database.query('INSERT INTO enrolled_courses (course_id, group_id, student_id) VALUES (101, 1, 7)')
  await migrate(db.database)
  assert.deepEqual(await db.rows(hasUniquePlaces), [[false]])
  await assert.rejects(finishAdoption(db.database), /duplicated|could not create unique index/)
  await db.database.query('DELETE FROM enrolled_courses WHERE id = 2')
  await finishAdoption(db.database)
  await finishAdoption(db.database)
  assert.deepEqual(await db.rows(hasUniquePlaces), [[true]])
})

test('processes that start at the same moment migrate once', async () => {
  const applied = await Promise.all([migrate(db.database), migrate(db.database), migrate(db.database)])
  assert.deepEqual(
    applied.flat().toSorted(),
    (await readMigrations()).map(({ name }) => name),
  )
})

const migration = (name: string, sql = 'SELECT 1') => ({ name, sql, checksum: sql })

test('a migration that changed after it was applied is refused by name', async () => {
  await migrate(db.database, [migration('0001-a')])
  await assert.rejects(migrate(db.database, [migration('0001-a', 'SELECT 2')]), {
    name: 'MigrationRefused',
    message: /0001-a has changed/,
  })
})

test('a database newer than the program is refused', async () => {
  await migrate(db.database, [migration('0001-a'), migration('0002-b')])
  await assert.rejects(migrate(db.database, [migration('0001-a')]), {
    name: 'MigrationRefused',
    message: /newer than this program.*0002-b/,
  })
})

test('a migration cannot be slipped in before one that was applied', async () => {
  await migrate(db.database, [migration('0001-a'), migration('0003-c')])
  await assert.rejects(
    migrate(db.database, [migration('0001-a'), migration('0002-b'), migration('0003-c')]),
    /0003-c without 0002-b before it/,
  )
})

test('a migration that fails leaves nothing of itself, and the ones before it stand', async () => {
  const failing = migration('0002-b', 'CREATE TABLE half (id INTEGER); SELECT * FROM nowhere')
  await assert.rejects(
    migrate(db.database, [migration('0001-a'), failing]),
    /migration 0002-b failed: .*nowhere/,
  )
  assert.deepEqual(await db.rows("SELECT to_regclass('half') IS NULL"), [[true]])
  assert.deepEqual(await db.rows('SELECT name FROM enrollment_migrations'), [['0001-a']])
})

test('meetings that are no times of a week are refused by the table', async () => {
  await migrate(db.database)
  await db.database.query(olderRows)
  const set = (meetings: unknown) =>
    db.database.query('UPDATE courses SET meetings = $1::jsonb', [JSON.stringify(meetings)])
  await set([{ day: 6, start_minute: 0, end_minute: 1440 }])
  await set([])
  for (const wrong of [
    {},
    'monday',
    [5],
    [{ day: 7, start_minute: 0, end_minute: 60 }],
    [{ day: 1, start_minute: 60, end_minute: 60 }],
    [{ day: 1, start_minute: 0, end_minute: 1441 }],
    [{ day: 1.5, start_minute: 0, end_minute: 60 }],
    [{ day: '1', start_minute: 0, end_minute: 60 }],
    [{ start_minute: 0, end_minute: 60 }],
    [{ day: 1, start_minute: 0, end_minute: 60 }, null],
  ]) {
    await assert.rejects(set(wrong), /courses_meetings_are_times_of_a_week/, JSON.stringify(wrong))
  }
})

test('a campus is named once and keeps its name', async () => {
  await migrate(db.database)
  await assert.rejects(readCampus(db.database), /names no campus/)
  assert.equal((await ensureCampus(db.database, { generated: 'campus-1f3a9c2b' })).id, 'campus-1f3a9c2b')
  const again = await ensureCampus(db.database, { generated: 'campus-00000000', configured: undefined })
  assert.deepEqual(again, { id: 'campus-1f3a9c2b', journal: undefined, isSample: false })
  await assert.rejects(ensureCampus(db.database, { generated: 'x', configured: 'north' }), {
    name: 'WrongCampus',
    message: 'this database is campus campus-1f3a9c2b, not north; correct DATABASE_URL or ENROLLMENT_CAMPUS',
  })
  await markSample(db.database)
  assert.equal((await readCampus(db.database)).isSample, true)
})

test('the first journal feeds the database; another is refused until it is switched', async () => {
  await migrate(db.database)
  await ensureCampus(db.database, { generated: 'x', configured: 'north' })
  await claimJournal(db.database, 'rabbitmq / north.journal')
  await claimJournal(db.database, 'rabbitmq / north.journal')
  await assert.rejects(claimJournal(db.database, 'direct'), {
    name: 'WrongCampus',
    message: /rabbitmq \/ north\.journal.*configured for direct.*enrollment migrate --switch-journal/,
  })
  const from = 'rabbitmq / north.journal'
  await switchJournal(db.database, { from, to: 'direct' })
  await assert.rejects(switchJournal(db.database, { from, to: 'direct' }), /somebody else has switched/)
  await claimJournal(db.database, 'direct')
  assert.equal((await readCampus(db.database)).journal, 'direct')
})

test('servers that start at the same moment agree on one token secret', async () => {
  await migrate(db.database)
  await ensureCampus(db.database, { generated: 'north' })
  let made = 0
  const secrets = await Promise.all(
    Array.from({ length: 5 }, () => jwtSecret(db.database, () => `secret-${++made}`)),
  )
  assert.equal(new Set(secrets).size, 1)
  assert.equal(await jwtSecret(db.database, () => 'another'), secrets[0])
})
