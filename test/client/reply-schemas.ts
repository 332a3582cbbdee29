import assert from 'node:assert/strict'
import { Ajv, type ValidateFunction } from 'ajv'
import type { OpenApiDocument } from './types-of.ts'

/** The forms of the answers that a document promises. */
export class ReplySchemas {
  readonly #document: OpenApiDocument
  readonly #ajv = new Ajv({ strict: false, allErrors: true })

  constructor(document: OpenApiDocument) {
    this.#document = document
    this.#ajv.addSchema({ ...document, $id: 'document' })
  }

  /** @param line method and path */
  assertFits(line: string, reply: unknown): void {
    const [method = '', path = ''] = line.split(' ')
    const { content = {} } = this.#document.paths[path]?.[method.toLowerCase()]?.responses['200'] ?? {}
    const [media = ''] = Object.keys(content)
    const place = ['paths', path, method.toLowerCase(), 'responses', '200', 'content', media, 'schema']
    const pointer = place.map((step) => encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1')))
    const validate: ValidateFunction = this.#ajv.compile({ $ref: `document#/${pointer.join('/')}` })
    assert.ok(validate(reply), `${line}: ${JSON.stringify(validate.errors)} in ${JSON.stringify(reply)}`)
  }
}
