/** `count` events at once, and as many again in every `perMs` milliseconds. */
export interface Rate {
  readonly count: number
  readonly perMs: number
}

/** What the operator may bound; the configuration has these fields by the same names. */
export interface GatewayLimits {
  /** Passwords checked at once, on threads of their own; how many may wait for that, and how long. */
  readonly loginConcurrency: number
  readonly loginWaitingMax: number
  readonly loginWaitMs: number
  /** Of one account from one address; after these, its logins from there are slowed down by so much. */
  readonly loginFailuresPerAccount: Rate
  readonly loginSlowMs: number
  /** An IPv6 network of 64 bits counts as one address. */
  readonly loginFailuresPerAddress: Rate
  /** Over all endpoints; a plan counts once for each of its legs. */
  readonly studentRate: Rate
  readonly studentBurst: number
  readonly staffRate: Rate
  readonly staffBurst: number
  /** Streams of events that may be open, in all and of one caller. */
  readonly eventStreamsMax: number
  readonly eventStreamsPerCaller: number
  /** How long the engine may take to answer; connections stay open for longer. */
  readonly replyDeadlineMs: number
}

/** What HTTP clients are held to. Times in milliseconds, sizes in bytes. */
export interface HttpLimits {
  readonly bodyBytesMax: number
  /** From the first byte of a request to its last, and of its headers to their last. */
  readonly requestTimeoutMs: number
  readonly headersTimeoutMs: number
  /** Between two requests on one connection. */
  readonly keepAliveTimeoutMs: number
  /** Connections that may be open at once; one more is closed at once. */
  readonly connectionsMax: number
  /** Requests that may wait on one connection for those before them; with one more it is closed. */
  readonly pipelinedMax: number
  /** Of all answers that clients have not read; beyond, those that leave most unread are cut off. */
  readonly unsentBytesMax: number
}

export const defaultHttpLimits: HttpLimits = {
  bodyBytesMax: 16_384,
  requestTimeoutMs: 15_000,
  headersTimeoutMs: 10_000,
  keepAliveTimeoutMs: 72_000,
  connectionsMax: 20_000,
  pipelinedMax: 32,
  unsentBytesMax: 64 * 1024 * 1024,
}

/** How long a connection may be without a byte in either direction, beyond the time that answers may take. */
export const idleMarginMs = 30_000
/** Verified tokens that are remembered; each takes about half a kilobyte. */
export const tokensCachedMax = 20_000
/** False ones that are remembered, so that each is checked once; each takes at most 2 kB. */
export const falseTokensCachedMax = 1_000
/** Logins that are slowed down at once: of one account from one address, and of one account in all. */
export const slowLogins = { perAddress: 16, perAccount: 64 } as const
/** From all addresses together an account may fail so many times as often as from one before it is slowed down. */
export const failuresFromEverywhere = 10
/** Accounts with an address that they were logged in to from; each takes about a hundred bytes. */
export const knownAddressesMax = 200_000
/** Schemes and costs of hashes that the tables may mix. */
export const hashKindsMax = 8
/** Accounts, addresses and students whose rates are remembered. */
export const bucketsMax = 100_000
