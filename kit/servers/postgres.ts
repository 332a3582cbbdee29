import { mkdirSync } from 'node:fs'
import { chown, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Account, canWrite, serverAccount } from '../../src/embedded/account.ts'
import { findBinaries } from '../../src/embedded/binaries.ts'
import { clusterOwner, clusterPassword, createCluster, freePort } from '../../src/embedded/cluster.ts'
import { type Postmaster, startPostmaster } from '../../src/embedded/postmaster.ts'
import { isAlive, waitUntil } from '../../src/embedded/processes.ts'
import { Keeper } from './keeper.ts'

/** A PostgreSQL of a test's own, to be stopped and killed. It ends with the process that started it. */
export interface TestPostgres {
  /** Superuser, database `postgres`; the same after each start. */
  readonly url: string
  /** Of the server that runs now, or ran last. */
  readonly pid: number
  /** Clean shutdown; the data stay. */
  stop(): Promise<void>
  /** SIGKILL of the server process. */
  kill(): Promise<void>
  /** Starts it again, on the same port and data. */
  start(): Promise<void>
  /** Clean shutdown if it runs, then start. */
  restart(): Promise<void>
  /** Ends it and deletes its data. */
  remove(): Promise<void>
}

export interface TestPostgresOptions {
  /** As in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>
}

const testSettings = { max_connections: '200', shared_buffers: '64MB' }

/** The system's folder for temporary files, unless PostgreSQL's account cannot reach it. */
async function reachableTemporary(account: Account | undefined): Promise<string> {
  if (account === undefined) return tmpdir()
  for (const parent of [tmpdir(), '/tmp', '/var/tmp']) {
    const probe = join(parent, `enrollment-probe-${process.pid}`)
    mkdirSync(probe, { recursive: true })
    await chown(probe, account.uid, account.gid)
    const isReachable = await canWrite(account, probe)
    await rmdir(probe)
    if (isReachable) return parent
  }
  throw new Error(
    `PostgreSQL's account (uid ${account.uid}) cannot reach a folder for temporary files: set TMPDIR.`,
  )
}

/** Starts a PostgreSQL from the embedded package, with an empty cluster in a temporary directory. */
export async function startPostgres(options: TestPostgresOptions = {}): Promise<TestPostgres> {
  const account = serverAccount('/')
  const keeper = new Keeper('postgres', await reachableTemporary(account))
  const home = join(keeper.directory, 'home')
  mkdirSync(home, { mode: 0o700 })
  if (account) await chown(home, account.uid, account.gid)
  const quiet = () => {}
  const binaries = await findBinaries(home, account, quiet)
  const password = clusterPassword(home, account)
  const cluster = await createCluster(home, { binaries, account, sync: false, log: quiet })
  const port = await freePort()
  const settings = { ...testSettings, ...options.settings }
  const launch = async (): Promise<Postmaster> => {
    const logFile = join(home, 'postgresql.log')
    const started = await startPostmaster({ binaries, account, cluster, port, logFile, settings })
    // A test that forgets it shall end all the same, and the keeper then ends it.
    started.unref()
    keeper.watch(started.pid, 'QUIT')
    return started
  }
  let postmaster = await launch()
  const stop = async () => {
    await postmaster.stop()
    keeper.forget(postmaster.pid)
  }
  const start = async () => {
    if (!isAlive(postmaster.pid)) postmaster = await launch()
  }
  return {
    url: `postgres://${clusterOwner}:${password}@127.0.0.1:${port}/postgres`,
    get pid() {
      return postmaster.pid
    },
    stop,
    start,
    kill: async () => {
      if (isAlive(postmaster.pid)) process.kill(postmaster.pid, 'SIGKILL')
      await waitUntil(() => !isAlive(postmaster.pid), 10_000)
      keeper.forget(postmaster.pid)
    },
    restart: async () => {
      await stop()
      await start()
    },
    remove: async () => {
      await stop()
      await keeper.release()
    },
  }
}
