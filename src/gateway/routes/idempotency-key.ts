import { createHash } from 'node:crypto'

/** Whether a header is a possible Idempotency-Key: 1 to 255 visible ASCII characters. */
export function isIdempotencyKey(header: string | string[]): header is string {
  return typeof header === 'string' && /^[\x21-\x7e]{1,255}$/.test(header)
}

/** Tells whether two requests with one key are the same: method, path, and body and query whatever their order. */
export function hashRequest(method: string, path: string, body: unknown, query: unknown): string {
  return createHash('sha256')
    .update(`${method} ${path}\n${canonical(query ?? null)}\n${canonical(body ?? null)}`)
    .digest('base64url')
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part
    return Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  })
}
