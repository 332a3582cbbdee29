import type { Socket } from 'node:net'
import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { problemBody, type ProblemCode, problemMediaType, problems, sendProblem } from './problems.ts'
import { reasonsOfMisfit } from './validation.ts'

/** The paths of the system that this one replaces. */
const replacedPaths: ReadonlySet<string> = new Set([
  '/login',
  '/refresh',
  '/student/course',
  '/student/courses',
  '/staff/force-std',
  '/staff/student-courses',
  '/staff/course-students',
  '/staff/capacity',
])

/** Whatever goes wrong before, around or in a handler is answered as a problem, like a refusal. */
export function answerErrors(app: FastifyInstance, logger: Logger): void {
  const methodsByPath = new Map<string, Set<string>>()
  app.addHook('onRoute', ({ url, method }) => {
    const methods = methodsByPath.get(url) ?? new Set()
    for (const one of [method].flat()) methods.add(one)
    methodsByPath.set(url, methods)
  })

  app.setNotFoundHandler((request, reply) => {
    const [path = '', query] = request.url.split('?', 2)
    const methods = methodsByPath.get(path)
    if (methods !== undefined) {
      const allowed = [...methods].join(', ')
      reply.header('allow', allowed)
      // The replaced system knows no 405.
      const code = replacedPaths.has(path) ? 'no_such_path' : 'method_not_allowed'
      return sendProblem(reply, code, { detail: `This path has only ${allowed}.` })
    }
    const trimmed = path.replace(/\/+$/, '')
    if (methodsByPath.get(trimmed)?.has(request.method) !== true) return sendProblem(reply, 'no_such_path')
    // As there: a path with a slash too many is another name of the one without.
    const status = request.method === 'GET' ? 301 : 307
    reply.redirect(query === undefined ? trimmed : `${trimmed}?${query}`, status)
  })

  app.setErrorHandler((error: FastifyError, request, reply) => {
    if (error.validation !== undefined) {
      const reasons = reasonsOfMisfit(error.validation, error.validationContext ?? 'body')
      return sendProblem(reply, 'malformed', { reasons })
    }
    const code = codeOf(error)
    if (code === 'internal') logger.error({ err: error, request: request.id }, 'a request failed')
    if (code !== 'malformed') return sendProblem(reply, code)
    sendProblem(reply, code, { detail: bodyDetails[error.code] ?? error.message })
  })
}

const bodyDetails: Readonly<Record<string, string>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: 'The body is not JSON, or names "__proto__" or "constructor".',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'The body is not as long as Content-Length says.',
}

function codeOf({ code, statusCode = 500 }: FastifyError): ProblemCode {
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return 'body_too_large'
  return statusCode >= 400 && statusCode < 500 ? 'malformed' : 'internal'
}

const codesOfConnectionErrors: Readonly<Record<string, ProblemCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
}

/** What is no HTTP request at all has no reply object: the answer is written to the socket. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const code = codesOfConnectionErrors[error.code ?? ''] ?? 'malformed'
  const { status } = problems[code]
  const body = problemBody(code, code === 'malformed' ? { detail: 'This is not an HTTP request.' } : {})
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
      'Connection: close',
      `Content-Type: ${problemMediaType}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      '',
      body,
    ].join('\r\n'),
  )
}
