import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Effect } from '../../actors/messages/records.ts'
import { BatcherTables } from './table-store.ts'
import {
  applyEffects,
  createTables,
  left,
  promoted,
  recordWith,
  reserve,
  resetTables,
  seat,
  takeTerm,
  type TestTables,
} from './testing/tables.ts'

let db: TestTables

before(async () => {
  db = await createTables({ migrated: true })
})
after(() => db.remove())
beforeEach(() => resetTables(db.database))

const places = () =>
  db.rows(`SELECT student_id, course_id, group_id, reserved, reserve_order FROM enrolled_courses
    ORDER BY student_id, course_id, group_id`)

const folds: { name: string; effects: Effect[]; held: unknown[][] }[] = [
  { name: 'a seat is a row', effects: [seat(1)], held: [[1, 101, 1, false, null]] },
  { name: 'a reserve place is a row with its order', effects: [reserve(1, 7)], held: [[1, 101, 1, true, 7]] },
  {
    name: 'a promotion frees the order',
    effects: [reserve(1, 7), promoted(1)],
    held: [[1, 101, 1, false, null]],
  },
  { name: 'a place given up is no row', effects: [seat(1), left(1)], held: [] },
  {
    name: 'the last effect on a place counts',
    effects: [seat(1), left(1), reserve(1, 3)],
    held: [[1, 101, 1, true, 3]],
  },
  {
    name: 'a move is one row in the new group',
    effects: [seat(1), left(1), seat(1, 101, 2)],
    held: [[1, 101, 2, false, null]],
  },
  {
    name: 'students and courses do not mix',
    effects: [seat(1), seat(2), seat(1, 102), left(2)],
    held: [
      [1, 101, 1, false, null],
      [1, 102, 1, false, null],
    ],
  },
]
for (const { name, effects, held } of folds) {
  test(`${name}, in one batch and in batches of one alike`, async () => {
    await takeTerm(db.batcher)
    await applyEffects(db.batcher, ...effects)
    assert.deepEqual(await places(), held)
    await db.database.query('TRUNCATE enrolled_courses')
    for (const effect of effects) await applyEffects(db.batcher, effect)
    assert.deepEqual(await places(), held)
  })
}

test('a row that stays keeps its id, so that older tools keep their order', async () => {
  await takeTerm(db.batcher)
  await applyEffects(db.batcher, seat(1), reserve(2, 1))
  const ids = () => db.rows('SELECT student_id, id FROM enrolled_courses ORDER BY student_id')
  const held = await ids()
  await applyEffects(db.batcher, promoted(2), left(1), seat(1))
  assert.deepEqual(await ids(), held)
})

test('capacity and remaining actions are what the last decision said', async () => {
  await takeTerm(db.batcher)
  await applyEffects(
    db.batcher,
    { type: 'capacity_changed', course: 101, group: 1, capacity: 40 },
    { type: 'actions_spent', student: 1, count: 1, remaining: 4 },
    { type: 'capacity_changed', course: 101, group: 1, capacity: 41 },
    { type: 'actions_spent', student: 1, count: 1, remaining: 3 },
  )
  assert.deepEqual(await db.rows('SELECT capacity FROM courses ORDER BY course_id, group_id'), [
    [41],
    [3],
    [3],
  ])
  assert.deepEqual(await db.rows('SELECT remaining_actions FROM students WHERE id < 3 ORDER BY id'), [
    [3],
    [5],
  ])
})

test('a decision is kept whole, with odd characters in its note', async () => {
  await takeTerm(db.batcher)
  const note = 'a\\b\tc\nd\r"e" \\N é 😀'
  const batch = await db.batcher.begin()
  await batch.apply([
    recordWith(1, {
      at: 1_790_000_000_123,
      actor: { role: 'staff', id: 8 },
      legs: [{ do: 'force_add', course: 101, group: 1, note }],
      effects: [seat(1), promoted(2, 102)],
      key: 'key\\1',
      requestHash: 'hash',
      request: 'request\\',
    }),
    recordWith(2, { reasons: [{ code: 'course_full', leg: 0, course: 101, group: 1 }] }),
  ])
  await batch.commit()
  const [first] = await db.database.query<Record<string, unknown>>('SELECT * FROM decisions WHERE seq = 1')
  assert.deepEqual(first, {
    term: 1,
    seq: 1,
    at: new Date(1_790_000_000_123),
    actor_role: 'staff',
    actor_id: 8,
    student_id: 1,
    legs: [{ do: 'force_add', course: 101, group: 1, note }],
    effects: [seat(1), promoted(2, 102)],
    reasons: null,
    remaining: 5,
    key: 'key\\1',
    request_hash: 'hash',
    request: 'request\\',
    course_id: 101,
    other_courses: null,
    other_students: [2],
  })
  assert.deepEqual(await db.rows('SELECT effects, reasons FROM decisions WHERE seq = 2'), [
    [null, [{ code: 'course_full', leg: 0, course: 101, group: 1 }]],
  ])
})

