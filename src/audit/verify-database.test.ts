import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { afterEach, describe, test } from 'node:test'
import { createCampusDatabase } from '../../kit/campus-database.ts'
import {
  add,
  answerOf,
  byStudent,
  directJournal,
  drop,
  type RunningEngine,
  startEngine,
  stateOf,
  untilLeading,
} from '../../kit/running-engine.ts'
import { openAuditReader } from '../store/audit-reader.ts'
import type { Database } from '../store/database.ts'
import { BatcherTables } from '../store/table-store.ts'
import { formatVerification } from './format-verification.ts'
import type { AuditReader } from './audit-ports.ts'
import { type Verification, verify } from './verify.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

interface Registration {
  readonly database: Database
  /** The next leader takes over. */
  readonly lead: () => Promise<RunningEngine>
}

async function openRegistration(): Promise<Registration> {
  const campus = `audit-${randomUUID().slice(0, 8)}`
  const created = await createCampusDatabase({ campus })
  cleanups.push(() => created.remove())
  let running: RunningEngine | undefined
  cleanups.push(async () => running?.engine.stop(1000))
  const lead = async (): Promise<RunningEngine> => {
    await running?.engine.stop(5000)
    running = startEngine(created.database, campus, directJournal(created.database, campus))
    await untilLeading(running)
    return running
  }
  return { database: created.database, lead }
}

/** Students 1 and 2 sit in 101/1, 3 and 4 wait; 1 leaves, and 3 moves up; 5 and 6 are in 102/1. */
async function registrationDay({ engine }: RunningEngine): Promise<void> {
  for (const student of [1, 2, 3, 4]) await say(engine, student, 'yes', add(101, 1))
  await say(engine, 5, 'yes', add(102, 1))
  await say(engine, 6, 'yes', add(102, 1))
  await say(engine, 6, 'already_enrolled', add(102, 1))
  await say(engine, 1, 'yes', drop(101))
}

async function say(
  engine: RunningEngine['engine'],
  student: number,
  answer: string,
  ...legs: Parameters<typeof byStudent>[1][]
): Promise<void> {
  assert.equal(answerOf(await engine.submit(byStudent(student, ...legs))), answer)
}

async function verified(database: Database): Promise<Verification> {
  const snapshot = await openAuditReader(database)
  try {
    const reader: AuditReader = snapshot
    return await verify(reader)
  } finally {
    await snapshot.close()
  }
}

/** The lines of a verification, with times and role names that a test cannot know replaced. */
async function linesOf(database: Database): Promise<string[]> {
  const [{ role } = { role: '' }] = await database.query<{ role: string }>('SELECT session_user AS role')
  return formatVerification(await verified(database)).map((line) =>
    line.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'T').replaceAll(`(${role},`, '(me,'),
  )
}

const change = 'on enrolled_courses'

describe('verify on a real database', () => {
  test('has nothing to say before any leader has served', async () => {
    const { database } = await openRegistration()
    assert.deepEqual(await linesOf(database), ['nothing to verify yet: no leader has served this database'])
  })

  test('agrees with what an engine decided, and the digest is that of the memory it decided in', async () => {
    const { database, lead } = await openRegistration()
    const leader = await lead()
    await registrationDay(leader)
    const memory = stateOf(leader)
    const verification = await verified(database)
    assert.ok(verification.verdict === 'agreed', formatVerification(verification).join('\n'))
    const digest = createHash('sha256').update(`${memory}\n`).digest('hex')
    assert.deepEqual(verification.digests, { replayed: digest, tables: digest })
    const { counts, position } = verification
    assert.deepEqual(
      { ...counts, ...position },
      {
        decisions: 8,
        students: 10,
        groups: 4,
        seats: 4,
        waiting: 1,
        orphaned: 0,
        accepted: 0,
        outside: 0,
        absorbed: counts.absorbed,
        term: 1,
        seq: 8,
      },
    )
  })

  test('agrees over several leaders', async () => {
    const { database, lead } = await openRegistration()
    await registrationDay(await lead())
    const { engine } = await lead()
    await say(engine, 2, 'yes', drop(101))
    await lead()
    const [line] = await linesOf(database)
    assert.match(
      line ?? '',
      /^agreed: 9 decisions, .*, 4 seats, 0 waiting, position term 3 seq 0, baseline of T/,
    )
  })

  test('may run beside a server that goes on deciding', async () => {
    const { database, lead } = await openRegistration()
    const { engine } = await lead()
    const deciding = new AbortController()
    const students = Array.from({ length: 10 }, async (_, index) => {
      while (!deciding.signal.aborted) await engine.submit(byStudent(index + 1, add(101, 1 + (index % 2))))
    })
    try {
      for (let run = 0; run < 5; run++) {
        const lines = await linesOf(database)
        assert.match(lines.join('\n'), /^agreed: /)
      }
    } finally {
      deciding.abort()
      await Promise.all(students)
    }
  })

  test('agrees when a student was added while it ran, and enrolled', async () => {
    const { database, lead } = await openRegistration()
    const { engine } = await lead()
    await database.query(
      `INSERT INTO students (id, password, enrollment_start_time, enrollment_end_time, max_units,
         remaining_actions, department_id, entry_year, gender)
       VALUES (77, 'x', '2020-01-01', '2099-01-01', 20, 3, 1, 1400, 'female')`,
    )
    await say(engine, 77, 'yes', add(102, 1))
    await say(engine, 77, 'yes', drop(102))
    const lines = await linesOf(database)
    assert.match(lines.join('\n'), /^agreed: 2 decisions, 11 students, .*; 1 outside change since$/)
  })
})

