import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { addressesOf, isTrusted } from './client-address.ts'

/** What an id of a proxy's may look like: it stands in logs, in answers and in `decisions`. */
const acceptable = /^[A-Za-z0-9][A-Za-z0-9._:-]{7,63}$/

/**
 * Names requests, for logs, answers and records: by the `X-Request-Id` of a proxy that is trusted, so that its log
 * and ours tell of the same request, else by an id of our own. A client's own id is never taken: it could be
 * somebody else's.
 * @param trustProxy as in `GatewayDeps`; over a Unix socket whoever may connect is trusted
 */
export function requestNamer(trustProxy: false | readonly string[]): (request: IncomingMessage) => string {
  const start = randomBytes(6).toString('base64url')
  let requests = 0
  const trusted = trustProxy === false ? undefined : addressesOf(trustProxy)
  return (request) => {
    if (trusted !== undefined) {
      const given = request.headers['x-request-id']
      if (typeof given === 'string' && acceptable.test(given) && isTrusted(trusted, request)) return given
    }
    return `${start}-${(++requests).toString(36)}`
  }
}
