import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { afterEach, describe, test } from 'node:test'
import { eventually } from '../kit/eventually.ts'
import type { Journal } from '../src/engine/ports.ts'
import type { Database } from '../src/store/database.ts'
import { createCampusDatabase, type CampusDatabase } from '../kit/campus-database.ts'
import {
  add,
  answerOf,
  buildBatcher,
  byStudent,
  directJournal,
  drop,
  rabbitJournal,
  type RunningEngine,
  startEngine,
  stateOf,
  untilLeading,
} from '../kit/running-engine.ts'
import { rabbitAddress } from '../kit/servers/provide.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

interface SetUp {
  readonly campus: string
  readonly database: Database
  readonly start: (changed?: Parameters<typeof startEngine>[3]) => RunningEngine
}

async function database(campus: string): Promise<CampusDatabase> {
  const created = await createCampusDatabase({ campus, students: 50 })
  cleanups.push(() => created.remove())
  return created
}

function starter(created: CampusDatabase, campus: string, journal: () => Journal): SetUp {
  return {
    campus,
    database: created.database,
    start: (changed) => {
      const running = startEngine(created.database, campus, journal(), changed)
      cleanups.push(() => running.engine.stop(1000))
      return running
    },
  }
}

const kinds: Record<string, () => Promise<SetUp>> = {
  'the direct journal': async () => {
    const campus = `engine-${randomUUID().slice(0, 8)}`
    const created = await database(campus)
    return starter(created, campus, () => directJournal(created.database, campus))
  },
  'the journal in RabbitMQ': async () => {
    const campus = `engine-${randomUUID().slice(0, 8)}`
    const created = await database(campus)
    const batcher = buildBatcher(rabbitAddress(), campus, created.database)
    void batcher.run()
    cleanups.push(() => batcher.stop())
    return starter(created, campus, () => rabbitJournal(rabbitAddress(), campus))
  },
}

