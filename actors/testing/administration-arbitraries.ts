import fc from 'fast-check'
import type { AdminLeg } from '../messages/admin-commands.ts'
import type { Command } from '../messages/commands.ts'

// What staff do with courses and students themselves, on the small campuses of `arbitraries.ts`. Times are whole minutes:
// the tables hold no less.

const minuteMs = 60_000
const anyCourse = fc.constantFrom(101, 102, 103)
const anyGroup = fc.constantFrom(1, 1, 2, 2, 3)
const where = { course: anyCourse, group: anyGroup }
const meetings = fc.uniqueArray(
  fc
    .record({ day: fc.nat(2), startMinute: fc.nat(12), length: fc.integer({ min: 1, max: 3 }) })
    .map(({ day, startMinute, length }) => ({ day, startMinute, endMinute: startMinute + length })),
  { maxLength: 2, selector: ({ day }) => day },
)
const exam = fc.option(
  fc.record({
    startMs: fc.integer({ min: 1, max: 20 }).map((minute) => minute * minuteMs),
    minutes: fc.nat(2),
  }),
  { nil: null },
)
/** With what a careless statement would trip over. */
const text = fc.constantFrom('N. N.', 'Ada', 'it’s "quoted" \\ here\n\tand there', '')
const moment = fc.nat(110).map((minute) => minute * minuteMs)
const units = fc.integer({ min: 3, max: 14 })
const actions = fc.nat(20)

const leg: fc.Arbitrary<AdminLeg> = fc.oneof(
  fc.record(
    {
      do: fc.constant('change_group' as const),
      ...where,
      capacity: fc.nat(6),
      reserveCapacity: fc.nat(4),
      lecturer: text,
      notes: text,
      meetings,
      exam,
    },
    { requiredKeys: ['do', 'course', 'group'] },
  ),
  fc.record(
    { do: fc.constantFrom('open' as const, 'open' as const, 'close' as const), ...where },
    { requiredKeys: ['do', 'course'] },
  ),
  fc.record({ do: fc.constant('cancel' as const), ...where }, { requiredKeys: ['do', 'course'] }),
  fc.record({
    do: fc.constant('add_group' as const),
    ...where,
    department: fc.constant(1),
    name: text,
    lecturer: text,
    units: fc.nat(4),
    capacity: fc.nat(3),
    reserveCapacity: fc.nat(3),
    meetings,
    exam,
    genderLock: fc.constantFrom(null, null, 'female' as const),
    notes: text,
  }),
  fc.record(
    {
      do: fc.constant('change_student' as const),
      windowStartMs: moment,
      windowEndMs: moment,
      maxUnits: units,
      remainingActions: actions,
    },
    { requiredKeys: ['do'] },
  ),
  fc.record({
    do: fc.constant('add_student' as const),
    department: fc.constant(1),
    gender: fc.constantFrom('female' as const, 'male' as const),
    entryYear: fc.constant(2026),
    maxUnits: units,
    remainingActions: actions,
    windowStartMs: fc.constant(0),
    windowEndMs: moment,
  }),
)

/** By staff of department 1, about students 1 to 7, of whom 6 and 7 may be added. */
export const administration: fc.Arbitrary<Command> = fc
  .tuple(fc.integer({ min: 1, max: 7 }), leg)
  .map(([student, chosen]) => {
    const actor = { role: 'staff', id: 900, department: 1, campusWide: false } as const
    return 'course' in chosen ? { actor, legs: [chosen] } : { actor, student, legs: [chosen] }
  })
