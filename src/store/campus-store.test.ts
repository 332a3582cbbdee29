import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, beforeEach, test } from 'node:test'
import fc from 'fast-check'
import type { Campus } from '../../actors/campus.ts'
import { stateLines } from '../../actors/campus-digest.ts'
import { decide } from '../../actors/rules/decide.ts'
import { evolve } from '../../actors/rules/evolve.ts'
import type { DecisionRecord } from '../../actors/messages/records.ts'
import { type Fixture, scene } from '../../actors/testing/arbitraries.ts'
import { groupProfile, studentProfile } from '../../actors/testing/sketches.ts'
import { noLeader } from '../engine/ports.ts'
import { DatabaseCampusStore } from './campus-store.ts'
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

const hourMs = 3_600_000
let db: TestTables
let store: DatabaseCampusStore

before(async () => {
  db = await createTables({ migrated: true })
  store = new DatabaseCampusStore(db.database, { windowMs: hourMs })
})
after(() => db.remove())
beforeEach(() => resetTables(db.database))

async function load() {
  return store.loadCampus(await takeTerm(db.batcher), { keysSinceMs: 0, keysBytesMax: 1_000_000 })
}

test('every column of a course and of a student reaches the campus', async () => {
  await db.database.query(
    `UPDATE courses SET for_department = 2, lecturer = E'A\\tB\\\\', units = 4, capacity = 9, reserve_capacity = 2,
       exam_time = '2027-01-10 09:00', exam_minutes = 90, class_time = 480 + 1440 * 570 + (1 << 23), sex_lock = 'male',
       notes = 'Bring a ruler.' WHERE course_id = 101 AND group_id = 1`,
  )
  await db.database.query(
    `UPDATE courses SET class_time = 5, meetings = '[{"day": 2, "start_minute": 1, "end_minute": 2}]'
     WHERE course_id = 101 AND group_id = 2`,
  )
  await db.database.query(
    `UPDATE students SET gender = 'male', max_units = 18, remaining_actions = -1, department_id = 2,
       enrollment_end_time = '2026-09-21 09:30' WHERE id = 2`,
  )
  const { campus } = await load()
  const examMs = Date.UTC(2027, 0, 10, 9)
  assert.deepEqual(campus.group(101, 1).profile, {
    course: 101,
    group: 1,
    department: 2,
    name: 'Calculus',
    lecturer: 'A\tB\\',
    units: 4,
    capacity: 9,
    reserveCapacity: 2,
    exam: { startMs: examMs, endMs: examMs + 90 * 60_000 },
    meetings: [{ day: 1, startMinute: 480, endMinute: 570 }],
    genderLock: 'male',
    notes: 'Bring a ruler.',
    status: 'open',
  })
  assert.deepEqual(campus.group(101, 2).profile.meetings, [{ day: 2, startMinute: 1, endMinute: 2 }])
  assert.equal(campus.group(102, 1).profile.exam, undefined, 'an exam at the epoch is none')
  const windowStartMs = Date.UTC(2026, 8, 21, 7)
  const second = {
    id: 2,
    department: 2,
    gender: 'male',
    maxUnits: 18,
    remainingActions: -1,
    windowStartMs,
    windowEndMs: windowStartMs + 2.5 * hourMs,
  } as const
  assert.deepEqual(campus.student(2).profile, second)
  assert.equal(campus.student(1).profile.windowEndMs, windowStartMs + hourMs, 'a window without an end')
  assert.deepEqual(await store.loadStudent(2), second)
  assert.deepEqual(await store.loadStudent(1), campus.student(1).profile)
  assert.equal(await store.loadStudent(404), undefined)
})

test('a window that never ends and an exam of unknown length are taken as they are meant', async () => {
  await db.database.query("UPDATE students SET enrollment_end_time = 'infinity' WHERE id = 1")
  await db.database.query("UPDATE courses SET exam_time = '2027-01-10' WHERE course_id = 102")
  const { campus } = await load()
  assert.equal(campus.student(1).windowContains(Date.UTC(2500, 0)), true)
  assert.deepEqual(campus.group(102, 1).profile.exam, {
    startMs: Date.UTC(2027, 0, 10),
    endMs: Date.UTC(2027, 0, 10),
  })
})

test('rows written by hand are queued by their id, beside places that decisions gave', async () => {
  await db.database.query(
    `INSERT INTO enrolled_courses (id, course_id, group_id, student_id, reserved) VALUES
       (40, 101, 1, 1, TRUE), (20, 101, 1, 2, TRUE), (30, 101, 1, 3, FALSE)`,
  )
  await takeTerm(db.batcher)
  await applyEffects(db.batcher, reserve(4, 41), reserve(5, 42))
  const { campus } = await load()
  const group = campus.group(101, 1)
  assert.deepEqual(group.registered, [3])
  assert.deepEqual(group.queue, [2, 1, 4, 5])
  assert.deepEqual(group.queueOrders, [20, 40, 41, 42])
  assert.deepEqual(campus.student(3).places, [group])
})

test('only the leader that PostgreSQL stands at loads, and only before its first decision', async () => {
  await assert.rejects(
    store.loadCampus(randomUUID(), { keysSinceMs: 0, keysBytesMax: 1_000_000 }),
    /cannot load/,
  )
  const leader = await takeTerm(db.batcher)
  const { position } = await store.loadCampus(leader, { keysSinceMs: 0, keysBytesMax: 1_000_000 })
  assert.deepEqual(position, { leader, term: 1, seq: 0, atMs: 0 })
  assert.deepEqual(await store.readPosition(), position)
  await applyEffects(db.batcher, seat(1))
  await assert.rejects(
    store.loadCampus(leader, { keysSinceMs: 0, keysBytesMax: 1_000_000 }),
    /cannot load.*seq 1/,
  )
})

