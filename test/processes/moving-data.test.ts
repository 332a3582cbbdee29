import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { BatcherTables } from '../../src/store/table-store.ts'
import { type Database, openDatabase } from '../../src/store/database.ts'
import { applyEffects, recordWith, seat, silent, takeTerm } from '../../src/store/testing/tables.ts'
import { enrollment, processKeeper } from '../../kit/command-line.ts'
import { registryLines, stateDigest } from '../../kit/database-dump.ts'
import { createDatabase, type TestDatabase } from '../../kit/servers/provide.ts'

interface Place {
  readonly created: TestDatabase
  readonly database: Database
  readonly environment: { readonly DATABASE_URL: string }
}

async function makePlace(): Promise<Place> {
  const created = await createDatabase()
  const environment = { DATABASE_URL: created.url }
  const migrated = await enrollment(['migrate'], environment)
  assert.equal(migrated.code, 0, migrated.stderr)
  return { created, environment, database: await openDatabase(created.url, { logger: silent }) }
}

async function remove({ created, database }: Place): Promise<void> {
  await database.close()
  await created.drop()
}

const csvTables = ['departments', 'staff', 'students', 'courses', 'enrollments']

function filesIn(folder: string): string[] {
  return csvTables.flatMap((table) => [`--${table}`, join(folder, `${table}.csv`)])
}

