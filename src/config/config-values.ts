import { isIP } from 'node:net'

/** Why a text is no value of its kind, as a clause for the end of a line: `has no unit`. Never quotes a secret. */
export class MalformedValue extends Error {
  override readonly name = 'MalformedValue'
}

/** A kind of value: how it is written, for people, and how it is read. */
export interface ValueKind<T> {
  /** Completes "wants …". */
  readonly wants: string
  /** @throws MalformedValue */
  parse(text: string): T
}

/** `count` events in any `perMs` milliseconds. */
export interface Rate {
  readonly count: number
  readonly perMs: number
}

/** Where to listen or connect. An empty `host` means every interface, IPv6 and IPv4; only a listener has it. */
export type Address =
  | { readonly protocol: 'tcp'; readonly host: string; readonly port: number }
  | { readonly protocol: 'unix'; readonly path: string }

const second = 1000
const unitMs = new Map([
  ['ms', 1],
  ['s', second],
  ['m', 60 * second],
  ['h', 3600 * second],
  ['d', 24 * 3600 * second],
])
const unitBytes = new Map([
  ['B', 1],
  ['KiB', 2 ** 10],
  ['MiB', 2 ** 20],
  ['GiB', 2 ** 30],
])
/** Longest that a socket's path may be on every system we run on (macOS has the smallest), in bytes. */
const socketPathBytesMax = 103
const portMax = 65_535

export function oneOf<const Word extends string>(...words: readonly Word[]): ValueKind<Word> {
  return {
    wants: words.join(' or '),
    parse: (text) => {
      const word = words.find((candidate) => candidate === text)
      if (word === undefined) throw new MalformedValue('is none of the choices')
      return word
    },
  }
}

export const yesOrNo: ValueKind<boolean> = {
  wants: 'yes or no',
  parse: (text) => oneOf('yes', 'no').parse(text) === 'yes',
}

export function wholeNumber(min: number, max: number): ValueKind<number> {
  return {
    wants: `a whole number from ${min} to ${max}`,
    parse: (text) => {
      if (!/^\d+$/.test(text)) throw new MalformedValue('is not a whole number')
      return within(Number(text), min, max, String)
    },
  }
}

/** One or more numbers, each with its unit, largest first: `1h30m`. Read as milliseconds. */
export function duration(min: string, max: string): ValueKind<number> {
  const bounds = { min: durationMs(min), max: durationMs(max) }
  return {
    wants: `a duration from ${min} to ${max}, like 1h30m, 90s or 500ms`,
    parse: (text) => {
      const ms = durationMs(text)
      if (ms < bounds.min || ms > bounds.max) throw outOfRange(ms < bounds.min, min, max)
      return ms
    },
  }
}

/** A number with its unit, powers of 1024. Read as bytes. */
export function byteSize(min: string, max: string): ValueKind<number> {
  const bounds = { min: bytes(min), max: bytes(max) }
  return {
    wants: `a size from ${min} to ${max} in B, KiB, MiB or GiB, like 32MiB`,
    parse: (text) => {
      const size = bytes(text)
      if (size < bounds.min || size > bounds.max) throw outOfRange(size < bounds.min, min, max)
      return size
    },
  }
}

/** `10/s`, `600/m`, `10/5m`. */
export function rate(max: number): ValueKind<Rate> {
  return {
    wants: `a count from 1 to ${max} per unit of time, like 10/s or 10/5m`,
    parse: (text) => {
      const [, count, per] = /^(\d+)\/(\S+)$/.exec(text) ?? []
      if (count === undefined || per === undefined) throw new MalformedValue('is not written as count/time')
      const perMs = durationMs(/^\d/.test(per) ? per : `1${per}`)
      if (perMs === 0 || perMs > durationMs('1d'))
        throw new MalformedValue('is per no time between 1ms and 1d')
      return { count: within(Number(count), 1, max, String), perMs }
    },
  }
}

export const postgresUrl: ValueKind<string> = {
  wants: 'a URL like postgres://user:password@host:5432/database',
  parse: (text) => {
    if (!/^postgres(ql)?:\/\//.test(text)) {
      throw new MalformedValue('does not begin with postgres:// or postgresql://')
    }
    // `user@/database?host=/socket/folder` is how PostgreSQL writes a socket, and no URL to the standard.
    const url = parseUrl(text.replace('@/', '@socket/'))
    if (url.pathname.length < 2) throw new MalformedValue('names no database')
    return text
  },
}