test('a marker is accepted, rejected, or not judged yet', async () => {
  const leader = await takeTerm(db.batcher)
  const late = randomUUID()
  const batch = await db.batcher.begin()
  await batch.recordMarker({ leader: late, after: noLeader, judgement: 'rejected' })
  await batch.commit()
  assert.equal(await store.judgementOf(leader), 'accepted')
  assert.equal(await store.judgementOf(late), 'rejected')
  assert.equal(await store.judgementOf(randomUUID()), undefined)
})

test('a repeated request is answered from the record, however long ago the memory of it went', async () => {
  const first = await takeTerm(db.batcher)
  const keyed = (seq: number, key: string, actor: DecisionRecord['actor']) =>
    recordWith(seq, { at: seq * 1000, actor, key, requestHash: `hash-${seq}`, effects: [] })
  const student = { role: 'student', id: 1 } as const
  const staff = { role: 'staff', id: 1 } as const
  const batch = await db.batcher.begin()
  const records = [
    keyed(1, 'old', student),
    keyed(2, 'a', student),
    keyed(3, 'a', staff),
    recordWith(4, { at: 4000, effects: [] }),
    { ...keyed(5, 'b', student), request: 'a "quoted" back\\slash, a tab\t and \u00e9' },
  ]
  await batch.apply(records)
  await batch.commit()
  const { keys } = await store.loadCampus(await takeTerm(db.batcher), {
    keysSinceMs: 2000,
    keysBytesMax: 1_000_000,
  })
  const found = (caller: string, key: string) => {
    const archived = keys.find(caller, key, 5000)
    return typeof archived === 'object' ? archived.record : archived
  }
  assert.deepEqual(found('student:1', 'a'), records[1])
  assert.deepEqual(found('staff:1', 'a'), records[2])
  assert.deepEqual(found('student:1', 'b'), records[4])
  assert.equal(found('student:1', 'old'), undefined, 'too old')
  assert.deepEqual(await store.findKey(student, 'a', 2000), { leader: first, record: records[1] })
  assert.equal(await store.findKey(student, 'old', 2000), undefined, 'too old')
  assert.equal(
    await store.findKey({ role: 'staff', id: 2 }, 'a', 2000),
    undefined,
    'a key is its caller’s own',
  )
})

test('whatever is decided, and however it is cut into batches, the tables hold what memory held', async () => {
  const scenes = fc.sample(scene, { numRuns: 12, seed: 20_260_921 })
  const cuts = fc.sample(fc.integer({ min: 1, max: 9 }), { numRuns: 200, seed: 7 })
  let records = 0
  for (const played of scenes) {
    await fillScene(played)
    const leader = await takeTerm(db.batcher)
    const { campus } = await store.loadCampus(leader, { keysSinceMs: 0, keysBytesMax: 1_000_000 })
    const decided = play(campus, played)
    records += decided.length
    for (let from = 0; from < decided.length; ) {
      const batch = await db.batcher.begin()
      const size = cuts[(records + from) % cuts.length] ?? 1
      await batch.apply(decided.slice(from, from + size))
      await batch.commit()
      from += size
    }
    const { campus: loaded } = await load()
    assert.deepEqual([...stateLines(loaded)], [...stateLines(campus)])
  }
  assert.ok(records > 100, `${records} records say little`)
  assert.deepEqual(await db.rows('SELECT * FROM orphaned_effects'), [])
})

async function fillScene({ groups, students }: Fixture): Promise<void> {
  await db.database.query('TRUNCATE students, courses, enrolled_courses')
  for (const { id, department, gender, maxUnits, remainingActions } of students.map(studentProfile)) {
    await db.database.query(
      `INSERT INTO students (id, password, enrollment_start_time, enrollment_end_time, max_units, remaining_actions,
         department_id, entry_year, gender) VALUES ($1, '', '1970-01-01', '1970-01-02', $2, $3, $4, 2024, $5)`,
      [id, maxUnits, remainingActions, department, gender],
    )
  }
  for (const sketch of groups) {
    const { course, group, department, units, capacity, reserveCapacity, genderLock } = groupProfile(sketch)
    await db.database.query(
      `INSERT INTO courses (course_id, group_id, for_department, name, lecturer, units, capacity, reserve_capacity,
         exam_time, class_time, sex_lock, notes) VALUES ($1, $2, $3, '', '', $4, $5, $6, 'epoch', 0, $7, '')`,
      [course, group, department, units, capacity, reserveCapacity, genderLock],
    )
    const rows = [
      ...(sketch.registered ?? []).map((student) => [student, false]),
      ...(sketch.queue ?? []).map((student) => [student, true]),
    ]
    for (const row of rows) {
      await db.database.query(
        'INSERT INTO enrolled_courses (course_id, group_id, student_id, reserved) VALUES ($1, $2, $3, $4)',
        [course, group, ...row],
      )
    }
  }
}

/** Decides every step as an engine would, and returns the records. */
function play(campus: Campus, { steps }: Fixture): DecisionRecord[] {
  const records: DecisionRecord[] = []
  for (const { command, nowMs } of steps) {
    const verdict = decide(campus, command, nowMs)
    if ('rejection' in verdict) continue
    for (const effect of verdict.effects ?? []) evolve(campus, effect)
    const { role, id } = command.actor
    records.push({
      ...verdict,
      seq: records.length + 1,
      at: nowMs,
      actor: { role, id },
      legs: command.legs,
      ...(command.student !== undefined && { student: command.student }),
    })
  }
  return records
}
