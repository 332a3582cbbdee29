import { type Static, Type } from 'typebox'
import { int16Max } from './registry-limits.ts'
import { closed, courseReply, groupStatus, integer, nullableInteger, text } from './rest.ts'

/** Queries and replies of the lists of what staff administer. */

const ofDepartment = Type.Optional(
  Type.Integer({ minimum: 0, maximum: int16Max, description: 'Only those of this department.' }),
)
const limit = Type.Optional(
  Type.Integer({ minimum: 1, maximum: 500, description: 'Per page; 100 if absent.' }),
)
const cursor = (pattern: string) =>
  Type.Optional(Type.String({ maxLength: 24, pattern, description: '`next` of the page before.' }))
export const studentsQuery = closed({ department: ofDepartment, cursor: cursor('^\\d{1,16}$'), limit })
export const groupsQuery = closed({
  department: ofDepartment,
  cursor: cursor('^\\d{1,10}\\.\\d{1,10}$'),
  limit,
})

const nullableText = (description: string) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], description })
const code = nullableText('How the university writes it; null if there is none.')
const next = nullableText('`cursor` of the next page; null for the last one.')
const upToDate = Type.Boolean({
  description: 'False while the database is behind what was acknowledged when the request came.',
})

const listedStudent = closed({
  student_id: integer,
  code,
  department: integer,
  gender: Type.Enum(['male', 'female']),
  entry_year: integer,
  max_units: integer,
  remaining_actions: integer,
  enrollment_start_time: text,
  enrollment_end_time: nullableText('Null: as long after the start as the server’s windows last.'),
  has_password: Type.Boolean({ description: 'Whether anybody can log in with it.' }),
})
const listedGroup = closed({
  course_id: integer,
  group_id: integer,
  code,
  department: integer,
  name: text,
  lecturer: text,
  units: integer,
  capacity: integer,
  reserve_capacity: integer,
  class_time: courseReply.properties.class_time,
  exam_time: Type.Integer({ description: 'Unix seconds; 0 = no exam.' }),
  exam_minutes: nullableInteger,
  sex_lock: courseReply.properties.sex_lock,
  notes: text,
  status: groupStatus,
})
export const studentsReply = closed(
  { students: Type.Array(listedStudent), next, up_to_date: upToDate },
  { description: 'One page, in order of their numbers.' },
)
export const groupsReply = closed(
  { courses: Type.Array(listedGroup), next, up_to_date: upToDate },
  { description: 'One page, in order of course and group.' },
)
export type ListedStudent = Static<typeof listedStudent>
export type ListedGroup = Static<typeof listedGroup>
