import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import type { Caller, Command, StaffLeg, StudentLeg } from '../actors/messages/commands.ts'
import { stateLines } from '../actors/campus-digest.ts'
import { calendarEndMs, int16Max, int32Max, personIdMax } from '../schema/registry-limits.ts'
import type { Journal } from '../src/engine/ports.ts'
import { createCampusDatabase, type CampusDatabase } from '../kit/campus-database.ts'
import { eventually } from '../kit/eventually.ts'
import {
  add,
  answerOf,
  buildBatcher,
  byStudent,
  directJournal,
  rabbitJournal,
  startEngine,
  stateOf,
  untilLeading,
} from '../kit/running-engine.ts'
import { rabbitAddress } from '../kit/servers/provide.ts'

// Whatever the tables can hold, and whatever staff and students then ask for: everything that was acknowledged is
// applied, nothing stops the journal, and who has a row that is sound is served.

const number = (min: number, max: number, ...edges: readonly number[]) =>
  fc.oneof(fc.constantFrom(min, max, ...edges), fc.integer({ min, max }))
const int16 = number(-int16Max - 1, int16Max, -1, 0, 3, 20)
const int32 = number(-int32Max - 1, int32Max, -1, 0, 1, 2)
const moment = fc.constantFrom(
  '-infinity',
  '4713-01-01 BC',
  '0001-01-01',
  '1969-12-31 23:59:59.9999',
  '1970-01-01',
  '2020-01-01',
  '2098-01-01',
  '9999-12-31',
  '9999-12-31 23:59:59.9999',
  '29000-01-01',
  'infinity',
)
const gender = fc.constantFrom('male' as const, 'female' as const)
const studentIds = [1, 2, 3, 0, -1, int32Max + 1, personIdMax, -personIdMax]
const courseIds = [101, 102, 0, -1, int32Max]
const groupIds = [1, 0, -1]
const classTime = fc.oneof(
  fc.constantFrom(
    -1,
    0,
    2 ** 21 + 2 ** 22 + 540 + 1440 * 630,
    2 ** 22 + 1380 + 1440 * 60,
    int32Max,
    -int32Max - 1,
  ),
  int32,
)

const student = fc.record({
  id: fc.constantFrom(...studentIds),
  start: moment,
  end: fc.option(moment),
  maxUnits: int16,
  actions: int16,
  gender,
})
const group = fc.record({
  course: fc.constantFrom(...courseIds),
  group: fc.constantFrom(...groupIds),
  units: int16,
  capacity: int32,
  reserveCapacity: int32,
  examTime: fc.option(moment),
  examMinutes: fc.option(number(1, int16Max)),
  classTime,
  lock: fc.option(gender),
  status: fc.constantFrom('open', 'open', 'open', 'closed', 'cancelled'),
})
const place = fc.record({
  student: fc.constantFrom(...studentIds),
  course: fc.constantFrom(...courseIds),
  group: fc.constantFrom(...groupIds),
  order: fc.option(
    fc.constantFrom(-(2n ** 63n), -1n, 0n, 1n, 2n, 2n ** 52n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n),
  ),
})
const rows = fc.record({
  students: fc.uniqueArray(student, { selector: ({ id }) => id, minLength: 3 }),
  groups: fc.uniqueArray(group, { selector: (one) => `${one.course}/${one.group}`, minLength: 4 }),
  places: fc.uniqueArray(place, { selector: (one) => `${one.student} ${one.course}`, maxLength: 15 }),
})

// What the REST API lets through.
const course = fc.constantFrom(...courseIds.filter((id) => id >= 0))
const groupNumber = fc.constantFrom(...groupIds.filter((id) => id >= 0))
const person = fc.constantFrom(...studentIds.filter((id) => id >= 0))
const where = { course, group: groupNumber }
const moments = number(0, calendarEndMs, 1, 1_790_000_000_000)
const count = number(0, int32Max, 1, 2)
const units = number(0, int16Max, 3, 20)
const actions = number(-int16Max - 1, int16Max, 0, 5)
const text = fc.constantFrom('', 'Ada', 'it’s "quoted" \\ here')
const meetings = fc.constantFrom(
  [],
  [{ day: 6, startMinute: 0, endMinute: 1440 }],
  [
    { day: 0, startMinute: 540, endMinute: 630 },
    { day: 2, startMinute: 600, endMinute: 601 },
  ],
)
const exam = fc.option(fc.record({ startMs: number(1000, calendarEndMs), minutes: number(0, 1440) }), {
  nil: null,
})
const optional = <T extends object>(
  always: readonly (keyof T & string)[],
  fields: { [K in keyof T]: fc.Arbitrary<T[K]> },
) => fc.record(fields, { requiredKeys: [...always] as never })

