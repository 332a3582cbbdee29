import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { type OperationExample, operationExamples } from '../../src/gateway/routes/examples.ts'
import { problems } from '../../src/gateway/replies/problems.ts'
import { clientTypes, readDocument } from './document.ts'
import { ReplySchemas } from './reply-schemas.ts'
import type { OpenApiDocument } from './types-of.ts'

const root = process.cwd()
let document: OpenApiDocument
before(async () => {
  document = await readDocument()
})

interface Told {
  readonly operationId: string
  readonly summary: string
  readonly description?: string
  readonly parameters?: readonly { readonly in: string; readonly name: string; readonly example?: unknown }[]
  readonly requestBody?: { readonly content: Record<string, { readonly example?: unknown }> }
  readonly responses: Record<string, { readonly content?: Record<string, Media> }>
}
interface Media {
  readonly example?: unknown
  readonly examples?: Record<string, { readonly value: { readonly code: string; readonly status: number } }>
}

function operations(): [line: string, operation: Told][] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Told] => [
      `${method.toUpperCase()} ${path}`,
      operation as unknown as Told,
    ]),
  )
}

test('the reference is a valid OpenAPI 3.1 document', async () => {
  const validator = new Validator()
  const { valid, errors } = await validator.validate({ ...structuredClone(document) })
  assert.ok(valid, JSON.stringify(errors, null, 2))
  assert.equal(validator.version, '3.1')
})

test('every operation has a summary and an example, and every example an operation', () => {
  const ids = operations().map(([line, { operationId, summary }]) => {
    assert.ok(summary.length > 5, line)
    assert.ok(operationExamples[operationId], `${line} wants an example in src/gateway/routes/examples.ts`)
    return operationId
  })
  assert.deepEqual(Object.keys(operationExamples).toSorted(byName), ids.toSorted(byName))
})

test('the document shows each example where a reader looks for it', () => {
  for (const [line, { operationId, parameters = [], requestBody, responses }] of operations()) {
    const {
      query = {},
      body,
      reply,
    }: OperationExample = operationExamples[operationId] ?? { reply: undefined }
    const shown = parameters.filter((one) => one.in === 'query' && one.example !== undefined)
    assert.deepEqual(Object.fromEntries(shown.map((one) => [one.name, one.example])), query, line)
    assert.deepEqual(requestBody?.content['application/json']?.example, body, line)
    const [media] = Object.values(responses['200']?.content ?? {})
    assert.deepEqual(media?.example, reply, line)
  }
})

test('what an example answers has the form that the document promises', () => {
  const schemas = new ReplySchemas(document)
  for (const [line, { operationId }] of operations()) {
    schemas.assertFits(line, operationExamples[operationId]?.reply)
  }
})

test('every refusal of an operation stands in the document with its body', () => {
  for (const [line, { responses }] of operations()) {
    for (const [status, { content }] of Object.entries(responses)) {
      const media = content?.['application/problem+json']
      assert.equal(media === undefined, Number(status) < 400, `${line} ${status}`)
      for (const [code, { value }] of Object.entries(media?.examples ?? {})) {
        assert.deepEqual([value.code, String(value.status)], [code, status])
        assert.ok(code in problems)
      }
    }
  }
})

test('the client’s types are what the document says; if not: npm run client', () => {
  assert.equal(readFileSync(join(root, 'src/client/api.ts'), 'utf8'), clientTypes(document, root))
})

function byName(a: string, b: string): number {
  return a.localeCompare(b)
}
