import { type Static, Type } from 'typebox'
import {
  int16Max,
  int32Max,
  meetingsMax,
  minutesPerDay,
  nameLengthMax,
  notesLengthMax,
  passwordLengthMax,
  storable,
} from './registry-limits.ts'
import { closed, courseId, groupId, integer, lenient, note, orNoDecision, studentId, whole } from './rest.ts'

/**
 * Bodies, queries and replies of what staff do with courses and students themselves. What a field may hold is what the
 * files of `enrollment load` may bring.
 */

/** One line with something in it. */
const line = (description: string) =>
  Type.String({
    maxLength: nameLengthMax,
    pattern: '^(?=.*\\S)[^\\p{Cc}\\uD800-\\uDFFF]*$',
    description,
  })
const small = (description: string) => Type.Integer({ minimum: 0, maximum: int16Max, description })

const seats = whole('Seats of the group from now on; as many as fit move up from the reserve queue.')
const reserveCapacity = whole('Places of the reserve queue.')
const lecturer = line('Who teaches it.')
const notes = Type.String({
  maxLength: notesLengthMax,
  pattern: '^[^\\u0000-\\u0008\\u000B\\u000C\\u000E-\\u001F\\u007F-\\u009F\\uD800-\\uDFFF]*$',
  description: 'For students to read.',
})
const classTime = Type.Array(
  closed({
    day: Type.Integer({ minimum: 0, maximum: 6, description: '0 = Saturday … 6 = Friday.' }),
    start_minute: Type.Integer({ minimum: 0, maximum: minutesPerDay - 1, description: 'Since midnight.' }),
    end_minute: Type.Integer({ minimum: 1, maximum: minutesPerDay, description: 'After the start.' }),
  }),
  {
    maxItems: meetingsMax,
    description: 'Weekly meetings that do not overlap one another; none: an empty list.',
  },
)
const examTime = Type.Integer({
  minimum: 0,
  maximum: 253_402_214_400,
  description: 'Unix seconds; 0 = no exam.',
})
const examMinutes = Type.Integer({
  minimum: 1,
  maximum: minutesPerDay,
  description: 'How long the exam is; if absent, it counts as the instant of its start.',
})
/** Both are of one exam. */
const examDependencies = { dependentRequired: { exam_minutes: ['exam_time'] } }
const maxUnits = small('Units that the student may hold.')
const remainingActions = small('Drops and moves that the student has left.')
const moment = (description: string) =>
  Type.String({
    maxLength: 35,
    pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,3})?)?(Z|[+-]\\d{2}:\\d{2})$',
    description: `${description} ISO 8601 with its offset from UTC, like \`2026-09-21T07:00:00+03:30\`.`,
  })
const windowStart = moment('When the enrollment window opens.')
const windowEnd = moment('When it is over.')
const department = Type.Integer({
  minimum: 0,
  maximum: int16Max,
  description: 'Number of the department; that of the staff member if absent.',
})

export const dryRunQuery = closed({
  dry_run: Type.Optional(
    Type.Enum(['', 'true', 'false'], { description: 'Judge only; change and record nothing.' }),
  ),
})
/** As `dryRunQuery`, for an endpoint of the replaced system. */
export const capacityQuery = lenient(dryRunQuery.properties)

export const changeGroupBody = closed(
  {
    course_id: courseId,
    group_id: groupId,
    capacity: Type.Optional(seats),
    reserve_capacity: Type.Optional(reserveCapacity),
    lecturer: Type.Optional(lecturer),
    notes: Type.Optional(notes),
    class_time: Type.Optional(classTime),
    exam_time: Type.Optional(examTime),
    exam_minutes: Type.Optional(examMinutes),
    note: Type.Optional(note),
  },
  {
    ...examDependencies,
    examples: [
      {
        course_id: 40103,
        group_id: 1,
        lecturer: 'Emmy Noether',
        class_time: [{ day: 0, start_minute: 540, end_minute: 630 }],
      },
    ],
  },
)

