import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify'
import type { Logger } from 'pino'
import { codeLengthMax, storable } from '../../../schema/registry-limits.ts'
import type { Accounts } from '../gateway-ports.ts'
import { sendProblem } from '../replies/problems.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Nobody and no course that is there already can be meant. */
    isNew?: boolean
  }
}

interface Properties {
  readonly [name: string]: object
}
interface ObjectSchema {
  readonly properties: Properties
  readonly required?: readonly string[]
}

/** What stands for which number, and whose it is. */
const names = [
  { id: 'std_id', code: 'std_code', whose: 'student' },
  { id: 'student_id', code: 'student_code', whose: 'student' },
  { id: 'course_id', code: 'course_code', whose: 'course' },
] as const
type Name = (typeof names)[number]
const isStorable = new RegExp(storable, 'u')

/**
 * Staff may name a student or a course by its code (`std_code` in place of `std_id`, …), in bodies and in queries, on every route
 * that is registered after this. The number takes the code's place before the request is validated, so that nobody behind this
 * knows of codes, and an Idempotency-Key counts for both ways to ask.
 */
export function acceptCodes(app: FastifyInstance, accounts: Accounts, logger: Logger): void {
  app.addHook('onRoute', (route) => {
    if (!route.url.startsWith('/staff/') || route.config?.isNew === true) return
    const { body, querystring } = route.schema ?? {}
    const parts = (
      [
        ['body', body],
        ['query', querystring],
      ] as const
    ).flatMap(([part, schema]) => namesIn(schema).map((name) => ({ part, name })))
    if (parts.length === 0) return
    route.preValidation = async (request: FastifyRequest, reply: FastifyReply) => {
      for (const { part, name } of parts) {
        if (!(await resolve(request[part], name, reply))) return reply
      }
      return undefined
    }
  })

  /** @returns false if it was refused, which is answered here */
  async function resolve(part: unknown, { id, code, whose }: Name, reply: FastifyReply): Promise<boolean> {
    if (typeof part !== 'object' || part === null || !Object.hasOwn(part, code)) return true
    const values = part as Record<string, unknown>
    const text = values[code]
    if (Object.hasOwn(values, id)) return refuse(reply, `${code} stands in place of ${id}: not both.`)
    if (typeof text !== 'string' || text === '' || text.length > codeLengthMax || !isStorable.test(text)) {
      return refuse(reply, `${code} is no text of 1 to ${codeLengthMax} characters.`)
    }
    try {
      const number = await accounts.numberOfCode(whose, text)
      if (number === undefined) {
        sendProblem(reply, whose === 'student' ? 'no_such_student' : 'no_such_course')
        return false
      }
      delete values[code]
      values[id] = number
      return true
    } catch (err) {
      logger.warn({ err, request: reply.request.id }, 'a code could not be looked up')
      sendProblem(reply, 'journal_unavailable', { detail: 'The database cannot be read now.' })
      return false
    }
  }
}

function refuse(reply: FastifyReply, detail: string): false {
  sendProblem(reply, 'malformed', { detail })
  return false
}

function namesIn(schema: unknown): Name[] {
  const { properties = {} } = (schema ?? {}) as Partial<ObjectSchema>
  return names.filter(({ id }) => Object.hasOwn(properties, id))
}

/** The document's schema of a route: with the codes that `acceptCodes` takes. */
export function withCodes(schema: FastifySchema, url: string, isNew = false): FastifySchema {
  if (!url.startsWith('/staff/') || isNew) return schema
  const { body, querystring, ...others } = schema
  return {
    ...others,
    ...(body !== undefined && { body: codesIn(body, true) }),
    ...(querystring !== undefined && { querystring: codesIn(querystring, false) }),
  }
}

function codesIn(schema: unknown, saysWhich: boolean): unknown {
  const found = namesIn(schema)
  if (found.length === 0) return schema
  const { properties, required = [] } = schema as ObjectSchema
  const codes = found.map(({ id, code, whose }) => [
    code,
    {
      type: 'string',
      minLength: 1,
      maxLength: codeLengthMax,
      pattern: storable,
      description: `The ${whose}’s code, in place of \`${id}\`.`,
    },
  ])
  const demanded = found.filter(({ id }) => required.includes(id))
  return {
    ...(schema as object),
    properties: { ...properties, ...(Object.fromEntries(codes) as Properties) },
    required: required.filter((name) => !demanded.some(({ id }) => id === name)),
    ...(saysWhich &&
      demanded.length > 0 && {
        allOf: demanded.map(({ id, code }) => ({ oneOf: [{ required: [id] }, { required: [code] }] })),
      }),
  }
}