for (const [kind, setUp] of Object.entries(kinds)) {
  describe(`with ${kind}`, () => {
    test('a student gets a seat, the next ones wait in order, and a freed seat goes to the first of them', async () => {
      const { start, database: db } = await setUp()
      const running = start()
      await untilLeading(running)
      const { engine } = running
      for (const student of [1, 2, 3, 4]) {
        assert.equal(answerOf(await engine.submit(byStudent(student, add(101, 1)))), 'yes')
      }
      assert.equal(answerOf(await engine.submit(byStudent(5, add(101, 1)))), 'course_full')
      assert.equal(answerOf(await engine.submit(byStudent(1, drop(101)))), 'yes')
      const roster = await engine.roster(101, 1)
      assert.ok(roster.kind === 'shown')
      assert.deepEqual(roster.view?.registered, [2, 3])
      assert.deepEqual(roster.view?.reserved, [4])
      await eventually(async () => {
        const rows = await db.query<{ student_id: number; reserved: boolean }>(
          'SELECT student_id, reserved FROM enrolled_courses WHERE course_id = 101 ORDER BY student_id',
        )
        return (
          JSON.stringify(rows.map((row) => [row.student_id, row.reserved])) ===
          '[[2,false],[3,false],[4,true]]'
        )
      })
    })

    test('a restart finds seats, queue order, capacity and remaining actions as they were', async () => {
      const { start } = await setUp()
      const first = start()
      await untilLeading(first)
      const { engine } = first
      for (const student of [9, 7, 5, 3]) await engine.submit(byStudent(student, add(101, 1)))
      await engine.submit(byStudent(9, drop(101)))
      await engine.submit({
        actor: { role: 'staff', id: 1, department: 1, campusWide: false },
        legs: [{ do: 'set_capacity', course: 102, group: 1, capacity: 7 }],
      })
      await engine.submit(byStudent(1, add(101, 1)))
      const stateBefore = stateOf(first)
      await engine.stop(5000)
      const second = start()
      await untilLeading(second)
      assert.equal(stateOf(second), stateBefore)
      assert.match(stateBefore, /group 102\/1 open capacity=7/)
    })

    test('only one of two engines leads; the other takes over with everything that was decided', async () => {
      const { start } = await setUp()
      const first = start()
      await untilLeading(first)
      const second = start()
      await eventually(() => second.engine.status().state === 'standby')
      assert.equal(answerOf(await second.engine.submit(byStudent(1, add(102, 1)))), 'not_leading')
      assert.equal(answerOf(await first.engine.submit(byStudent(1, add(102, 1)))), 'yes')
      const stateBefore = stateOf(first)
      await first.engine.stop(5000)
      await untilLeading(second)
      assert.equal(stateOf(second), stateBefore)
      assert.equal(answerOf(await second.engine.submit(byStudent(1, add(102, 1)))), 'already_enrolled')
    })

    test('a repeated key gives the first answer, yes or no, also after a restart', async () => {
      const { start } = await setUp()
      const first = start()
      await untilLeading(first)
      const keyed = { key: 'k1', requestHash: 'h1' }
      const decided = await first.engine.submit(byStudent(1, add(102, 1)), keyed)
      assert.equal(answerOf(decided), 'yes')
      const refused = await first.engine.submit(byStudent(1, add(102, 1)), { key: 'k2', requestHash: 'h2' })
      assert.equal(answerOf(refused), 'already_enrolled')
      const again = await first.engine.submit(byStudent(1, add(102, 1)), keyed)
      assert.ok(again.kind === 'decided' && again.replayed)
      await first.engine.stop(5000)
      const second = start()
      await untilLeading(second)
      const replayed = await second.engine.submit(byStudent(1, add(102, 1)), keyed)
      assert.ok(replayed.kind === 'decided' && decided.kind === 'decided')
      assert.ok(replayed.replayed)
      assert.deepEqual(replayed.record, decided.record)
      const replayedNo = await second.engine.submit(byStudent(1, add(102, 1)), {
        key: 'k2',
        requestHash: 'h2',
      })
      assert.equal(answerOf(replayedNo), 'already_enrolled')
      const other = await second.engine.submit(byStudent(1, drop(102)), { key: 'k1', requestHash: 'other' })
      assert.equal(answerOf(other), 'idempotency_mismatch')
    })

    test('a repeated key whose first request is still on its way is told so', async () => {
      const { start } = await setUp()
      const running = start()
      await untilLeading(running)
      const keyed = { key: 'k1', requestHash: 'h1' }
      const [first, second] = await Promise.all([
        running.engine.submit(byStudent(1, add(102, 1)), keyed),
        running.engine.submit(byStudent(1, add(102, 1)), keyed),
      ])
      assert.deepEqual([answerOf(first), answerOf(second)].toSorted(), ['idempotency_in_flight', 'yes'])
    })

    test('a key whose request was turned away is free for the next request', async () => {
      const { start } = await setUp()
      const running = start()
      await untilLeading(running)
      const turnedAway = await running.engine.submit(byStudent(1, add(999, 1)), {
        key: 'k1',
        requestHash: 'h1',
      })
      assert.equal(answerOf(turnedAway), 'no_such_course')
      const next = await running.engine.submit(byStudent(1, add(102, 1)), { key: 'k1', requestHash: 'h2' })
      assert.equal(answerOf(next), 'yes')
    })

    test('a student who is added to the tables while it runs is known when first seen', async () => {
      const { start, database: db } = await setUp()
      const running = start()
      await untilLeading(running)
      assert.equal(answerOf(await running.engine.submit(byStudent(777, add(102, 1)))), 'no_such_student')
      await db.query(
        `INSERT INTO students (id, password, enrollment_start_time, max_units, remaining_actions, department_id,
           entry_year, gender) VALUES (777, 'x', now(), 20, 12, 1, 99, 'male')`,
      )
      assert.equal(answerOf(await running.engine.submit(byStudent(777, add(102, 1)))), 'yes')
      const view = await running.engine.studentView(777)
      assert.ok(view.kind === 'shown')
      assert.equal(view.view?.places.length, 1)
    })

    test('many students at once: every reply is in the tables, and no seat is given twice', async () => {
      const { start, database: db } = await setUp()
      const running = start()
      await untilLeading(running)
      const students = Array.from({ length: 50 }, (_, index) => index + 1)
      const outcomes = await Promise.all(
        students.map((student) => running.engine.submit(byStudent(student, add(102, 1)))),
      )
      const answers = outcomes.map(answerOf)
      assert.equal(answers.filter((answer) => answer === 'yes').length, 35)
      assert.equal(answers.filter((answer) => answer === 'course_full').length, 15)
      await eventually(() => running.engine.status().appliedSeq === 50)
      const [row] = await db.query<{ seats: number; waiting: number }>(
        `SELECT count(*) FILTER (WHERE NOT reserved) AS seats, count(*) FILTER (WHERE reserved) AS waiting
         FROM enrolled_courses WHERE course_id = 102`,
      )
      assert.deepEqual([Number(row?.seats), Number(row?.waiting)], [30, 5])
    })

    test('a full mailbox answers busy, and nothing of that command happens', async () => {
      const { start } = await setUp()
      const running = start({ limits: { mailboxes: { perCourse: 3, perStudent: 10 } } })
      await untilLeading(running)
      const outcomes = await Promise.all(
        [1, 2, 3, 4, 5].map((student) => running.engine.submit(byStudent(student, add(102, 1)))),
      )
      assert.deepEqual(outcomes.map(answerOf), ['yes', 'yes', 'yes', 'busy', 'busy'])
      const roster = await running.engine.roster(102, 1)
      assert.ok(roster.kind === 'shown')
      assert.deepEqual(roster.view?.registered, [1, 2, 3])
    })

    test('a dry run judges like the real thing and changes nothing', async () => {
      const { start } = await setUp()
      const running = start()
      await untilLeading(running)
      const command = byStudent(1, add(102, 1))
      const dry = await running.engine.dryRun(command)
      assert.ok(dry.kind === 'judged')
      const stateBefore = stateOf(running)
      const real = await running.engine.submit(command)
      assert.ok(real.kind === 'decided')
      assert.deepEqual(real.record.effects, dry.verdict.effects)
      assert.notEqual(stateOf(running), stateBefore)
      assert.equal(real.record.seq, 1, 'the dry run took no number')
    })

    test('a clean stop leaves nothing undecided: whoever was admitted has an answer', async () => {
      const { start, database: db } = await setUp()
      const running = start()
      await untilLeading(running)
      const asked = Array.from({ length: 30 }, (_, index) =>
        running.engine.submit(byStudent(index + 1, add(102, 1))),
      )
      await running.engine.stop(5000)
      const outcomes = await Promise.all(asked)
      assert.ok(outcomes.every((outcome) => outcome.kind === 'decided'))
      assert.equal(answerOf(await running.engine.submit(byStudent(40, add(102, 1)))), 'not_leading')
      await eventually(async () => {
        const [row] = await db.query<{ count: number }>('SELECT count(*) AS count FROM decisions')
        return Number(row?.count) === 30
      })
    })
  })
}
