import { personIdMax } from '../../../schema/registry-limits.ts'
import { BoundedMap } from '../bounded-map.ts'
import { EndedTokens } from './ended-tokens.ts'
import { falseTokensCachedMax, tokensCachedMax } from '../limits.ts'

/** Who a token speaks for. */
export interface TokenHolder {
  readonly id: number
  readonly department: number
  readonly staff: boolean
}

/** A caller who has proved it. */
export interface Verified extends TokenHolder {
  readonly expiresMs: number
  /** When the session began, and of which password; a token that says neither began when it was made. */
  readonly session: Session
}

/** What a login begins and every refresh hands on. Milliseconds since the Unix epoch. */
export interface Session {
  readonly beganMs: number
  /** Undefined in tokens that do not say. */
  readonly passwordTag: string | undefined
}

interface Remembered extends Verified {
  readonly validFromMs: number
}

/** Signs and verifies with one secret, HS256 only; `verify` throws for what that secret did not sign. */
export interface TokenKey {
  sign(claims: object): string
  verify(token: string): unknown
}

const issuer = 'cea'
const lifetimeSeconds = 3600
const usualSessionMs = 12 * 3_600_000
/** Servers' clocks may differ by this much before a token of one is too young for another. */
const clockSkewMs = 5_000
/** Ours are around 250 characters; no work is spent on giants. */
const headerLengthMax = 2_048

/**
 * Makes tokens and says whose they are. Verified tokens are remembered by the whole header, so that the
 * signature is checked once; the times in them are checked every time.
 */
export class Tokens {
  readonly #keys: readonly [TokenKey, ...TokenKey[]]
  readonly #verified = new BoundedMap<string, Remembered>(tokensCachedMax)
  /** Headers that no key of ours signed: the request queue asks before the route does. */
  readonly #false = new BoundedMap<string, true>(falseTokensCachedMax)

  readonly #sessionMs: number
  readonly #ended: EndedTokens

  /**
   * @param keys the first signs, all verify
   * @param sessionMs after so long no token is refreshed, and none is good
   * @param ended what is good no more before its time
   */
  constructor(
    keys: readonly [TokenKey, ...TokenKey[]],
    sessionMs = usualSessionMs,
    ended = new EndedTokens(),
  ) {
    this.#keys = keys
    this.#sessionMs = sessionMs
    this.#ended = ended
  }

  /** Whether a session has lasted so long that only a login helps. */
  isOver({ beganMs }: Session, nowMs: number): boolean {
    return nowMs >= beganMs + this.#sessionMs
  }

  /** Whether what was given out for this caller is good no more, though it was. */
  isEnded(caller: Verified): boolean {
    return this.#ended.has(caller)
  }

  issue({ id, department, staff }: TokenHolder, session: Session, nowMs: number): string {
    const now = Math.floor(nowMs / 1000)
    const exp = Math.min(now + lifetimeSeconds, Math.floor((session.beganMs + this.#sessionMs) / 1000))
    const token = this.#keys[0].sign({
      iss: issuer,
      sub: String(id),
      department,
      staff,
      iat: now,
      nbf: now,
      exp,
      auth_time: Math.floor(session.beganMs / 1000),
      ...(session.passwordTag !== undefined && { password_tag: session.passwordTag }),
    })
    // Whoever logs in asks for something next: of our own token nothing need be checked but the times.
    this.#verified.set(`Bearer ${token}`, {
      id,
      department,
      staff,
      validFromMs: now * 1000,
      expiresMs: exp * 1000,
      session,
    })
    return token
  }

  /** @returns undefined unless the header holds a token of ours that is valid now */
  callerOf(header: string | undefined, nowMs: number): Verified | undefined {
    if (header === undefined) return undefined
    const verified = this.#verified.get(header) ?? this.#verify(header)
    if (verified === undefined) return undefined
    if (nowMs >= verified.expiresMs) {
      this.#verified.delete(header)
      return undefined
    }
    return nowMs + clockSkewMs < verified.validFromMs || this.#ended.has(verified) ? undefined : verified
  }

  #verify(header: string): Remembered | undefined {
    if (header.length > headerLengthMax || !/^bearer /i.test(header) || this.#false.get(header))
      return undefined
    const token = header.slice('bearer '.length)
    for (const key of this.#keys) {
      const verified = readClaims(key, token)
      if (verified === undefined) continue
      this.#verified.set(header, verified)
      return verified
    }
    this.#false.set(header, true)
    return undefined
  }
}

function readClaims(key: TokenKey, token: string): Remembered | undefined {
  let payload: unknown
  try {
    payload = key.verify(token)
  } catch {
    return undefined
  }
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return undefined
  const { iss, sub, department, staff, iat, nbf, exp, auth_time, password_tag } = payload as Record<
    string,
    unknown
  >
  if (iss !== issuer || typeof sub !== 'string' || !/^(0|[1-9]\d{0,15})$/.test(sub)) return undefined
  const id = Number(sub)
  if (id > personIdMax || typeof staff !== 'boolean' || !isWhole(department)) return undefined
  if (!isWhole(iat) || !isWhole(nbf) || !isWhole(exp)) return undefined
  const session = {
    beganMs: (isWhole(auth_time) ? auth_time : iat) * 1000,
    passwordTag: typeof password_tag === 'string' ? password_tag : undefined,
  }
  return { id, department, staff, validFromMs: nbf * 1000, expiresMs: exp * 1000, session }
}

function isWhole(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
