import type { TableStore } from '../journal/batcher-ports.ts'
import { cutOff, type Database, endQuietly, patiently } from './database.ts'
import { batchTransactions } from './table-store.ts'

/** One connection that holds the campus's lock and writes the batches itself: the direct journal's term. */
export interface LockSession {
  /** Batch transactions on the very session that holds the lock: none can commit once the lock is gone. */
  readonly tables: TableStore
  /** Resolves, with why, when the connection and so the lock is lost; also after `close`. Never rejects. */
  readonly ended: Promise<string>
  /** False once the connection is lost. */
  readonly open: boolean
  /**
   * Shows the server that this process lives, unless a transaction does so. Rejects when the connection is lost;
   * a server that does not answer within the idle time-out counts as lost.
   */
  ping(): Promise<void>
  /** Gives the lock up. Never rejects. */
  close(): Promise<void>
}

export interface LockOptions {
  readonly campus: string
  /** Compared in every transaction, see `ExpectedCampus`. */
  readonly journal?: string
  /**
   * A holder that the server has not heard of for this long (suspended, cut off) loses the lock. Ping at least
   * three times as often. Servers before PostgreSQL 14 only do so within a transaction.
   */
  readonly idleTimeoutMs: number
  /** Aborted when the lock is not wanted any more. */
  readonly signal?: AbortSignal
}

const tryLock = "SELECT pg_try_advisory_lock(hashtextextended('enrollment leader of ' || $1, 0)) AS locked"
const selectHasIdleTimeout = "SELECT current_setting('server_version_num')::int >= 140000 AS has"

/**
 * Opens a connection and tries to take the campus's lock.
 * @returns undefined when somebody else holds it
 * @throws when the database cannot be reached or does not answer; the signal's reason when it is aborted
 */
export async function tryLockSession(
  database: Database,
  { campus, journal, idleTimeoutMs, signal }: LockOptions,
): Promise<LockSession | undefined> {
  const wanted = signal === undefined ? {} : { signal }
  const client = await database.connect({
    ...wanted,
    applicationName: 'enrollment leader',
    settings: { idle_in_transaction_session_timeout: String(idleTimeoutMs) },
  })
  let open = true
  const ended = new Promise<string>((resolve) => {
    const end = (why: string) => {
      open = false
      resolve(why)
    }
    client.once('error', (error) => end(error.message))
    client.once('end', () => end('the connection was closed'))
  })
  try {
    const locked = await patiently(client, wanted, async () => {
      const { rows } = await client.query<{ has: boolean }>(selectHasIdleTimeout)
      if (rows[0]?.has === true) await client.query(`SET idle_session_timeout = ${Math.trunc(idleTimeoutMs)}`)
      const lock = await client.query<{ locked: boolean }>(tryLock, [campus])
      return lock.rows[0]?.locked === true
    })
    if (!locked) {
      await endQuietly(client)
      return undefined
    }
  } catch (error) {
    await endQuietly(client)
    throw error
  }
  const tables = batchTransactions(client, journal === undefined ? undefined : { campus, journal })
  let pinging: Promise<unknown> | undefined
  return {
    tables: {
      async begin() {
        await pinging
        return tables.begin()
      },
    },
    ended,
    get open() {
      return open
    },
    async ping() {
      if (tables.busy || pinging !== undefined) return
      // After that long without an answer the server may have given the lock to somebody else.
      const timer = setTimeout(() => cutOff(client), idleTimeoutMs)
      const answer = client.query('SELECT 1').finally(() => clearTimeout(timer))
      pinging = answer.catch(() => undefined).finally(() => (pinging = undefined))
      await answer
    },
    close: () => endQuietly(client),
  }
}