describe('a difference made by hand on a real database', () => {
  test('is named with who did it, for a deleted seat', async () => {
    const { database, lead } = await openRegistration()
    await registrationDay(await lead())
    await database.query('DELETE FROM enrolled_courses WHERE student_id = 5')
    const [first, ...rest] = await linesOf(database)
    assert.equal(
      first,
      `student 5 in 102/1: expected a seat, found no place; made from outside (me, T, DELETE ${change})`,
    )
    assert.equal(rest.length, 1)
  })

  test('is named for a changed queue, capacity and count of actions', async () => {
    const { database, lead } = await openRegistration()
    await registrationDay(await lead())
    await database.query('UPDATE enrolled_courses SET reserve_order = 9 WHERE student_id = 4')
    await database.query('UPDATE courses SET capacity = 3 WHERE course_id = 101 AND group_id = 1')
    await database.query('UPDATE students SET remaining_actions = 12 WHERE id = 1')
    const lines = await linesOf(database)
    assert.deepEqual(lines.slice(0, -1), [
      'group 101/1: expected capacity 2, found capacity 3; made from outside (me, T, UPDATE on courses)',
      'student 4 in 101/1: expected a reserve place of order 2, found a reserve place of order 9; made from outside (me, T, UPDATE on enrolled_courses)',
      'student 1: expected 11 actions left, found 12 actions left; made from outside (me, T, UPDATE on students)',
    ])
  })

  test('is named for a table that was emptied', async () => {
    const { database, lead } = await openRegistration()
    await registrationDay(await lead())
    await database.query('TRUNCATE enrolled_courses')
    const lines = await linesOf(database)
    assert.equal(lines.length, 6)
    for (const line of lines.slice(0, -1)) {
      assert.ok(line.endsWith(`made from outside (me, T, TRUNCATE ${change})`), line)
    }
  })

  test('agrees about extra seats, across leaders, and about seats that an earlier version forced', async () => {
    const { database, lead } = await openRegistration()
    const staff = { role: 'staff', id: 1, department: 1, campusWide: true } as const
    const force = async ({ engine }: RunningEngine, what: 'force_add' | 'force_drop', student: number) => {
      const leg = { do: what, course: 101, group: 1 } as const
      return answerOf(await engine.submit({ actor: staff, student, legs: [leg] }))
    }
    const first = await lead()
    await registrationDay(first)
    assert.equal(await force(first, 'force_add', 7), 'yes')
    assert.equal(await force(first, 'force_add', 8), 'yes')
    const memory = stateOf(first)
    assert.match(memory, /^group 101\/1 .* registered=2,3,7\+,8\+ queue=4@2$/m)
    const second = await lead()
    assert.equal(stateOf(second), memory)
    await say(second.engine, 2, 'yes', drop(101))
    assert.match(stateOf(second), /^group 101\/1 .* registered=3,7,8\+ queue=4@2$/m)
    assert.equal((await verified(database)).verdict, 'agreed')
    await second.engine.stop(5000)

    // A record of that version, still in the queue at the upgrade: the capacity is larger for good.
    const [at] = await database.query<{ seq: number; atMs: number }>(
      'SELECT seq::int, at_ms::float8 AS "atMs" FROM journal_position',
    )
    const where = { course: 101, group: 1 }
    const tables = new BatcherTables(database)
    cleanups.push(() => tables.close())
    const batch = await tables.begin()
    const effects = [
      { type: 'capacity_changed', ...where, capacity: 4 },
      { type: 'registered', student: 9, ...where },
    ] as const
    const legs = [{ do: 'force_add', ...where }] as const
    const actor = { role: 'staff', id: 1 } as const
    await batch.apply([{ seq: (at?.seq ?? 0) + 1, at: at?.atMs ?? 0, actor, student: 9, legs, effects }])
    await batch.commit()
    const third = await lead()
    assert.match(stateOf(third), /^group 101\/1 open capacity=4 .* registered=3,7,8\+,9 queue=4@2$/m)
    assert.equal(await force(third, 'force_drop', 9), 'yes')
    assert.match(stateOf(third), /^group 101\/1 open capacity=4 .* registered=3,4,7,8 queue=$/m)
    assert.equal((await verified(database)).verdict, 'agreed')
  })

  test('is named for seats that an older version’s load brought in while it ran', async () => {
    const { database, lead } = await openRegistration()
    await registrationDay(await lead())
    const client = await database.connect({ settings: { 'enrollment.writer': 'load' } })
    await client.query(`INSERT INTO enrolled_courses (course_id, group_id, student_id, reserved) VALUES (201, 1, 9, FALSE);
      INSERT INTO outside_changes (table_name, operation) VALUES ('enrolled_courses', 'LOAD')`)
    await client.end()
    const [first] = await linesOf(database)
    assert.equal(
      first,
      `student 9 in 201/1: expected no place, found a seat; made from outside (me, T, LOAD ${change})`,
    )
  })

  test('is taken in by the next leader, and said so', async () => {
    const { database, lead } = await openRegistration()
    await registrationDay(await lead())
    await database.query('DELETE FROM enrolled_courses WHERE student_id = 5')
    const { engine } = await lead()
    await say(engine, 5, 'yes', add(102, 1))
    const lines = await linesOf(database)
    assert.match(lines.join('\n'), /^agreed: 1 decision, .*; 1 outside change taken in by term 2$/)
  })

  test('is no outside change when it is the batcher who made it: that is a bug of ours', async () => {
    const { database, lead } = await openRegistration()
    await registrationDay(await lead())
    const client = await database.connect({ settings: { 'enrollment.writer': 'batcher' } })
    await client.query('DELETE FROM enrolled_courses WHERE student_id = 5')
    await client.end()
    const [first, last, ...rest] = await linesOf(database)
    assert.equal(first, 'student 5 in 102/1: expected a seat, found no place')
    assert.match(last ?? '', /^1 difference: 8 decisions, .*, 3 seats, 1 waiting, position term 1 seq 8,/)
    assert.deepEqual(rest, [])
  })

  test('is told with the decision that found no row, when a student was removed who then moved up', async () => {
    const { database, lead } = await openRegistration()
    const { engine } = await lead()
    for (const student of [1, 2, 3]) await say(engine, student, 'yes', add(101, 1))
    await database.query('DELETE FROM enrolled_courses WHERE student_id = 3')
    await database.query('DELETE FROM students WHERE id = 3')
    await say(engine, 1, 'yes', drop(101))
    const lines = await linesOf(database)
    assert.deepEqual(lines.slice(0, -1), [
      `student 3 in 101/1: expected a seat, found no place; made from outside (me, T, DELETE ${change}); decision 4 of term 1 found no row to change`,
      'student 3: expected 12 actions left, found no such student; made from outside (me, T, DELETE on students)',
    ])
    assert.match(lines.at(-1) ?? '', /; 1 effect without a row$/)
  })
})