test('the position moves with the decisions, and its time never goes back', async () => {
  const leader = await takeTerm(db.batcher)
  const batch = await db.batcher.begin()
  assert.deepEqual(batch.position, { leader, term: 1, seq: 0, atMs: 0 })
  await batch.apply([recordWith(1, { effects: [], at: 500 }), recordWith(2, { effects: [], at: 400 })])
  await batch.apply([recordWith(3, { effects: [seat(1)], at: 450 })])
  await batch.commit()
  const next = await db.batcher.begin()
  assert.deepEqual(next.position, { leader, term: 1, seq: 3, atMs: 500 })
  await next.rollback()
  assert.deepEqual(await places(), [[1, 101, 1, false, null]])
  assert.deepEqual(await db.rows('SELECT seq FROM decisions ORDER BY seq'), [[1], [2], [3]])
})

test('what was rolled back never happened', async () => {
  await takeTerm(db.batcher)
  const batch = await db.batcher.begin()
  await batch.apply([recordWith(1, { effects: [seat(1)] })])
  await batch.rollback()
  assert.deepEqual(await places(), [])
  await applyEffects(db.batcher, seat(2))
  assert.deepEqual(await places(), [[2, 101, 1, false, null]])
})

test('a record that does not follow the last one is never written', async () => {
  await takeTerm(db.batcher)
  const batch = await db.batcher.begin()
  await assert.rejects(batch.apply([recordWith(2, { effects: [] })]), /in order, without gaps/)
  await batch.rollback()
})

test('a decision about a student or a course that somebody deleted is kept, and its effect set apart', async () => {
  await takeTerm(db.batcher)
  await db.database.query('DELETE FROM students WHERE id = 3')
  await db.database.query('DELETE FROM courses WHERE course_id = 102')
  await applyEffects(
    db.batcher,
    seat(3),
    seat(1, 102),
    seat(1),
    { type: 'actions_spent', student: 3, count: 1, remaining: 4 },
    { type: 'capacity_changed', course: 102, group: 1, capacity: 9 },
  )
  assert.deepEqual(await places(), [[1, 101, 1, false, null]])
  assert.deepEqual(await db.rows('SELECT term, seq, effect FROM orphaned_effects ORDER BY seq'), [
    [1, 1, { type: 'registered', student: 3, course: 101, group: 1 }],
    [1, 2, { type: 'registered', student: 1, course: 102, group: 1 }],
    [1, 4, { type: 'actions_spent', student: 3, remaining: 4 }],
    [1, 5, { type: 'capacity_changed', course: 102, group: 1, capacity: 9 }],
  ])
  assert.deepEqual(await db.rows('SELECT count(*) FROM decisions'), [[5]])
})

test('nobody removes a student or a group to whom a batch is just giving a place', async () => {
  await takeTerm(db.batcher)
  const batch = await db.batcher.begin()
  await batch.apply([recordWith(1, { effects: [seat(1)] })])
  const removals = [
    db.database.query('DELETE FROM students WHERE id = 1'),
    db.database.query('DELETE FROM courses WHERE course_id = 101 AND group_id = 1'),
  ].map((removal) => removal.then(() => 'removed', String))
  while ((await db.rows(`SELECT pid FROM pg_locks WHERE NOT granted`)).length < 2) await setImmediate()
  await batch.commit()
  for (const outcome of await Promise.all(removals)) assert.match(outcome, /foreign key constraint/)
  assert.deepEqual(await places(), [[1, 101, 1, false, null]])
})