export const amqpUrl: ValueKind<string> = {
  wants: 'a URL like amqp://user:password@host:5672/vhost',
  parse: (text) => {
    if (!/^amqps?:\/\//.test(text)) throw new MalformedValue('does not begin with amqp:// or amqps://')
    if (parseUrl(text).hostname === '') throw new MalformedValue('names no host')
    return text
  },
}

/** The keys of HS256, the first to sign, all to verify. A space at an edge is refused: is it meant or not? */
export const jwtSecrets: ValueKind<readonly string[]> = {
  wants: 'one or several secrets of 32 bytes or more, separated by commas',
  parse: (text) => {
    const secrets = text.split(',')
    secrets.forEach((secret, index) => {
      const which = secrets.length === 1 ? '' : ` in number ${index + 1} of its ${secrets.length} secrets`
      if (secret.trim() !== secret) throw new MalformedValue(`has a space at an edge${which}`)
      const length = Buffer.byteLength(secret)
      if (length < 32) throw new MalformedValue(`has only ${length} bytes${which}`)
    })
    return secrets
  },
}

/** `host:port`, `:port` or `[::1]:port`. */
export const tcpListenAddress: ValueKind<Address> = {
  wants: 'host:port, :port or [IPv6]:port (a socket path wants LISTEN_PROTOCOL=unix)',
  parse: (text) => parseTcp(text, { portMin: 0, hostOptional: true }),
}

export type TcpAddress = Extract<Address, { readonly protocol: 'tcp' }>

/** Where metrics are served; `off` = nowhere of their own. */
export const metricsAddress: ValueKind<TcpAddress | 'off'> = {
  wants: 'host:port, :port or [IPv6]:port, or off',
  parse: (text) => (text === 'off' ? text : parseTcp(text, { portMin: 0, hostOptional: true })),
}

export const socketPath: ValueKind<Address> = {
  wants: `a socket path of at most ${socketPathBytesMax} bytes, since LISTEN_PROTOCOL is unix`,
  parse: (text) => {
    if (/^[^/]*:\d+$/.test(text)) throw new MalformedValue('is a host and port')
    return parseSocketPath(text)
  },
}

export const coreAddresses: ValueKind<readonly Address[]> = {
  wants: 'host:port or unix:///path, several separated by commas',
  parse: (text) =>
    text.split(',').map((part) => {
      const item = part.trim()
      if (item === '') throw new MalformedValue('has an empty item')
      if (item.startsWith('unix:///')) return parseSocketPath(item.slice('unix://'.length))
      return parseTcp(item, { portMin: 1, hostOptional: false })
    }),
}

/** Whose `X-Forwarded-For` is believed; `false` = nobody's. */
export const trustedProxies: ValueKind<false | readonly string[]> = {
  wants:
    'no, or proxies separated by commas: loopback, linklocal, uniquelocal, an IP address or a CIDR range',
  parse: (text) => {
    if (text === 'no') return false
    return text.split(',').map((part) => {
      const item = part.trim()
      if (!isProxyRange(item)) throw new MalformedValue('names something that is no proxy address')
      return item
    })
  },
}

/** Whose pages may call; `false` = nobody's, `*` = anybody's. */
export const webOrigins: ValueKind<false | '*' | readonly string[]> = {
  wants: 'no, *, or origins separated by commas, like https://courses.example.edu',
  parse: (text) => {
    if (text === 'no') return false
    if (text === '*') return text
    return text.split(',').map((part) => {
      const item = part.trim()
      if (!/^https?:/.test(item) || !URL.canParse(item) || new URL(item).origin !== item) {
        throw new MalformedValue('names something that is no origin')
      }
      return item
    })
  },
}

/** Campus ids become parts of queue names. */
export const campusId: ValueKind<string> = {
  wants: 'up to 63 of a-z, 0-9, _ and -, beginning with a letter or digit',
  parse: (text) => {
    if (!/^[a-z0-9][a-z0-9_-]{0,62}$/.test(text)) throw new MalformedValue('is not such a name')
    return text
  },
}

export const folder: ValueKind<string> = {
  wants: 'the path of a folder',
  parse: (text) => {
    if (text.includes('\0')) throw new MalformedValue('contains a NUL')
    return text
  },
}

export const pemFile: ValueKind<string> = {
  wants: 'the path of a PEM file',
  parse: (text) => folder.parse(text),
}

export const anything: ValueKind<undefined> = { wants: 'anything', parse: () => undefined }

function within(value: number, min: number, max: number, show: (bound: number) => string): number {
  if (value < min || value > max) throw outOfRange(value < min, show(min), show(max))
  return value
}

function outOfRange(tooSmall: boolean, min: string, max: string): MalformedValue {
  return new MalformedValue(tooSmall ? `is less than ${min}` : `is more than ${max}`)
}

function durationMs(text: string): number {
  if (/^\d+$/.test(text)) throw new MalformedValue('has no unit')
  if (!/^(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$/.test(text) || text === '') {
    throw new MalformedValue('is not a duration')
  }
  let sum = 0
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|[dhms])/g)) {
    sum += Number(count) * (unitMs.get(unit ?? '') ?? Number.NaN)
  }
  return sum
}

