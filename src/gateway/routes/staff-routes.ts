import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'
import { refusalsByDeed } from '../../../actors/messages/refusals-by-deed.ts'
import {
  anyQuery,
  capacityBody,
  capacityReply,
  commandReply,
  forceAddBody,
  forceDropQuery,
  groupQuery,
  rosterReply,
  studentCoursesReply,
  studentQuery,
} from '../../../schema/rest.ts'
import { capacityQuery } from '../../../schema/rest-administration.ts'
import { admit, type Gate } from '../auth/authentication.ts'
import { asksDryRun, type Commands, noteOf, staffCommands } from './submit-commands.ts'
import { done, secured } from './docs.ts'
import {
  commandProblems,
  commonProblems,
  type ProblemCode,
  unavailableProblems,
} from '../replies/problems.ts'
import { capacityReplyOf, commandReplyOf, studentCoursesReplyOf } from '../replies/representations.ts'
import type { StaffView } from '../replies/staff-view.ts'

const readProblems: readonly ProblemCode[] = [
  ...commonProblems,
  'wrong_role',
  'other_department',
  ...unavailableProblems,
]
const overrideProblems: readonly ProblemCode[] = [...readProblems, ...commandProblems]

/** What staff do for students, and with the courses of their department. */
export function staffRoutes(
  app: FastifyInstance,
  { commands, gate, view, campusWide, seatsAnybody }: StaffRoutesDeps,
): void {
  const routes = app.withTypeProvider<TypeBoxTypeProvider>()
  const onRequest = admit(gate, 'staff')
  const common = { tags: ['staff'], security: secured }
  const staffCommand = staffCommands(campusWide, seatsAnybody)

  routes.put(
    '/staff/force-std',
    {
      onRequest,
      config: { problems: [...overrideProblems, ...refusalsByDeed.force_add] },
      schema: {
        ...common,
        operationId: 'forceAdd',
        summary: 'Seat a student, whatever the rules say',
        description:
          'Bypasses window, units, conflicts, gender lock and queue. In a full group it is an extra seat, which ends with its holder: while more are registered than the group has seats, nobody moves up from the queue. A student who waits in it is promoted. For courses and students of your department.',
        body: forceAddBody,
        querystring: anyQuery,
        response: { 200: commandReply, 204: done },
      },
    },
    (request, reply) => {
      const { course_id, group_id, std_id, note } = request.body
      const leg = { do: 'force_add', course: course_id, group: group_id, ...noteOf(note) } as const
      return commands.run(request, reply, staffCommand(request.user, leg, std_id), commandReplyOf)
    },
  )

  routes.delete(
    '/staff/force-std',
    {
      onRequest,
      config: { problems: [...overrideProblems, ...refusalsByDeed.force_drop], ignoresBody: true },
      schema: {
        ...common,
        operationId: 'forceDrop',
        summary: 'Take a student’s place away',
        description: 'The group must be the one that the student holds. Costs the student no action.',
        querystring: forceDropQuery,
        response: { 200: commandReply, 204: done },
      },
    },
    (request, reply) => {
      const { course_id, group_id, std_id, note } = request.query
      const leg = { do: 'force_drop', course: course_id, group: group_id, ...noteOf(note) } as const
      return commands.run(request, reply, staffCommand(request.user, leg, std_id), async (record) => {
        const shown = await view.shownDecision(request.user, record)
        return commandReplyOf(shown?.record ?? record)
      })
    },
  )

  routes.patch(
    '/staff/capacity',
    {
      onRequest,
      config: { problems: [...overrideProblems, ...refusalsByDeed.set_capacity] },
      schema: {
        ...common,
        operationId: 'setCapacity',
        summary: 'Set the seats of a group',
        description:
          'As many as fit move up from the reserve queue. Never below the seats taken, extra ones aside. With `?dry_run` nothing is changed or recorded.',
        body: capacityBody,
        querystring: capacityQuery,
        response: { 200: capacityReply, 204: done },
      },
    },
    (request, reply) => {
      const { course_id, group_id, capacity, new_capacity, note } = request.body
      const seats = capacity ?? new_capacity
      if (seats === undefined) throw new Error('the schema demands one of the two')
      const where = { course: course_id, group: group_id }
      const leg = { do: 'set_capacity', ...where, capacity: seats, ...noteOf(note) } as const
      const change = { command: staffCommand(request.user, leg), isDryRun: asksDryRun(request.query) }
      return commands.change(request, reply, change, (verdict, record) =>
        capacityReplyOf(leg, verdict, record),
      )
    },
  )

  routes.get(
    '/staff/student-courses',
    {
      onRequest,
      config: { problems: [...readProblems, 'no_such_student'] },
      schema: {
        ...common,
        operationId: 'studentCourses',
        summary: 'The courses that a student holds a place in',
        description: 'Of another department’s student, those of your department alone.',
        querystring: studentQuery,
        response: { 200: studentCoursesReply },
      },
    },
    async (request, reply) => {
      const student = await view.student(request.user, request.query.std_id, reply)
      return student && studentCoursesReplyOf(student)
    },
  )

  routes.get(
    '/staff/course-students',
    {
      onRequest,
      config: { problems: [...readProblems, 'no_such_course'] },
      schema: {
        ...common,
        operationId: 'courseStudents',
        summary: 'The students of a group',
        querystring: groupQuery,
        response: { 200: rosterReply },
      },
    },
    async (request, reply) => {
      const { course_id, group_id } = request.query
      const roster = await view.roster(request.user, course_id, group_id, reply)
      return (
        roster && {
          registered_students: [...roster.registered],
          reserved_queue_students: [...roster.reserved],
          ...(roster.extra && { extra_seat_students: [...roster.extra] }),
        }
      )
    },
  )
}

export interface StaffRoutesDeps {
  readonly commands: Commands
  readonly gate: Gate
  readonly view: StaffView
  /** Whether staff act on every department's courses. */
  readonly campusWide: boolean
  /** Whether they seat every department's students in their own courses. */
  readonly seatsAnybody: boolean
}
