import { setTimeout as delay } from 'node:timers/promises'
import PQueue from 'p-queue'
import type { Logger } from 'pino'
import { BoundedMap } from '../bounded-map.ts'
import {
  failuresFromEverywhere,
  type GatewayLimits,
  hashKindsMax,
  knownAddressesMax,
  slowLogins,
} from '../limits.ts'
import { hashKindOf, newHashKind, nobodysHash, UnknownHash, verifyPassword } from './password-hashes.ts'
import type { Account, Accounts } from '../gateway-ports.ts'
import { TokenBuckets } from '../overload/token-buckets.ts'

export interface Credentials {
  /** The number, or as text the code. */
  readonly id: number | string
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

/** Accounts and the addresses that they are logged in to from. */
interface Guess {
  readonly account: string
  /** Undefined where no address limit applies. */
  readonly network: string | undefined
  /** The account at this address. */
  readonly pair: string
  /** Whether the account was logged in to from there before. */
  readonly isKnown: boolean
}

/**
 * Checks passwords, so many at a time, so many waiting, so long. Failures alone are counted: a campus shares one
 * address, and a thousand students who log in from it one after another are no attack.
 *
 * Nobody's guesses close an account. They are counted per account and address; when those are spent, logins of the
 * account from there are slowed down: each waits before its password is checked, a few at once. An address from which the
 * account was logged in to is not touched by what others do elsewhere. Guesses from very many addresses slow the account
 * down for addresses that it does not know. An address that fails with account after account is closed for a while, but
 * for the accounts that it is known to.
 *
 * A wrong password costs the same work, whoever's it is: a check of every kind of hash that the tables hold.
 */
export class Login {
  readonly #accounts: Accounts
  readonly #limits: GatewayLimits
  readonly #logger: Logger
  readonly #now: () => number
  readonly #verifyPassword: typeof verifyPassword
  readonly #pause: (ms: number) => Promise<void>
  readonly #lane: PQueue
  readonly #byPair: TokenBuckets<string>
  readonly #byAccount: TokenBuckets<string>
  readonly #byAddress: TokenBuckets<string>
  readonly #known = new BoundedMap<string, true>(knownAddressesMax)
  /** Logins that are being slowed down, of each pair and of each account. */
  readonly #slowed = new Map<string, number>()
  readonly #hashKinds = new Set<string>()
  #kindsRead: Promise<void> | undefined
  /** How many came to what, since the start. */
  readonly results = new Map<LoginResult['kind'], number>([
    ['welcome', 0],
    ['refused', 0],
    ['limited', 0],
    ['busy', 0],
  ])

