import { randomUUID } from 'node:crypto'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify'
import { Type } from 'typebox'
import { eventData } from '../../../schema/events.ts'
import {
  capacityReply,
  catalogReply,
  commandReply,
  courseReply,
  noBody,
  planLeg,
  planReply,
  problemReply,
  rosterReply,
  studentCoursesReply,
  tokenReply,
} from '../../../schema/rest.ts'
import { departmentsReply, meReply } from '../../../schema/rest-campus.ts'
import { decisionsReply } from '../../../schema/rest-decisions.ts'
import { changeReply } from '../../../schema/rest-administration.ts'
import { groupsReply, studentsReply } from '../../../schema/rest-lists.ts'
import { isKnown } from '../replies/catalog-replies.ts'
import { withCodes } from './codes.ts'
import { withExamples } from './examples.ts'
import { pathOf } from '../routed-url.ts'
import { problemBody, type ProblemCode, problemMediaType, problems } from '../replies/problems.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The codes of the errors that the route can answer with; for the document. */
    problems?: readonly ProblemCode[]
    /** The replaced system read no body here: whatever one holds is ignored. */
    ignoresBody?: boolean
  }
}

/** In a route's schema: it needs a token. */
export const secured = [{ bearer: [] }]
/** 204 of a command that did not ask for a representation. */
export const done = Type.Null({ description: 'Done.' })
/** 304 of a read whose answer the client has already. */
export const unchanged = Type.Null({ description: 'As you know it.' })

/**
 * Nothing from elsewhere, and no `upgrade-insecure-requests`: over plain HTTP on any host but loopback, a browser would ask
 * for the page's parts by HTTPS, where nobody answers.
 */
const pagePolicy =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

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
        { name: 'campus', description: 'What everybody may read' },
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
      'openapiObject' in made ? withNames(withExamples(made.openapiObject)) : made.swaggerObject,
    transform: ({ schema, url, route }) => ({
      schema: withProblems(withCodes(schema, url, route.config?.isNew), route.config?.problems ?? []),
      url,
    }),
  })
}

/** Schemas that generated clients get a type of this name for. */
const named: Readonly<Record<string, object>> = {
  Course: courseReply,
  StudentCourses: studentCoursesReply,
  Catalog: catalogReply,
  Departments: departmentsReply,
  Me: meReply,
  Roster: rosterReply,
  Place: commandReply,
  Capacity: capacityReply,
  Plan: planReply,
  PlanLeg: planLeg,
  Decisions: decisionsReply,
  Change: changeReply,
  ListedStudents: studentsReply,
  ListedGroups: groupsReply,
  Token: tokenReply,
}

/** Puts a reference in the place of every schema that has a name. */
function withNames<Document extends { components?: { schemas?: object } }>(document: Document): Document {
  const names = new Map(Object.entries(named).map(([name, schema]) => [JSON.stringify(schema), name]))
  const referred = (_key: string, value: unknown): unknown => {
    const name = typeof value === 'object' && value !== null ? names.get(JSON.stringify(value)) : undefined
    return name === undefined ? value : { $ref: `#/components/schemas/${name}` }
  }
  const schemas = Object.fromEntries(
    Object.entries(named).map(([name, schema]) => [
      name,
      Object.fromEntries(
        Object.entries(schema).map(([key, part]) => [key, JSON.parse(JSON.stringify(part, referred))]),
      ),
    ]),
  )
  const whole = JSON.parse(JSON.stringify(document, referred)) as Document
  return {
    ...whole,
    components: { ...whole.components, schemas: { ...whole.components?.schemas, ...schemas } },
  }
}

/** Where the document and the error table are read. */
export function docsRoutes(app: FastifyInstance): void {
  const hidden = { hide: true } as const
  app.register((docs, _options, registered) => {
    docs.addHook('onRequest', fromMemory(docs))
    docs.register(swaggerUi, { routePrefix: '/docs', staticCSP: pagePolicy })
    docs.get('/openapi.json', { schema: hidden }, () => docs.swagger())
    docs.get('/docs/errors', { schema: hidden }, (_request, reply) => {
      reply.header('content-type', 'text/html; charset=utf-8')
      return errorsPage
    })
    registered()
  })
}

interface StoredDocument {
  readonly headers: Readonly<Record<string, string>>
  readonly content: Buffer
}

/** There are about a dozen documents; a path can be written in many ways. */
const documentsMax = 50
const headersKept = ['content-type', 'content-security-policy', 'etag', 'last-modified', 'cache-control']

/**
 * Documents do not change while the process runs, and anybody may ask for them: each is made once, by the routes
 * themselves, and sent from memory, so that an answer opens no file and costs no more than its bytes.
 */
function fromMemory(
  docs: FastifyInstance,
): (request: FastifyRequest, reply: FastifyReply) => Promise<unknown> {
  const documents = new Map<string, Promise<StoredDocument | undefined>>()
  /** Known to this process alone: a request that has it is the one that makes a document. */
  const making = randomUUID()
  const make = async (url: string): Promise<StoredDocument | undefined> => {
    const made = await docs.inject({ method: 'GET', url, headers: { 'x-making': making } })
    if (made.statusCode !== 200) return undefined
    const headers = headersKept.flatMap((name) => {
      const value = made.headers[name]
      return typeof value === 'string' ? [[name, value] as const] : []
    })
    return { headers: Object.fromEntries(headers), content: made.rawPayload }
  }
  return async (request, reply) => {
    if (request.headers['x-making'] === making) return
    const path = pathOf(request.url)
    let found = documents.get(path)
    if (found === undefined && documents.size < documentsMax) {
      found = make(path)
      documents.set(path, found)
    }
    const document = await found
    if (document === undefined) {
      documents.delete(path)
      return
    }
    reply.headers(document.headers)
    const { etag } = document.headers
    if (etag !== undefined && isKnown(unquoted(etag), request.headers['if-none-match'])) {
      return await reply.code(304).send()
    }
    if (request.method !== 'HEAD') return await reply.send(document.content)
    return await reply.header('content-length', document.content.length).send()
  }
}

/** `W/"version"` -> `version`. */
function unquoted(etag: string): string {
  return etag.replace(/^W\//, '').slice(1, -1)
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
