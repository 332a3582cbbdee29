import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { afterEach, describe, test } from 'node:test'
import { eventually } from '../../kit/eventually.ts'
import { silent } from '../../kit/campus-database.ts'
import { answerOf, byStudent, directJournal, drop, usualLimits } from '../../kit/running-engine.ts'
import { replacedTables } from '../../kit/replaced-tables.ts'
import { createDatabase } from '../../kit/servers/provide.ts'
import { Engine } from '../engine/engine.ts'
import { AdoptionNeeded } from '../engine/ports.ts'
import { nodeRuntime } from '../main/node-runtime.ts'
import { openAuditReader } from '../store/audit-reader.ts'
import { ensureCampus } from '../store/campus-row.ts'
import { DatabaseCampusStore } from '../store/campus-store.ts'
import { type Database, openDatabase } from '../store/database.ts'
import { adoptLegs, findings } from '../store/table-findings.ts'
import { finishAdoption, migrate } from '../store/migrate.ts'
import { type AdoptionPlan, applyAdoption, planAdoption } from './adopt.ts'
import { formatAdoptionPlan } from './format-adoption.ts'
import { formatVerification } from './format-verification.ts'
import { verify } from './verify.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** The tables of the replaced system, and what its known bugs leave in them. */
const leftBehind = `
  ${replacedTables('TIMESTAMPTZ')};
  INSERT INTO departments (name) VALUES ('Mathematics');
  INSERT INTO students SELECT id, 'x', now() - interval '1 minute', 20, 5, 1, 1400, 'female'
    FROM generate_series(1, 20) AS id;
  INSERT INTO courses SELECT course, number, 1, 'Course', 'N. N.', 3, capacity, 5, '1970-01-01', 0, NULL, ''
    FROM (VALUES (101, 1, 2), (101, 2, 2), (102, 1, 1), (103, 1, 2), (104, 1, 9)) AS sketch (course, number, capacity);
  INSERT INTO enrolled_courses (id, course_id, group_id, student_id, reserved) VALUES
    -- Twice in a seat, and once more in the queue.
    (1, 101, 1, 1, FALSE), (2, 101, 1, 1, FALSE), (3, 101, 1, 1, TRUE),
    -- In two groups, the second one first; student 4 waits for the seat that this frees.
    (4, 101, 2, 2, FALSE), (5, 101, 1, 2, FALSE), (6, 101, 1, 3, TRUE), (7, 101, 1, 4, TRUE),
    -- More than there are seats.
    (8, 102, 1, 5, FALSE), (9, 102, 1, 6, FALSE),
    -- Waiting beside a free seat.
    (10, 103, 1, 7, FALSE), (11, 103, 1, 8, TRUE), (12, 103, 1, 9, TRUE),
    -- In order.
    (13, 104, 1, 10, FALSE);
  SELECT setval('enrolled_courses_id_seq', 13)`

interface Inherited {
  readonly database: Database
  readonly campus: string
}

async function inherit(): Promise<Inherited> {
  const created = await createDatabase()
  cleanups.push(() => created.drop())
  const database = await openDatabase(created.url, { logger: silent })
  cleanups.push(() => database.close())
  await database.query(leftBehind)
  await migrate(database)
  const campus = `adopt-${randomUUID().slice(0, 8)}`
  await ensureCampus(database, { configured: campus, generated: campus })
  return { database, campus }
}

function engineFor({ database, campus }: Inherited, evenIfAdoptionNeeded: boolean): Engine {
  const engine = new Engine({
    campusId: campus,
    journal: directJournal(database, campus),
    store: new DatabaseCampusStore(database, { windowMs: 3_600_000 }),
    runtime: nodeRuntime,
    limits: usualLimits,
    evenIfAdoptionNeeded,
    onState: () => {},
  })
  cleanups.push(() => engine.stop(1000))
  return engine
}

async function plan(database: Database): Promise<AdoptionPlan> {
  const found = await findings(database)
  const reader = await openAuditReader(database)
  try {
    return await planAdoption(found, adoptLegs(found), reader.tables)
  } finally {
    await reader.close()
  }
}

/** As main does it: lead, plan, apply, stop, and make repeated rows impossible. */
async function adoptAll(inherited: Inherited): Promise<string[]> {
  const engine = engineFor(inherited, true)
  const running = engine.run()
  await eventually(() => engine.status().state === 'leading')
  const told: string[] = []
  await applyAdoption(engine, await plan(inherited.database), {
    runId: randomUUID(),
    signal: new AbortController().signal,
    onProgress: ({ course, effects, done, total }) =>
      told.push(`course ${course}: ${effects.length} (${done} of ${total})`),
    onWaiting: () => {},
  })
  await engine.stop(5000)
  await running
  await finishAdoption(inherited.database)
  return told
}

async function verifiedLines(database: Database): Promise<string[]> {
  const reader = await openAuditReader(database)
  try {
    return formatVerification(await verify(reader))
  } finally {
    await reader.close()
  }
}

async function tablesOf(database: Database): Promise<unknown> {
  return {
    places: await database.query('SELECT * FROM enrolled_courses ORDER BY id'),
    capacities: await database.query('SELECT course_id, group_id, capacity FROM courses ORDER BY 1, 2'),
    position: await database.query('SELECT * FROM journal_position'),
    leaders: await database.query('SELECT * FROM leaders'),
    decisions: await database.query('SELECT * FROM decisions'),
  }
}

