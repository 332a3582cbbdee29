import PQueue from 'p-queue'
import type { Logger } from 'pino'
import type { GatewayLimits } from './limits.ts'
import { nobodysHash, UnknownHash, verifyPassword } from './passwords.ts'
import type { Account, Accounts } from './ports.ts'
import { TokenBuckets } from './token-buckets.ts'

export interface Credentials {
  readonly id: number
  readonly staff: boolean
  readonly password: string
  /** Where the request came from; undefined over a Unix socket, where no address limit applies. */
  readonly address: string | undefined
}

export type LoginResult =
  | { readonly kind: 'welcome'; readonly account: Account }
  | { readonly kind: 'refused' }
  | { readonly kind: 'limited'; readonly retryAfterMs: number }
  /** Too many wait for their password to be checked, or the accounts cannot be reached. */
  | { readonly kind: 'busy' }

/**
 * Checks passwords, so many at a time, so many waiting, so long. Failures alone are counted, per account and
 * per address: a campus shares one address, and a thousand students who log in from it one after another are
 * no attack. An unknown user costs and reads the same as a wrong password.
 */
export class Login {
  readonly #accounts: Accounts
  readonly #limits: GatewayLimits
  readonly #logger: Logger
  readonly #now: () => number
  readonly #lane: PQueue
  readonly #byAccount: TokenBuckets<string>
  readonly #byAddress: TokenBuckets<string>
  /** Unknown users are checked against it, so that they cost what the deployment's scheme costs. */
  #lastSeenHash = nobodysHash
  /** How many came to what, since the start. */
  readonly results = new Map<LoginResult['kind'], number>([
    ['welcome', 0],
    ['refused', 0],
    ['limited', 0],
    ['busy', 0],
  ])

  constructor(deps: { accounts: Accounts; limits: GatewayLimits; logger: Logger; now: () => number }) {
    this.#accounts = deps.accounts
    this.#limits = deps.limits
    this.#logger = deps.logger
    this.#now = deps.now
    this.#lane = new PQueue({ concurrency: deps.limits.loginConcurrency })
    this.#byAccount = new TokenBuckets(deps.limits.loginFailuresPerAccount)
    this.#byAddress = new TokenBuckets(deps.limits.loginFailuresPerAddress)
  }

  /** Logins that wait for their turn. */
  get waiting(): number {
    return this.#lane.size
  }

  /** Passwords that are being checked now. */
  get checking(): number {
    return this.#lane.pending
  }

  async check(credentials: Credentials): Promise<LoginResult> {
    const result = await this.#checkWithinLimits(credentials)
    this.results.set(result.kind, (this.results.get(result.kind) ?? 0) + 1)
    return result
  }

  async #checkWithinLimits(credentials: Credentials): Promise<LoginResult> {
    const now = this.#now()
    const account = `${credentials.staff ? 'staff' : 'student'}:${credentials.id}`
    const address = networkOf(credentials.address)
    const addressWaitMs = address === undefined ? 0 : this.#byAddress.waitMs(address, now)
    if (addressWaitMs > 0) return { kind: 'limited', retryAfterMs: addressWaitMs }
    // Taken before the check and given back unless it fails: guesses in parallel count too.
    const accountWaitMs = this.#byAccount.take(account, now)
    if (accountWaitMs > 0) return { kind: 'limited', retryAfterMs: accountWaitMs }
    const result = await this.#checkInTurn(credentials)
    if (result.kind !== 'refused') this.#byAccount.giveBack(account)
    else if (address !== undefined) this.#byAddress.take(address, this.#now())
    return result
  }

  async #checkInTurn(credentials: Credentials): Promise<LoginResult> {
    return (await this.inTurn(() => this.#verify(credentials))) ?? { kind: 'busy' }
  }

  /**
   * Checks or hashes a password in one line with the logins, so that neither keeps the machine from the other.
   * @returns undefined if too many wait, or it failed, which is logged
   */
  async inTurn<Result extends object | string | boolean>(
    work: () => Promise<Result>,
  ): Promise<Result | undefined> {
    if (this.#lane.size >= this.#limits.loginWaitingMax) return undefined
    const patience = new AbortController()
    const timer = setTimeout(() => patience.abort(), this.#limits.loginWaitMs)
    try {
      const turn = () => {
        clearTimeout(timer)
        return work()
      }
      return await this.#lane.add(turn, { signal: patience.signal })
    } catch (err) {
      if (!patience.signal.aborted) this.#logger.error({ err }, 'a password could not be checked or hashed')
      return undefined
    } finally {
      clearTimeout(timer)
    }
  }

  async #verify({ id, staff, password }: Credentials): Promise<LoginResult> {
    const account = await this.#accounts.findAccount({ staff, id })
    if (account === undefined) {
      await verifyPassword(this.#lastSeenHash, password)
      return { kind: 'refused' }
    }
    try {
      const right = await verifyPassword(account.passwordHash, password)
      this.#lastSeenHash = account.passwordHash
      return right ? { kind: 'welcome', account } : { kind: 'refused' }
    } catch (err) {
      if (!(err instanceof UnknownHash)) throw err
      this.#logger.warn({ account: id, staff, why: err.message }, 'nobody can log in to this account')
      await verifyPassword(this.#lastSeenHash, password)
      return { kind: 'refused' }
    }
  }
}

/** IPv4 addresses one by one; of IPv6, the 64 bits that one subscriber has. */
function networkOf(address: string | undefined): string | undefined {
  if (address === undefined || address === '') return undefined
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (mapped !== null) return mapped[1]
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0')
  const parts = [...left, ...(tail === undefined ? [] : zeros), ...right].slice(0, 4)
  return parts.map((part) => Number.parseInt(part, 16).toString(16)).join(':')
}
