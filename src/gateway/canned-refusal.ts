import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { problemBody, problemMediaType, problems, drawRetryAfter } from './problems.ts'

const body = Buffer.from(problemBody('busy'))
const headers = { 'content-type': problemMediaType, 'content-length': String(body.length) }
/** The whole answer on the wire, made once for each Retry-After that there can be. */
const answers = new Map<number, Buffer>()

function answerWith(retryAfter: number): Buffer {
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

/** Says 503 `busy`, at the least cost. @returns the Retry-After that it names, in seconds */
export function refuseResponse(response: ServerResponse): number {
  const retryAfter = drawRetryAfter('busy') ?? 1
  response.sendDate = false
  response.writeHead(problems.busy.status, { ...headers, 'retry-after': String(retryAfter) })
  response.end(body)
  return retryAfter
}

/** The same where no response was begun: on the socket itself. */
export function refuseOnSocket(socket: Socket): number {
  const retryAfter = drawRetryAfter('busy') ?? 1
  socket.write(answerWith(retryAfter))
  return retryAfter
}
