import { randomBytes, randomInt } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type Account, readFileAs, runAs, writeFileAs } from './account.ts'
import type { Binaries } from './binaries.ts'
import { StartFailed } from './postmaster.ts'

/** The role that owns the cluster. */
export const clusterOwner = 'enrollment'

/** The database in it that is ours. */
export const embeddedDatabase = 'enrollment'

/** The password kept in `home`, made on the first call. Only the account that runs PostgreSQL can read it. */
export function clusterPassword(home: string, account: Account | undefined): string {
  const file = join(home, 'password')
  if (!existsSync(file)) {
    writeFileAs(account, file, randomBytes(24).toString('base64url'))
  }
  return readFileAs(account, file).trim()
}

/**
 * Creates the cluster in `home` if there is none: UTF-8, byte order, password login. All or nothing: one that was
 * interrupted is begun anew.
 * @param options.sync false leaves flushing to the system: for clusters that nobody needs after a power cut
 * @returns the cluster's directory
 * @throws StartFailed with what initdb said, when the disk is full for example
 */
export async function createCluster(
  home: string,
  options: { binaries: Binaries; account: Account | undefined; sync?: boolean; log: (line: string) => void },
): Promise<string> {
  const cluster = join(home, 'cluster')
  if (existsSync(join(cluster, 'PG_VERSION'))) return cluster
  const half = join(home, 'cluster.half')
  if (options.account === undefined) await rm(half, { recursive: true, force: true })
  else await runAs(options.account, '/bin/rm', ['-rf', half])
  options.log(`Creating a PostgreSQL ${options.binaries.version} database in ${cluster}`)
  const args = [
    `--pgdata=${half}`,
    `--username=${clusterOwner}`,
    `--pwfile=${join(home, 'password')}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
    ...(options.sync === false ? ['--no-sync'] : []),
  ]
  try {
    await runAs(options.account, options.binaries.initdb, args)
  } catch (cause) {
    await rm(half, { recursive: true, force: true })
    const said = cause instanceof Error && 'stderr' in cause ? String(cause.stderr) : String(cause)
    throw new StartFailed(`PostgreSQL's initdb could not make a database in ${cluster}.`, said)
  }
  await rename(half, cluster)
  return cluster
}

function listenOnce(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined))
    })
  })
}

/**
 * A loopback port that nobody listens on: `preferred` if it is free. Taken from below the range from which systems give
 * ports to outgoing connections, so that it is free again after a restart.
 */
export async function freePort(preferred?: number): Promise<number> {
  const candidates = [preferred, ...Array.from({ length: 20 }, () => randomInt(20_000, 32_000)), 0]
  for (const candidate of candidates) {
    const port = candidate === undefined ? undefined : await listenOnce(candidate)
    if (port !== undefined) return port
  }
  throw new Error('No free port on 127.0.0.1.')
}