const staffLeg = fc.oneof(
  fc.record({ do: fc.constantFrom('force_add' as const, 'force_drop' as const), ...where }),
  fc.record({ do: fc.constant('set_capacity' as const), ...where, capacity: count }),
  optional(['do', 'course', 'group'], {
    do: fc.constant('change_group' as const),
    ...where,
    capacity: count,
    reserveCapacity: count,
    lecturer: text,
    notes: text,
    meetings,
    exam,
  }),
  optional(['do', 'course'], {
    do: fc.constantFrom('open' as const, 'close' as const, 'cancel' as const),
    ...where,
  }),
  fc.record({
    do: fc.constant('add_group' as const),
    ...where,
    department: fc.constant(1),
    name: text,
    lecturer: text,
    units,
    capacity: count,
    reserveCapacity: count,
    meetings,
    exam,
    genderLock: fc.option(gender, { nil: null }),
    notes: text,
  }),
  optional(['do'], {
    do: fc.constant('change_student' as const),
    windowStartMs: moments,
    windowEndMs: moments,
    maxUnits: units,
    remainingActions: actions,
  }),
  fc.record({
    do: fc.constant('add_student' as const),
    department: fc.constant(1),
    gender,
    entryYear: units,
    maxUnits: units,
    remainingActions: actions,
    windowStartMs: moments,
    windowEndMs: moments,
  }),
) as fc.Arbitrary<StaffLeg>
const aboutStudents = new Set(['force_add', 'force_drop', 'change_student', 'add_student'])
const staff: Caller = { role: 'staff', id: 1, department: 1, campusWide: true }
const studentLeg: fc.Arbitrary<StudentLeg> = fc.oneof(
  fc.record({
    do: fc.constant('add' as const),
    ...where,
    reserve: fc.constantFrom('allow' as const, 'never' as const, 'only' as const),
  }),
  fc.record({ do: fc.constant('drop' as const), course }),
  fc.record({ do: fc.constant('move' as const), ...where, allowReserve: fc.boolean() }),
)
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.tuple(person, staffLeg).map(([id, leg]) => ({
    actor: staff,
    legs: [leg],
    ...(aboutStudents.has(leg.do) && { student: id }),
  })),
  fc.tuple(person, fc.array(studentLeg, { minLength: 1, maxLength: 4 })).map(([id, legs]) => ({
    actor: { role: 'student' as const, id },
    student: id,
    legs,
    plan: legs.length > 1,
  })),
)
const commands = fc.array(command, { minLength: 30, maxLength: 60, size: 'max' })

/** A student and a group that nobody can find fault with. */
const sound = { student: 77, course: 777 }

type Drawn = typeof rows extends fc.Arbitrary<infer T> ? T : never

async function fill({ database }: CampusDatabase, { students, groups, places }: Drawn): Promise<void> {
  const usual = { start: '2020-01-01', end: '2098-01-01', maxUnits: 20, actions: 5, gender: 'male' } as const
  const roomy = {
    units: 3,
    capacity: 30,
    reserveCapacity: 5,
    examTime: 'epoch',
    classTime: 0,
    status: 'open',
  }
  await database.query('TRUNCATE students, courses, enrolled_courses RESTART IDENTITY CASCADE')
  await database.query(
    `INSERT INTO students (id, password, enrollment_start_time, enrollment_end_time, max_units, remaining_actions,
       department_id, entry_year, gender)
     SELECT id, 'x', start, "end", "maxUnits", actions, 1, 1400, gender FROM jsonb_to_recordset($1) AS one (id BIGINT,
       start TIMESTAMPTZ, "end" TIMESTAMPTZ, "maxUnits" SMALLINT, actions SMALLINT, gender sex)`,
    [JSON.stringify([...students, { id: sound.student, ...usual }])],
  )
  await database.query(
    `INSERT INTO courses (course_id, group_id, for_department, name, lecturer, units, capacity, reserve_capacity, exam_time,
       exam_minutes, class_time, sex_lock, notes, status)
     SELECT course, "group", 1, 'Course', 'Ada', units, capacity, "reserveCapacity", "examTime", "examMinutes", "classTime",
       lock, '', status
     FROM jsonb_to_recordset($1) AS one (course INTEGER, "group" INTEGER, units SMALLINT, capacity INTEGER,
       "reserveCapacity" INTEGER, "examTime" TIMESTAMPTZ, "examMinutes" SMALLINT, "classTime" INTEGER, lock sex, status TEXT)`,
    [JSON.stringify([...groups, { course: sound.course, group: 1, ...roomy }])],
  )
  await database.query(
    `INSERT INTO enrolled_courses (student_id, course_id, group_id, reserved, reserve_order)
     SELECT student, course, "group", "order" IS NOT NULL, "order"
     FROM jsonb_to_recordset($1) AS one (student BIGINT, course INTEGER, "group" INTEGER, "order" BIGINT)
     WHERE student IN (SELECT id FROM students) AND (course, "group") IN (SELECT course_id, group_id FROM courses)`,
    [JSON.stringify(places.map((one) => ({ ...one, order: one.order === null ? null : String(one.order) })))],
  )
}

