import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { afterEach, describe, test } from 'node:test'
import type { Journal } from '../src/engine/ports.ts'
import { nodeRuntime } from '../src/main/node-runtime.ts'
import type { Database } from '../src/store/database.ts'
import { createCampusDatabase } from '../kit/campus-database.ts'
import { eventually } from '../kit/eventually.ts'
import {
  add,
  answerOf,
  buildBatcher,
  byStudent,
  directJournal,
  rabbitJournal,
  startEngine,
  untilLeading,
} from '../kit/running-engine.ts'
import { rabbitAddress } from '../kit/servers/provide.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

const minuteMs = 60_000

/** Students 1 and 2: the window of 1 opens in 30 minutes, that of 2 has been open for one and ends in 30. */
async function setUp(journalOf: (database: Database, campus: string) => Journal) {
  const campus = `clocks-${randomUUID().slice(0, 8)}`
  const { database, remove } = await createCampusDatabase({ campus, students: 2 })
  cleanups.push(remove)
  await database.query(`UPDATE students SET
    enrollment_start_time = now() AT TIME ZONE 'UTC' + CASE id WHEN 1 THEN interval '30 min' ELSE interval '-1 min' END,
    enrollment_end_time = now() AT TIME ZONE 'UTC' + CASE id WHEN 1 THEN interval '2 h' ELSE interval '30 min' END`)
  const start = (clock = { aheadMs: 0 }) => {
    const alarms: string[] = []
    const running = startEngine(database, campus, journalOf(database, campus), {
      runtime: { ...nodeRuntime, now: () => Date.now() + clock.aheadMs },
      onAlarm: (alarm, detail) => alarms.push(`${alarm}: ${detail}`),
    })
    cleanups.push(() => running.engine.stop(1000))
    return { ...running, alarms }
  }
  return { campus, database, start }
}

const kinds: Record<string, () => ReturnType<typeof setUp>> = {
  'the direct journal': () => setUp(directJournal),
  'the journal in RabbitMQ': async () => {
    const made = await setUp((_, campus) => rabbitJournal(rabbitAddress(), campus))
    const batcher = buildBatcher(rabbitAddress(), made.campus, made.database)
    void batcher.run()
    cleanups.push(() => batcher.stop())
    return made
  },
}

/** How far the newest decision is dated ahead of PostgreSQL's clock, milliseconds. */
async function newestAheadMs(database: Database): Promise<number> {
  const [row] = await database.query<{ ahead: number }>(
    'SELECT (extract(epoch FROM max(at) - clock_timestamp()) * 1000)::float8 AS ahead FROM decisions',
  )
  return row?.ahead ?? 0
}

for (const [kind, make] of Object.entries(kinds)) {
  describe(`with ${kind}`, () => {
    test('an engine whose clock is 50 minutes off does not lead, says so once, keeps nobody else from it, and heals', async () => {
      const { start } = await make()
      const clock = { aheadMs: 50 * minuteMs }
      const off = start(clock)
      await eventually(() => off.alarms.length > 0)
      assert.match(off.alarms[0] ?? '', /^clock: this machine's clock is 3000\.\d s ahead of PostgreSQL's/)
      await eventually(() => off.engine.status().state === 'standby')
      const right = start()
      await untilLeading(right)
      await right.engine.stop(1000)
      clock.aheadMs = -50 * minuteMs
      await eventually(() => off.engine.status().state === 'standby')
      assert.equal(off.states.includes('leading'), false)
      clock.aheadMs = 0
      await untilLeading(off)
      assert.equal(off.alarms.length, 1)
    })

    test('a clock that jumps ends the term, and dates no decision', async () => {
      const { start, database } = await make()
      const clock = { aheadMs: 0 }
      const { engine, states } = start(clock)
      await eventually(() => engine.status().state === 'leading')
      clock.aheadMs = 50 * minuteMs
      const answers = await Promise.all([1, 2].map((id) => engine.submit(byStudent(id, add(102, 1)))))
      assert.deepEqual(answers.map(answerOf), ['recovering', 'recovering'])
      await eventually(() => states.at(-1) === 'standby')
      clock.aheadMs = 0
      await eventually(() => engine.status().state === 'leading')
      assert.equal(answerOf(await engine.submit(byStudent(1, add(102, 1)))), 'outside_enrollment_window')
      assert.equal(answerOf(await engine.submit(byStudent(2, add(102, 1)))), 'yes')
      await eventually(async () => (await database.query('SELECT FROM decisions')).length === 2)
      assert.ok((await newestAheadMs(database)) <= 1)
    })

    test('where decisions of the future are on record, windows are judged by the clock, and nobody goes further', async () => {
      const { start, database } = await make()
      await database.query(
        `UPDATE journal_position SET at_ms = (extract(epoch FROM now() + interval '50 min') * 1000)::bigint`,
      )
      const before = await database.query('SELECT at_ms FROM journal_position')
      const running = start()
      await untilLeading(running)
      assert.match(running.alarms.join(), /^future: the newest decision on record is of /)
      assert.equal(
        answerOf(await running.engine.submit(byStudent(1, add(102, 1)))),
        'outside_enrollment_window',
      )
      assert.equal(answerOf(await running.engine.submit(byStudent(2, add(102, 1)))), 'yes')
      await eventually(async () => (await database.query('SELECT FROM decisions')).length === 2)
      assert.deepEqual(await database.query('SELECT at_ms FROM journal_position'), before)
      assert.ok((await newestAheadMs(database)) <= 50 * minuteMs)
    })
  })
}
