import { execFile, execFileSync } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Whom PostgreSQL runs as. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

/**
 * PostgreSQL refuses to run as root. Started as root, it therefore runs as the owner of what an earlier start left in
 * `directory`, else as the system's `postgres` or `nobody`. Undefined for everybody else: it runs as ourselves.
 */
export function serverAccount(directory: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined
  const owner = statSync(directory, { throwIfNoEntry: false })
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid }
  const accounts = readFileSync('/etc/passwd', 'utf8').split('\n')
  for (const name of ['postgres', 'nobody']) {
    const fields = accounts.find((line) => line.startsWith(`${name}:`))?.split(':')
    if (fields) return { uid: Number(fields[2]), gid: Number(fields[3]) }
  }
  throw new Error(
    'PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody: start as another user.',
  )
}

/** Our environment without PostgreSQL's client variables (PGDATA, PGOPTIONS, …), which are not meant for this server. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PG')))
}

/** Runs a program to its end as `account` (undefined: as ourselves), from the root folder, which everybody may enter. */
export async function runAs(
  account: Account | undefined,
  program: string,
  args: readonly string[],
): Promise<{ stdout: string; stderr: string }> {
  return run(program, [...args], {
    ...account,
    env: serverEnvironment(),
    cwd: '/',
    maxBuffer: 16 * 1024 * 1024,
  })
}

/** A pipe that somebody put there would be read for ever. */
const asProgram = { cwd: '/', stdio: 'pipe', timeout: 10_000 } as const

/**
 * Reads a file in a folder of the account's as the account itself: a link that it put there leads nobody to what it may not
 * read.
 * @throws if it cannot be read
 */
export function readFileAs(account: Account | undefined, file: string): string {
  if (account === undefined) return readFileSync(file, 'utf8')
  return execFileSync('/bin/cat', [file], { ...account, ...asProgram, encoding: 'utf8' })
}

/** Writes a file that only the account may read, as the account itself. */
export function writeFileAs(account: Account | undefined, file: string, text: string): void {
  if (account === undefined) return writeFileSync(file, text, { mode: 0o600 })
  const options = { ...account, ...asProgram, input: text }
  execFileSync('/bin/sh', ['-c', 'umask 077 && cat > "$0"', file], options)
}

/** True if `account` can create files in this directory. Asks the system itself, which knows of every folder above it. */
export async function canWrite(account: Account, directory: string): Promise<boolean> {
  try {
    await runAs(account, '/bin/sh', ['-c', 'test -w "$0" && test -x "$0"', directory])
    return true
  } catch {
    return false
  }
}
