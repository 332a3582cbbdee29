import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { BlockList, isIPv6 } from 'node:net'

/** What an id of a proxy's may look like: it stands in logs, in answers and in `decisions`. */
const acceptable = /^[A-Za-z0-9][A-Za-z0-9._:-]{7,63}$/

const namedRanges: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
}

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

function isTrusted(trusted: BlockList, { socket }: IncomingMessage): boolean {
  const address = socket.remoteAddress
  return address === undefined || trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}

function addressesOf(ranges: readonly string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges.flatMap((one) => namedRanges[one] ?? [one])) {
    const [address = '', prefix] = range.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return list
}
