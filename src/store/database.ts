import { Socket } from 'node:net'
import { Client as PgClient, type ClientBase, Pool } from 'pg'
import type { Logger } from 'pino'
import { mayWorkTheOtherWay, ModalClient, type ModalConfig, modalConfig } from './connection-modes.ts'

/** A connection of its own: for transactions that stream, hold locks or live long. */
export type Client = PgClient

/** The server answers but must not be trusted with decisions, as it is set up. Waiting does not help. */
export class DatabaseRefused extends Error {
  override readonly name = 'DatabaseRefused'
}

/** The server is a standby for now; a failover may make it the primary. */
class DatabaseInRecovery extends Error {
  override readonly name = 'DatabaseInRecovery'
}

export interface DatabaseOptions {
  readonly logger: Logger
  /** Shown in `pg_stat_activity`. */
  readonly applicationName?: string
  /** Connections of the pool; dedicated ones come on top. */
  readonly poolMax?: number
  readonly connectTimeoutMs?: number
  /** Bound of one statement of the pool; dedicated connections have none. */
  readonly statementTimeoutMs?: number
  /** How much longer a server that does not say that a statement is over its bound is waited for. */
  readonly silenceMs?: number
}

export interface ClientOptions {
  readonly logger: Logger
  readonly applicationName?: string
  readonly connectTimeoutMs?: number
  readonly statementTimeoutMs?: number
  /** Session settings, by name, set once connected. */
  readonly settings?: Readonly<Record<string, string>>
  /** Aborted when the connection is not wanted any more, while it is opened. */
  readonly signal?: AbortSignal
  /** Cut off when nothing has come or gone for so long: for one that is busy throughout. */
  readonly idleMsMax?: number
}

const defaults = {
  applicationName: 'enrollment',
  poolMax: 10,
  connectTimeoutMs: 10_000,
  statementTimeoutMs: 30_000,
  silenceMs: 5_000,
  keepAliveInitialDelayMs: 10_000,
  endTimeoutMs: 2_000,
} as const

/** One round trip: sets the session up and reads what must be checked. Never weakens `synchronous_commit`. */
const setUpSession = `
  SELECT current_setting('fsync') AS fsync, pg_is_in_recovery() AS in_recovery,
    set_config('TimeZone', 'UTC', false), set_config('DateStyle', 'ISO, YMD', false),
    set_config('statement_timeout', $1, false),
    set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') = 'remote_apply'
      THEN 'remote_apply' ELSE 'on' END, false),
    (SELECT count(set_config(key, value, false)) FROM jsonb_each_text($2::jsonb))`

/** The pool of one PostgreSQL database, and dedicated connections to it. */
export class Database {
  readonly url: string
  /** Of the pool's connections. */
  readonly applicationName: string
  readonly #pool: Pool
  readonly #pooled = new Set<ClientBase>()
  readonly #dedicated = new Set<Client>()
  readonly #options: DatabaseOptions