  constructor(deps: {
    accounts: Accounts
    limits: GatewayLimits
    logger: Logger
    now: () => number
    verifyPassword?: typeof verifyPassword
    pause?: ((ms: number) => Promise<void>) | undefined
  }) {
    const { count, perMs } = deps.limits.loginFailuresPerAccount
    this.#accounts = deps.accounts
    this.#limits = deps.limits
    this.#logger = deps.logger
    this.#now = deps.now
    this.#verifyPassword = deps.verifyPassword ?? verifyPassword
    this.#pause = deps.pause ?? delay
    this.#lane = new PQueue({ concurrency: deps.limits.loginConcurrency })
    this.#byPair = new TokenBuckets({ count, perMs })
    this.#byAccount = new TokenBuckets({ count: count * failuresFromEverywhere, perMs })
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
    const account = `${credentials.staff ? 'staff' : 'student'}:${credentials.id}`
    const network = networkOf(credentials.address)
    const pair = `${account}@${network ?? ''}`
    const guess = { account, network, pair, isKnown: this.#known.get(pair) !== undefined }
    const closedMs = this.#closedMs(guess)
    if (closedMs > 0) return { kind: 'limited', retryAfterMs: closedMs }
    // Taken before the check and given back unless it fails: guesses in parallel count too.
    const giveBack = this.#takeForAccount(guess)
    if (giveBack === undefined && !(await this.#slowDown(guess))) {
      return { kind: 'limited', retryAfterMs: Math.max(1000, this.#limits.loginSlowMs) }
    }
    const result = await this.#checkInTurn(credentials, guess)
    if (result.kind !== 'refused') giveBack?.()
    if (result.kind === 'welcome') this.#known.set(pair, true)
    return result
  }

  /** The milliseconds until the address may fail again; 0 if it may now, or is known to the account. */
  #closedMs({ network, isKnown }: Guess): number {
    return network === undefined || isKnown ? 0 : this.#byAddress.waitMs(network, this.#now())
  }

  /** @returns undoes it; undefined if the account has failed too often */
  #takeForAccount({ account, pair, isKnown }: Guess): (() => void) | undefined {
    const now = this.#now()
    if (this.#byPair.take(pair, now) > 0) return undefined
    if (isKnown) return () => this.#byPair.giveBack(pair)
    if (this.#byAccount.take(account, now) > 0) {
      this.#byPair.giveBack(pair)
      return undefined
    }
    return () => {
      this.#byPair.giveBack(pair)
      this.#byAccount.giveBack(account)
    }
  }

  /** Waits. @returns false at once if so many of its kind wait already */
  async #slowDown({ account, pair, isKnown }: Guess): Promise<boolean> {
    const bounds: [string, number][] = [[pair, slowLogins.perAddress]]
    if (!isKnown) bounds.push([account, slowLogins.perAccount])
    if (bounds.some(([key, max]) => (this.#slowed.get(key) ?? 0) >= max)) return false
    for (const [key] of bounds) this.#slowed.set(key, (this.#slowed.get(key) ?? 0) + 1)
    await this.#pause(this.#limits.loginSlowMs)
    for (const [key] of bounds) {
      const others = (this.#slowed.get(key) ?? 0) - 1
      if (others > 0) this.#slowed.set(key, others)
      else this.#slowed.delete(key)
    }
    return true
  }

  async #checkInTurn(credentials: Credentials, { network, isKnown }: Guess): Promise<LoginResult> {
    const work = async (): Promise<LoginResult> => {
      const closedMs = network === undefined || isKnown ? 0 : this.#byAddress.take(network, this.#now())
      if (closedMs > 0) return { kind: 'limited', retryAfterMs: closedMs }
      let result: LoginResult = { kind: 'busy' }
      try {
        result = await this.#verify(credentials)
        return result
      } finally {
        if (network !== undefined && !isKnown && result.kind !== 'refused') this.#byAddress.giveBack(network)
      }
    }
    return (await this.inTurn(work, isKnown)) ?? { kind: 'busy' }
  }

  /**
   * Checks or hashes a password in one line with the logins, so that neither keeps the machine from the other.
   * @param isPreferred comes before the others, and finds room when they find none
   * @returns undefined if too many wait, or it failed, which is logged
   */
  async inTurn<Result extends object | string | boolean>(
    work: () => Promise<Result>,
    isPreferred = false,
  ): Promise<Result | undefined> {
    const { loginWaitingMax, loginWaitMs } = this.#limits
    if (this.#lane.size >= (isPreferred ? 2 * loginWaitingMax : loginWaitingMax)) return undefined
    const patience = new AbortController()
    const timer = setTimeout(() => patience.abort(), loginWaitMs)
    try {
      const turn = () => {
        clearTimeout(timer)
        return work()
      }
      return await this.#lane.add(turn, { signal: patience.signal, priority: isPreferred ? 1 : 0 })
    } catch (err) {
      if (!patience.signal.aborted) this.#logger.error({ err }, 'a password could not be checked or hashed')
      return undefined
    } finally {
      clearTimeout(timer)
    }
  }

  async #verify({ id, staff, password }: Credentials): Promise<LoginResult> {
    const account = await this.#accounts.findAccount({ staff, id })
    await (this.#kindsRead ??= this.#readKinds())
    let checked: string | undefined
    if (account !== undefined) {
      try {
        const isRight = await this.#verifyPassword(account.passwordHash, password)
        checked = this.#noteKind(account.passwordHash)
        if (isRight) return { kind: 'welcome', account }
      } catch (err) {
        if (!(err instanceof UnknownHash)) throw err
        this.#logger.warn({ account: id, staff, why: err.message }, 'nobody can log in to this account')
      }
    }
    const kinds = this.#hashKinds.size === 0 ? [newHashKind] : this.#hashKinds
    for (const kind of kinds) {
      if (kind !== checked) await this.#verifyPassword(nobodysHash(kind), password)
    }
    return { kind: 'refused' }
  }

  /** Read once: kinds that come later are noted when they are first met. */
  async #readKinds(): Promise<void> {
    try {
      for (const stored of await this.#accounts.hashKinds()) this.#noteKind(stored)
    } catch (error) {
      this.#kindsRead = undefined
      throw error
    }
  }

  #noteKind(stored: string): string | undefined {
    const kind = hashKindOf(stored)
    if (kind !== undefined && this.#hashKinds.size < hashKindsMax) this.#hashKinds.add(kind)
    return kind
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