export const addGroupBody = closed(
  {
    course_id: courseId,
    group_id: groupId,
    department: Type.Optional(department),
    name: line('Name of the course.'),
    lecturer,
    units: small('Units that it counts.'),
    capacity: whole('Seats of the group.'),
    reserve_capacity: reserveCapacity,
    class_time: classTime,
    exam_time: Type.Optional(examTime),
    exam_minutes: Type.Optional(examMinutes),
    sex_lock: Type.Optional(
      Type.Enum(['male', 'female'], { description: 'Only for them; for everybody if absent.' }),
    ),
    notes: Type.Optional(notes),
    note: Type.Optional(note),
  },
  {
    ...examDependencies,
    examples: [
      {
        course_id: 40103,
        group_id: 7,
        name: 'Calculus',
        lecturer: 'Emmy Noether',
        units: 3,
        capacity: 40,
        reserve_capacity: 10,
        class_time: [{ day: 0, start_minute: 540, end_minute: 630 }],
        exam_time: 1_893_484_800,
        exam_minutes: 120,
      },
    ],
  },
)

const anyGroup = Type.Integer({
  minimum: 0,
  maximum: int32Max,
  description: 'Number of the group; every group of the course if absent.',
})
export const courseStatusBody = closed(
  {
    course_id: courseId,
    group_id: Type.Optional(anyGroup),
    status: Type.Enum(['open', 'closed'], { description: 'Whether newcomers may enter it.' }),
    note: Type.Optional(note),
  },
  { examples: [{ course_id: 40103, status: 'closed' }] },
)
export const cancelQuery = closed({
  course_id: courseId,
  group_id: Type.Optional(anyGroup),
  note: Type.Optional(note),
  dry_run: Type.Optional(dryRunQuery.properties.dry_run),
})

export const changeStudentBody = closed(
  {
    std_id: studentId,
    enrollment_start_time: Type.Optional(windowStart),
    enrollment_end_time: Type.Optional(windowEnd),
    max_units: Type.Optional(maxUnits),
    remaining_actions: Type.Optional(remainingActions),
    note: Type.Optional(note),
  },
  {
    examples: [
      { std_id: 99171333, enrollment_end_time: '2026-09-21T09:00:00+03:30', note: 'The network was down.' },
    ],
  },
)

export const addStudentBody = closed(
  {
    std_id: studentId,
    department: Type.Optional(department),
    gender: Type.Enum(['male', 'female']),
    entry_year: small('Year of entry.'),
    max_units: maxUnits,
    remaining_actions: remainingActions,
    enrollment_start_time: windowStart,
    enrollment_end_time: Type.Optional(windowEnd),
    note: Type.Optional(note),
  },
  {
    examples: [
      {
        std_id: 99171334,
        gender: 'female',
        entry_year: 2026,
        max_units: 20,
        remaining_actions: 5,
        enrollment_start_time: '2026-09-21T07:00:00+03:30',
      },
    ],
  },
)

export const passwordBody = closed(
  {
    std_id: studentId,
    password: Type.String({
      minLength: 1,
      maxLength: passwordLengthMax,
      pattern: storable,
      description: 'From now on; the one before, if there was one, is no longer good.',
    }),
    note: Type.Optional(note),
  },
  { examples: [{ std_id: 99171334, password: 'a first one, to be handed over' }] },
)

const count = (description: string) => Type.Integer({ description })
/** Of lists that may be long the beginning is shown; the counts are exact. */
export const changeReply = closed(
  {
    dry_run: Type.Boolean(),
    summary: Type.Array(Type.String(), { description: 'What it means for people, in sentences.' }),
    promoted: closed({
      count: count('Students who move up from a reserve queue.'),
      students: Type.Array(integer, { description: 'The first of them.' }),
    }),
    conflicts: closed({
      count: count('Students who then have two things at once. They keep their places.'),
      students: Type.Array(
        closed({
          student_id: integer,
          code: Type.Enum(['class_conflict', 'exam_conflict']),
          with: Type.Optional(
            Type.Object(
              { course_id: integer, group_id: integer },
              { additionalProperties: false, description: 'Left out if it is not yours to see.' },
            ),
          ),
        }),
        { description: 'The first of them, one conflict each.' },
      ),
    }),
    ended: closed({
      registered: count('Seats that end.'),
      reserved: count('Places in reserve queues that end.'),
      students: Type.Array(integer, { description: 'The first of those who held them.' }),
    }),
    decision: orNoDecision,
  },
  {
    description: 'What happened, if `Prefer: return=representation` asked; what would happen, for a dry run.',
  },
)
export type ChangeReply = Static<typeof changeReply>