describe('a journal that was tampered with on a real database', () => {
  test('lacks nothing when a month was archived, and something when a month just went', async () => {
    const { database, lead } = await openRegistration()
    await registrationDay(await lead())
    await database.query("UPDATE decisions SET at = at - interval '60 days' WHERE seq < 7")
    await database.query("INSERT INTO outside_changes (table_name, operation) VALUES ('courses', 'LOAD')")
    const { engine } = await lead()
    await say(engine, 7, 'yes', add(102, 1))
    assert.match((await linesOf(database)).join(), /^agreed: 1 decision,/)
    await database.query("SELECT archive_decisions('decisions_earliest')")
    assert.match((await linesOf(database)).join(), /^agreed: 1 decision,/)
    await database.query('DELETE FROM archived_decisions')
    const [first] = await linesOf(database)
    assert.equal(first, 'journal: expected decisions 1 to 8 of term 1, found 2 of these 8')
  })

  test('lacks a decision', async () => {
    const { database, lead } = await openRegistration()
    await registrationDay(await lead())
    await database.query('DELETE FROM decisions WHERE seq = 7')
    const [first, ...rest] = await linesOf(database)
    assert.equal(first, 'journal: expected decision 7 of term 1, found decision 8 next')
    assert.equal(rest.length, 1)
  })

  test('has lost its newest decision', async () => {
    const { database, lead } = await openRegistration()
    await registrationDay(await lead())
    await database.query('DELETE FROM decisions WHERE seq = 8')
    const lines = await linesOf(database)
    assert.ok(
      lines.includes('journal: expected position at the newest decision, term 1 seq 7, found term 1 seq 8'),
      lines.join('\n'),
    )
  })

  test('has a decision that says something else', async () => {
    const { database, lead } = await openRegistration()
    await registrationDay(await lead())
    await database.query(
      `UPDATE decisions SET effects = '[{"type":"registered","student":5,"course":201,"group":1}]' WHERE seq = 5`,
    )
    const lines = await linesOf(database)
    assert.deepEqual(lines.slice(0, -1), [
      'student 5 in 102/1: expected no place, found a seat',
      'student 5 in 201/1: expected a seat, found no place',
    ])
  })
})
