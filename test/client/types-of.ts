/** The parts of an OpenAPI 3.1 document from which types are made. */
export interface OpenApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

interface Operation {
  readonly summary: string
  readonly parameters?: readonly {
    readonly in: string
    readonly name: string
    readonly required?: boolean
    readonly schema: Schema
  }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
  readonly responses: Readonly<Record<string, Response>>
}

interface Response {
  readonly content?: Readonly<Record<string, { readonly schema: Schema; readonly examples?: object }>>
}

interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
}

const head = `// oxlint-disable max-lines
// Made from the OpenAPI document by test/client/run.ts; a test fails when it is not what that would make.
`

/** TypeScript for every operation and every named schema of the document. */
export function typesOf({ paths, components }: OpenApiDocument): string {
  const schemas = Object.entries(components.schemas).map(
    ([name, schema]) => `export type ${name} = ${typeOf(schema)}\n`,
  )
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, operation]) =>
        `/** ${operation.summary} */\n'${method.toUpperCase()} ${path}': ${operationOf(operation)}\n`,
    ),
  )
  return `${head}
${schemas.join('\n')}
/** Every operation by its method and path. */
export interface Operations {
${operations.join('')}}
`
}

function operationOf({ parameters = [], requestBody, responses }: Operation): string {
  const of = (place: string) => {
    const fields = parameters.filter((parameter) => parameter.in === place)
    return fields.length === 0
      ? 'undefined'
      : `{ ${fields.map(({ name, required, schema }) => field(name, schema, required === true)).join('; ')} }`
  }
  const body = requestBody?.content['application/json']?.schema
  const done = Object.entries(responses).filter(([status]) => status.startsWith('2'))
  const replies = new Set(done.map(([, response]) => replyOf(response)))
  const codes = Object.values(responses).flatMap(({ content }) =>
    Object.keys(content?.['application/problem+json']?.examples ?? {}),
  )
  return `{
    query: ${of('query')}
    headers: ${of('header')}
    body: ${body === undefined ? 'undefined' : typeOf(body)}
    reply: ${[...replies].join(' | ')}
    problems: ${codes.length === 0 ? 'never' : codes.map((code) => `'${code}'`).join(' | ')}
  }`
}

function replyOf({ content = {} }: Response): string {
  const [media] = Object.values(content)
  const type = media === undefined ? 'undefined' : typeOf(media.schema)
  return type === 'null' ? 'undefined' : type
}

function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) return schema.$ref.split('/').at(-1) ?? 'unknown'
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(' | ')
  if (schema.type === undefined) return 'unknown'
  return [schema.type]
    .flat()
    .map((type) => plainType(type, schema))
    .join(' | ')
}

function plainType(type: string, { properties, required = [], items }: Schema): string {
  switch (type) {
    case 'integer':
    case 'number':
      return 'number'
    case 'array':
      return `(${items === undefined ? 'unknown' : typeOf(items)})[]`
    case 'object':
      if (properties === undefined) return 'Record<string, unknown>'
      return `{ ${Object.entries(properties)
        .map(([name, schema]) => field(name, schema, required.includes(name)))
        .join('; ')} }`
    default:
      return type
  }
}

function field(name: string, schema: Schema, isRequired: boolean): string {
  const key = /^\w+$/.test(name) ? name : `'${name}'`
  return `${key}${isRequired ? '' : '?'}: ${typeOf(schema)}`
}
