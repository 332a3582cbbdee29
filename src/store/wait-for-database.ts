import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { codeOf, DatabaseRefused, endQuietly, openClient } from './database.ts'

const backoffMs = { first: 250, most: 5_000 } as const

export interface WaitOptions {
  readonly logger: Logger
  readonly signal: AbortSignal
  /** Called with one line for people when waiting begins, and again when the reason changes. No password in it. */
  readonly onWaiting: (line: string) => void
}

/**
 * Resolves once the server accepts connections; a server that is not up, still starting, full, or a standby is
 * asked again with back-off. An abort cuts short whatever it is at. What waiting cannot cure (a wrong password, no such database, `fsync=off`) rejects.
 * @throws the signal's reason when it is aborted
 */
export async function waitForDatabase(url: string, options: WaitOptions): Promise<void> {
  let said = ''
  let delayMs: number = backoffMs.first
  while (true) {
    options.signal.throwIfAborted()
    try {
      await endQuietly(await openClient(url, options))
      return
    } catch (error) {
      if (!mayComeUp(error)) throw error
      const line = `waiting for PostgreSQL at ${describeDatabase(url)}: ${reasonOf(error)}`
      if (line !== said) options.onWaiting(line)
      said = line
    }
    await delay(delayMs, undefined, { signal: options.signal }).catch(() => options.signal.throwIfAborted())
    delayMs = Math.min(delayMs * 2, backoffMs.most)
  }
}

/** Host, port and database of a URL, for messages: without the user and the password. */
export function describeDatabase(url: string): string {
  if (!URL.canParse(url)) return 'an address that is not a URL'
  const parsed = new URL(url)
  const host = parsed.hostname || parsed.searchParams.get('host') || 'localhost'
  return `${host}:${parsed.port || '5432'}${parsed.pathname}`
}

function mayComeUp(error: unknown): boolean {
  if (error instanceof DatabaseRefused) return false
  // A certificate or key that the URL names, and that is not there.
  if (error instanceof Error && 'syscall' in error && error.syscall === 'open') return false
  const code = codeOf(error)
  if (code === undefined || !/^[0-9A-Z]{5}$/.test(code) || /^E[A-Z]+$/.test(code)) return true
  return code.startsWith('57P') || code.startsWith('53')
}

function reasonOf(error: unknown): string {
  if (codeOf(error) === 'ECONNREFUSED') return 'connection refused'
  return error instanceof Error && error.message !== '' ? error.message : String(codeOf(error))
}
