import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { stateLines } from '../actors/campus-digest.ts'
import { checkFiles, type RegistryFiles } from '../src/registry/check-files.ts'
import { checkOneRoster } from '../src/registry/check-oneroster.ts'
import { csvFiles, type ExportedFile, textOf } from '../src/registry/export-format.ts'
import { manifestOf, onerosterFiles } from '../src/registry/oneroster-files.ts'
import { loadTables } from '../src/store/bulk-load.ts'
import { DatabaseCampusStore } from '../src/store/campus-store.ts'
import { openRegistryReader, type RegistryReader } from '../src/store/export-rows.ts'
import { migrate } from '../src/store/migrate.ts'
import { departmentIds, knownPeopleAndGroups } from '../src/store/registry-queries.ts'
import { createTables, takeTerm, type TestTables } from '../src/store/testing/tables.ts'
import { replacedTables } from '../kit/replaced-tables.ts'

let adopted: TestTables
let empty: TestTables
let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'exports-'))
  adopted = await createTables({ migrated: false })
  await adopted.database.query(replacedTables('TIMESTAMPTZ'))
  await migrate(adopted.database)
  empty = await createTables({ migrated: true })
})
after(async () => {
  await adopted.remove()
  await empty.remove()
  await rm(folder, { recursive: true })
})

const text = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '!',
    '=1+1',
    "'=1+1",
    "''-2",
    "'",
    "'a",
    '-',
    '-5',
    '+x',
    '@SUM(A1)',
    '\t=1',
    '\r1',
    "'\t",
    ' =1+1',
    'a\r\nb',
    '\n',
    ' edges ',
    '"',
    ',',
    'C:\\new\\\\',
    '\\',
    'é\u2028😀',
    '\u0001',
  ),
  fc.constant('long, "long"\n'.repeat(400)),
  fc.string({ unit: 'grapheme', maxLength: 30 }).filter((one) => !one.includes('\0')),
)
const small = fc.integer({ min: 0, max: 32_767 })
const time = fc.oneof(
  fc.constantFrom('infinity', 'epoch', '2026-11-30 15:11:16.906532+00', '20000-01-01Z'),
  fc
    .date({ min: new Date(0), max: new Date('9000-01-01'), noInvalidDate: true })
    .map((at) => at.toISOString()),
)
/** Hours and days; over midnight, without length, with bits that are neither, and whatever the column holds. */
const classTime = fc.oneof(
  fc.constantFrom(
    0,
    1320 + 1440 * 120 + 2 ** 22,
    2 ** 22,
    540 + 1440 * 630 + 2 ** 21 + 2 ** 23,
    2 ** 31 - 1,
    -1,
  ),
  fc.integer({ min: 0, max: 2 ** 29 - 1 }),
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
)
const gender = fc.constantFrom('male', 'female')
const hash = `$2a$10$${'N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy'.slice(0, 53)}`
const campus = fc.record({
  departments: fc.array(text, { minLength: 2, maxLength: 2 }),
  people: fc.array(
    fc.record({
      password: fc.constantFrom(hash, 'x', '!', ''),
      start: time,
      maxUnits: small,
      actions: fc.integer({ min: -9, max: 99 }),
      year: fc.integer({ min: -1, max: 1500 }),
      gender,
    }),
    { minLength: 1, maxLength: 6 },
  ),
  groups: fc.array(
    fc.record({
      name: text,
      lecturer: text,
      notes: text,
      units: small,
      capacity: fc.nat(3),
      exam: fc.option(time),
      classTime,
      lock: fc.option(gender),
      /** Beyond the capacity, too. */
      seats: fc.nat(4),
      /** The first of them is known to be beyond it. */
      isMarked: fc.boolean(),
      waiting: fc.nat(2),
    }),
    { minLength: 1, maxLength: 5 },
  ),
})
const codes = [`00-C`, '=C', "'+C", '@'] as const
type Sketch = typeof campus extends fc.Arbitrary<infer One> ? One : never

async function fill({ database }: TestTables, { departments, people, groups }: Sketch): Promise<void> {
  await database.query(
    'TRUNCATE departments, staff, students, courses, enrolled_courses RESTART IDENTITY CASCADE',
  )
  await database.query('INSERT INTO departments (id, name) VALUES (1, $1), (2, $2)', departments)
  await database.query("INSERT INTO staff VALUES (7, 'x', 1), (9999111110, $1, 2)", [hash])
  for (const [index, one] of people.entries()) {
    await database.query('INSERT INTO students VALUES ($1, $2, $3, $4, $5, 1, $6, $7)', [
      9_999_111_110 + index,
      one.password,
      one.start,
      one.maxUnits,
      one.actions,
      one.year,
      one.gender,
    ])
  }
  await database.query(
    "UPDATE students SET code = '00' || id WHERE id % 2 = 0; UPDATE staff SET code = 'É,\"' WHERE id = 7",
  )
  for (const [index, one] of groups.entries()) {
    const { name, lecturer, units, capacity, exam, lock, notes } = one
    await database.query('INSERT INTO courses VALUES ($1, 1, 2, $2, $3, $4, $5, 9, $6, $7, $8, $9)', [
      100 + index,
      name,
      lecturer,
      units,
      capacity,
      exam,
      one.classTime,
      lock,
      notes,
    ])
    if (index % 3 < 2) {
      await database.query('UPDATE courses SET code = $1 WHERE course_id = $2', [
        `${codes[index % codes.length]} ${index}`,
        100 + index,
      ])
    }
    const waiting = one.seats >= capacity ? one.waiting : 0
    const marked = one.isMarked && one.seats > capacity ? 0 : undefined
    for (const place of Array.from({ length: Math.min(one.seats + waiting, people.length) }).keys()) {
      await database.query(
        'INSERT INTO enrolled_courses (course_id, group_id, student_id, reserved, extra_seat) VALUES ($1, 1, $2, $3, $4)',
        [100 + index, 9_999_111_110 + place, place >= one.seats, place === marked],
      )
    }
  }
}

