import { setTimeout as sleep } from 'node:timers/promises'
import type { EndedTokens } from '../../gateway/auth/ended-tokens.ts'
import { type DatabaseAccounts, rereadChangesMs } from '../../store/accounts.ts'
import type { ServiceProcess } from '../service-process.ts'

const intervalMs = 2000

/**
 * Keeps `ended` up to date until the process stops: what was given out for an account that changed ends within a few
 * seconds. While the database is away all tokens go on working; afterwards everything is read again.
 */
export function watchAccounts(accounts: DatabaseAccounts, ended: EndedTokens, host: ServiceProcess): void {
  const watch = async () => {
    let since: string | undefined
    let isTold = false
    while (!host.signal.aborted) {
      try {
        const { changed, next } = await accounts.changedSince(since)
        ended.note(changed)
        ended.forgetBefore(Date.now() - rereadChangesMs)
        since = next
        isTold = false
      } catch (err) {
        if (host.signal.aborted) return
        since = undefined
        if (!isTold) host.log.warn({ err }, 'cannot read which accounts changed: their tokens go on working')
        isTold = true
      }
      await sleep(intervalMs, undefined, { ref: false, signal: host.signal }).catch(() => {})
    }
  }
  void watch()
}
