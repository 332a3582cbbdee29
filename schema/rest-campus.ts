import { type Static, Type } from 'typebox'
import { closed, integer, text } from './rest.ts'

/** Replies about the campus as a whole, and about the student who asks. */

export const departmentsReply = closed(
  { departments: Type.Array(closed({ id: integer, name: text })) },
  { description: 'The departments, in order of their numbers.' },
)
export type DepartmentsReply = Static<typeof departmentsReply>

export const meReply = closed(
  {
    student_id: integer,
    department: integer,
    gender: Type.Enum(['male', 'female']),
    units: Type.Integer({ description: 'Of all places held, those in reserve queues included.' }),
    max_units: integer,
    remaining_actions: Type.Integer({ description: 'Drops and moves that are left.' }),
    window: closed(
      { from: text, until: text },
      { description: 'Your enrollment time, UTC; `until` is not in it.' },
    ),
    server_time: Type.String({ description: 'UTC; what the window is judged by.' }),
  },
  { description: 'The student who asks.' },
)
export type MeReply = Static<typeof meReply>
