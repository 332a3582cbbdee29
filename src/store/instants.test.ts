import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from 'pg'
import { replacedTables } from '../../kit/replaced-tables.ts'
import { ensureCampus } from './campus-row.ts'
import { DatabaseCampusStore } from './campus-store.ts'
import { openRegistryReader } from './export-rows.ts'
import { migrate } from './migrate.ts'
import { createTables, takeTerm, type TestTables } from './testing/tables.ts'

const hourMs = 3_600_000
const noonInTehran = Date.UTC(2027, 0, 10, 8, 30)

/** What people and the replaced system's tools insert; the end of a window is ours. */
const inserts = `
  INSERT INTO departments (id, name) VALUES (1, 'Physics');
  INSERT INTO staff (id, password, department_id) VALUES (9999111110, 'x', 1);
  INSERT INTO students (id, password, enrollment_start_time, max_units, remaining_actions, department_id, entry_year,
    gender) VALUES (1, 'x', '2027-01-10 12:00+03:30', 20, 5, 1, 2024, 'male'),
    (9999111110, 'x', '2027-01-10 08:30:00.125Z', 20, 5, 1, 2024, 'female');
  INSERT INTO courses VALUES (101, 1, 1, 'Optics', 'Lise', 3, 30, 5, '2027-01-10 12:00+03:30', 0, NULL, ''),
    (102, 1, 1, 'Rhetoric', 'Ada', 3, 30, 5, NULL, 0, NULL, ''), (103, 1, 1, 'Logic', 'Emmy', 3, 30, 5, 'epoch', 0, NULL, '');
  INSERT INTO enrolled_courses (course_id, group_id, student_id) VALUES (101, 1, 9999111110);
  UPDATE students SET enrollment_end_time = enrollment_start_time + interval '1 hour' WHERE id = 1`

const zones = ['UTC', 'Asia/Tehran', 'America/St_Johns', 'Pacific/Kiritimati']
const kinds: Readonly<Record<string, (tables: TestTables) => Promise<unknown>>> = {
  'made by migrate': async () => undefined,
  'of the replaced system': ({ database }) => database.query(replacedTables('TIMESTAMPTZ')),
  'of an older version of it': ({ database }) => database.query(replacedTables('TIMESTAMP')),
}

for (const [kind, make] of Object.entries(kinds)) {
  for (const zone of zones) {
    test(`tables ${kind} take the same INSERTs in a database in ${zone}, and mean the same instants`, async () => {
      const tables = await createTables({ migrated: false })
      try {
        await tables.database.query(
          `ALTER DATABASE ${new URL(tables.url).pathname.slice(1)} SET TimeZone = '${zone}'`,
        )
        await make(tables)
        await migrate(tables.database)
        await ensureCampus(tables.database, { generated: 'test' })
        await inSession(tables.url, inserts)
        await assertInstants(tables)
      } finally {
        await tables.remove()
      }
    })
  }
}

/** As somebody with psql: in whatever zone the database is. */
async function inSession(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    const result: unknown = await client.query(sql)
    return [result].flat().flatMap((one) => (one as { rows: Record<string, unknown>[] }).rows)
  } finally {
    await client.end()
  }
}

async function assertInstants(tables: TestTables): Promise<void> {
  const store = new DatabaseCampusStore(tables.database, { windowMs: hourMs })
  const { campus } = await store.loadCampus(await takeTerm(tables.batcher), {
    keysSinceMs: 0,
    keysBytesMax: 1_000_000,
  })
  const windows = [...campus.students.values()]
    .toSorted((a, b) => a.id - b.id)
    .map(({ id, profile }) => [id, profile.windowStartMs - noonInTehran, profile.windowEndMs - noonInTehran])
  assert.deepEqual(windows, [
    [1, 0, hourMs],
    [9_999_111_110, 125, hourMs + 125],
  ])
  const exams = [...campus.courses.values()].flatMap(({ groups }) =>
    groups.map(({ profile }) => profile.exam?.startMs),
  )
  assert.deepEqual(exams, [noonInTehran, undefined, undefined])
  assert.ok(campus.students.get(9_999_111_110)?.placeIn(101) !== undefined)

  const reader = await openRegistryReader(tables.database)
  const exported: unknown[] = []
  for await (const row of reader.rows<{ exam_time: string | null }>('courses')) exported.push(row.exam_time)
  await reader.close()
  assert.deepEqual(exported, ['2027-01-10T08:30:00.000Z', null, null])
  // What a psql session shows and compares is the same instant, and the CHECK between the ends of a window holds there.
  const [shown] = await inSession(
    tables.url,
    "SELECT enrollment_start_time = '2027-01-10 08:30Z' AS same FROM students WHERE id = 1",
  )
  assert.deepEqual(shown, { same: true })
  await assert.rejects(
    inSession(tables.url, "UPDATE students SET enrollment_end_time = '2027-01-10 12:00+03:30' WHERE id = 1"),
    /students_window_ends_after_start/,
  )
  await inSession(
    tables.url,
    "UPDATE students SET enrollment_end_time = '2027-01-10 12:00:01+03:30' WHERE id = 1",
  )
}

test('times without a zone become the instants in UTC that they meant', async () => {
  const tables = await createTables({ migrated: false })
  try {
    await tables.database.query(
      `ALTER DATABASE ${new URL(tables.url).pathname.slice(1)} SET TimeZone = 'Asia/Tehran'`,
    )
    await tables.database.query(replacedTables('TIMESTAMP'))
    await inSession(
      tables.url,
      `INSERT INTO departments (id, name) VALUES (1, 'Physics');
       INSERT INTO students VALUES (1, 'x', '2027-01-10 08:30', 20, 5, 1, 2024, 'male');
       INSERT INTO courses VALUES (101, 1, 1, 'Optics', 'Lise', 3, 30, 5, '2027-01-10 08:30', 0, NULL, ''),
         (102, 1, 1, 'Logic', 'Emmy', 3, 30, 5, 'epoch', 0, NULL, '')`,
    )
    await migrate(tables.database)
    assert.deepEqual(
      await inSession(
        tables.url,
        `SELECT exam_time AS at FROM courses UNION ALL SELECT enrollment_start_time FROM students`,
      ),
      [{ at: new Date(noonInTehran) }, { at: null }, { at: new Date(noonInTehran) }],
    )
  } finally {
    await tables.remove()
  }
})
