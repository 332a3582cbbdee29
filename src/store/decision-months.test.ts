import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { DatabaseCampusStore } from './campus-store.ts'
import type { Database } from './database.ts'
import { decisionsFarAhead, makeDecisionMonths } from './decision-months.ts'
import { searchDecisions } from './decisions.ts'
import { migrate, readMigrations } from './migrate.ts'
import { createTables, recordWith, takeTerm, type TestTables } from './testing/tables.ts'

let db: TestTables

async function open(options: { readonly migrated: boolean }): Promise<void> {
  db = await createTables(options)
}
async function close(): Promise<void> {
  await db.remove()
}

/** Applies refusals, one at each of these times. */
async function decideAt(...times: readonly number[]): Promise<void> {
  const batch = await db.batcher.begin()
  const { seq } = batch.position
  const reasons = [{ code: 'course_full' as const }]
  await batch.apply(times.map((at, index) => recordWith(seq + 1 + index, { reasons, at, key: `key-${at}` })))
  await batch.commit()
}

const dayMs = 86_400_000
/** The first moment of a month, this one being 0. */
const monthStart = (offset: number) => {
  const now = new Date()
  return Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + offset)
}
const monthName = (offset: number) =>
  `decisions_${new Date(monthStart(offset)).toISOString().slice(0, 7).replace('-', '_')}`
/** Which partition holds how many decisions. */
const held = async () => {
  const rows = await db.rows('SELECT tableoid::regclass::text, count(*)::int FROM decisions GROUP BY 1')
  return Object.fromEntries(rows as [string, number][]) as Readonly<Record<string, number>>
}

describe('months of decisions', () => {
  beforeEach(() => open({ migrated: true }))
  afterEach(close)

  test('are made ahead, once, and each decision goes to its own', async () => {
    const made = await Promise.all([1, 2, 3].map(() => makeDecisionMonths(db.database)))
    assert.equal(
      made.reduce((sum, one) => sum + one),
      3,
    )
    await takeTerm(db.batcher)
    await decideAt(monthStart(-40), monthStart(0) - 1, monthStart(0), monthStart(1), monthStart(2) + dayMs)
    assert.deepEqual(await held(), {
      decisions_earliest: 2,
      [monthName(0)]: 1,
      [monthName(1)]: 1,
      [monthName(2)]: 1,
    })
  })

  test('that nobody made stop nothing: what is decided meanwhile is kept, and moves in when they are made', async () => {
    await takeTerm(db.batcher)
    await decideAt(monthStart(0), monthStart(1), monthStart(30))
    assert.deepEqual(await held(), { decisions_default: 3 })
    assert.equal(await makeDecisionMonths(db.database), 3)
    assert.deepEqual(await held(), { decisions_default: 1, [monthName(0)]: 1, [monthName(1)]: 1 })
    assert.deepEqual(await db.rows('SELECT seq FROM decisions ORDER BY term, seq'), [[1], [2], [3]])
  })

  test('that are over are made as well, when decisions wait for them; of those far ahead is told how many', async () => {
    // As if nobody had made any month since half a year.
    await db.database.query(`ALTER TABLE decisions DETACH PARTITION decisions_earliest`)
    await db.database.query(
      `ALTER TABLE decisions ATTACH PARTITION decisions_earliest FOR VALUES FROM (MINVALUE)
         TO ('${new Date(monthStart(-6)).toISOString()}')`,
    )
    await takeTerm(db.batcher)
    await decideAt(
      monthStart(-7),
      monthStart(-5),
      monthStart(-5) + dayMs,
      monthStart(-1),
      monthStart(0),
      monthStart(30),
    )
    assert.equal(await makeDecisionMonths(db.database), 5)
    assert.deepEqual(await held(), {
      decisions_earliest: 1,
      [monthName(-5)]: 2,
      [monthName(-1)]: 1,
      [monthName(0)]: 1,
      decisions_default: 1,
    })
    assert.equal(await makeDecisionMonths(db.database), 0)
    const { count, latest } = await decisionsFarAhead(db.database)
    assert.deepEqual([count, latest], [1, monthName(30).slice('decisions_'.length).replace('_', '-')])
  })

  test('do not wait for somebody who reads for long: the batcher goes on, and they are made later', async () => {
    const reader = await db.database.connect()
    await reader.query('BEGIN; SELECT count(*) FROM decisions')
    await assert.rejects(makeDecisionMonths(db.database), { code: '55P03' })
    await takeTerm(db.batcher)
    await decideAt(monthStart(0))
    await reader.end()
    assert.equal(await makeDecisionMonths(db.database), 3)
  })

  test('never hold a decision twice: the number of a decision is the key of its month', async () => {
    await makeDecisionMonths(db.database)
    await takeTerm(db.batcher)
    await decideAt(monthStart(0))
    await assert.rejects(db.database.query('INSERT INTO decisions SELECT * FROM decisions'), {
      code: '23505',
    })
  })
})

