import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { refusalsByDeed } from '../../../actors/messages/refusals-by-deed.ts'
import { noBody } from '../../../schema/rest.ts'
import {
  addGroupBody,
  addStudentBody,
  cancelQuery,
  changeGroupBody,
  changeReply,
  changeStudentBody,
  courseStatusBody,
  dryRunQuery,
} from '../../../schema/rest-administration.ts'
import { addGroupLeg, addStudentLeg, changeGroupLeg, changeStudentLeg, Unfit } from './administration-legs.ts'
import { admit, type Gate } from '../auth/authentication.ts'
import { changeReplyOf } from '../replies/change-reply.ts'
import { asksDryRun, type Commands, noteOf, staffCommands } from './submit-commands.ts'
import { done, secured } from './docs.ts'
import type { StaffView } from '../replies/staff-view.ts'
import {
  commandProblems,
  commonProblems,
  type ProblemCode,
  sendProblem,
  unavailableProblems,
} from '../replies/problems.ts'

const problems: readonly ProblemCode[] = [
  ...commonProblems,
  'wrong_role',
  ...commandProblems,
  ...unavailableProblems,
]

export interface AdministrationRoutesDeps {
  readonly commands: Commands
  readonly gate: Gate
  /** Whether staff administer every department's courses and students. */
  readonly campusWide: boolean
  readonly view: StaffView
  /** Most units that a course may count. */
  readonly unitsMax: number
  /** How long a new student's window lasts if nobody says when it ends, milliseconds. */
  readonly windowMs: number
}

/** What staff do with courses and students themselves while enrollment goes on. Each takes `?dry_run`. */
export function administrationRoutes(app: FastifyInstance, deps: AdministrationRoutesDeps): void {
  const { commands, gate, campusWide, view, unitsMax, windowMs } = deps
  const routes = app.withTypeProvider<TypeBoxTypeProvider>()
  const onRequest = admit(gate, 'staff')
  const common = { tags: ['staff'], security: secured }
  const response = { 200: changeReply, 204: done }
  const staffCommand = staffCommands(campusWide)

  routes.patch(
    '/staff/course',
    {
      onRequest,
      config: {
        problems: [...problems, ...refusalsByDeed.change_group],
      },
      schema: {
        ...common,
        operationId: 'changeGroup',
        summary: 'Change a group of a course',
        description:
          'What is given changes, in one decision; the rest stays. Nobody loses a place: who has two things at once from then on is counted and named. With `?dry_run` nothing is changed or recorded.',
        body: changeGroupBody,
        querystring: dryRunQuery,
        response,
      },
    },
    async (request, reply) => {
      const leg = fit(reply, () => changeGroupLeg(request.body))
      if (leg === undefined) return undefined
      const command = staffCommand(request.user, leg)
      const change = { command, isDryRun: asksDryRun(request.query) }
      return await commands.change(request, reply, change, async (verdict, record) =>
        changeReplyOf(await view.shownVerdict(request.user, verdict), record),
      )
    },
  )

  routes.post(
    '/staff/course',
    {
      onRequest,
      config: { problems: [...problems, ...refusalsByDeed.add_group] },
      schema: {
        ...common,
        operationId: 'addGroup',
        summary: 'Add a course, or another group of one',
        description:
          'Students can enter it at once. Another group of a course is for a department that the course is for. With `?dry_run` nothing is added or recorded.',
        body: addGroupBody,
        querystring: dryRunQuery,
        response,
      },
    },
    async (request, reply) => {
      const department = view.departmentOf(request.body.course_id) ?? request.user.department
      const leg = fit(reply, () => addGroupLeg(request.body, { department, unitsMax }))
      if (leg === undefined) return undefined
      const change = { command: staffCommand(request.user, leg), isDryRun: asksDryRun(request.query) }
      return await commands.change(request, reply, change, changeReplyOf)
    },
  )

  routes.put(
    '/staff/course-status',
    {
      onRequest,
      config: { problems: [...problems, ...refusalsByDeed.open, ...refusalsByDeed.close] },
      schema: {
        ...common,
        operationId: 'openOrCloseCourse',
        summary: 'Open or close a course',
        description:
          'A closed course takes no newcomer in; who is in it may leave, who waits moves up, and staff may still seat somebody. With `?dry_run` nothing is changed or recorded.',
        body: courseStatusBody,
        querystring: dryRunQuery,
        response,
      },
    },
    (request, reply) => {
      const { course_id: course, group_id: group, status, note } = request.body
      const named = { course, ...(group !== undefined && { group }), ...noteOf(note) }
      const leg = { do: status === 'open' ? ('open' as const) : ('close' as const), ...named }
      const change = { command: staffCommand(request.user, leg), isDryRun: asksDryRun(request.query) }
      return commands.change(request, reply, change, changeReplyOf)
    },
  )

  routes.delete(
    '/staff/course',
    {
      onRequest,
      config: { problems: [...problems, ...refusalsByDeed.cancel] },
      schema: {
        ...common,
        operationId: 'cancelCourse',
        summary: 'Cancel a course',
        description:
          'Ends every seat and every reserve place in one decision, at no cost of actions, and closes it for good. More than 50,000 places at once are refused (`too_many_places`): cancel the groups one by one. With `?dry_run` nothing is changed or recorded.',
        body: noBody,
        querystring: cancelQuery,
        response,
      },
    },
    (request, reply) => {
      const { course_id: course, group_id: group, note } = request.query
      const leg = { do: 'cancel', course, ...(group !== undefined && { group }), ...noteOf(note) } as const
      const change = { command: staffCommand(request.user, leg), isDryRun: asksDryRun(request.query) }
      return commands.change(request, reply, change, changeReplyOf)
    },
  )

  routes.patch(
    '/staff/student',
    {
      onRequest,
      config: { problems: [...problems, ...refusalsByDeed.change_student] },
      schema: {
        ...common,
        operationId: 'changeStudent',
        summary: 'Move a student’s window, or change their units and actions',
        description:
          'For staff of the student’s own department. A bound of the window that is not given stays; no place is taken away. With `?dry_run` nothing is changed or recorded.',
        body: changeStudentBody,
        querystring: dryRunQuery,
        response,
      },
    },
    async (request, reply) => {
      const leg = fit(reply, () => changeStudentLeg(request.body))
      if (leg === undefined) return undefined
      const command = staffCommand(request.user, leg, request.body.std_id)
      const change = { command, isDryRun: asksDryRun(request.query) }
      return await commands.change(request, reply, change, changeReplyOf)
    },
  )

  routes.post(
    '/staff/student',
    {
      onRequest,
      config: { problems: [...problems, ...refusalsByDeed.add_student], isNew: true },
      schema: {
        ...common,
        operationId: 'addStudent',
        summary: 'Add a student',
        description:
          'Without a password: `PUT /staff/student-password` sets the first one. With `?dry_run` nothing is added or recorded.',
        body: addStudentBody,
        querystring: dryRunQuery,
        response,
      },
    },
    async (request, reply) => {
      const leg = fit(reply, () => addStudentLeg(request.body, request.user, windowMs))
      if (leg === undefined) return undefined
      const command = staffCommand(request.user, leg, request.body.std_id)
      const change = { command, isDryRun: asksDryRun(request.query) }
      return await commands.change(request, reply, change, changeReplyOf)
    },
  )
}

/** @returns undefined when the body cannot be meant, which is answered then */
function fit<Leg>(reply: FastifyReply, make: () => Leg): Leg | undefined {
  try {
    return make()
  } catch (error) {
    if (error instanceof Unfit) return sendProblem(reply, 'malformed', { detail: error.message })
    throw error
  }
}
