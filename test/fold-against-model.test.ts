import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { stateLines } from '../actors/campus-digest.ts'
import type { Campus } from '../actors/campus.ts'
import type { CourseGroup } from '../actors/course.ts'
import { decide } from '../actors/rules/decide.ts'
import { evolve } from '../actors/rules/evolve.ts'
import type { DecisionRecord } from '../actors/messages/records.ts'
import { administration } from '../actors/testing/administration-arbitraries.ts'
import { type Fixture, scene, type Step } from '../actors/testing/arbitraries.ts'
import { campusOf } from '../actors/testing/scenario.ts'
import { writeBatches, writeMarker } from '../src/journal/write.ts'
import { decodeMessage, encodeMessage } from '../src/engine/messages.ts'
import { type BatchMessage, noLeader } from '../src/engine/ports.ts'
import { meetingsAsJson } from '../src/registry/tables.ts'
import { DatabaseCampusStore } from '../src/store/campus-store.ts'
import { createTables, type TestTables } from '../src/store/testing/tables.ts'
import { Tables } from './simulation/tables.ts'

const campusId = 'test'
const minuteMs = 60_000
let db: TestTables

before(async () => {
  db = await createTables({ migrated: true })
})
after(() => db.remove())

/** The campus as it is before the first decision, in PostgreSQL. */
async function fill(campus: Campus): Promise<void> {
  await db.database.query(
    `TRUNCATE departments, students, courses, enrolled_courses, decisions, leaders, orphaned_effects, baseline,
       baseline_places, baseline_courses, baseline_students, outside_changes RESTART IDENTITY CASCADE`,
  )
  await db.database.query('UPDATE journal_position SET leader = $1, term = 0, seq = 0, at_ms = 0', [noLeader])
  await db.database.query(`INSERT INTO departments (id, name) VALUES (1, 'Mathematics')`)
  for (const { id, profile } of campus.students.values()) {
    await db.database.query(
      `INSERT INTO students (id, password, enrollment_start_time, enrollment_end_time, max_units, remaining_actions,
         department_id, entry_year, gender)
       VALUES ($1, 'x', to_timestamp($2 / 1000.0), to_timestamp($3 / 1000.0), $4, $5,
         1, 1, $6)`,
      [
        id,
        profile.windowStartMs,
        profile.windowEndMs,
        profile.maxUnits,
        profile.remainingActions,
        profile.gender,
      ],
    )
  }
  for (const { course, group, units, capacity, profile } of groupsOf(campus)) {
    const { exam } = profile
    await db.database.query(
      `INSERT INTO courses (course_id, group_id, for_department, name, lecturer, units, capacity, reserve_capacity,
         exam_time, exam_minutes, class_time, meetings, sex_lock, notes)
       VALUES ($1, $2, 1, $3, $4, $5, $6, $7, to_timestamp($8 / 1000.0), $9, 0, $10, $11, $12)`,
      [
        course,
        group,
        profile.name,
        profile.lecturer,
        units,
        capacity,
        profile.reserveCapacity,
        exam?.startMs ?? 0,
        exam === undefined || exam.endMs === exam.startMs ? null : (exam.endMs - exam.startMs) / minuteMs,
        meetingsAsJson(profile.meetings),
        profile.genderLock ?? null,
        profile.notes,
      ],
    )
  }
}

function groupsOf(campus: Campus): CourseGroup[] {
  return [...campus.courses.values()].flatMap((course) => course.groups)
}

/** The same scene in whole minutes, which is what the tables hold, and none of it at the first minute of all. */
function inMinutes({ groups, students, steps }: Fixture): Fixture {
  const scaled = (ms: number) => (ms + 1) * minuteMs
  return {
    groups: groups.map((sketch) =>
      sketch.exam === undefined
        ? sketch
        : { ...sketch, exam: { startMs: scaled(sketch.exam.startMs), endMs: scaled(sketch.exam.endMs) } },
    ),
    students: students.map((sketch) => {
      const [opensMs, closesMs] = sketch.window ?? [0, 0]
      return { ...sketch, window: [scaled(opensMs), scaled(closesMs)] }
    }),
    steps: steps.map(({ command, nowMs }) => ({ command, nowMs: scaled(nowMs) })),
  }
}

/** What the rules make of the steps, in order, the campus changing as they go. */
function decideAll(campus: Campus, steps: readonly Step[]): DecisionRecord[] {
  const records: DecisionRecord[] = []
  let at = 0
  for (const { command, nowMs } of steps) {
    at = Math.max(at, nowMs)
    const verdict = decide(campus, command, at)
    if ('rejection' in verdict) continue
    for (const effect of verdict.effects ?? []) evolve(campus, effect)
    const { actor, student, legs } = command
    records.push({
      seq: records.length + 1,
      at,
      actor: { role: actor.role, id: actor.id },
      ...(student !== undefined && { student }),
      legs,
      ...verdict,
    })
  }
  return records
}

