import type { IncomingMessage } from 'node:http'
import { BlockList, isIP, isIPv6 } from 'node:net'

const namedRanges: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
}
/** More proxies than that stand behind one another nowhere. */
const hopsMax = 16

/** The addresses of trusted proxies, by address, network or name. */
export function addressesOf(ranges: readonly string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges.flatMap((one) => namedRanges[one] ?? [one])) {
    const [address = '', prefix] = range.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return list
}

/** Whether a request comes from one of them; over a Unix socket whoever may connect is trusted. */
export function isTrusted(trusted: BlockList, { socket }: IncomingMessage): boolean {
  const address = socket.remoteAddress
  return address === undefined || trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}

/**
 * What of an X-Forwarded-For is to be believed: the addresses from the last to the first that is none. What is no
 * address was written by no proxy, nor was what stands before it.
 */
export function realAddressesOf(forwardedFor: string): string {
  const addresses: string[] = []
  for (const part of forwardedFor.split(',').slice(-hopsMax).toReversed()) {
    const address = addressOf(part.trim())
    if (address === undefined) break
    addresses.unshift(address)
  }
  return addresses.join(', ')
}

/** Without the port that some proxies add, brackets and zone. @returns undefined if it is no IP address */
function addressOf(text: string): string | undefined {
  const [, bracketed, withPort] = /^\[([^\]]*)\](?::\d{1,5})?$|^([\d.]+):\d{1,5}$/.exec(text) ?? []
  const [address = ''] = (bracketed ?? withPort ?? text).split('%')
  if (bracketed !== undefined && !isIPv6(address)) return undefined
  return isIP(address) === 0 ? undefined : address
}
