import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { isKnown } from './catalog-replies.ts'

type Encoding = 'br' | 'gzip'

/** One version of a text that everybody asks for, plain and compressed. Compressed by other threads, and only once. */
export class SharedText {
  readonly type: string
  readonly etag: string
  readonly #plain: Buffer
  readonly #quality: number
  readonly #compressed = new Map<Encoding, Promise<Buffer>>()

  /** @param quality of brotli, 0 to 11 */
  constructor(type: string, text: string, quality: number) {
    this.type = type
    this.#plain = Buffer.from(text)
    this.#quality = quality
    this.etag = createHash('sha256').update(this.#plain).digest('base64url').slice(0, 20)
  }

  /** The best form of those that an `Accept-Encoding` allows. */
  async bytesFor(acceptEncoding = ''): Promise<{ readonly bytes: Buffer; readonly encoding?: Encoding }> {
    const encoding = (['br', 'gzip'] as const).find((name) =>
      acceptEncoding.split(',').some((one) => one.trim() === name),
    )
    if (encoding === undefined) return { bytes: this.#plain }
    let compressed = this.#compressed.get(encoding)
    if (compressed === undefined) this.#compressed.set(encoding, (compressed = this.#compress(encoding)))
    return { bytes: await compressed, encoding }
  }

  #compress(encoding: Encoding): Promise<Buffer> {
    if (encoding === 'gzip') return promisify(gzip)(this.#plain)
    return promisify(brotliCompress)(this.#plain, {
      params: { [constants.BROTLI_PARAM_QUALITY]: this.#quality },
    })
  }
}

/** Answers with a text that everybody gets, or with 304 if the client has it already. */
export async function sendShared(
  { headers }: FastifyRequest,
  reply: FastifyReply,
  text: SharedText,
  cacheControl: string,
): Promise<FastifyReply> {
  const vary = reply.getHeader('vary')
  reply
    .header('etag', `"${text.etag}"`)
    .header('cache-control', cacheControl)
    .header('vary', typeof vary === 'string' ? `${vary}, accept-encoding` : 'accept-encoding')
  if (isKnown(text.etag, headers['if-none-match'])) return reply.code(304).send()
  const { bytes, encoding } = await text.bytesFor(headers['accept-encoding'])
  if (encoding !== undefined) reply.header('content-encoding', encoding)
  return reply.type(text.type).send(bytes)
}
