import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, beforeEach, test } from 'node:test'
import { noLeader } from '../engine/ports.ts'
import {
  applyEffects,
  createTables,
  recordWith,
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

test('the batcher is no outside change; anybody else is, row by row', async () => {
  await takeTerm(db.batcher)
  await applyEffects(db.batcher, seat(1), { type: 'capacity_changed', course: 101, group: 1, capacity: 9 })
  const changes = () =>
    db.rows(`SELECT table_name, operation, student_id, course_id, group_id FROM outside_changes
      WHERE absorbed_by_term IS NULL ORDER BY id`)
  assert.deepEqual(await changes(), [])
  await db.database.query('UPDATE students SET remaining_actions = 9 WHERE id = 2')
  await db.database.query("UPDATE students SET password = 'other'")
  await db.database.query('DELETE FROM enrolled_courses')
  assert.deepEqual(await changes(), [
    ['students', 'UPDATE', 2, null, null],
    ['enrolled_courses', 'DELETE', 1, 101, 1],
  ])
})

test('somebody who may only change students is noted all the same, and not turned away', async () => {
  const role = `registrar_${randomUUID().replaceAll('-', '')}`
  await db.database.query(`CREATE ROLE ${role}`)
  await db.database.query(`GRANT SELECT, UPDATE ON students TO ${role}`)
  try {
    await db.database.transaction(async (client) => {
      await client.query(`SET LOCAL ROLE ${role}`)
      await client.query('CREATE TEMPORARY TABLE outside_changes (nothing TEXT) ON COMMIT DROP')
      await client.query('UPDATE students SET remaining_actions = 9 WHERE id = 2')
    })
    assert.deepEqual(await db.rows('SELECT operation, student_id FROM outside_changes'), [['UPDATE', 2]])
  } finally {
    await db.database.query(`DROP OWNED BY ${role}`)
    await db.database.query(`DROP ROLE ${role}`)
  }
})

test('markers: accepted ones count terms and lead, rejected ones are only kept', async () => {
  const first = await takeTerm(db.batcher)
  const rejected = randomUUID()
  const batch = await db.batcher.begin()
  await batch.recordMarker({ leader: rejected, after: noLeader, judgement: 'rejected' })
  assert.equal(await batch.judgementOf(first), 'accepted')
  assert.equal(await batch.judgementOf(rejected), 'rejected')
  assert.equal(await batch.judgementOf(randomUUID()), undefined)
  await batch.commit()
  await applyEffects(db.batcher, seat(1))
  const second = await takeTerm(db.batcher)
  const next = await db.batcher.begin()
  assert.equal(next.position.leader, second)
  assert.equal(next.position.term, 2)
  assert.equal(next.position.seq, 0)
  assert.equal(next.position.atMs, 1_790_000_000_001, 'time goes on where the last term left it')
  assert.equal(await next.isApplied({ leader: first, seq: 1 }), true)
  assert.equal(await next.isApplied({ leader: first, seq: 2 }), false)
  assert.equal(await next.isApplied({ leader: second, seq: 1 }), false)
  assert.equal(await next.isApplied({ leader: rejected, seq: 1 }), false)
  await next.rollback()
})

test('a marker and the decisions behind it fit one transaction', async () => {
  const batch = await db.batcher.begin()
  const leader = randomUUID()
  await batch.recordMarker({ leader, after: noLeader, judgement: 'accepted' })
  await batch.apply([recordWith(1, { effects: [seat(1)] })])
  await batch.commit()
  assert.deepEqual(await db.rows('SELECT term, seq FROM decisions'), [[1, 1]])
})

test('the first leader records what it found; the next one only does so after an outside change', async () => {
  const baseline = () => db.rows('SELECT term FROM baseline')
  await db.database.query(
    `INSERT INTO enrolled_courses (id, course_id, group_id, student_id, reserved)
     VALUES (50, 101, 1, 1, FALSE), (51, 101, 1, 2, TRUE)`,
  )
  await takeTerm(db.batcher)
  assert.deepEqual(await baseline(), [[1]])
  assert.deepEqual(await db.rows('SELECT * FROM baseline_places ORDER BY student_id'), [
    [1, 101, 1, null, false],
    [2, 101, 1, 51, false],
  ])
  assert.deepEqual(await db.rows('SELECT count(*) FROM baseline_students'), [[9]])
  await applyEffects(db.batcher, { type: 'capacity_changed', course: 101, group: 1, capacity: 40 })
  await takeTerm(db.batcher)
  assert.deepEqual(await baseline(), [[1]], 'decisions are no reason for a new one')
  await db.database.query('UPDATE courses SET capacity = 50 WHERE course_id = 102')
  await takeTerm(db.batcher)
  assert.deepEqual(await baseline(), [[3]])
  assert.deepEqual(await db.rows('SELECT capacity FROM baseline_courses ORDER BY course_id, group_id'), [
    [40],
    [3],
    [50],
  ])
  assert.deepEqual(
    await db.rows('SELECT DISTINCT absorbed_by_term FROM outside_changes ORDER BY 1'),
    [[1], [3]],
    'each change belongs to the baseline that took it in',
  )
})

test('void records are kept once, however often they come', async () => {
  const deposed = randomUUID()
  for (let time = 0; time < 2; time++) {
    const batch = await db.batcher.begin()
    await batch.recordVoids(deposed, [recordWith(4, { effects: [seat(1)] }), recordWith(5, { effects: [] })])
    await batch.recordVoids(deposed, [])
    await batch.commit()
  }
  assert.deepEqual(await db.rows(`SELECT leader, seq, record ->> 'seq' FROM void_records ORDER BY seq`), [
    [deposed, 4, '4'],
    [deposed, 5, '5'],
  ])
})
