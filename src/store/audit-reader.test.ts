import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { AuditReader } from '../audit/audit-ports.ts'
import { openAuditReader } from './audit-reader.ts'
import {
  applyEffects,
  createTables,
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
  await resetTables(db.database)
})
after(() => db.remove())

async function all<Row>(rows: AsyncIterable<Row>): Promise<Row[]> {
  const collected: Row[] = []
  for await (const row of rows) collected.push(row)
  return collected
}

test('an audit reads the baseline, what was decided since, and what became of it', async () => {
  await db.database.query(
    'INSERT INTO enrolled_courses (id, course_id, group_id, student_id) VALUES (90, 101, 1, 9)',
  )
  const first = await takeTerm(db.batcher)
  await applyEffects(db.batcher, seat(1), reserve(2, 8))
  await db.database.query('UPDATE courses SET capacity = 7 WHERE course_id = 102')
  const second = await takeTerm(db.batcher)
  const batch = await db.batcher.begin()
  await batch.apply([
    recordWith(1, { at: 5000, effects: [{ type: 'actions_spent', student: 1, count: 1, remaining: 4 }] }),
    recordWith(2, { at: 6000, reasons: [{ code: 'course_full' }] }),
    recordWith(3, { at: 7000, effects: [seat(404)] }),
  ])
  await batch.commit()
  await db.database.query('DELETE FROM enrolled_courses WHERE student_id = 1')

  const opened = await openAuditReader(db.database)
  try {
    const reader: AuditReader = opened
    await db.database.query('DELETE FROM enrolled_courses')
    const baseline = await reader.baseline()
    assert.equal(baseline?.term, 2)
    assert.ok(Math.abs(baseline.takenAtMs - Date.now()) < 3_600_000)
    assert.deepEqual(await reader.position(), { leader: second, term: 2, seq: 3, atMs: 1_790_000_000_002 })
    const accepted = await all(reader.acceptedLeaders())
    assert.deepEqual(
      accepted.map(({ leader, term }) => [leader, term]),
      [
        [first, 1],
        [second, 2],
      ],
    )
    assert.equal(accepted[1]?.after, first)
    assert.deepEqual(await all(reader.termsBefore(2)), [
      { term: 1, count: 2, lastSeq: 2, newestAtMs: 1_790_000_000_002 },
    ])
    assert.deepEqual(await all(reader.decisionsFrom(2)), [
      {
        term: 2,
        seq: 1,
        atMs: 5000,
        student: 1,
        effects: [{ type: 'actions_spent', student: 1, count: 1, remaining: 4 }],
        remaining: 5,
      },
      { term: 2, seq: 2, atMs: 6000, student: 1, effects: undefined, remaining: 5 },
      { term: 2, seq: 3, atMs: 7000, student: 1, effects: [seat(404)], remaining: 5 },
    ])
    const baselinePlaces = await all(reader.baselineState.places())
    assert.deepEqual(
      baselinePlaces.toSorted((a, b) => a.student - b.student),
      [
        { student: 1, course: 101, group: 1, order: undefined },
        { student: 2, course: 101, group: 1, order: 8 },
        { student: 9, course: 101, group: 1, order: undefined },
      ],
    )
    assert.deepEqual(
      await all(reader.tables.places()),
      [
        { student: 2, course: 101, group: 1, order: 8 },
        { student: 9, course: 101, group: 1, order: undefined },
      ],
      'as they were when the audit began',
    )
    const usual = { status: 'open', reserveCapacity: 3, notes: '', meetings: [], exam: undefined }
    const groups = [
      { course: 101, group: 1, capacity: 3, details: { ...usual, lecturer: 'Ada' } },
      { course: 101, group: 2, capacity: 3, details: { ...usual, lecturer: 'Emmy' } },
      { course: 102, group: 1, capacity: 7, details: { ...usual, lecturer: 'Lise' } },
    ]
    const byCourse = (a: { course: number; group: number }, b: { course: number; group: number }) =>
      a.course - b.course || a.group - b.group
    assert.deepEqual((await all(reader.baselineState.groups())).toSorted(byCourse), groups)
    assert.deepEqual((await all(reader.tables.groups())).toSorted(byCourse), groups)
    const actionsOfFirst = (rows: { id: number; remainingActions: number }[]) =>
      rows.find(({ id }) => id === 1)?.remainingActions
    assert.equal(actionsOfFirst(await all(reader.baselineState.students())), 5)
    assert.equal(actionsOfFirst(await all(reader.tables.students())), 4)
    assert.deepEqual(
      (await all(reader.outsideChanges())).map(({ table, operation, student, course, group }) => [
        table,
        operation,
        student,
        course,
        group,
      ]),
      [['enrolled_courses', 'DELETE', 1, 101, 1]],
    )
    assert.equal(await reader.countAbsorbedBy(2), 1)
    assert.deepEqual(await all(reader.orphanedEffectsFrom(2)), [
      { term: 2, seq: 3, effect: { type: 'registered', student: 404, course: 101, group: 1 } },
    ])
  } finally {
    await opened.close()
  }
})

test('a history longer than a page is read to its end, in order', async () => {
  await resetTables(db.database)
  await takeTerm(db.batcher)
  const batch = await db.batcher.begin()
  await batch.apply(Array.from({ length: 10_000 }, (_, index) => recordWith(index + 1, { effects: [] })))
  await batch.commit()
  const reader = await openAuditReader(db.database)
  try {
    const seqs = (await all(reader.decisionsFrom(1))).map(({ seq }) => seq)
    assert.deepEqual(
      seqs,
      Array.from({ length: 10_000 }, (_, index) => index + 1),
    )
    assert.deepEqual(await all(reader.outsideChanges()), [])
  } finally {
    await reader.close()
  }
})

test('before the first leader there is no baseline', async () => {
  await resetTables(db.database)
  const reader = await openAuditReader(db.database)
  try {
    assert.equal(await reader.baseline(), undefined)
    assert.deepEqual(await all(reader.baselineState.places()), [])
  } finally {
    await reader.close()
  }
})
