import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { catalogQuery, catalogReply } from '../../../schema/rest.ts'
import type { EnrollmentService } from '../../engine/service.ts'
import { admit, type Gate } from '../auth/authentication.ts'
import { CatalogReplies, isKnown } from '../replies/catalog-replies.ts'
import { refuseUnavailable } from './submit-commands.ts'
import { secured, unchanged } from './docs.ts'
import { sendProblem, studentProblems } from '../replies/problems.ts'

/** What students poll while they wait for a seat: answered from texts that are made once for all of them. */
export function catalogRoute(
  app: FastifyInstance,
  { service, gate }: { service: EnrollmentService; gate: Gate },
): void {
  const catalogs = new CatalogReplies(service)
  app.get<{ Querystring: Static<typeof catalogQuery> }>(
    '/student/courses',
    {
      onRequest: admit(gate, 'student'),
      config: { problems: [...studentProblems, 'no_such_department'] },
      schema: {
        tags: ['student'],
        security: secured,
        operationId: 'catalog',
        summary: 'The courses of a department',
        description:
          'Seats may be a tenth of a second old, but never lack what you were told of yourself. Send the ETag back as `If-None-Match`: 304 says that nothing has changed.',
        querystring: catalogQuery,
        response: { 200: catalogReply, 304: unchanged },
      },
    },
    async (request, reply) => {
      const catalog = await catalogs.of(request.query.department, request.user.id)
      if (catalog === undefined) return sendProblem(reply, 'no_such_department')
      if ('kind' in catalog) return refuseUnavailable(reply, catalog)
      reply.header('etag', `"${catalog.version}"`).header('cache-control', 'private, no-cache')
      if (isKnown(catalog.version, request.headers['if-none-match'])) return reply.code(304).send()
      return reply.type('application/json; charset=utf-8').send(catalog.text)
    },
  )
}
