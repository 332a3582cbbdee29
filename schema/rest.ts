import { type Static, Type } from 'typebox'
import { codeLengthMax, int32Max, personIdMax, storable } from './registry-limits.ts'

/**
 * Bodies, queries and replies of the REST API. The same schemas validate requests, serialize replies and
 * make the OpenAPI document. Integers are bound to the columns' ranges. Unknown fields are refused, but for the
 * endpoints of the replaced system.
 */

export function whole(description: string) {
  return Type.Integer({ minimum: 0, maximum: int32Max, description })
}

export function closed<P extends Record<string, Type.TSchema>>(
  properties: P,
  options: Type.TObjectOptions = {},
) {
  return Type.Object(properties, { additionalProperties: false, ...options })
}

/**
 * For the endpoints of the system that this one replaces: fields that are not named are ignored, names may come in
 * any case, and null is as good as nothing (`compileValidator` reads such schemas so).
 */
export function lenient<P extends Record<string, Type.TSchema>>(
  properties: P,
  options: Type.TObjectOptions = {},
) {
  return Type.Object(properties, { additionalProperties: true, ...options })
}

export const courseId = whole('Number of the course.')
export const groupId = whole('Number of the group of that course.')
const person = (description: string) => Type.Integer({ minimum: 0, maximum: personIdMax, description })
export const studentId = person('Number of the student.')
export const note = Type.String({
  maxLength: 500,
  pattern: storable,
  description: 'Why; kept with the decision.',
})
const reserve = Type.Enum(['allow', 'never', 'only'], {
  description:
    'What to do about the reserve queue: `allow` takes a seat, else a reserve place (the default); `never` only a seat; `only` joins the queue.',
})
const allowReserve = Type.Boolean({
  description: 'A seat held now may be given up for a place in the reserve queue of the new group.',
})

/** For routes that take no body: none at all, `null` and `{}` are the same. */
export const noBody = Type.Unsafe<unknown>({ type: ['object', 'null'], maxProperties: 0 })
export const noQuery = closed({})
export const anyQuery = lenient({})

export const loginBody = lenient(
  {
    user: Type.Unsafe<number | string>({
      type: ['integer', 'string'],
      minimum: 0,
      maximum: personIdMax,
      minLength: 1,
      maxLength: codeLengthMax,
      pattern: storable,
      description: 'Number of the student or staff member, or their code as text.',
    }),
    password: Type.String({ maxLength: 1024 }),
    staff: Type.Optional(Type.Boolean({ description: 'Log in as a staff member; false if absent.' })),
  },
  { examples: [{ user: 99171333, password: 'student-99171333' }] },
)
export const tokenReply = closed(
  { token: Type.String({ description: 'Bearer token, valid for an hour.' }) },
  { description: 'A token.' },
)

export const addBody = lenient(
  { course_id: courseId, group_id: groupId, reserve: Type.Optional(reserve) },
  { examples: [{ course_id: 40103, group_id: 1 }] },
)
export const moveBody = lenient(
  { course_id: courseId, group_id: groupId, allow_reserve: Type.Optional(allowReserve) },
  { examples: [{ course_id: 40103, group_id: 2 }] },
)
export const dropQuery = lenient({ course_id: courseId })
export const catalogQuery = lenient({ department: whole('Number of the department.') })

export const planLeg = closed(
  {
    drop: Type.Optional(closed({ course_id: courseId })),
    add: Type.Optional(closed({ course_id: courseId, group_id: groupId, reserve: Type.Optional(reserve) })),
    move: Type.Optional(
      closed({ course_id: courseId, group_id: groupId, allow_reserve: Type.Optional(allowReserve) }),
    ),
  },
  { minProperties: 1, maxProperties: 1 },
)
export type PlanLeg = Static<typeof planLeg>

export const planBody = closed(
  {
    legs: Type.Array(planLeg, { minItems: 1, maxItems: 20 }),
    dry_run: Type.Optional(Type.Boolean({ description: 'Judge only; change and record nothing.' })),
  },
  {
    examples: [
      {
        legs: [
          { drop: { course_id: 40101 } },
          { add: { course_id: 40103, group_id: 1, reserve: 'never' } },
          { move: { course_id: 40105, group_id: 2 } },
        ],
      },
    ],
  },
)

export const forceAddBody = lenient(
  { course_id: courseId, group_id: groupId, std_id: studentId, note: Type.Optional(note) },
  { examples: [{ course_id: 40103, group_id: 1, std_id: 99171333, note: 'Graduates this term.' }] },
)
export const forceDropQuery = lenient({
  std_id: studentId,
  course_id: courseId,
  group_id: groupId,
  note: Type.Optional(note),
})
export const capacityBody = lenient(
  {
    course_id: courseId,
    group_id: groupId,
    capacity: Type.Optional(whole('Seats of the group from now on, extra ones aside.')),
    new_capacity: Type.Optional(whole('The same as `capacity`.')),
    note: Type.Optional(note),
  },
  {
    oneOf: [{ required: ['capacity'] }, { required: ['new_capacity'] }],
    examples: [{ course_id: 40103, group_id: 1, capacity: 45 }],
  },
)
export const studentQuery = lenient({ std_id: studentId })
export const groupQuery = lenient({ course_id: courseId, group_id: groupId })

export const integer = Type.Integer()
export const text = Type.String()
export const nullableInteger = Type.Unsafe<number | null>({ type: ['integer', 'null'] })

export const groupStatus = Type.Enum(['open', 'closed', 'cancelled'], {
  description: 'Only an open one takes newcomers in; a cancelled one never opens again.',
})

