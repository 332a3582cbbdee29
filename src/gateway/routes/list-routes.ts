import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { groupsQuery, groupsReply, studentsQuery, studentsReply } from '../../../schema/rest-lists.ts'
import { type EnrollmentService, refusalIn } from '../../engine/service.ts'
import { admit, type Gate } from '../auth/authentication.ts'
import { databaseCaughtUp } from './decision-routes.ts'
import { secured } from './docs.ts'
import { DecisionsAway, type RegistryLists } from '../gateway-ports.ts'
import { commonProblems, type ProblemCode, sendProblem, unavailableProblems } from '../replies/problems.ts'
import type { TokenHolder } from '../auth/tokens.ts'

const pageSize = 100
const problems: readonly ProblemCode[] = [
  ...commonProblems,
  'wrong_role',
  'other_department',
  ...unavailableProblems,
]

export interface ListRoutesDeps {
  readonly service: EnrollmentService
  readonly lists: RegistryLists
  readonly gate: Gate
  /** Whether staff administer every department's courses and students. */
  readonly campusWide: boolean
}

/** The students and the courses that staff administer, page by page: read from the database, not from memory. */
export function listRoutes(app: FastifyInstance, { service, lists, gate, campusWide }: ListRoutesDeps): void {
  const routes = app.withTypeProvider<TypeBoxTypeProvider>()
  const onRequest = admit(gate, 'staff')
  const common = { tags: ['staff'], security: secured }
  const description = 'Those of your department; with STAFF_SCOPE=all of every one.'

  routes.get(
    '/staff/students',
    {
      onRequest,
      config: { problems },
      schema: {
        ...common,
        operationId: 'listStudents',
        summary: 'The students that you administer',
        description,
        querystring: studentsQuery,
        response: { 200: studentsReply },
      },
    },
    async (request, reply) => {
      const { cursor, department, limit = pageSize } = request.query
      const page = await read(request.user, department, reply, (only) =>
        lists.students({ after: cursor === undefined ? undefined : Number(cursor), department: only, limit }),
      )
      if (page === undefined) return undefined
      const last = page.found.length === limit ? page.found.at(-1) : undefined
      return {
        students: page.found,
        next: last === undefined ? null : String(last.student_id),
        up_to_date: page.upToDate,
      }
    },
  )

  routes.get(
    '/staff/courses',
    {
      onRequest,
      config: { problems },
      schema: {
        ...common,
        operationId: 'listGroups',
        summary: 'The course groups that you administer',
        description,
        querystring: groupsQuery,
        response: { 200: groupsReply },
      },
    },
    async (request, reply) => {
      const { cursor, department, limit = pageSize } = request.query
      const [course = 0, group = 0] = (cursor ?? '').split('.').map(Number)
      const after = cursor === undefined ? undefined : { course, group }
      const page = await read(request.user, department, reply, (only) =>
        lists.groups({ after, department: only, limit }),
      )
      if (page === undefined) return undefined
      const last = page.found.length === limit ? page.found.at(-1) : undefined
      return {
        courses: page.found,
        next: last === undefined ? null : `${last.course_id}.${last.group_id}`,
        up_to_date: page.upToDate,
      }
    },
  )

  /** @returns undefined when it is answered already */
  async function read<Found>(
    caller: TokenHolder,
    wanted: number | undefined,
    reply: FastifyReply,
    find: (department: number | undefined) => Promise<Found[]>,
  ): Promise<{ readonly found: Found[]; readonly upToDate: boolean } | undefined> {
    if (!campusWide && wanted !== undefined && wanted !== caller.department) {
      return sendProblem(reply, 'other_department', { detail: `Department ${wanted} is not yours.` })
    }
    const refusal = refusalIn(service.status().state)
    if (refusal !== undefined) return sendProblem(reply, refusal)
    const upToDate = await databaseCaughtUp(service)
    try {
      return { found: await find(campusWide ? wanted : caller.department), upToDate }
    } catch (error) {
      if (!(error instanceof DecisionsAway)) throw error
      return sendProblem(reply, 'journal_unavailable', { detail: 'The database cannot be read now.' })
    }
  }
}