describe('a campus that moves to another database', () => {
  let old: Place
  let folder: string

  before(async () => {
    old = await makePlace()
    folder = join(processKeeper().directory, 'moving')
    mkdirSync(folder)
    const loaded = await enrollment(['load', '--sample'], old.environment)
    assert.equal(loaded.code, 0, loaded.stderr)
    await old.database.query(`
      UPDATE courses SET notes = E'two lines,\\r\\none "quoted"', lecturer = 'Zoë, 教授' WHERE course_id = 1101;
      UPDATE courses SET status = 'closed' WHERE course_id = 1102;
      DELETE FROM enrolled_courses WHERE course_id = 1103;
      UPDATE courses SET status = 'cancelled' WHERE course_id = 1103;
      UPDATE students SET enrollment_end_time = NULL WHERE id = 5;
      UPDATE students SET enrollment_start_time = '-infinity' WHERE id = 6`)
  })
  after(() => remove(old))

  test('is the same campus there: every row, every seat, every place in every queue', async () => {
    const csv = join(folder, 'csv')
    const exported = await enrollment(['export', '--to', csv, '--with-passwords'], old.environment)
    assert.equal(exported.code, 0, exported.stderr)
    assert.deepEqual(readdirSync(csv).toSorted(), csvTables.map((name) => `${name}.csv`).toSorted())
    assert.match(
      exported.stderr,
      /^students\.csv: 1,000 rows in [\d.]+ s$/m,
      'plain lines, without a terminal',
    )
    assert.doesNotMatch(exported.stderr, /\r/)
    const courses = readFileSync(join(csv, 'courses.csv'), 'utf8')
    for (const status of ['open', 'closed', 'cancelled'])
      assert.match(courses, new RegExp(`,${status},\\r$`, 'm'))
    assert.equal(statSync(join(csv, 'students.csv')).mode & 0o077, 0, 'nobody else reads the hashes')

    await old.database.query(`UPDATE students SET enrollment_start_time = '1970-01-01' WHERE id = 6`)
    const next = await makePlace()
    try {
      const tried = await enrollment(['load', ...filesIn(csv), '--dry-run'], next.environment)
      assert.equal(tried.code, 0, tried.stderr)
      assert.match(
        tried.stdout,
        /^dry run: .*1000 students, 1500 course groups, \d+ enrollments; nothing was written$/m,
      )
      assert.deepEqual(await registryLines(next.database), [])
      const loaded = await enrollment(['load', ...filesIn(csv)], next.environment)
      assert.equal(loaded.code, 0, loaded.stderr)
      assert.equal(await stateDigest(next.database), await stateDigest(old.database))
      assert.deepEqual(await registryLines(next.database), await registryLines(old.database))

      const again = join(folder, 'again')
      await enrollment(['export', '--to', again, '--with-passwords'], next.environment)
      for (const name of readdirSync(csv)) {
        assert.equal(readFileSync(join(again, name), 'utf8'), readFileSync(join(csv, name), 'utf8'), name)
      }
    } finally {
      await remove(next)
    }
  })

  test('moves as OneRoster 1.2 too: the reserve queue, the notes and the odd meeting included', async () => {
    const folderOf = (name: string) => join(folder, name)
    const roster = folderOf('oneroster')
    const args = ['export', '--format', 'oneroster', '--with-passwords', '--to']
    const exported = await enrollment([...args, roster], old.environment)
    assert.equal(exported.code, 0, exported.stderr)
    const lines = (name: string) => readFileSync(join(roster, `${name}.csv`), 'utf8').split('\r\n')
    assert.ok(lines('manifest').includes('oneroster.version,1.2'))
    assert.ok(lines('manifest').includes('file.enrollments,bulk'))
    assert.ok(lines('manifest').includes('file.results,absent'))
    assert.match(
      lines('enrollments')[0] ?? '',
      /^sourcedId,status,dateLastModified,classSourcedId,.*metadata\.place,/,
    )
    assert.ok(lines('enrollments').some((line) => /,reserved,\d+,$/.test(line)))
    for (const name of readdirSync(roster)) {
      assert.doesNotMatch(
        readFileSync(join(roster, name), 'utf8'),
        /[^\r]\n/,
        'a line break is the end of a row',
      )
    }
    const next = await makePlace()
    try {
      const loaded = await enrollment(['load', '--oneroster', roster], next.environment)
      assert.equal(loaded.code, 0, loaded.stderr)
      assert.equal(await stateDigest(next.database), await stateDigest(old.database))
      assert.deepEqual(await registryLines(next.database), await registryLines(old.database))
      await enrollment([...args, folderOf('oneroster-again')], next.environment)
      for (const name of readdirSync(roster).filter((one) => one !== 'manifest.csv')) {
        const again = readFileSync(join(folderOf('oneroster-again'), name), 'utf8')
        // The campus has another name there.
        if (name !== 'orgs.csv') assert.equal(again, readFileSync(join(roster, name), 'utf8'), name)
      }
    } finally {
      await remove(next)
    }
  })

  test('leaves the passwords behind unless they are asked for, and then nobody can log in there', async () => {
    const csv = join(folder, 'bare')
    const exported = await enrollment(['export', '--to', csv], old.environment)
    assert.match(exported.stderr, /^passwords are left out; --with-passwords exports their hashes$/m)
    assert.doesNotMatch(readFileSync(join(csv, 'students.csv'), 'utf8'), /password|\$argon2/)
    const next = await makePlace()
    try {
      const refused = await enrollment(['load', ...filesIn(csv)], next.environment)
      assert.equal(refused.code, 1)
      assert.match(refused.stderr, /students\.csv line 1: has no column password .*--without-passwords/)
      const loaded = await enrollment(['load', ...filesIn(csv), '--without-passwords'], next.environment)
      assert.equal(loaded.code, 0, loaded.stderr)
      const [hashes] = await next.database.query<{ count: number }>(
        'SELECT count(DISTINCT password) AS count FROM students',
      )
      assert.equal(hashes?.count, 1)
      assert.equal(await stateDigest(next.database), await stateDigest(old.database))
    } finally {
      await remove(next)
    }
  })

  test('is never written over files that are there, unless that is asked for', async () => {
    const csv = join(folder, 'twice')
    assert.equal((await enrollment(['export', '--to', csv], old.environment)).code, 0)
    const refused = await enrollment(['export', '--to', csv], old.environment)
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /departments\.csv is there already; --overwrite replaces it\n$/)
    assert.equal((await enrollment(['export', '--to', csv, '--overwrite'], old.environment)).code, 0)
    assert.deepEqual(
      readdirSync(csv).filter((name) => name.endsWith('.part')),
      [],
    )
  })

  test('what the database does not take is told by file and line, in a dry run too', async () => {
    const path = join(folder, 'late.csv')
    const [held] = await old.database.query<{ student_id: number; course_id: number; group_id: number }>(
      'SELECT student_id, course_id, group_id FROM enrolled_courses WHERE group_id = 1 LIMIT 1',
    )
    assert.ok(held !== undefined)
    const free = `1,${held.course_id},2,7`
    writeFileSync(
      path,
      `student_id,course_id,group_id,reserve_order\n${free}\n${held.student_id},${held.course_id},2,8\n`,
    )
    const refused = await enrollment(['load', '--enrollments', path, '--dry-run'], old.environment)
    assert.equal(refused.code, 1)
    assert.match(
      refused.stderr,
      new RegExp(
        `late\\.csv line 3: student_id ${held.student_id} has a place in course_id ${held.course_id} already; nothing was loaded`,
      ),
    )
    writeFileSync(
      path,
      `student_id,course_id,group_id,reserve_order\n${free}\n99999,${held.course_id},2,\n1,2,3,\n1,1103,1,\n`,
    )
    const unknown = await enrollment(['load', '--enrollments', path], old.environment)
    assert.match(unknown.stderr, /late\.csv line 3, student_id: is 99999, a student who is neither/)
    assert.match(unknown.stderr, /late\.csv line 4, course_id, group_id: is 2\/3, a group that is neither/)
    assert.match(
      unknown.stderr,
      /late\.csv line 5, course_id, group_id: is 1103\/1, a group that was cancelled/,
    )
  })
})