export const courseReply = closed({
  course_id: integer,
  group_id: integer,
  units: integer,
  capacity: Type.Integer({ description: 'Seats, extra ones included.' }),
  extra_seats: Type.Optional(
    Type.Integer({
      description:
        'Seats that staff gave beyond those of the group: they end with their holders. Absent if there are none.',
    }),
  ),
  registered_count: integer,
  exam_time: Type.Integer({ description: 'Unix seconds; 0 = no exam.' }),
  exam_minutes: Type.Optional(
    Type.Integer({ description: 'How long the exam lasts. Absent if there is none, or if nobody said.' }),
  ),
  class_time: Type.Array(
    closed({
      day: Type.Integer({ description: '0 = Saturday … 6 = Friday.' }),
      start_minute: integer,
      end_minute: integer,
    }),
  ),
  lecturer: text,
  name: text,
  reserve_capacity: integer,
  reserved_count: integer,
  department: integer,
  sex_lock: Type.Unsafe<'male' | 'female' | null>({
    type: ['string', 'null'],
    enum: ['male', 'female', null],
  }),
  notes: text,
  status: groupStatus,
  code: Type.Optional(
    Type.String({ description: 'How the university writes the course, if it has a code.' }),
  ),
})
export type CourseReply = Static<typeof courseReply>

export const studentCoursesReply = closed(
  {
    data: Type.Array(
      closed({
        course: courseReply,
        reserve_queue_position: Type.Integer({
          description: '0 = registered, 1 = first in the reserve queue.',
        }),
      }),
    ),
  },
  { description: 'The places held, in order of course.' },
)
export type StudentCoursesReply = Static<typeof studentCoursesReply>
export const catalogReply = closed(
  { courses: Type.Array(courseReply) },
  { description: 'The groups, in order of course and group.' },
)
export type CatalogReply = Static<typeof catalogReply>
export const rosterReply = closed(
  {
    registered_students: Type.Array(integer),
    reserved_queue_students: Type.Array(integer, { description: 'First come first.' }),
    extra_seat_students: Type.Optional(
      Type.Array(integer, {
        description: 'Those registered whom staff seated beyond the capacity. Absent if there are none.',
      }),
    ),
  },
  { description: 'Who is in the group.' },
)

const place = Type.Unsafe<'registered' | 'reserved' | null>({
  type: ['string', 'null'],
  enum: ['registered', 'reserved', null],
  description: 'The place held in this course after the decision; null = none.',
})
const position = Type.Unsafe<number | null>({
  type: ['integer', 'null'],
  description:
    '0 = registered, 1 = first in the reserve queue, at the moment of the decision; null = no place.',
})
const decision = closed({
  seq: Type.Integer({ description: 'Number of the decision within its leader’s term.' }),
  at: Type.String({ description: 'When it was decided, UTC.' }),
})

export const orNoDecision = Type.Unsafe<Static<typeof decision> | null>({
  ...decision,
  type: ['object', 'null'],
  description: 'Null for a dry run.',
})

/** What a command did, for `Prefer: return=representation`. */
export const commandReply = closed(
  {
    place,
    reserve_queue_position: position,
    remaining_actions: nullableInteger,
    course_id: integer,
    group_id: integer,
    decision,
  },
  { description: 'What happened, if `Prefer: return=representation` asked.' },
)
export type CommandReply = Static<typeof commandReply>

export const capacityReply = closed(
  {
    course_id: integer,
    group_id: integer,
    capacity: integer,
    promoted: Type.Array(integer, { description: 'Students who moved up from the reserve queue, in order.' }),
    dry_run: Type.Boolean(),
    decision: orNoDecision,
  },
  { description: 'What happened, if `Prefer: return=representation` asked; what would, for a dry run.' },
)
export type CapacityReply = Static<typeof capacityReply>

export const planReply = closed(
  {
    dry_run: Type.Boolean(),
    legs: Type.Array(
      closed({
        do: Type.Enum(['drop', 'add', 'move']),
        course_id: integer,
        group_id: nullableInteger,
        place: Type.Unsafe<'registered' | 'reserved' | 'unchanged' | null>({
          type: ['string', 'null'],
          enum: ['registered', 'reserved', 'unchanged', null],
          description:
            'The place held after the whole plan; null where this leg, or a later one, leaves none here.',
        }),
        reserve_queue_position: position,
      }),
    ),
    remaining_actions: nullableInteger,
    decision: orNoDecision,
  },
  { description: 'What became of each leg.' },
)
export type PlanReply = Static<typeof planReply>

export const problemReason = Type.Object({
  code: text,
  detail: text,
  leg: Type.Optional(Type.Integer({ description: 'Index of the leg of a plan.' })),
  course_id: Type.Optional(integer),
  group_id: Type.Optional(integer),
  with: Type.Optional(
    Type.Object({ course_id: integer, group_id: integer }, { description: 'The other one of a conflict.' }),
  ),
  more: Type.Optional(Type.Integer({ description: 'On the last of 40: how many more are left out.' })),
  window: Type.Optional(
    Type.Object(
      { from: text, until: text },
      { description: 'Your enrollment time, UTC; `until` is not in it.' },
    ),
  ),
})

export const liveReply = closed({ status: text }, { description: 'It answers.' })
export const readyReply = closed({ state: text, detail: text, term: integer }, { description: 'It leads.' })

/** Every error, RFC 9457. `reason` repeats `detail`, because older clients read that field. */
export const problemReply = Type.Object({
  type: text,
  title: text,
  status: integer,
  detail: text,
  code: text,
  reason: text,
  reasons: Type.Array(problemReason, {
    description:
      'Every violated rule (40 at most), the most important first; its code is the problem’s `code`.',
  }),
})
