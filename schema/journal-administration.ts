import {
  calendarEndMs,
  examStartMsMin,
  int16Max,
  int32Max,
  meetingsMax,
  minutesPerDay,
  nameLengthMax,
  notesLengthMax,
  personIdMax,
  storable,
} from './registry-limits.ts'

/**
 * Legs and effects of what staff do with courses and students themselves; part of `journal-message.ts`. `$data` compares
 * one field with another, as the tables' constraints do.
 */

const int32 = { type: 'integer', minimum: 0, maximum: int32Max } as const
const person = { type: 'integer', minimum: 0, maximum: personIdMax } as const
const units = { type: 'integer', minimum: 0, maximum: int16Max } as const
const department = { type: 'integer', minimum: 0, maximum: int16Max } as const
const actions = { type: 'integer', minimum: -int16Max - 1, maximum: int16Max } as const
const name = { type: 'string', maxLength: nameLengthMax, pattern: storable } as const
const notes = { type: 'string', maxLength: notesLengthMax, pattern: storable } as const
const note = { type: 'string', maxLength: 1000, pattern: storable } as const
const gender = { enum: ['male', 'female'] } as const
const minute = { type: 'integer', minimum: 0, maximum: minutesPerDay } as const
const moment = { type: 'integer', minimum: 0, maximum: calendarEndMs } as const
const windowEndMs = { ...moment, exclusiveMinimum: { $data: '1/windowStartMs' } } as const

function closed<P extends Record<string, unknown>>(properties: P, optional: readonly string[] = []) {
  return {
    type: 'object',
    properties,
    required: Object.keys(properties).filter((property) => !optional.includes(property)),
    additionalProperties: false,
  } as const
}

const meetings = {
  type: 'array',
  maxItems: meetingsMax,
  items: closed({
    day: { type: 'integer', minimum: 0, maximum: 6 },
    startMinute: minute,
    endMinute: { ...minute, exclusiveMinimum: { $data: '1/startMinute' } },
  }),
} as const
const exam = {
  type: ['object', 'null'],
  properties: {
    startMs: { type: 'integer', minimum: examStartMsMin, maximum: calendarEndMs },
    minutes: { type: 'integer', minimum: 0, maximum: minutesPerDay },
  },
  required: ['startMs', 'minutes'],
  additionalProperties: false,
} as const

const where = { course: int32, group: int32 } as const
const details = { reserveCapacity: int32, lecturer: name, notes, meetings, exam } as const
const detailNames = Object.keys(details)
const newGroup = {
  ...where,
  department,
  name,
  lecturer: name,
  units,
  capacity: int32,
  reserveCapacity: int32,
  meetings,
  exam,
  genderLock: { enum: ['male', 'female', null] },
  notes,
} as const
const newStudent = {
  department,
  gender,
  entryYear: { type: 'integer', minimum: 0, maximum: int16Max },
  maxUnits: units,
  remainingActions: actions,
  windowStartMs: moment,
  windowEndMs,
} as const

export const adminLegs = [
  closed({ do: { const: 'change_group' }, ...where, capacity: int32, ...details, note }, [
    'capacity',
    ...detailNames,
    'note',
  ]),
  closed({ do: { const: 'open' }, ...where, note }, ['group', 'note']),
  closed({ do: { const: 'close' }, ...where, note }, ['group', 'note']),
  closed({ do: { const: 'cancel' }, ...where, note }, ['group', 'note']),
  closed({ do: { const: 'add_group' }, ...newGroup, note }, ['note']),
  closed(
    {
      do: { const: 'change_student' },
      windowStartMs: moment,
      windowEndMs: moment,
      maxUnits: units,
      remainingActions: actions,
      note,
    },
    ['windowStartMs', 'windowEndMs', 'maxUnits', 'remainingActions', 'note'],
  ),
  // What was asked, and may have been refused, ends when it likes.
  closed({ do: { const: 'add_student' }, ...newStudent, windowEndMs: moment, note }, ['note']),
] as const

export const adminEffects = [
  closed({ type: { const: 'group_changed' }, ...where, ...details }, detailNames),
  closed({ type: { const: 'group_opened' }, ...where }),
  closed({ type: { const: 'group_closed' }, ...where }),
  closed({ type: { const: 'group_cancelled' }, ...where, registered: int32, waiting: int32 }),
  closed({
    type: { const: 'conflicts_arose' },
    ...where,
    count: { type: 'integer', minimum: 1, maximum: int32Max },
    students: {
      type: 'array',
      items: closed({
        student: person,
        kind: { enum: ['class_conflict', 'exam_conflict'] },
        with: closed(where),
      }),
    },
  }),
  closed({ type: { const: 'group_added' }, ...newGroup }),
  closed({ type: { const: 'student_added' }, student: person, ...newStudent }),
  closed({ type: { const: 'window_changed' }, student: person, windowStartMs: moment, windowEndMs }),
  closed({ type: { const: 'max_units_changed' }, student: person, maxUnits: units, heldUnits: int32 }),
  closed({ type: { const: 'actions_changed' }, student: person, remaining: actions }),
] as const
