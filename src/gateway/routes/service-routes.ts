import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { liveReply, readyReply } from '../../../schema/rest.ts'
import type { EnrollmentService } from '../../engine/service.ts'
import type { Exposition } from '../../metrics/exposition.ts'
import { sendProblem, unavailableProblems } from '../replies/problems.ts'

/** For those who run the server: no token needed, nothing of students in them. */
export function serviceRoutes(app: FastifyInstance, service: EnrollmentService): void {
  app.get(
    '/healthz',
    {
      config: { problems: [] },
      schema: {
        tags: ['service'],
        operationId: 'live',
        summary: 'Whether the process answers',
        response: { 200: liveReply },
      },
    },
    () => ({ status: 'live' }),
  )

  app.get(
    '/readyz',
    {
      config: { problems: unavailableProblems },
      schema: {
        tags: ['service'],
        operationId: 'ready',
        summary: 'Whether this server leads and has recovered',
        response: { 200: readyReply },
      },
    },
    (_request, reply) => {
      const { state, detail, term } = service.status()
      const refusal = service.refusal()
      if (refusal === undefined) return { state, detail, term }
      const why = detail === '' ? state : `${state}: ${detail}`
      sendProblem(reply, refusal, { detail: why, state })
      return undefined
    },
  )
}

/** How old they may be where anybody may ask for them, milliseconds. */
const metricsReuseMs = 100

/** The same metrics as on the process's own listener. */
export function metricsRoute(app: FastifyInstance, exposition: Exposition): void {
  let madeAtMs = Number.NEGATIVE_INFINITY
  let made: Promise<string> | undefined
  app.get(
    '/metrics',
    {
      config: { problems: [] },
      schema: {
        tags: ['service'],
        operationId: 'metrics',
        summary: 'Metrics for Prometheus',
        response: {
          200: { description: 'In its text format.', content: { 'text/plain': { schema: Type.String() } } },
        },
      },
    },
    async (_request, reply) => {
      reply.header('content-type', exposition.contentType)
      const nowMs = performance.now()
      if (made === undefined || nowMs - madeAtMs >= metricsReuseMs) {
        madeAtMs = nowMs
        made = exposition.text()
      }
      return await made
    },
  )
}
