import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, constants, lstatSync, openSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Account, readFileAs, runAs, serverEnvironment } from './account.ts'
import type { Binaries } from './binaries.ts'
import { isAlive, isPostmasterOf, waitUntil } from './processes.ts'

/** How the server ended; after a clean stop, code 0. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A running PostgreSQL server. */
export interface Postmaster {
  readonly pid: number
  readonly ended: Promise<Ended>
  /** Ends the sessions, writes everything out, and resolves once the server is gone. May be called again. */
  stop(): Promise<void>
  /** Lets this process end while the server still runs. */
  unref(): void
}

export interface PostmasterOptions {
  readonly binaries: Binaries
  readonly account: Account | undefined
  /** A cluster that `createCluster` made. */
  readonly cluster: string
  /** Loopback only. */
  readonly port: number
  /** Server log, appended to. */
  readonly logFile: string
  /** Server settings beyond our own, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>
}

const startTimeoutMs = 120_000
const stopTimeoutMs = 60_000
const noFollow = process.platform === 'win32' ? 0 : constants.O_NOFOLLOW | constants.O_NONBLOCK

/** The server did not start; the message ends with what it logged. */
export class StartFailed extends Error {
  override readonly name = 'StartFailed'
  readonly logged: string

  constructor(message: string, logged: string) {
    super(`${message}\n${logged.trimEnd()}`)
    this.logged = logged
  }
}

/** Lines of the server's own pid file; the first is its process id, the eighth its state. */
function pidFile(cluster: string): string[] {
  let file: number | undefined
  try {
    // Neither what a link leads to, nor a pipe that nobody writes to.
    file = openSync(join(cluster, 'postmaster.pid'), constants.O_RDONLY | noFollow)
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    return []
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

function sizeOf(file: string): number {
  return lstatSync(file, { throwIfNoEntry: false })?.size ?? 0
}

/** Asks for a fast shutdown (sessions are ended, everything is written) and waits; then insists. */
async function shutDown(
  options: Pick<PostmasterOptions, 'binaries' | 'account' | 'cluster'>,
  pid: number,
): Promise<void> {
  if (process.platform === 'win32') {
    await runAs(options.account, options.binaries.pgCtl, ['stop', '-D', options.cluster, '-m', 'fast', '-w'])
    return
  }
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    try {
      process.kill(pid, signal)
    } catch {
      return
    }
    if (await waitUntil(() => !isAlive(pid), stopTimeoutMs)) return
  }
}

/**
 * A killed process leaves its PostgreSQL behind, still running. Stops it, so that the next start owns its server;
 * and removes a pid file whose process is gone or is a stranger by now, which PostgreSQL would take for its own.
 */
export async function stopSurvivor(
  options: Pick<PostmasterOptions, 'binaries' | 'account' | 'cluster'>,
  log: (line: string) => void,
): Promise<void> {
  const pid = Number(pidFile(options.cluster)[0])
  if (!Number.isSafeInteger(pid) || pid <= 0) return
  if (isPostmasterOf(pid, options.cluster)) {
    log(`PostgreSQL of an earlier run that was killed still runs (process ${pid}): stopping it`)
    await shutDown(options, pid)
  } else {
    rmSync(join(options.cluster, 'postmaster.pid'), { force: true })
  }
}

/** The account itself opens the log: its folder is the account's, which may put links there. */
function spawnLogging(
  { binaries, account, logFile }: PostmasterOptions,
  args: readonly string[],
): ChildProcess {
  const common = {
    cwd: '/',
    env: serverEnvironment(),
    // Ctrl-C in a terminal reaches every process of the group: the database must outlive whoever writes to it.
    detached: true,
  }
  if (account !== undefined) {
    const command = ['-c', 'umask 077; exec >> "$0" 2>&1 && exec "$@"', logFile, binaries.postgres, ...args]
    return spawn('/bin/sh', command, { ...common, ...account, stdio: 'ignore' })
  }
  const logFd = openSync(logFile, 'a', 0o600)
  const child = spawn(binaries.postgres, args, { ...common, stdio: ['ignore', logFd, logFd] })
  closeSync(logFd)
  return child
}

async function launch(options: PostmasterOptions): Promise<ChildProcess & { readonly pid: number }> {
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(options.port),
    // Their paths have a limit of about 100 bytes, which a data directory may pass; loopback has none.
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...options.settings,
  }
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const loggedBefore = sizeOf(options.logFile)
  const child = spawnLogging(options, ['-D', options.cluster, ...args])
  let failure: string | undefined
  child.once('error', (error) => (failure = error.message))
  child.once('exit', (code, signal) => (failure ??= `it ended with ${signal ?? `status ${code}`}`))
  const isReady = () => {
    const lines = pidFile(options.cluster)
    return Number(lines[0]) === child.pid && lines[7]?.trim() === 'ready'
  }
  const settled = await waitUntil(() => failure !== undefined || isReady(), startTimeoutMs)
  if (!settled) child.kill('SIGQUIT')
  if (!settled || failure !== undefined || child.pid === undefined) {
    const logged = Buffer.from(readFileAs(options.account, options.logFile)).subarray(loggedBefore).toString()
    throw new StartFailed(`PostgreSQL did not start: ${failure ?? 'it was not ready in time'}.`, logged)
  }
  return child as ChildProcess & { readonly pid: number }
}

/**
 * Starts PostgreSQL as a child process and resolves once it takes connections.
 * @throws StartFailed with what the server logged
 */
export async function startPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  const deadline = performance.now() + 15_000
  for (;;) {
    try {
      const child = await launch(options)
      const ended = new Promise<Ended>((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null)
          resolve({ code: child.exitCode, signal: child.signalCode })
        else child.once('exit', (code, signal) => resolve({ code, signal }))
      })
      let stopping: Promise<void> | undefined
      const stop = async () => {
        child.ref()
        await shutDown(options, child.pid)
        await ended
      }
      return { pid: child.pid, ended, stop: () => (stopping ??= stop()), unref: () => child.unref() }
    } catch (error) {
      // Sessions of a server that was killed take a moment to notice it, and hold its memory until then.
      const isHeldByRemains =
        error instanceof StartFailed && /shared memory block|lock file/.test(error.logged)
      if (!isHeldByRemains || performance.now() > deadline) throw error
      await delay(100)
    }
  }
}
