import cors from '@fastify/cors'
import type { FastifyInstance } from 'fastify'

/** Web pages that may call: none, those of these origins, or any. */
export type CorsOrigins = false | '*' | readonly string[]

const preflightSeconds = 3600

/**
 * Tells browsers that pages of these origins may call. Without it they may not, whatever token they have; other
 * clients are not concerned. There are no cookies, so no page can act for somebody whose token it does not have.
 */
export function allowOrigins(app: FastifyInstance, origins: CorsOrigins): void {
  if (origins === false) return
  app.register(cors, {
    origin: origins === '*' ? '*' : [...origins],
    methods: ['GET', 'PUT', 'PATCH', 'DELETE', 'POST'],
    allowedHeaders: ['Authorization', 'Content-Type', 'Idempotency-Key', 'Last-Event-ID', 'Prefer'],
    exposedHeaders: ['Idempotency-Replayed', 'Preference-Applied', 'Retry-After', 'X-Request-Id'],
    maxAge: preflightSeconds,
    strictPreflight: false,
  })
}
