import fc from 'fast-check'
import type { Command, Leg } from '../messages/commands.ts'
import type { GroupSketch, StudentSketch } from './sketches.ts'

// Small campuses where everything is scarce and everybody wants the same, so that most rules come into play.

const studentIds = [1, 2, 3, 4, 5]
const courseIds = [101, 102, 103]
const groupNumbers = [1, 2]
/** Windows open at 10 and close at 100 or at 50; decisions fall between 0 and 110, mostly inside. */
const opens = 10
const closes = 100

export interface Step {
  readonly command: Command
  readonly nowMs: number
}

/** A campus and the commands that reach it, in order. */
export interface Fixture {
  readonly groups: readonly GroupSketch[]
  readonly students: readonly StudentSketch[]
  readonly steps: readonly Step[]
}

const anyCourse = fc.constantFrom(...courseIds)
const anyGroup = fc.constantFrom(...groupNumbers)
const anyStudent = fc.constantFrom(...studentIds)
const gender = fc.constantFrom('female' as const, 'male' as const)

const meeting = fc
  .record({ day: fc.nat(2), startMinute: fc.nat(12), length: fc.integer({ min: 1, max: 3 }) })
  .map(({ day, startMinute, length }) => ({ day, startMinute, endMinute: startMinute + length }))

const exam = fc
  .record({ startMs: fc.nat(20), length: fc.nat(2) })
  .map(({ startMs, length }) => ({ startMs, endMs: startMs + length }))

const groupSketch = fc
  .record({
    capacity: fc.nat(2),
    reserveCapacity: fc.nat(3),
    units: fc.nat(4),
    meetings: fc.array(meeting, { maxLength: 2 }),
    exam: fc.option(exam, { nil: undefined }),
    genderLock: fc.oneof({ arbitrary: fc.constant(undefined), weight: 7 }, { arbitrary: gender, weight: 1 }),
  })
  .map(({ exam: examined, genderLock, ...sketch }) =>
    Object.assign(sketch, examined && { exam: examined }, genderLock && { genderLock }),
  )

const studentSketch = fc.record({
  gender,
  maxUnits: fc.integer({ min: 3, max: 14 }),
  actions: fc.nat(20),
  window: fc.constantFrom<[number, number]>([opens, closes], [opens, closes / 2]),
})

const campusSketch = fc
  .tuple(
    fc.array(groupSketch, { minLength: 6, maxLength: 6 }),
    fc.array(studentSketch, { minLength: studentIds.length, maxLength: studentIds.length }),
  )
  .map(([groups, students]) => ({
    groups: groups.map((sketch, index): GroupSketch => {
      const at = `${courseIds[index >> 1]}/${groupNumbers[index & 1]}`
      return Object.assign({ at }, sketch)
    }),
    students: students.map(
      (sketch, index): StudentSketch => Object.assign({ id: studentIds[index] ?? 0 }, sketch),
    ),
  }))

const reserve = fc.constantFrom('allow' as const, 'never' as const, 'only' as const)
const addLeg = fc.record({ do: fc.constant('add' as const), course: anyCourse, group: anyGroup, reserve })
const dropLeg = fc.record({ do: fc.constant('drop' as const), course: anyCourse })
const moveLeg = fc.record({
  do: fc.constant('move' as const),
  course: anyCourse,
  group: anyGroup,
  allowReserve: fc.boolean(),
})
const studentLeg = fc.oneof(
  { arbitrary: addLeg, weight: 4 },
  { arbitrary: dropLeg, weight: 1 },
  { arbitrary: moveLeg, weight: 3 },
)

function byStudent(legs: fc.Arbitrary<Leg[]>, plan: boolean): fc.Arbitrary<Command> {
  return fc
    .tuple(anyStudent, legs)
    .map(([student, chosen]) => ({ actor: { role: 'student', id: student }, student, legs: chosen, plan }))
}

const staffLeg = fc.oneof(
  fc.record({ do: fc.constant('force_add' as const), course: anyCourse, group: anyGroup }),
  fc.record({ do: fc.constant('force_drop' as const), course: anyCourse, group: anyGroup }),
  fc.record({
    do: fc.constant('set_capacity' as const),
    course: anyCourse,
    group: anyGroup,
    capacity: fc.nat(6),
  }),
)
const byStaff: fc.Arbitrary<Command> = fc.tuple(anyStudent, staffLeg).map(([student, leg]) => {
  const actor = { role: 'staff', id: 900, department: 1, campusWide: false } as const
  return leg.do === 'set_capacity' ? { actor, legs: [leg] } : { actor, student, legs: [leg] }
})

/** Legs about different courses: a plan that a student could mean. */
const sensibleLegs = fc.uniqueArray(studentLeg, { minLength: 2, maxLength: 3, selector: (leg) => leg.course })
const anyLegs = fc.array(studentLeg, { minLength: 1, maxLength: 5 })

const command = fc.oneof(
  { arbitrary: byStudent(fc.array(studentLeg, { minLength: 1, maxLength: 1 }), false), weight: 6 },
  { arbitrary: byStudent(sensibleLegs, true), weight: 3 },
  { arbitrary: byStudent(anyLegs, true), weight: 2 },
  { arbitrary: byStaff, weight: 2 },
)
const nowMs = fc.oneof(
  { arbitrary: fc.integer({ min: opens, max: closes / 2 - 1 }), weight: 9 },
  { arbitrary: fc.integer({ min: 0, max: closes + 10 }), weight: 1 },
)

const steps = fc.array(fc.record({ command, nowMs }), { minLength: 20, maxLength: 80, size: 'max' })

export const scene: fc.Arbitrary<Fixture> = fc
  .tuple(campusSketch, steps)
  .map(([{ groups, students }, played]) => ({ groups, students, steps: played }))