const kinds: Record<string, { journal: (campus: string, created: CampusDatabase) => Journal; runs: number }> =
  {
    'the direct journal': { journal: (campus, { database }) => directJournal(database, campus), runs: 15 },
    'the journal in RabbitMQ': { journal: (campus) => rabbitJournal(rabbitAddress(), campus), runs: 5 },
  }

for (const [kind, { journal, runs }] of Object.entries(kinds)) {
  describe(`rows of other programs, with ${kind}`, () => {
    const campus = `rows-${randomUUID().slice(0, 8)}`
    const cleanups: (() => Promise<unknown>)[] = []
    let created: CampusDatabase

    before(async () => {
      created = await createCampusDatabase({ campus })
      cleanups.push(() => created.remove())
      // As in a database of the replaced system: they were put in before there were constraints.
      await created.database.query(`
        ALTER TABLE students DROP CONSTRAINT students_numbers_not_negative, DROP CONSTRAINT students_window_ends_after_start;
        ALTER TABLE courses DROP CONSTRAINT courses_numbers_not_negative`)
      if (kind === 'the direct journal') return
      const batcher = buildBatcher(rabbitAddress(), campus, created.database)
      void batcher.run()
      cleanups.push(() => batcher.stop())
    })
    after(async () => {
      for (const cleanup of cleanups.toReversed()) await cleanup()
    })

    async function play(drawn: Drawn, asked: readonly Command[]): Promise<void> {
      await fill(created, drawn)
      const running = startEngine(created.database, campus, journal(campus, created))
      const { engine } = running
      try {
        await untilLeading(running)
        // Some at once, so that several share a batch.
        for (let from = 0; from < asked.length; from += 6) {
          const some = asked.slice(from, from + 6)
          for (const outcome of await Promise.all(some.map((one) => engine.submit(one)))) {
            const isAnswer = outcome.kind === 'decided' || outcome.kind === 'rejected'
            assert.ok(isAnswer, `${answerOf(outcome)} for one of ${JSON.stringify(some)}`)
          }
        }
        assert.equal(answerOf(await engine.submit(byStudent(sound.student, add(sound.course, 1)))), 'yes')
        const { decidedSeq, term } = engine.status()
        await eventually(async () => {
          const [at] = await created.database.query<{ seq: number }>('SELECT seq FROM journal_position')
          return at?.seq === decidedSeq
        })
        const [stored] = await created.database.query<{ count: number }>(
          'SELECT count(*)::int AS count FROM decisions WHERE term = $1',
          [term],
        )
        assert.equal(stored?.count, decidedSeq)
        const left = stateOf(running)
        await engine.stop(5000)
        const next = startEngine(created.database, campus, journal(campus, created))
        try {
          await untilLeading(next)
          assert.ok(next.engine.campus)
          assert.equal(
            [...stateLines(next.engine.campus)].join('\n'),
            left,
            'the next term finds what this one left',
          )
        } finally {
          await next.engine.stop(5000)
        }
      } finally {
        await engine.stop(5000)
      }
    }

    test('nothing that is acknowledged fails to be applied, whatever stands in the tables and is asked for', async () => {
      await fc.assert(fc.asyncProperty(rows, commands, play), { numRuns: runs })
    })
  })
}
