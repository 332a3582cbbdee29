import { availableParallelism } from 'node:os'

/** What the gateway bounds. Times in milliseconds, sizes in bytes. */
export interface GatewayLimits {
  readonly bodyBytesMax: number
  /** Per student, over all endpoints. */
  readonly requestsPerSecond: number
  readonly requestsBurst: number
  /** Passwords checked at once, on threads of their own; how many may wait for that, and how long. */
  readonly loginConcurrency: number
  readonly loginsWaitingMax: number
  readonly loginWaitMs: number
  /** Failed logins of one account in a row, and the time after which one more is forgiven. */
  readonly accountFailuresMax: number
  readonly accountFailureForgivenMs: number
  /** Failed logins from one address (an IPv6 network of 64 bits counts as one), likewise. */
  readonly addressFailuresMax: number
  readonly addressFailureForgivenMs: number
  /** Verified tokens remembered. */
  readonly tokensCachedMax: number
  /** From the first byte of a request to its last, and of its headers to their last. */
  readonly requestTimeoutMs: number
  readonly headersTimeoutMs: number
  /** Without a byte in either direction. */
  readonly connectionTimeoutMs: number
  /** Between two requests on one connection. */
  readonly keepAliveTimeoutMs: number
}

/**
 * The address limit forgives two failures a second, which is what the mistyped passwords of a whole campus
 * behind one address come to on the busiest morning.
 */
export const defaultLimits: GatewayLimits = {
  bodyBytesMax: 16_384,
  requestsPerSecond: 10,
  requestsBurst: 20,
  loginConcurrency: Math.max(2, availableParallelism() - 1),
  loginsWaitingMax: 500,
  loginWaitMs: 5_000,
  accountFailuresMax: 10,
  accountFailureForgivenMs: 60_000,
  addressFailuresMax: 200,
  addressFailureForgivenMs: 500,
  tokensCachedMax: 20_000,
  requestTimeoutMs: 15_000,
  headersTimeoutMs: 10_000,
  connectionTimeoutMs: 60_000,
  keepAliveTimeoutMs: 72_000,
}
