import { isUtf8 } from 'node:buffer'
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import type { FastifyInstance, FastifySchemaCompiler } from 'fastify'
import type { ProblemReason } from './problems.ts'

/** Types are exact and nothing is stripped: what a client sends is what is judged. */
const ajv = new Ajv({
  allErrors: true,
  verbose: true,
  coerceTypes: false,
  removeAdditional: false,
  useDefaults: false,
})
const reasonsMax = 20

/** Checks request parts against their schemas. Bodies as they are; in queries, digits are integers. */
export const compileValidator: FastifySchemaCompiler<object> = ({ schema, httpPart }) => {
  const validate = ajv.compile(schema)
  return httpPart === 'querystring' ? withDigitsAsIntegers(validate, schema) : validate
}

function withDigitsAsIntegers(validate: ValidateFunction, schema: object): ValidateFunction {
  const { properties = {} } = schema as { properties?: Record<string, { type?: unknown }> }
  const integers = Object.keys(properties).filter((name) => properties[name]?.type === 'integer')
  const validateQuery = (query: Record<string, unknown>) => {
    for (const name of integers) {
      const value = query[name]
      if (typeof value === 'string' && /^\d{1,10}$/.test(value)) query[name] = Number(value)
    }
    const valid = validate(query)
    validateQuery.errors = validate.errors
    return valid
  }
  validateQuery.errors = validate.errors
  return validateQuery as unknown as ValidateFunction
}

/** Ajv's errors as reasons, in words that name the field as the client wrote it. */
export function reasonsOfMisfit(errors: readonly object[], part: string): ProblemReason[] {
  const details = new Set<string>()
  for (const error of errors as ErrorObject[]) {
    if (isOwnError(error)) details.add(describe(error, part))
    // Strangers send thousands of misfits in one body; no work is spent on those that are not told.
    if (details.size === reasonsMax) break
  }
  return [...details].map((detail) => ({ code: 'malformed', detail }))
}

/** The branches of a `oneOf` complain one by one; the `oneOf` itself says it all. */
function isOwnError({ keyword, schemaPath }: ErrorObject): boolean {
  return keyword === 'oneOf' || !schemaPath.includes('/oneOf/')
}

function describe(error: ErrorObject, part: string): string {
  const { keyword, params, message = 'is not as it must be' } = error
  const field = fieldOf(error.instancePath)
  const inside = field === '' ? '' : `${field}.`
  const thing = part === 'querystring' ? 'query parameter' : 'field'
  switch (keyword) {
    case 'required':
      return `The ${thing} "${inside}${params['missingProperty']}" is missing.`
    case 'additionalProperties':
      return `There is no ${thing} "${inside}${shorten(String(params['additionalProperty']))}" here.`
    case 'dependencies':
      return `The ${thing} "${params['property']}" needs "${params['deps']}" beside it.`
    case 'oneOf':
      return `Say exactly one of: ${alternatives(error)}.`
    case 'pattern':
      return `The ${thing} "${field}" has a form that is not accepted here.`
    case 'enum':
      return `The ${thing} "${field}" must be one of: ${(params['allowedValues'] as unknown[]).join(', ')}.`
    case 'minProperties':
    case 'maxProperties':
      return field === ''
        ? 'This request takes no body.'
        : `"${field}" must hold exactly one of: drop, add, move.`
    case 'type':
      return field === ''
        ? `The body must be ${typeNames[String(params['type'])] ?? 'absent'}.`
        : `The ${thing} "${field}" must be ${typeNames[String(params['type'])] ?? 'something else'}.`
    default:
      return field === ''
        ? `The ${part === 'body' ? 'body' : part} ${message}.`
        : `The ${thing} "${field}" ${message}.`
  }
}

const typeNames: Readonly<Record<string, string>> = {
  integer: 'a whole number',
  string: 'a text',
  boolean: 'true or false',
  object: 'a JSON object',
  array: 'a list',
}

/** `/legs/0/add` -> `legs[0].add` */
function fieldOf(pointer: string): string {
  return pointer
    .slice(1)
    .replaceAll(/\/(\d+)/g, '[$1]')
    .replaceAll('/', '.')
}

function alternatives({ schema, parentSchema }: ErrorObject): string {
  const branches = (schema ?? parentSchema?.['oneOf'] ?? []) as { required?: string[] }[]
  return branches.map(({ required = [] }) => required.map((name) => `"${name}"`).join(' with ')).join(', ')
}

/** Names that strangers send are repeated in part only. */
function shorten(name: string): string {
  return name.length > 40 ? `${name.slice(0, 40)}…` : name
}

/** A body that cannot be read at all. */
export class UnreadableBody extends Error {
  override readonly name = 'UnreadableBody'
  readonly statusCode = 400
}

/**
 * Reads every body as JSON whatever its Content-Type says: existing clients send odd ones, and without
 * cookies there is no forged request to fear. No body is no body under any type. `__proto__` and
 * `constructor.prototype` are refused.
 */
export function readBodiesAsJson(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => {
    // An invalid type would be refused before any parser is asked.
    const { headers } = request.raw
    if (headers['content-type'] !== undefined) headers['content-type'] = 'application/json'
    done()
  })
  const parseJson = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  for (const type of ['application/json', '*']) {
    app.addContentTypeParser(type, { parseAs: 'buffer' }, (request, body: Buffer, done) => {
      if (body.length === 0) return done(null, undefined)
      if (!isUtf8(body)) return done(new UnreadableBody('The body is not UTF-8.'))
      void parseJson(request, body.toString('utf8'), done)
    })
  }
}