describe('decisions that are exported', () => {
  let place: Place
  let folder: string

  before(async () => {
    place = await makePlace()
    folder = join(processKeeper().directory, 'decisions')
    mkdirSync(folder)
    await enrollment(['load', '--sample'], place.environment)
    const tables = new BatcherTables(place.database)
    await takeTerm(tables)
    await applyEffects(tables, seat(1, 1101, 1))
    const batch = await tables.begin()
    const strange = { code: 'course_full' as const, detail: 'a "full" \\ group,\n\ttwice \u{1f600}' }
    await batch.apply([recordWith(2, { reasons: [strange], key: '=k"1,\\2' })])
    await batch.commit()
    await tables.close()
  })
  after(() => remove(place))

  const ndjson = (text: string) =>
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)

  test('say as JSON who did what when, yes or no, and why, whatever is written in them', async () => {
    const { code, stdout } = await enrollment(
      ['export', '--decisions', '-', '--format', 'ndjson'],
      place.environment,
    )
    assert.equal(code, 0)
    const [yes, no, ...more] = ndjson(stdout)
    assert.deepEqual(more, [])
    assert.deepEqual(yes?.['effects'], [seat(1, 1101, 1)])
    assert.equal(yes?.['decided'], 'yes')
    assert.equal(no?.['decided'], 'no')
    assert.equal(no?.['key'], '=k"1,\\2')
    assert.equal(no?.['at'], '2026-09-21T14:13:20.002Z')
    assert.deepEqual(no?.['reasons'], [
      { code: 'course_full', detail: 'a "full" \\ group,\n\ttwice \u{1f600}' },
    ])
  })

  test('come as CSV too, compressed, and only those of the time asked for', async () => {
    const path = join(folder, 'second.csv.gz')
    const range = ['--from', '2026-09-21T14:13:20.002Z', '--until', '2026-09-22T00:00Z']
    const { code, stderr } = await enrollment(['export', '--decisions', path, ...range], place.environment)
    assert.equal(code, 0, stderr)
    assert.match(stderr, /^decisions: 1 rows in [\d.]+ s\n$/)
    const [header, ...rows] = gunzipSync(readFileSync(path)).toString().trim().split('\n')
    assert.match(header ?? '', /^term,seq,at,actor_role,actor_id,student_id,decided,/)
    assert.equal(rows.length, 1)
    assert.match(rows[0] ?? '', /^1,2,2026-09-21T14:13:20\.002Z,student,1,1,no,/)
    assert.match(rows[0] ?? '', /,"'=k""1,\\2",/, 'a key that a client chose is no formula')
    const raw = ['export', '--decisions', '-', '--format', 'csv', '--raw', ...range]
    assert.match((await enrollment(raw, place.environment)).stdout, /,"=k""1,\\2",/)
  })

  test('are refused without a format that is known, and leave no half file behind', async () => {
    const refusal = async (...args: string[]) =>
      (await enrollment(['export', ...args], place.environment)).stderr
    assert.match(await refusal('--decisions', 'x.xml'), /says no format; add --format csv or --format ndjson/)
    assert.match(await refusal('--decisions', 'x.csv', '--from', 'May'), /--from is "May"; wants ISO 8601/)
    assert.match(await refusal(), /wants --to FOLDER or --decisions FILE/)
    assert.match(
      await refusal('--decisions', join(folder, 'none', 'x.csv')),
      /^enrollment: ENOENT.*none.x\.csv/m,
    )
  })
})