  constructor(url: string, options: DatabaseOptions) {
    this.url = url
    this.applicationName = options.applicationName ?? defaults.applicationName
    this.#options = options
    const { statementTimeoutMs = defaults.statementTimeoutMs, silenceMs = defaults.silenceMs } = options
    const pooled = this.#pooled
    this.#pool = new Pool({
      ...connectionConfig(url, options),
      // Known from its beginning: one that still connects to a silent server is cut off as well.
      Client: class extends ModalClient {
        constructor(config?: ModalConfig) {
          super(config)
          pooled.add(this)
          this.once('end', () => pooled.delete(this))
        }
      },
      max: options.poolMax ?? defaults.poolMax,
      idleTimeoutMillis: 30_000,
      // The server ends what takes too long. From one that vanished TCP alone would wait for a quarter of an hour.
      query_timeout: statementTimeoutMs + silenceMs,
      verify: (client, done) => {
        prepareSession(client, { ...options, statementTimeoutMs }).then(() => done(), done)
      },
    })
    this.#pool.on('connect', (client) => {
      // The pool listens while a connection is idle, not while its session is set up or between the statements of a
      // transaction. Whoever has it is told by the next statement.
      client.on('error', () => {})
    })
    // Without a listener, an idle connection that breaks would end the process.
    this.#pool.on('error', (error) =>
      options.logger.warn({ err: error }, 'an idle database connection was lost'),
    )
  }

  /** Runs one statement on any connection of the pool. */
  async query<Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    const result = await this.#pool.query<Row>(text, [...values])
    return result.rows
  }

  /** Runs `work` in one transaction on a connection of the pool; rolls back if it throws. */
  async transaction<Result>(work: (client: ClientBase) => Promise<Result>): Promise<Result> {
    const client = await this.#pool.connect()
    try {
      const result = await inTransaction(client, 'BEGIN', () => work(client))
      client.release()
      return result
    } catch (error) {
      client.release(true)
      throw error
    }
  }

  /** A connection of its own, without a statement time-out unless told; the caller ends it. */
  async connect(options: Partial<ClientOptions> = {}): Promise<Client> {
    const { logger, applicationName, connectTimeoutMs } = this.#options
    const all = {
      logger,
      ...(applicationName !== undefined && { applicationName }),
      ...(connectTimeoutMs !== undefined && { connectTimeoutMs }),
      ...options,
    }
    return await eitherWay(this.url, async () => {
      const client = newClient(this.url, all)
      this.#dedicated.add(client)
      const forget = () => this.#dedicated.delete(client)
      client.once('end', forget)
      try {
        await openSession(client, all)
      } catch (error) {
        forget()
        throw error
      }
      return client
    })
  }

  /** Waits for the pool's running statements, for a while, then ends every connection, dedicated ones included. */
  async close(): Promise<void> {
    await withinEndTimeout(this.#pool.end(), () => this.#pooled)
    // Whoever had one has given it up: it is silent, or its owner would have ended it.
    for (const client of this.#dedicated) cutOff(client)
  }
}

/**
 * Opens the pool and makes sure that one connection works.
 * @throws DatabaseRefused when the server runs with `fsync=off`
 */
export async function openDatabase(url: string, options: DatabaseOptions): Promise<Database> {
  const database = new Database(url, options)
  try {
    await eitherWay(url, () => database.query('SELECT 1'))
  } catch (error) {
    await database.close()
    throw error
  }
  return database
}

/**
 * Opens one connection in UTC with `synchronous_commit` on. A lost connection is logged and makes its
 * statements reject; it never ends the process.
 * @throws DatabaseRefused when the server runs with `fsync=off`; the signal's reason when it is aborted
 */
export async function openClient(url: string, options: ClientOptions): Promise<Client> {
  return await eitherWay(url, async () => {
    const client = newClient(url, options)
    await openSession(client, options)
    return client
  })
}

/** Connects, and again if the server wants encryption, or none, where the URL allows both. */
async function eitherWay<Result>(url: string, connect: () => Promise<Result>): Promise<Result> {
  try {
    return await connect()
  } catch (error) {
    if (!mayWorkTheOtherWay(url, error)) throw error
    return await connect()
  }
}

function newClient(url: string, options: ClientOptions): Client {
  const client = new ModalClient(connectionConfig(url, options))
  client.on('error', (error) => options.logger.warn({ err: error }, 'a database connection was lost'))
  return client
}

async function openSession(client: Client, options: ClientOptions): Promise<void> {
  try {
    await patiently(client, options, async () => {
      await client.connect()
      await prepareSession(client, options)
    })
    const { stream } = client.connection
    if (options.idleMsMax !== undefined && stream instanceof Socket) {
      stream.setTimeout(options.idleMsMax, () => cutOff(client))
    }
  } catch (error) {
    await endQuietly(client)
    throw error
  }
}

/**
 * Does `work` on a connection, and cuts that off when it takes longer than connecting may, or is not wanted any more.
 * @throws what `work` throws, such as the connection's loss; the signal's reason when it is aborted
 */
export async function patiently<Result>(
  client: Client,
  {
    connectTimeoutMs = defaults.connectTimeoutMs,
    signal,
  }: Pick<ClientOptions, 'connectTimeoutMs' | 'signal'>,
  work: () => Promise<Result>,
): Promise<Result> {
  signal?.throwIfAborted()
  let isOverdue = false
  const cut = () => cutOff(client)
  const timer = setTimeout(() => {
    isOverdue = true
    cut()
  }, connectTimeoutMs)
  signal?.addEventListener('abort', cut)
  try {
    return await work()
  } catch (error) {
    signal?.throwIfAborted()
    if (isOverdue)
      throw new Error(`no answer from the database within ${connectTimeoutMs} ms`, { cause: error })
    throw error
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', cut)
  }
}

/** Ends a connection that may be broken already, or whose server does not answer. Never rejects. */
export async function endQuietly(client: Client): Promise<void> {
  try {
    await withinEndTimeout(client.end(), () => [client])
  } catch {
    // It was lost before: that is all that ending it is for.
  }
}

/** A server that hangs does not say goodbye: cuts the connections then, so that a shutdown goes on. */
async function withinEndTimeout(ended: Promise<void>, left: () => Iterable<ClientBase>): Promise<void> {
  const timer = setTimeout(() => {
    for (const client of left()) cutOff(client)
  }, defaults.endTimeoutMs)
  await ended.finally(() => clearTimeout(timer))
}

/** Closes the socket without a word: what is outstanding rejects. */
export function cutOff(client: ClientBase): void {
  if (client instanceof PgClient) client.connection.stream.destroy()
}

/**
 * Runs `work` between `begin` and COMMIT (or ROLLBACK, to see only whether it works); rolls back and throws on if it
 * throws.
 */
export async function inTransaction<Result>(
  client: ClientBase,
  begin: string,
  work: () => Promise<Result>,
  end: 'COMMIT' | 'ROLLBACK' = 'COMMIT',
): Promise<Result> {
  await client.query(begin)
  try {
    const result = await work()
    await client.query(end)
    return result
  } catch (error) {
    // A lost connection cannot roll back, and need not: the first error is the one to tell.
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

/** SQLSTATE or system error code, if the error has one. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/**
 * Whether the server is well and refuses what it was asked to write: a constraint, a trigger's exception, a sequence at its
 * end, a right that lacks. Not deadlocks, a full disk, a read-only server and the like, which are nobody's record's fault.
 */
export function isRefusal(error: unknown): boolean {
  return /^(09|21|22|23|27|2F|38|39|42|44|54|P0)...$/.test(codeOf(error) ?? '')
}

const lostWithoutCode =
  /^(Connection terminated|timeout e(xceeded|xpired)|Query read timeout|no answer from the database)/

/** Whether a statement failed because its connection, or the server, went away: it may work on another one. */
export function isConnectionLost(error: unknown): boolean {
  const code = codeOf(error)
  if (code !== undefined) return /^(08|53|57P)|^(ECONNRESET|ECONNREFUSED|EPIPE|ETIMEDOUT)$/.test(code)
  // The client's words and ours, which have no code.
  return error instanceof Error && lostWithoutCode.test(error.message)
}

function connectionConfig(url: string, options: Omit<ClientOptions, 'logger'>): ModalConfig {
  return {
    ...modalConfig(url),
    application_name: options.applicationName ?? defaults.applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs ?? defaults.connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: defaults.keepAliveInitialDelayMs,
  }
}

async function prepareSession(
  client: ClientBase,
  { statementTimeoutMs = 0, settings = {} }: Omit<ClientOptions, 'logger'>,
): Promise<void> {
  const { rows } = await client.query<{ fsync: string; in_recovery: boolean }>(setUpSession, [
    String(statementTimeoutMs),
    JSON.stringify(settings),
  ])
  if (rows[0]?.fsync !== 'on') {
    throw new DatabaseRefused('PostgreSQL runs with fsync=off: what it confirms can be lost; turn fsync on')
  }
  // What a replica holds may be behind: it must never feed a decision.
  if (rows[0].in_recovery) throw new DatabaseInRecovery('the server is a standby in recovery')
}
