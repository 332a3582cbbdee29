import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifySchema } from 'fastify'
import { Type } from 'typebox'
import { eventData } from '../../schema/events.ts'
import { noBody, problemReply } from '../../schema/rest.ts'
import { withExamples } from './examples.ts'
import { problemBody, type ProblemCode, problemMediaType, problems } from './problems.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The codes of the errors that the route can answer with; for the document. */
    problems?: readonly ProblemCode[]
  }
}

/** In a route's schema: it needs a token. */
export const secured = [{ bearer: [] }]
/** 204 of a command that did not ask for a representation. */
export const done = Type.Null({ description: 'Done.' })
/** 304 of a read whose answer the client has already. */
export const unchanged = Type.Null({ description: 'As you know it.' })

/** Describes the routes registered after it: the document at /openapi.json, readable at /docs. */
export function describeRoutes(app: FastifyInstance): void {
  app.addSchema({ $id: 'Problem', ...problemReply })
  app.addSchema({ $id: 'EventData', ...eventData })
  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Course enrollment',
        description:
          'Every command takes an `Idempotency-Key`: repeated with the same one, it gives the first answer again. Commands answer 204; with `Prefer: return=representation`, 200 and what happened.',
        version: '1',
      },
      tags: [
        { name: 'login', description: 'Tokens' },
        { name: 'student', description: 'What students do for themselves' },
        { name: 'staff', description: 'What staff do for students and courses' },
        { name: 'events', description: 'Live seats' },
        { name: 'service', description: 'For those who run it' },
      ],
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
          ticket: { type: 'apiKey', in: 'query', name: 'ticket' },
        },
      },
    },
    refResolver: { buildLocalReference: ({ $id }) => (typeof $id === 'string' ? $id : 'Unnamed') },
    transformObject: (made) =>
      'openapiObject' in made ? withExamples(made.openapiObject) : made.swaggerObject,
    transform: ({ schema, url, route }) => ({
      schema: withProblems(schema, route.config?.problems ?? []),
      url,
    }),
  })
  app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true })
}

/** Where the document and the error table are read. */
export function docsRoutes(app: FastifyInstance): void {
  const hidden = { hide: true } as const
  app.get('/openapi.json', { schema: hidden }, () => app.swagger())
  app.get('/docs/errors', { schema: hidden }, (_request, reply) => {
    reply.header('content-type', 'text/html; charset=utf-8')
    return errorsPage
  })
}

/** For the document: admission checks the key, and an unknown preference is ignored. */
const commandHeaders = Type.Object({
  'Idempotency-Key': Type.Optional(
    Type.String({ pattern: '^[!-~]{1,255}$', description: 'Repeated, it gives the first answer again.' }),
  ),
  Prefer: Type.Optional(
    Type.String({ description: '`return=representation` for 200 and what happened, instead of 204.' }),
  ),
})

/** The errors that a route names, by status. That a route takes no body needs no word in the document. */
function withProblems(schema: FastifySchema, codes: readonly ProblemCode[]): FastifySchema {
  const statuses = [...new Set(codes.map((code) => problems[code].status))]
  const responses = statuses.map((status) => {
    const group = Object.entries(problems).filter(
      ([code, problem]) => problem.status === status && codes.some((one) => one === code),
    )
    const description = group.map(([code, { title }]) => `\`${code}\`: ${title}`).join('\n\n')
    const examples = Object.fromEntries(
      group.map(([code, { title }]) => {
        const value: unknown = JSON.parse(problemBody(code as ProblemCode))
        return [code, { summary: title, value }]
      }),
    )
    const content = { [problemMediaType]: { schema: { $ref: 'Problem#' }, examples } }
    return [status, { description, content }]
  })
  const { body, ...others } = schema
  return {
    ...others,
    ...(codes.includes('idempotency_mismatch') && { headers: commandHeaders }),
    ...(body !== noBody && { body }),
    response: { ...(schema.response as object | undefined), ...Object.fromEntries(responses) },
  }
}

const errorsPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Errors</title>
<h1>Errors</h1>
<p>In order of precedence. Every error is <code>${problemMediaType}</code> with the code in <code>code</code>.</p>
<table>
<tr><th>Status</th><th>Code</th><th>Meaning</th></tr>
${Object.entries(problems)
  .map(
    ([code, { status, title }]) =>
      `<tr id="${code}"><td>${status}</td><td><code>${code}</code></td><td>${title}</td></tr>`,
  )
  .join('\n')}
</table>
</html>
`
