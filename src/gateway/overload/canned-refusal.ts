import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { type CorsOrigins, isNamed, originHeaders } from '../cors.ts'
import { problemBody, problemMediaType, problems, drawRetryAfter } from '../replies/problems.ts'

type Headers = Readonly<Record<string, string>>

const body = Buffer.from(problemBody('busy'))

/** Says 503 `busy` at the least cost: no request is parsed, no text is made, nothing is counted here. */
export class CannedRefusal {
  readonly #origins: CorsOrigins
  /** By the origin that they name, and by none; there are no more of them than origins that may call. */
  readonly #headers = new Map<string | undefined, Headers>()
  /** Whole answers as they go over the wire, by their headers and Retry-After. */
  readonly #answers = new Map<Headers, Map<number, Buffer>>()

  /** @param origins whose pages may read it */
  constructor(origins: CorsOrigins) {
    this.#origins = origins
  }

  /** @returns the Retry-After that it names, in seconds */
  send(response: ServerResponse, origin: string | undefined): number {
    const retryAfter = drawRetryAfter('busy') ?? 1
    response.sendDate = false
    response.writeHead(problems.busy.status, {
      ...this.#headersFor(origin),
      'retry-after': String(retryAfter),
    })
    response.end(body)
    return retryAfter
  }

  /** The same where no response was begun: on the socket itself. */
  sendOnSocket(socket: Socket, origin: string | undefined): number {
    const retryAfter = drawRetryAfter('busy') ?? 1
    socket.write(this.#answerWith(this.#headersFor(origin), retryAfter))
    return retryAfter
  }

  #headersFor(origin: string | undefined): Headers {
    const key = isNamed(this.#origins, origin) ? origin : undefined
    let headers = this.#headers.get(key)
    if (headers === undefined) {
      headers = {
        'content-type': problemMediaType,
        'content-length': String(body.length),
        ...originHeaders(this.#origins, key),
      }
      this.#headers.set(key, headers)
    }
    return headers
  }

  #answerWith(headers: Headers, retryAfter: number): Buffer {
    let answers = this.#answers.get(headers)
    if (answers === undefined) {
      answers = new Map()
      this.#answers.set(headers, answers)
    }
    const known = answers.get(retryAfter)
    if (known !== undefined) return known
    const lines = Object.entries({ ...headers, 'retry-after': retryAfter }).map(
      ([name, value]) => `${name}: ${value}`,
    )
    const head = [`HTTP/1.1 ${problems.busy.status} Service Unavailable`, ...lines, '', ''].join('\r\n')
    const answer = Buffer.concat([Buffer.from(head), body])
    answers.set(retryAfter, answer)
    return answer
  }
}
