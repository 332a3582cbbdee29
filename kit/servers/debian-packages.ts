import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

export const run = promisify(execFile)

export type Log = (line: string) => void

export interface WantedPackages {
  /** For people. */
  readonly name: string
  /** The package that is to be had, with what it needs. */
  readonly main: string
  /** Which packages are downloaded, of those that are not installed. */
  choose(absent: readonly string[]): Promise<string[]> | string[]
  /** Called with the unpacked tree before it is moved to where it stays. */
  prepare?(root: string, finalRoot: string): Promise<void>
}

/** A tree of programs that were unpacked and not installed. */
export interface UnpackedPackages {
  readonly root: string
  /** Where their libraries are; undefined if they bring none. */
  readonly libraryPath: string | undefined
}

export const systemPath = `${process.env['PATH'] ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`

export function onPath(program: string): string | undefined {
  for (const folder of systemPath.split(delimiter)) {
    const file = join(folder, program)
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {
      // Not in this one.
    }
  }
  return undefined
}

/** A folder for downloads that the next run finds again, without spaces, which RabbitMQ's scripts do not bear. */
async function cacheFolder(): Promise<string> {
  const caches = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  for (const parent of [caches, tmpdir(), '/tmp']) {
    const folder = join(parent, 'course-enrollment')
    if (/\s/.test(folder)) continue
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      accessSync(folder, constants.W_OK)
      // In a folder for everybody, somebody else may have been first.
      if ((await stat(folder)).uid === process.getuid?.()) return folder
    } catch {
      // The next one.
    }
  }
  throw new Error('No folder to keep downloads in: set XDG_CACHE_HOME.')
}

async function systemName(): Promise<string> {
  const release = await readFile('/etc/os-release', 'utf8')
  const field = (name: string) => new RegExp(`^${name}="?([^"\n]*)`, 'm').exec(release)?.[1] ?? ''
  return `${field('ID')}${field('VERSION_ID')}-${process.arch}`
}

/**
 * Programs from Debian's packages, downloaded and unpacked into a cache, once: nothing is installed, no service is started, no
 * rights are needed. Undefined where there is no apt or no such package.
 */
export async function unpackedPackages(
  wanted: WantedPackages,
  log: Log,
): Promise<UnpackedPackages | undefined> {
  if (['apt-get', 'dpkg', 'dpkg-query'].some((program) => onPath(program) === undefined)) return undefined
  const cache = await cacheFolder()
  const root = join(cache, `${wanted.name.toLowerCase()}-${await systemName()}`)
  if (!existsSync(root)) {
    log(`${wanted.name} is not installed: unpacking its packages into ${root} (once)`)
    const work = await mkdtemp(join(cache, 'unpacking-'))
    try {
      if (!(await unpack(work, root, wanted, log))) return undefined
      // Another test run may have been faster; its result is as good.
      await rename(join(work, 'root'), root).catch((error) => {
        if (!existsSync(root)) throw error
      })
    } finally {
      await rm(work, { recursive: true, force: true })
    }
  }
  const libraries = await readFile(join(root, 'library-path'), 'utf8')
  return { root, libraryPath: libraries === '' ? undefined : libraries }
}

/** @returns false if there is no such package here */
async function unpack(
  work: string,
  finalRoot: string,
  { main, choose, prepare }: WantedPackages,
  log: Log,
): Promise<boolean> {
  const apt = await privateApt(work, main)
  const packages = await choose(await apt.absent())
  if (packages.length === 0) return false
  const downloads = join(work, 'packages')
  await mkdir(downloads)
  await apt.run(['download', ...packages], downloads)
  const root = join(work, 'root')
  const archives = await readdir(downloads)
  for (const archive of archives) await run('dpkg', ['-x', join(downloads, archive), root])
  log(`Unpacked ${archives.length} packages`)
  await prepare?.(root, finalRoot)
  const triplets = (await readdir(join(root, 'usr/lib'))).filter((name) => name.endsWith('-linux-gnu'))
  const folders = triplets.flatMap((name) => [join(finalRoot, 'usr/lib', name), join(finalRoot, 'lib', name)])
  await writeFile(join(root, 'library-path'), folders.join(delimiter))
  return true
}

/** apt with state, cache and downloads of its own, and without the system's hooks, so that it works for any user. */
async function privateApt(work: string, main: string) {
  for (const folder of ['state/lists/partial', 'cache/archives/partial']) {
    await mkdir(join(work, folder), { recursive: true })
  }
  const config = join(work, 'apt.conf')
  const settings = (lists: string) => `
    #clear APT::Update::Pre-Invoke; #clear APT::Update::Post-Invoke; #clear APT::Update::Post-Invoke-Success;
    Dir::State "${join(work, 'state')}"; Dir::State::status "/var/lib/dpkg/status"; Dir::State::lists "${lists}";
    Dir::Cache "${join(work, 'cache')}"; Debug::NoLocking "true"; APT::Sandbox::User "root";
    APT::Install-Recommends "false"; Acquire::Retries "2"; Acquire::http::Timeout "20"; Acquire::https::Timeout "20";
  `
  const apt = async (args: readonly string[], cwd = work) =>
    run('apt-get', ['-q', '-c', config, ...args], {
      cwd,
      env: { ...process.env, PATH: systemPath, LC_ALL: 'C' },
      maxBuffer: 64 * 1024 * 1024,
    })
  /** What an installation would add; nothing if the main package cannot be had. */
  const absent = async (): Promise<string[]> => {
    const list = await apt(['--simulate', 'install', main]).catch(() => undefined)
    const names = [...(list?.stdout ?? '').matchAll(/^Inst (\S+) \((?!\[)/gm)].map(([, name]) => name ?? '')
    return names.includes(main) ? names : []
  }
  // Fresh lists first, since old ones name files that are gone; the system's where no fresh ones are to be had.
  await writeFile(config, settings(join(work, 'state/lists')))
  await apt(['update']).catch(() => undefined)
  if ((await absent()).length === 0) await writeFile(config, settings('/var/lib/apt/lists'))
  return { run: apt, absent }
}