type Format = 'csv' | 'raw' | 'oneroster'

/** The files' texts, by name. */
async function exported({ database }: TestTables, format: Format): Promise<Map<string, string>> {
  const reader = await openRegistryReader(database)
  try {
    const choices = { withPasswords: true, raw: format === 'raw', campus: 'test', term: await reader.term() }
    const files = format === 'oneroster' ? onerosterFiles(choices) : csvFiles(choices)
    const texts = new Map<string, string>()
    for (const file of files) {
      const whole = await textIn(reader, file)
      if (format !== 'oneroster' || whole.split('\r\n').length > 2) texts.set(file.name, whole)
    }
    if (format === 'oneroster') {
      texts.set('manifest.csv', await textIn(reader, manifestOf([...texts.keys()], choices)))
    }
    return texts
  } finally {
    await reader.close()
  }
}

async function textIn(reader: RegistryReader, file: ExportedFile): Promise<string> {
  let whole = ''
  for await (const piece of textOf(
    file,
    (table) => reader.rows(table),
    () => undefined,
  ))
    whole += piece
  return whole
}

/** No cell but a number begins as a formula does. */
function assertHarmless(texts: ReadonlyMap<string, string>): void {
  for (const [name, whole] of texts) {
    const rows: string[][] = parse(whole, { record_delimiter: '\r\n' })
    for (const [column, header] of (rows[0] ?? []).entries()) {
      const isNumber = ['remaining_actions', 'entry_year', 'class_time'].includes(header)
      for (const row of rows) {
        const cell = row[column] ?? ''
        assert.ok(
          !/^\s*[=+\-@]|^[\t\r\n]/.test(cell) || (isNumber && /^-\d+$/.test(cell)),
          `${name}: ${cell}`,
        )
      }
    }
  }
}

async function load(
  { database }: TestTables,
  format: Format,
  texts: ReadonlyMap<string, string>,
): Promise<void> {
  await database.query(
    'TRUNCATE departments, staff, students, courses, enrolled_courses RESTART IDENTITY CASCADE',
  )
  await rm(folder, { recursive: true })
  await mkdir(folder)
  for (const [name, whole] of texts) await writeFile(join(folder, name), whole)
  const options = {
    departmentsInDatabase: () => departmentIds(database),
    knownInDatabase: () => knownPeopleAndGroups(database),
    withoutPasswords: true,
    raw: format === 'raw',
  }
  const files: RegistryFiles = {
    departments: join(folder, 'departments.csv'),
    staff: join(folder, 'staff.csv'),
    students: join(folder, 'students.csv'),
    courses: join(folder, 'courses.csv'),
    enrollments: join(folder, 'enrollments.csv'),
  }
  const checked =
    format === 'oneroster'
      ? (await checkOneRoster(folder, options)).checked
      : await checkFiles(files, options)
  assert.deepEqual(await loadTables(database, checked), { seated: 0 })
}

async function linesOf(tables: TestTables): Promise<string[]> {
  const store = new DatabaseCampusStore(tables.database, { windowMs: 3_600_000 })
  const leader = await takeTerm(tables.batcher)
  return [...stateLines((await store.loadCampus(leader, { keysSinceMs: 0, keysBytesMax: 0 })).campus)]
}

function withoutMarks(line: string): string {
  return line.replace(/ registered=\S*/, (seats) => seats.replaceAll('+', ''))
}

for (const format of ['csv', 'raw', 'oneroster'] as const) {
  test(`whatever an adopted campus holds, its export as ${format} loads again as the same campus`, async () => {
    await fc.assert(
      fc.asyncProperty(campus, async (sketch) => {
        await fill(adopted, sketch)
        const texts = await exported(adopted, format)
        if (format === 'csv') assertHarmless(texts)
        await load(empty, format, texts)
        assert.deepEqual(await exported(empty, format), texts)
        assert.deepEqual(await exported(empty, 'csv'), await exported(adopted, 'csv'))
        const [loaded, original] = [await linesOf(empty), await linesOf(adopted)]
        // Files say which seats are extra; an adopted table may not.
        assert.deepEqual(loaded.map(withoutMarks), original.map(withoutMarks))
      }),
      { numRuns: 15 },
    )
  })
}

test('a class time is exported as what is meant by it, also with the bit that the replaced system’s loader sets', async () => {
  const sunday = 540 + 1440 * 630 + 2 ** 23
  const numbers = [
    sunday,
    sunday + 2 ** 21,
    1320 + 1440 * (1440 + 10) + 2 ** 22 + 2 ** 21,
    2 ** 21,
    2 ** 21 + 2 ** 22,
    -1,
  ]
  const [person] = fc.sample(campus, 1)
  assert.ok(person !== undefined)
  const [one] = person.groups
  assert.ok(one !== undefined)
  await fill(adopted, {
    ...person,
    groups: numbers.map((packed) => ({ ...one, classTime: packed, seats: 0 })),
  })
  const texts = await exported(adopted, 'raw')
  const rows: Record<string, string>[] = parse(texts.get('courses.csv') ?? '', { columns: true })
  assert.deepEqual(
    rows.map(({ class_time: written }) => written),
    ['Sun 09:00-10:30', 'Sun 09:00-10:30', 'Sat 22:00-00:10', '2097152', '6291456', '-1'],
  )
  await load(empty, 'raw', texts)
  assert.deepEqual(await exported(empty, 'raw'), texts)
  assert.deepEqual(await linesOf(empty), await linesOf(adopted))
})
