import { randomBytes } from 'node:crypto'
import { BoundedMap } from '../bounded-map.ts'
import type { Session, TokenKey, Verified } from '../auth/tokens.ts'

/** Not that of tokens: neither is taken for the other. */
const issuer = 'cea-events'
const lifetimeMs = 30_000
/** More than are used while one lives. */
const usedMax = 100_000

/**
 * Tickets for browsers, whose EventSource cannot send a token: each opens one stream within half a minute, for
 * the caller whom it was given to. They stand in addresses, which logs keep, so they are worth nothing once used.
 * Every server with the same keys takes them; each remembers those that were used with itself.
 */
export class EventTickets {
  readonly #keys: readonly [TokenKey, ...TokenKey[]]
  readonly #used = new BoundedMap<string, true>(usedMax)

  /** @param keys the first signs, all verify */
  constructor(keys: readonly [TokenKey, ...TokenKey[]]) {
    this.#keys = keys
  }

  /** Seconds within which a ticket must be used. */
  get lifetimeSeconds(): number {
    return lifetimeMs / 1000
  }

  issue({ id, department, staff, expiresMs, session }: Verified, nowMs: number): string {
    return this.#keys[0].sign({
      iss: issuer,
      sub: id,
      department,
      staff,
      until: expiresMs,
      session,
      bestBefore: nowMs + lifetimeMs,
      jti: randomBytes(12).toString('base64url'),
    })
  }

  /** @returns whom the ticket was given to, with the end of the token that it was asked with; the first time only */
  redeem(ticket: string, nowMs: number): Verified | undefined {
    for (const key of this.#keys) {
      const claims = read(key, ticket)
      if (claims === undefined) continue
      const { sub: id, department, staff, until: expiresMs, session, bestBefore, jti } = claims
      if (nowMs >= bestBefore || this.#used.get(jti) !== undefined) return undefined
      this.#used.set(jti, true)
      // Tickets of servers that are not upgraded yet name no session.
      const ofNow = { beganMs: bestBefore - lifetimeMs, passwordTag: undefined }
      return { id, department, staff, expiresMs, session: { ...ofNow, ...session } }
    }
    return undefined
  }
}

interface Claims {
  readonly sub: number
  readonly department: number
  readonly staff: boolean
  readonly until: number
  readonly session?: Session
  readonly bestBefore: number
  readonly jti: string
}

/** What our keys have signed for this issuer was made by `issue`: only whose it is has to be looked at. */
function read(key: TokenKey, ticket: string): Claims | undefined {
  try {
    const claims = key.verify(ticket) as Claims & { readonly iss?: unknown }
    return claims.iss === issuer ? claims : undefined
  } catch {
    return undefined
  }
}
