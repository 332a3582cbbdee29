import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'
import type { StudentLeg } from '../../../actors/messages/commands.ts'
import { refusalsByDeed, refusalsOfPlan } from '../../../actors/messages/refusals-by-deed.ts'
import {
  addBody,
  commandReply,
  dropQuery,
  moveBody,
  anyQuery,
  noQuery,
  planBody,
  type PlanLeg,
  planReply,
  studentCoursesReply,
} from '../../../schema/rest.ts'
import { type MeReply, meReply } from '../../../schema/rest-campus.ts'
import type { EnrollmentService, StudentView } from '../../engine/service.ts'
import { admit, type Gate } from '../auth/authentication.ts'
import { type Commands, refuseUnavailable, studentCommand } from './submit-commands.ts'
import { done, secured } from './docs.ts'
import { commandProblems, type ProblemCode, sendProblem, studentProblems } from '../replies/problems.ts'
import { commandReplyOf, studentCoursesReplyOf } from '../replies/representations.ts'

const commandedProblems: readonly ProblemCode[] = [...studentProblems, ...commandProblems]

/** What students do for themselves. */
export function studentRoutes(
  app: FastifyInstance,
  { service, commands, gate }: { service: EnrollmentService; commands: Commands; gate: Gate },
): void {
  const routes = app.withTypeProvider<TypeBoxTypeProvider>()
  const onRequest = admit(gate, 'student')
  const common = { tags: ['student'], security: secured }

  routes.put(
    '/student/course',
    {
      onRequest,
      config: { problems: [...commandedProblems, ...refusalsByDeed.add] },
      schema: {
        ...common,
        operationId: 'addCourse',
        summary: 'Add a course',
        description: 'Takes a seat in the group; where none is free, the next place in its reserve queue.',
        body: addBody,
        querystring: anyQuery,
        response: { 200: commandReply, 204: done },
      },
    },
    (request, reply) => {
      const { course_id, group_id, reserve = 'allow' } = request.body
      const leg = { do: 'add', course: course_id, group: group_id, reserve } as const
      return commands.run(request, reply, studentCommand(request.user.id, leg), commandReplyOf)
    },
  )

  routes.patch(
    '/student/course',
    {
      onRequest,
      config: {
        problems: [...commandedProblems, ...refusalsByDeed.move],
      },
      schema: {
        ...common,
        operationId: 'moveToGroup',
        summary: 'Move to another group of a course',
        description: 'Costs one action. A seat held now is not given up for a reserve place unless allowed.',
        body: moveBody,
        querystring: anyQuery,
        response: { 200: commandReply, 204: done },
      },
    },
    (request, reply) => {
      const { course_id, group_id, allow_reserve = false } = request.body
      const leg = { do: 'move', course: course_id, group: group_id, allowReserve: allow_reserve } as const
      return commands.run(request, reply, studentCommand(request.user.id, leg), commandReplyOf)
    },
  )

  routes.delete(
    '/student/course',
    {
      onRequest,
      config: { problems: [...commandedProblems, ...refusalsByDeed.drop], ignoresBody: true },
      schema: {
        ...common,
        operationId: 'dropCourse',
        summary: 'Drop a course',
        description: 'Costs one action. A freed seat goes to the first in the reserve queue.',
        querystring: dropQuery,
        response: { 200: commandReply, 204: done },
      },
    },
    (request, reply) => {
      const leg = { do: 'drop', course: request.query.course_id } as const
      return commands.run(request, reply, studentCommand(request.user.id, leg), commandReplyOf)
    },
  )

  routes.post(
    '/student/plan',
    {
      onRequest,
      config: {
        problems: [...commandedProblems, ...refusalsOfPlan],
      },
      schema: {
        ...common,
        operationId: 'plan',
        summary: 'Several changes at once, all or none',
        description:
          'Judged by the state that the legs together lead to. Each drop and each move costs one action. With `dry_run`, nothing is done or recorded.',
        body: planBody,
        querystring: noQuery,
        response: { 200: planReply },
      },
    },
    (request, reply) => {
      const legs = request.body.legs.map(studentLegOf)
      gate.requestsByStudent.charge(request.user.id, legs.length - 1, gate.now())
      if (request.body.dry_run === true) return commands.tryPlan(reply, request.user.id, legs)
      return commands.runPlan(request, reply, request.user.id, legs)
    },
  )

  routes.get(
    '/student/course',
    {
      onRequest,
      config: { problems: [...studentProblems, 'no_such_student'] },
      schema: {
        ...common,
        operationId: 'ownCourses',
        summary: 'The courses that you hold a place in',
        querystring: anyQuery,
        response: { 200: studentCoursesReply },
      },
    },
    async (request, reply) => {
      const shown = await service.studentView(request.user.id)
      if (shown.kind === 'unavailable') return refuseUnavailable(reply, shown)
      if (shown.view === undefined) return sendProblem(reply, 'no_such_student')
      return studentCoursesReplyOf(shown.view)
    },
  )

  routes.get(
    '/student/me',
    {
      onRequest,
      config: { problems: [...studentProblems, 'no_such_student'] },
      schema: {
        ...common,
        operationId: 'me',
        summary: 'Who you are, what you may, and when',
        querystring: noQuery,
        response: { 200: meReply },
      },
    },
    async (request, reply) => {
      const shown = await service.studentView(request.user.id)
      if (shown.kind === 'unavailable') return refuseUnavailable(reply, shown)
      if (shown.view === undefined) return sendProblem(reply, 'no_such_student')
      return meReplyOf(shown.view, gate.now()) ?? sendProblem(reply, 'recovering')
    },
  )
}

function meReplyOf(
  { id, department, remainingActions, standing }: StudentView,
  nowMs: number,
): MeReply | undefined {
  if (standing === undefined) return undefined
  const iso = (ms: number) => new Date(ms).toISOString()
  return {
    student_id: id,
    department,
    gender: standing.gender,
    units: standing.units,
    max_units: standing.maxUnits,
    remaining_actions: remainingActions,
    window: { from: iso(standing.windowStartMs), until: iso(standing.windowEndMs) },
    server_time: iso(nowMs),
  }
}

function studentLegOf({ drop, add, move }: PlanLeg): StudentLeg {
  if (drop !== undefined) return { do: 'drop', course: drop.course_id }
  if (add !== undefined) {
    return { do: 'add', course: add.course_id, group: add.group_id, reserve: add.reserve ?? 'allow' }
  }
  if (move === undefined) throw new Error('the schema lets no empty leg through')
  return {
    do: 'move',
    course: move.course_id,
    group: move.group_id,
    allowReserve: move.allow_reserve ?? false,
  }
}
