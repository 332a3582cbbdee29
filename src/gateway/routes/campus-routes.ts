import type { FastifyInstance } from 'fastify'
import { departmentsReply } from '../../../schema/rest-campus.ts'
import { catalogReply, noQuery } from '../../../schema/rest.ts'
import type { EnrollmentService } from '../../engine/service.ts'
import { admit, type Gate } from '../auth/authentication.ts'
import { CampusCatalog } from '../replies/campus-catalog.ts'
import { secured, unchanged } from './docs.ts'
import { DecisionsAway, type RegistryLists } from '../gateway-ports.ts'
import { commonProblems, sendProblem, unavailableProblems } from '../replies/problems.ts'
import { sendShared } from '../replies/shared-text.ts'

/** Departments come and go with the files that are loaded. */
const departmentsReuseMs = 60_000

export interface CampusRoutesDeps {
  readonly service: EnrollmentService
  readonly lists: RegistryLists
  readonly gate: Gate
}

/** What everybody with a token may read of the campus as a whole. */
export function campusRoutes(app: FastifyInstance, { service, lists, gate }: CampusRoutesDeps): void {
  const catalog = new CampusCatalog()
  const onRequest = admit(gate, 'either')
  const common = { tags: ['campus'], security: secured, querystring: noQuery }

  app.get(
    '/catalog',
    {
      onRequest,
      config: { problems: [...commonProblems, ...unavailableProblems] },
      schema: {
        ...common,
        operationId: 'campusCatalog',
        summary: 'The courses of all departments',
        description:
          'In one request, compressed if you accept it. Seats may be a second old; `GET /events` has them live. Send the ETag back as `If-None-Match`: 304 says that nothing has changed.',
        response: { 200: catalogReply, 304: unchanged },
      },
    },
    async (request, reply) => {
      const board = service.seats
      if (board === undefined) return sendProblem(reply, service.refusal() ?? 'recovering')
      return await sendShared(request, reply, catalog.of(board, performance.now()), 'private, no-cache')
    },
  )

  let departments: Promise<{ id: number; name: string }[]> | undefined
  let readAtMs = 0
  app.get(
    '/departments',
    {
      onRequest,
      config: { problems: [...commonProblems, 'journal_unavailable'] },
      schema: {
        ...common,
        operationId: 'departments',
        summary: 'The departments',
        description: 'Read from the database once a minute.',
        response: { 200: departmentsReply },
      },
    },
    async (_request, reply) => {
      if (departments === undefined || performance.now() - readAtMs > departmentsReuseMs) {
        readAtMs = performance.now()
        departments = lists.departments()
      }
      try {
        return { departments: await departments }
      } catch (error) {
        departments = undefined
        if (!(error instanceof DecisionsAway)) throw error
        return sendProblem(reply, 'journal_unavailable', { detail: 'The database cannot be read now.' })
      }
    },
  )
}
