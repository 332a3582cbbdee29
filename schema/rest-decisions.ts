import { type Static, Type } from 'typebox'
import {
  closed,
  courseId,
  groupId,
  integer,
  nullableInteger,
  problemReason,
  studentId,
  text,
} from './rest.ts'

/** The query and reply of the search of decisions. */

const instant = Type.String({
  maxLength: 30,
  pattern: '^\\d{4}-\\d{2}-\\d{2}(T\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,3})?)?Z)?$',
  description: 'A day or a moment in UTC, such as `2026-02-01` or `2026-02-01T07:00:00Z`.',
})
const cursor = Type.Optional(
  Type.String({
    maxLength: 30,
    pattern: '^\\d{1,10}\\.\\d{1,16}$',
    description: '`next` of the page before.',
  }),
)
const limit = Type.Optional(
  Type.Integer({ minimum: 1, maximum: 200, description: 'Decisions per page; 50 if absent.' }),
)
export const ownDecisionsQuery = closed({ cursor, limit })
export const decisionsQuery = closed(
  {
    student_id: Type.Optional(studentId),
    course_id: Type.Optional(courseId),
    group_id: Type.Optional(groupId),
    from: Type.Optional(instant),
    to: Type.Optional(instant),
    cursor,
    limit,
  },
  {
    oneOf: [{ required: ['student_id'] }, { required: ['course_id', 'group_id'] }],
    dependentRequired: { course_id: ['group_id'], group_id: ['course_id'] },
  },
)

/** Decisions carry what the journal holds, whatever version wrote it: legs and effects are open objects. */
const open = Type.Unsafe<Record<string, unknown>>({ type: 'object', additionalProperties: true })
export const decisionsReply = closed(
  {
    decisions: Type.Array(
      closed({
        term: integer,
        seq: integer,
        at: text,
        actor: closed({ role: text, id: nullableInteger }),
        student_id: nullableInteger,
        outcome: Type.Enum(['accepted', 'refused']),
        legs: Type.Array(open),
        effects: Type.Array(open),
        reasons: Type.Array(problemReason),
        remaining_actions: nullableInteger,
      }),
      { description: 'Newest first.' },
    ),
    next: Type.Unsafe<string | null>({ type: ['string', 'null'], description: '`cursor` of the next page.' }),
    up_to_date: Type.Boolean({
      description: 'False while the database is behind what was acknowledged when the request came.',
    }),
  },
  { description: 'One page.' },
)
export type DecisionsQuery = Static<typeof decisionsQuery>
export type DecisionsReply = Static<typeof decisionsReply>