function bytes(text: string): number {
  if (/^\d+$/.test(text)) throw new MalformedValue('has no unit')
  const [, count, unit] = /^(\d+)([A-Za-z]+)$/.exec(text) ?? []
  const factor = unitBytes.get(unit ?? '')
  if (factor === undefined) throw new MalformedValue('is not a size in B, KiB, MiB or GiB')
  return Number(count) * factor
}

function parseUrl(text: string): URL {
  try {
    const url = new URL(text)
    for (const part of [url.username, url.password, url.pathname]) decodeURIComponent(part)
    return url
  } catch {
    // The cause would quote the password.
    throw new MalformedValue('is not a URL (in a password, @ : / # % are written %40 %3A %2F %23 %25)')
  }
}

function parseTcp(text: string, options: { portMin: number; hostOptional: boolean }): TcpAddress {
  const [, bracketed, plain, port] = /^(?:\[([^[\]]*)\]|([^[\]:/\s]*)):(\d+)$/.exec(text) ?? []
  if (port === undefined) {
    throw new MalformedValue(
      isIP(text) === 6 ? 'is an IPv6 address without [ ] and port' : 'is not host:port',
    )
  }
  if (bracketed !== undefined && isIP(bracketed) !== 6)
    throw new MalformedValue('has no IPv6 address in its [ ]')
  const host = bracketed ?? plain ?? ''
  if (host === '' && !options.hostOptional) throw new MalformedValue('names no host')
  if (/^[\d.]+$/.test(host) && isIP(host) !== 4) throw new MalformedValue('has a malformed IPv4 address')
  if (Number(port) < options.portMin || Number(port) > portMax) {
    throw new MalformedValue(`has a port outside of ${options.portMin} to ${portMax}`)
  }
  return { protocol: 'tcp', host, port: Number(port) }
}

function parseSocketPath(path: string): Address {
  if (path.includes('\0')) throw new MalformedValue('contains a NUL')
  if (path.endsWith('/')) throw new MalformedValue('is a folder')
  const length = Buffer.byteLength(path)
  if (length > socketPathBytesMax) throw new MalformedValue(`is ${length} bytes long`)
  return { protocol: 'unix', path }
}

function isProxyRange(item: string): boolean {
  if (item === 'loopback' || item === 'linklocal' || item === 'uniquelocal') return true
  const [address, prefix, ...rest] = item.split('/')
  const version = isIP(address ?? '')
  if (version === 0 || rest.length > 0) return false
  if (prefix === undefined) return true
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128)
}

/** Whether only this machine can connect there: what sample accounts need to be served without asking. */
export function isLoopback(address: Address): boolean {
  if (address.protocol === 'unix') return true
  return /^(127\.\d+\.\d+\.\d+|::1|localhost)$/.test(address.host)
}

/** One environment variable. The table of docs/settings.md and `--help` are made from these. */
export interface Setting<T, Fallback extends string | undefined> {
  readonly variable: string
  readonly kind: ValueKind<T>
  /** The default, written as it would be in the environment; undefined = there is none. */
  readonly fallback: Fallback
  /** What it is for, and what happens without it where there is no default. */
  readonly meaning: string
  /** Its value is never printed. */
  readonly secret?: true
}

export function setting<T, Fallback extends string | undefined>(
  variable: string,
  kind: ValueKind<T>,
  fallback: Fallback,
  meaning: string,
  secret?: true,
): Setting<T, Fallback> {
  return { variable, kind, fallback, meaning, ...(secret && { secret }) }
}
