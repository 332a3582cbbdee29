import cors from '@fastify/cors'
import type { FastifyInstance } from 'fastify'

/** Web pages that may call: none, those of these origins, or any. */
export type CorsOrigins = false | '*' | readonly string[]

const preflightSeconds = 3600
const exposedHeaders = ['ETag', 'Idempotency-Replayed', 'Preference-Applied', 'Retry-After', 'X-Request-Id']

/**
 * Tells browsers that pages of these origins may call. Without it they may not, whatever token they have; other
 * clients are not concerned. There are no cookies, so no page can act for somebody whose token it does not have.
 */
export function allowOrigins(app: FastifyInstance, origins: CorsOrigins): void {
  if (origins === false) return
  app.register(cors, {
    origin: origins === '*' ? '*' : [...origins],
    methods: ['GET', 'PUT', 'PATCH', 'DELETE', 'POST'],
    allowedHeaders: [
      'Authorization',
      'Content-Type',
      'Idempotency-Key',
      'If-None-Match',
      'Last-Event-ID',
      'Prefer',
    ],
    exposedHeaders,
    maxAge: preflightSeconds,
    strictPreflight: false,
  })
}

/** Whether it is in a list of origins. */
export function isNamed(origins: CorsOrigins, origin: string | undefined): boolean {
  return typeof origins === 'object' && origin !== undefined && origins.includes(origin)
}

/**
 * What an answer needs beside its own headers so that a page may read it, where no framework adds it.
 * @param origin the page's, if it is one of those that are named
 */
export function originHeaders(
  origins: CorsOrigins,
  origin: string | undefined,
): Readonly<Record<string, string>> {
  if (origins === false) return {}
  const exposed = { 'access-control-expose-headers': exposedHeaders.join(', ') }
  if (origins === '*') return { 'access-control-allow-origin': '*', ...exposed }
  if (origin === undefined) return { vary: 'Origin' }
  return { vary: 'Origin', 'access-control-allow-origin': origin, ...exposed }
}
