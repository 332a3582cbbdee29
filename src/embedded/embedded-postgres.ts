import { existsSync, lstatSync, mkdirSync, realpathSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { readFileAs, serverAccount, writeFileAs } from './account.ts'
import { findBinaries } from './binaries.ts'
import { clusterOwner, clusterPassword, createCluster, embeddedDatabase, freePort } from './cluster.ts'
import { lockDirectory } from './directory-lock.ts'
import { prepareHome } from './home.ts'
import { type Ended, type Postmaster, StartFailed, startPostmaster, stopSurvivor } from './postmaster.ts'

/** A PostgreSQL server of our own. */
export interface EmbeddedPostgres {
  /** Of a database that is ours alone, with the password in it. */
  readonly url: string
  readonly pid: number
  /** Resolves when the server is gone, for whatever reason: without `stop` being called, that is a failure. */
  readonly ended: Promise<Ended>
  /** Fast shutdown; resolves once everything is written and the data directory is free for the next start. */
  stop(): Promise<void>
}

export interface EmbeddedOptions {
  /** Created if missing. Holds everything: the database, its password, its log, and who uses it now. */
  readonly dataDirectory: string
  /** Takes lines that tell a person what is going on. */
  readonly log: (line: string) => void
}

const logBytesMax = 16 * 1024 * 1024
const portTries = 3

/**
 * Starts the PostgreSQL of this data directory, creating it on the first start. Data are flushed to disk as in any
 * other PostgreSQL; the server listens on 127.0.0.1 only, on the same port as the last time if that is free.
 * @throws AlreadyRunning if another process uses the data directory
 * @throws UnsupportedPlatform if there is no PostgreSQL for this machine
 * @throws StartFailed with what the server logged
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  mkdirSync(options.dataDirectory, { recursive: true })
  const dataDirectory = realpathSync(options.dataDirectory)
  const unlock = lockDirectory(dataDirectory)
  try {
    const { postmaster, url } = await start(dataDirectory, options.log)
    const stop = () => postmaster.stop().finally(unlock)
    try {
      await createDatabase(url)
    } catch (error) {
      await postmaster.stop()
      throw error
    }
    options.log(`PostgreSQL is up on 127.0.0.1:${new URL(url).port}, data in ${dataDirectory}`)
    let stopped: Promise<void> | undefined
    return { url, pid: postmaster.pid, ended: postmaster.ended, stop: () => (stopped ??= stop()) }
  } catch (error) {
    unlock()
    throw error
  }
}

async function start(
  dataDirectory: string,
  log: (line: string) => void,
): Promise<{ postmaster: Postmaster; url: string }> {
  const account = serverAccount(join(dataDirectory, 'postgresql'))
  const home = await prepareHome(dataDirectory, account, log)
  const binaries = await findBinaries(home, account, log)
  const password = clusterPassword(home, account)
  const cluster = await createCluster(home, { binaries, account, log })
  await stopSurvivor({ binaries, account, cluster }, log)
  const logFile = join(home, 'postgresql.log')
  if ((lstatSync(logFile, { throwIfNoEntry: false })?.size ?? 0) > logBytesMax)
    await rename(logFile, `${logFile}.1`)
  const portFile = join(home, 'port')
  let preferred = existsSync(portFile) ? Number(readFileAs(account, portFile)) : undefined
  for (let tries = 1; ; tries++) {
    const port = await freePort(preferred)
    try {
      const postmaster = await startPostmaster({ binaries, account, cluster, port, logFile })
      writeFileAs(account, portFile, String(port))
      return {
        postmaster,
        url: `postgres://${clusterOwner}:${password}@127.0.0.1:${port}/${embeddedDatabase}`,
      }
    } catch (error) {
      // Somebody took the port between our look and the server's.
      const isPortTaken = error instanceof StartFailed && error.logged.includes('could not bind')
      if (!isPortTaken || tries === portTries) throw error
      preferred = undefined
    }
  }
}

async function createDatabase(url: string): Promise<void> {
  const anyDatabase = new URL(url)
  anyDatabase.pathname = '/postgres'
  const client = new pg.Client({ connectionString: anyDatabase.href })
  await client.connect()
  try {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [embeddedDatabase])
    if (rowCount === 0) await client.query(`CREATE DATABASE ${embeddedDatabase}`)
  } finally {
    await client.end()
  }
}
