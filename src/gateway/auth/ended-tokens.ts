import type { Verified } from './tokens.ts'

/** An account that changed, as it is now. */
export interface ChangedAccount {
  readonly id: number
  readonly staff: boolean
  /** When it changed last, milliseconds since the Unix epoch by the database's clock. */
  readonly changedMs: number
  /** Null if nobody can log in any more: it is gone, or has no password. */
  readonly passwordTag: string | null
  readonly department: number | null
}

/**
 * Whose tokens are worth nothing any more, as far as it was read from the database. A token of an account that changed is
 * good if it could still be refreshed: the password is the one that it names, and of staff the department. One that names
 * no password is good if it is younger than the change.
 */
export class EndedTokens {
  readonly #accounts = new Map<number, ChangedAccount>()
  #whenNoted: () => void = () => {}

  /** @param whenNoted called after changes were noted */
  onNoted(whenNoted: () => void): void {
    this.#whenNoted = whenNoted
  }

  note(changes: readonly ChangedAccount[]): void {
    if (changes.length === 0) return
    for (const change of changes) this.#accounts.set(keyOf(change), change)
    this.#whenNoted()
  }

  /** Forgets changes from before: every token is younger. */
  forgetBefore(ms: number): void {
    for (const [key, { changedMs }] of this.#accounts) if (changedMs < ms) this.#accounts.delete(key)
  }

  /** One look into an empty map, as a rule. */
  has(token: Pick<Verified, 'id' | 'staff' | 'department' | 'session'>): boolean {
    if (this.#accounts.size === 0) return false
    const account = this.#accounts.get(keyOf(token))
    if (account === undefined) return false
    const { passwordTag, beganMs } = token.session
    if (account.passwordTag === null) return true
    if (token.staff && token.department !== account.department) return true
    return passwordTag === undefined ? beganMs < account.changedMs : passwordTag !== account.passwordTag
  }
}

/** Ids are not negative, and at most 2^53 - 1. */
function keyOf({ id, staff }: { readonly id: number; readonly staff: boolean }): number {
  return staff ? -1 - id : id
}
