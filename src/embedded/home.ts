import { createHash } from 'node:crypto'
import { existsSync, lstatSync } from 'node:fs'
import { lchown, mkdir, rename, rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Account, canWrite } from './account.ts'

/** Root's own: where databases live whose data directory PostgreSQL's account cannot reach. */
export const elsewhere = '/var/lib/course-enrollment'

async function makeFor(account: Account, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await lchown(directory, account.uid, account.gid)
}

/**
 * The folder that PostgreSQL owns: `<dataDirectory>/postgresql`. Run for root by another account that cannot reach it
 * (a data directory below /root, say), it is a link to `/var/lib/course-enrollment/<hash of its path>` instead.
 * @param dataDirectory an existing directory, absolute, locked by us
 */
export async function prepareHome(
  dataDirectory: string,
  account: Account | undefined,
  log: (line: string) => void,
): Promise<string> {
  const home = join(dataDirectory, 'postgresql')
  if (account === undefined) {
    await mkdir(home, { recursive: true, mode: 0o700 })
    return home
  }
  const isLink = lstatSync(home, { throwIfNoEntry: false })?.isSymbolicLink() === true
  if (!isLink) {
    await makeFor(account, home)
    if (await canWrite(account, home)) return home
    if (existsSync(join(home, 'cluster'))) {
      throw new Error(
        `PostgreSQL's account (uid ${account.uid}) cannot reach its database in ${home}: check the folders' permissions.`,
      )
    }
    await rm(home, { recursive: true })
  }
  const moved = join(elsewhere, createHash('sha256').update(home).digest('hex').slice(0, 16))
  if (!isLink) {
    if (existsSync(moved)) {
      // The data directory was deleted by someone who wanted a new one; what it pointed to is not ours to delete.
      const aside = `${moved}.${new Date().toISOString().replaceAll(':', '')}`
      await rename(moved, aside)
      log(`The database of an earlier data directory of this path is kept in ${aside}`)
    }
    await symlink(moved, home)
    log(`PostgreSQL's account cannot reach ${dirname(home)}: its database is kept in ${moved}`)
  }
  await mkdir(elsewhere, { recursive: true, mode: 0o755 })
  await makeFor(account, moved)
  if (!(await canWrite(account, moved))) {
    throw new Error(
      `PostgreSQL's account (uid ${account.uid}) cannot write to ${moved}: choose a data directory that it can reach.`,
    )
  }
  return moved
}