async function hasUniqueIndex(database: Database): Promise<boolean> {
  const [row] = await database.query<{ has: boolean }>(
    "SELECT to_regclass('enrolled_courses_once') IS NOT NULL AS has",
  )
  return row?.has === true
}

const promised = [
  'would be done: course 101 group 1: student 1 keeps one row, rows 2, 3 removed',
  'would be done: course 101 group 1: student 2 leaves, and keeps the place in another group',
  'would be done: course 101 group 1: student 3 moves up from the queue to a seat',
  'would be done: course 102 group 1: grows to 2 seats',
  'would be done: course 103 group 1: student 8 moves up from the queue to a seat',
  '5 changes in 3 courses; nothing was changed now. To do it: enrollment adopt --apply',
]

describe('a database that the replaced system left behind', () => {
  test('is not served before it is adopted', async () => {
    const inherited = await inherit()
    await assert.rejects(engineFor(inherited, false).run(), (error) => {
      assert.ok(error instanceof AdoptionNeeded)
      assert.equal(error.findings.length, 2)
      return true
    })
  })

  test('is reported row by row by a dry run, which changes nothing', async () => {
    const { database } = await inherit()
    const before = await tablesOf(database)
    const lines = formatAdoptionPlan(await plan(database))
    const found = lines.filter((line) => line.startsWith('found: '))
    assert.deepEqual(lines.slice(found.length), promised)
    for (const named of [
      /row 1 .*rows? 2, 3/,
      /student 2 .*groups/,
      /course 102 group 1/,
      /course 103 group 1/,
    ]) {
      assert.ok(
        found.some((line) => named.test(line)),
        `${named} in\n${found.join('\n')}`,
      )
    }
    assert.deepEqual(await tablesOf(database), before)
    assert.equal(await hasUniqueIndex(database), false)
  })

  test('is adopted by decisions on record, as the dry run said, and then agrees', async () => {
    const inherited = await inherit()
    const { database } = inherited
    assert.deepEqual(await adoptAll(inherited), [
      'course 101: 3 (1 of 3)',
      'course 102: 1 (2 of 3)',
      'course 103: 1 (3 of 3)',
    ])
    const places = await database.query<{ id: number; student_id: number; reserved: boolean }>(
      'SELECT id, student_id, course_id, group_id, reserved FROM enrolled_courses ORDER BY id',
    )
    assert.deepEqual(
      places.map(({ id, student_id, reserved }) => `${id}: ${student_id}${reserved ? ' waits' : ''}`),
      ['1: 1', '4: 2', '6: 3', '7: 4 waits', '8: 5', '9: 6', '10: 7', '11: 8', '12: 9 waits', '13: 10'],
    )
    assert.deepEqual(await findings(database), [])
    assert.equal(await hasUniqueIndex(database), true)
    const [line, ...rest] = await verifiedLines(database)
    assert.match(
      line ?? '',
      /^agreed: 3 decisions, 20 students, 5 groups, 8 seats, 2 waiting, position term 1 seq 3,/,
    )
    assert.deepEqual(rest, [])
  })

  test('can be verified halfway, when adoption was interrupted', async () => {
    const inherited = await inherit()
    const engine = engineFor(inherited, true)
    const running = engine.run()
    await eventually(() => engine.status().state === 'leading')
    const [line] = await verifiedLines(inherited.database)
    assert.match(line ?? '', /^agreed: 0 decisions/)
    const whole = await plan(inherited.database)
    await applyAdoption(
      engine,
      { ...whole, courses: whole.courses.slice(0, 1) },
      {
        runId: randomUUID(),
        signal: new AbortController().signal,
        onProgress: () => {},
        onWaiting: () => {},
      },
    )
    await engine.stop(5000)
    await running
    assert.match((await verifiedLines(inherited.database)).join('\n'), /^agreed: 1 decision,/)
    assert.deepEqual(await adoptAll(inherited), ['course 102: 1 (1 of 2)', 'course 103: 1 (2 of 2)'])
    assert.match((await verifiedLines(inherited.database)).join('\n'), /^agreed: 3 decisions,/)
  })

  test('is served afterwards, and goes on agreeing', async () => {
    const inherited = await inherit()
    await adoptAll(inherited)
    const engine = engineFor(inherited, false)
    void engine.run()
    await eventually(() => engine.status().state === 'leading')
    assert.equal(answerOf(await engine.submit(byStudent(1, drop(101)))), 'yes')
    const roster = await engine.roster(101, 1)
    assert.ok(roster.kind === 'shown')
    assert.deepEqual(roster.view?.registered, [3, 4])
    assert.match((await verifiedLines(inherited.database)).join('\n'), /^agreed: 4 decisions,/)
  })

  test('needs no adoption twice', async () => {
    const inherited = await inherit()
    await adoptAll(inherited)
    assert.deepEqual(formatAdoptionPlan(await plan(inherited.database)), [
      'nothing to adopt: the tables hold nothing that decisions could not lead to',
    ])
    assert.deepEqual(await adoptAll(inherited), [])
  })
})