describe('a database from before the months', () => {
  before(async () => {
    await open({ migrated: false })
    const known = await readMigrations()
    const months = known.findIndex(({ name }) => name.endsWith('decisions-by-month'))
    await migrate(db.database, known.slice(0, months))
    // As the batcher of that time wrote them.
    await db.database.query(`INSERT INTO campus (id) VALUES ('test')`)
    const leader = '11111111-1111-4111-8111-111111111111'
    await db.database.query('INSERT INTO leaders (leader, after, term) VALUES ($1, $1, 1)', [leader])
    for (const [index, at] of [monthStart(-1), monthStart(0)].entries()) {
      await db.database.query(
        `INSERT INTO decisions (term, seq, at, actor_role, actor_id, student_id, legs, reasons, key, course_id)
         VALUES (1, $1, to_timestamp($2 / 1000.0), 'student', 1, 1, '[]', '[]', 'key', 101)`,
        [index + 1, at],
      )
    }
    await db.database.query('UPDATE journal_position SET leader = $1, term = 1, seq = 2', [leader])
  })
  after(close)

  test('keeps its decisions and its indexes, and the batcher goes on', async () => {
    await migrate(db.database)
    assert.deepEqual(await held(), { decisions_earliest: 2 })
    await decideAt(monthStart(0) + 1, monthStart(1))
    await makeDecisionMonths(db.database)
    assert.deepEqual(await held(), { decisions_earliest: 3, [monthName(1)]: 1 })
    const indexes = await db.rows(
      `SELECT count(*)::int FROM pg_index WHERE indrelid = 'decisions_earliest'::regclass`,
    )
    assert.deepEqual(indexes, [[6]], 'none was built again')
  })
})

describe('decisions in several months', () => {
  before(async () => {
    await open({ migrated: true })
    await makeDecisionMonths(db.database)
    await takeTerm(db.batcher)
    await decideAt(monthStart(-1), monthStart(0), monthStart(1))
    await db.database.query(`
      INSERT INTO decisions (term, seq, at, actor_role, actor_id, student_id, legs, reasons, key, course_id)
      SELECT 1, n, to_timestamp(${monthStart(-1) / 1000}) + n % 1500 * interval '1 hour', 'student', n % 5000 + 10,
        n % 5000 + 10, '[]', '[]', n, n % 2000
      FROM generate_series(10, 40000) AS n`)
    await db.database.query('ANALYZE decisions')
  })
  after(close)

  /** The plan of what is asked while `ask` runs. */
  async function planOf(ask: (database: Database) => Promise<unknown>): Promise<string> {
    const asked: [string, readonly unknown[]][] = []
    const listening = {
      query: async (text: string, values: readonly unknown[]) => {
        asked.push([text, values])
        return []
      },
    }
    await ask(listening as unknown as Database).catch(() => undefined)
    const [first] = asked
    assert.ok(first !== undefined)
    return (await db.rows(`EXPLAIN ${first[0]}`, first[1])).flat().join('\n')
  }
  const store = (database: Database) => new DatabaseCampusStore(database, { windowMs: 1 })
  const caller = { role: 'student', id: 17 } as const

  for (const [what, ask] of Object.entries({
    'about a student': (database: Database) =>
      searchDecisions(database, { about: { student: 17 }, limit: 50 }),
    'about a group': (database: Database) =>
      searchDecisions(database, { about: { course: 101, group: 1 }, limit: 50 }),
    'with a key': (database: Database) => store(database).findKey(caller, 'k', 0),
  })) {
    test(`those ${what} are found by an index in every month`, async () => {
      const plan = await planOf(ask)
      const filled = ['decisions_earliest', monthName(0), monthName(1)].join('|')
      assert.doesNotMatch(plan, new RegExp(`Seq Scan on (${filled})`))
      assert.match(plan, new RegExp(`on ${monthName(0)}`))
    })
  }

  test('those of a time are looked for in its months only', async () => {
    const plan = await planOf((database) =>
      searchDecisions(database, {
        about: { student: 17 },
        fromMs: monthStart(0),
        toMs: monthStart(1),
        limit: 50,
      }),
    )
    assert.match(plan, new RegExp(`on ${monthName(0)}`))
    assert.doesNotMatch(plan, new RegExp(`decisions_earliest|${monthName(1)}`), plan)
  })

  test('are found newest first, whatever their month', async () => {
    const { decisions } = await searchDecisions(db.database, { about: { student: 1 }, limit: 2 })
    assert.deepEqual(
      decisions.map(({ record }) => record.seq),
      [3, 2],
    )
  })
})

describe('a month that goes to the archive', () => {
  beforeEach(() => open({ migrated: true }))
  afterEach(close)

  test('leaves when no replay begins before it, and its decisions still count as applied', async () => {
    await makeDecisionMonths(db.database)
    const leader = await takeTerm(db.batcher)
    await decideAt(monthStart(-2), monthStart(-1))
    const archive = () => db.rows("SELECT archive_decisions('decisions_earliest')")
    await assert.rejects(archive, /holds decisions of term 1, and enrollment verify replays from term 1 on/)
    await db.database.query("INSERT INTO departments (id, name) VALUES (1, 'Physics')")
    await db.database.query("INSERT INTO outside_changes (table_name, operation) VALUES ('courses', 'LOAD')")
    await takeTerm(db.batcher)
    assert.deepEqual(await archive(), [[2]])
    assert.deepEqual(await held(), {})
    assert.deepEqual(
      await db.rows('SELECT count(*)::int FROM decisions_earliest'),
      [[2]],
      'until it is dropped',
    )
    const batch = await db.batcher.begin()
    assert.equal(await batch.isApplied({ leader, seq: 2 }), true)
    assert.equal(await batch.isApplied({ leader, seq: 3 }), false)
    await batch.rollback()
    await assert.rejects(archive, /is no month of decisions/)
    await assert.rejects(db.rows(`SELECT archive_decisions('${monthName(0)}')`), /is not over yet/)
    await assert.rejects(db.rows("SELECT archive_decisions('students')"), /is no month of decisions/)
  })
})
