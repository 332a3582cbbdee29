import { isUtf8 } from 'node:buffer'
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import buildSerializer from 'fast-json-stringify'
import type { FastifyInstance, FastifySchemaCompiler, FastifySerializerCompiler } from 'fastify'
import type { ProblemReason } from './problems.ts'

/** Types are exact and nothing is stripped: what a client sends is what is judged. */
const options = {
  verbose: true,
  allowUnionTypes: true,
  coerceTypes: false,
  removeAdditional: false,
  useDefaults: false,
} as const
const ajv = new Ajv2020(options)
const ajvOfAllErrors = new Ajv2020({ ...options, allErrors: true })
const reasonsMax = 20
/** Values in a request part whose every misfit is looked for; a plan of twenty legs has about a hundred. */
const valuesMax = 200

/** Checks request parts against their schemas. Bodies as they are; in queries, digits are integers. */
export const compileValidator: FastifySchemaCompiler<object> = ({ schema, httpPart }) => {
  const validate = withAllErrorsOfSmallOnes(schema)
  const isQuery = httpPart === 'querystring'
  const { additionalProperties, properties = {} } = schema as Partial<ObjectSchema>
  const prepare = [
    ...(additionalProperties === true ? [leniently(properties, isQuery)] : []),
    ...(isQuery ? [digitsAsIntegers(properties)] : []),
  ]
  if (prepare.length === 0) return validate
  const validatePrepared = (part: unknown) => {
    if (typeof part === 'object' && part !== null && !Array.isArray(part)) {
      for (const step of prepare) step(part as Record<string, unknown>)
    }
    const valid = validate(part)
    validatePrepared.errors = validate.errors
    return valid
  }
  validatePrepared.errors = validate.errors
  return validatePrepared as unknown as ValidateFunction
}

type Serialize = (value: unknown) => string
const serializers = new WeakMap<object, Serialize>()

/**
 * Writes replies by their schemas. A serializer is built at its first use, once for all routes that share the schema:
 * most of a process's replies are problems, of one shape, and building every route's own took a third of its start.
 */
export const compileSerializer: FastifySerializerCompiler<object> = ({ schema }) => {
  let serialize: Serialize | undefined
  return (value) => {
    serialize ??= serializers.get(schema)
    if (serialize === undefined) serializers.set(schema, (serialize = buildSerializer(schema) as Serialize))
    return serialize(value)
  }
}

/**
 * Names all that is wrong at once, unless there is so much of it that it would cost more than the rest of a request.
 * Compiled at its first use.
 */
function withAllErrorsOfSmallOnes(schema: object): ValidateFunction {
  let validateUpToFirst: ValidateFunction | undefined
  let validateAll: ValidateFunction | undefined
  const validate = (part: unknown) => {
    validateUpToFirst ??= ajv.compile(schema)
    if (validateUpToFirst(part)) return true
    validate.errors = validateUpToFirst.errors
    if (countValues(part, valuesMax) > valuesMax) return false
    validateAll ??= ajvOfAllErrors.compile(schema)
    validateAll(part)
    validate.errors = validateAll.errors
    return false
  }
  validate.errors = null as ValidateFunction['errors']
  return validate as unknown as ValidateFunction
}

/** Values within a value, itself included; more than `most` are not counted. */
function countValues(value: unknown, most: number): number {
  let count = 1
  if (typeof value !== 'object' || value === null) return count
  for (const name in value) {
    count += countValues((value as Record<string, unknown>)[name], most - count)
    if (count > most) return count
  }
  return count
}

interface ObjectSchema {
  readonly additionalProperties: boolean
  readonly properties: Readonly<Record<string, { readonly type?: unknown }>>
}

function digitsAsIntegers(properties: ObjectSchema['properties']): (query: Record<string, unknown>) => void {
  const integers = Object.keys(properties).filter((name) => properties[name]?.type === 'integer')
  return (query) => {
    for (const name of integers) {
      const value = query[name]
      if (typeof value === 'string' && /^\d{1,16}$/.test(value)) query[name] = Number(value)
    }
  }
}

/**
 * Reads an object as Go's decoder does for the system that this one replaces: a name in another case is the same name,
 * null is nothing, a name that is not known is ignored, and of a query parameter that comes twice the first counts.
 */
function leniently(
  properties: ObjectSchema['properties'],
  isQuery: boolean,
): (fields: Record<string, unknown>) => void {
  const names = new Map(Object.keys(properties).map((name) => [name.toLowerCase(), name]))
  return (fields) => {
    for (const name of Object.keys(fields)) {
      const given = fields[name]
      const value = isQuery && Array.isArray(given) ? given[0] : given
      const known = names.get(name) ?? names.get(name.toLowerCase())
      if (known === name && value === given && value !== null) continue
      delete fields[name]
      if (known !== undefined && value !== null) fields[known] = value
    }
  }
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
    case 'dependentRequired':
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
      if (body.length === 0 || request.routeOptions.config.ignoresBody) return done(null, undefined)
      if (!isUtf8(body)) return done(new UnreadableBody('The body is not UTF-8.'))
      void parseJson(request, body.toString('utf8'), done)
    })
  }
}