test('triggers of other programs fire for what batches write, as soon as they are there', async () => {
  await takeTerm(db.batcher)
  await applyEffects(db.batcher, seat(1))
  await db.database.query(`
    CREATE TABLE seen_places (student BIGINT);
    CREATE FUNCTION see_place() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN INSERT INTO seen_places VALUES (NEW.student_id); RETURN NULL; END';
    CREATE TRIGGER of_another_program AFTER INSERT ON enrolled_courses FOR EACH ROW EXECUTE FUNCTION see_place()`)
  try {
    await applyEffects(db.batcher, seat(2))
    assert.deepEqual(await db.rows('SELECT student FROM seen_places'), [[2]])
  } finally {
    await db.database.query('DROP FUNCTION see_place CASCADE; DROP TABLE seen_places')
  }
  await applyEffects(db.batcher, seat(3))
  assert.equal((await places()).length, 3)
})

test('a foreign key of another program is kept when a batch takes a place away', async () => {
  await takeTerm(db.batcher)
  await applyEffects(db.batcher, seat(1))
  await db.database.query(`
    CREATE TABLE grades (place BIGINT REFERENCES enrolled_courses ON DELETE CASCADE);
    INSERT INTO grades SELECT id FROM enrolled_courses`)
  try {
    await applyEffects(db.batcher, { type: 'left', student: 1, course: 101, group: 1 })
    assert.deepEqual([await places(), await db.rows('SELECT * FROM grades')], [[], []])
  } finally {
    await db.database.query('DROP TABLE grades')
  }
})

test('a student whom staff add is one whose department stays, and whose older tokens have ended', async () => {
  await takeTerm(db.batcher)
  const added = {
    type: 'student_added',
    student: 70,
    department: 2,
    gender: 'male',
    entryYear: 2025,
    maxUnits: 20,
    remainingActions: 5,
    windowStartMs: 0,
    windowEndMs: 1,
  } as const
  await db.database.query(`INSERT INTO account_epochs (staff, id, changed_at, xact)
    VALUES (FALSE, 70, 'epoch', pg_current_xact_id())`)
  await applyEffects(db.batcher, added)
  assert.deepEqual(await db.rows(`SELECT changed_at > 'epoch' FROM account_epochs WHERE id = 70`), [[true]])
  await applyEffects(db.batcher, seat(70))
  assert.deepEqual(await places(), [[70, 101, 1, false, null]])
})

test('a row that somebody wrote meanwhile gives way to the decision', async () => {
  await takeTerm(db.batcher)
  await db.database.query(
    'INSERT INTO enrolled_courses (course_id, group_id, student_id, reserved) VALUES (101, 1, 1, TRUE)',
  )
  await applyEffects(db.batcher, seat(1), left(2))
  assert.deepEqual(await places(), [[1, 101, 1, false, null]])
})

test('adoption removes just the rows it names, and only where they are what it says', async () => {
  await takeTerm(db.batcher)
  await db.database.query('DROP INDEX enrolled_courses_once')
  await db.database.query(
    'INSERT INTO enrolled_courses (id, course_id, group_id, student_id) VALUES (11, 101, 1, 1), (12, 101, 1, 1), (13, 101, 1, 2)',
  )
  await applyEffects(db.batcher, {
    type: 'duplicates_removed',
    student: 1,
    course: 101,
    group: 1,
    rows: [12, 13],
  })
  assert.deepEqual(await db.rows('SELECT id FROM enrolled_courses ORDER BY id'), [[11], [13]])
  await db.database.query(
    'CREATE UNIQUE INDEX enrolled_courses_once ON enrolled_courses (student_id, course_id, group_id)',
  )
})

test('one batcher at a time: the second waits until the first has ended its transaction', async () => {
  await takeTerm(db.batcher)
  const second = new BatcherTables(db.database)
  try {
    const batch = await db.batcher.begin()
    await batch.apply([recordWith(1, { effects: [seat(1)] })])
    const waiting = second.begin()
    await batch.commit()
    const next = await waiting
    assert.equal(next.position.seq, 1, 'it sees what the first has written')
    await next.rollback()
  } finally {
    await second.close()
  }
})

test('a lost connection rejects the call and is replaced by the next', async () => {
  await takeTerm(db.batcher)
  const batch = await db.batcher.begin()
  await db.database.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE application_name = 'enrollment batcher' AND datname = current_database()`,
  )
  await assert.rejects(batch.apply([recordWith(1, { effects: [seat(1)] })]))
  await batch.rollback()
  await applyEffects(db.batcher, seat(2))
  assert.deepEqual(await places(), [[2, 101, 1, false, null]])
})

test('nothing is confirmed by committing a transaction that failed', async () => {
  await takeTerm(db.batcher)
  const batch = await db.batcher.begin()
  await assert.rejects(batch.judgementOf('no uuid'))
  await assert.rejects(batch.commit(), /nothing was committed/)
})