/** Messages of the given sizes, over and over, several to a transaction. */
function transactionsOf(leader: string, records: readonly DecisionRecord[], sizes: readonly number[]) {
  const messages: BatchMessage[] = []
  for (let from = 0, turn = 0; from < records.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1
    messages.push({ version: 1, campus: campusId, leader, records: records.slice(from, from + size) })
    from += size
  }
  const transactions: BatchMessage[][] = []
  for (let from = 0, turn = 0; from < messages.length; turn++) {
    const size = sizes[(turn + 1) % sizes.length] ?? 1
    transactions.push(messages.slice(from, from + size))
    from += size
  }
  return transactions
}

/** Everything that decisions decide, as PostgreSQL has it, in the words of the model. */
async function contents() {
  const places = await db.rows(
    `SELECT student_id, course_id, group_id, CASE WHEN reserved THEN reserve_order END FROM enrolled_courses
     ORDER BY 1, 2, 3`,
  )
  const capacities = await db.rows('SELECT course_id, group_id, capacity FROM courses ORDER BY 1, 2')
  const actions = await db.rows('SELECT id, remaining_actions FROM students ORDER BY 1')
  const position = await db.rows('SELECT leader, term, seq, at_ms FROM journal_position')
  const decided = await db.rows(
    'SELECT term, seq, legs, effects, reasons, remaining FROM decisions ORDER BY 1, 2',
  )
  const orphans = await db.rows('SELECT effect FROM orphaned_effects')
  return { places, capacities, actions, position, decided, orphans }
}

function modelContents(model: Tables): Awaited<ReturnType<typeof contents>> {
  const byKey = (a: unknown[], b: unknown[]) =>
    Number(a[0]) - Number(b[0]) || Number(a[1]) - Number(b[1]) || Number(a[2]) - Number(b[2])
  const { leader, term, seq, atMs } = model.position
  return {
    places: [...model.places.values()]
      .map(({ student, course, group, order }) => [student, course, group, order ?? null])
      .toSorted(byKey),
    capacities: [...model.capacities]
      .map(([name, capacity]) => [...name.split('/').map(Number), capacity])
      .toSorted(byKey),
    actions: [...model.actions].map(([id, actions]) => [id, actions]).toSorted(byKey),
    position: [[leader, term, seq, atMs]],
    decided: model.decisions.map(({ term: of, record: { seq: number, legs, effects, reasons, remaining } }) =>
      asStored([of, number, legs, effects ?? null, reasons ?? null, remaining ?? null]),
    ),
    orphans: [],
  }
}

/** As JSON gives it back. */
function asStored(row: unknown[]): unknown[] {
  return JSON.parse(JSON.stringify(row)) as unknown[]
}

/** What staff do with courses and students, somewhere among the steps. */
const interjection = fc.record({ command: administration, at: fc.nat() })
const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 })

test('whatever is decided, and however it is cut into batches, PostgreSQL ends as the model and as memory do', async () => {
  await fc.assert(
    fc.asyncProperty(scene, fc.array(interjection), sizes, async (drawn, interjections, cuts) => {
      const { groups, students, steps: played } = inMinutes(drawn)
      const steps = [...played]
      for (const { command, at } of interjections) {
        const index = at % steps.length
        steps.splice(index, 0, { command, nowMs: steps[index]?.nowMs ?? 0 })
      }
      const campus = campusOf([...groups, ...students])
      await fill(campus)
      const model = new Tables({
        groups: groupsOf(campus).map((group) => group.profile),
        students: [...campus.students.values()].map((student) => student.profile),
        latecomers: [],
      })
      const records = decideAll(campus, steps)
      const leader = randomUUID()
      await writeMarker(db.batcher, { version: 1, campus: campusId, start: { leader, after: noLeader } })
      model.insertLeader(leader, noLeader, true)
      for (const messages of transactionsOf(leader, records, cuts)) await writeBatches(db.batcher, messages)
      // As a broker delivers them again: they are known for what they are.
      for (const messages of transactionsOf(leader, records, cuts)) {
        const { applied, changed } = await writeBatches(db.batcher, messages.map(throughTheJournal))
        assert.deepEqual({ applied, changed }, { applied: 0, changed: [] })
      }
      model.apply(records)
      assert.deepEqual(await contents(), modelContents(model))
      assert.deepEqual([...stateLines(await reloaded())], [...stateLines(campus)])
    }),
    { numRuns: 60 },
  )
})

function throughTheJournal(message: BatchMessage): BatchMessage {
  const read = decodeMessage(encodeMessage(message), campusId)
  assert.ok('records' in read)
  return read
}

/** The campus as the next leader would load it. */
async function reloaded(): Promise<Campus> {
  const { leader } = await new DatabaseCampusStore(db.database, { windowMs: 1 }).readPosition()
  // A leader loads at its own beginning.
  await db.database.query('UPDATE journal_position SET seq = 0')
  return (
    await new DatabaseCampusStore(db.database, { windowMs: 1 }).loadCampus(leader, {
      keysSinceMs: 0,
      keysBytesMax: 1_000_000,
    })
  ).campus
}
