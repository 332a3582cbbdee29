import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** RabbitMQ's programs, wherever they come from. */
export interface RabbitPrograms {
  readonly server: string
  readonly control: string
  /** Search path that finds the `erl` and `epmd` that these programs want. */
  readonly path: string
  readonly libraryPath: string | undefined
}

type Log = (line: string) => void

const systemPath = `${process.env['PATH'] ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`

function onPath(program: string): string | undefined {
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

/** An installed RabbitMQ. Debian's own wrapper insists on its user `rabbitmq`; what it wraps does not. */
export function installedRabbit(): RabbitPrograms | undefined {
  if (onPath('erl') === undefined || onPath('epmd') === undefined) return undefined
  const unwrapped = '/usr/lib/rabbitmq/bin/rabbitmq-server'
  const server = existsSync(unwrapped) ? unwrapped : onPath('rabbitmq-server')
  if (server === undefined) return undefined
  return { server, control: server.replace(/-server$/, 'ctl'), path: systemPath, libraryPath: undefined }
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
  throw new Error('No folder to keep RabbitMQ in: set XDG_CACHE_HOME.')
}

async function systemName(): Promise<string> {
  const release = await readFile('/etc/os-release', 'utf8')
  const field = (name: string) => new RegExp(`^${name}="?([^"\n]*)`, 'm').exec(release)?.[1] ?? ''
  return `${field('ID')}${field('VERSION_ID')}-${process.arch}`
}

/**
 * RabbitMQ from Debian's packages, downloaded and unpacked into a cache (about 35 MB, once): nothing is installed, no
 * service is started, no rights are needed. Undefined where there is no apt or no such package.
 */
export async function unpackedRabbit(log: Log): Promise<RabbitPrograms | undefined> {
  if (['apt-get', 'dpkg', 'dpkg-query'].some((program) => onPath(program) === undefined)) return undefined
  const cache = await cacheFolder()
  const root = join(cache, `rabbitmq-${await systemName()}`)
  if (!existsSync(root)) {
    log(`RabbitMQ is not installed: unpacking its packages into ${root} (once)`)
    const work = await mkdtemp(join(cache, 'unpacking-'))
    try {
      if (!(await unpackPackages(work, root, log))) return undefined
      // Another test run may have been faster; its result is as good.
      await rename(join(work, 'root'), root).catch((error) => {
        if (!existsSync(root)) throw error
      })
    } finally {
      await rm(work, { recursive: true, force: true })
    }
  }
  const libraries = await readFile(join(root, 'library-path'), 'utf8')
  return {
    server: join(root, 'usr/lib/rabbitmq/bin/rabbitmq-server'),
    control: join(root, 'usr/lib/rabbitmq/bin/rabbitmqctl'),
    path: `${join(root, 'usr/bin')}${delimiter}${systemPath}`,
    libraryPath: libraries === '' ? undefined : libraries,
  }
}

/** @returns false if there is no such package here */
async function unpackPackages(work: string, finalRoot: string, log: Log): Promise<boolean> {
  const apt = await privateApt(work)
  const packages = await apt.missingPackages()
  if (packages.length === 0) return false
  const downloads = join(work, 'packages')
  await mkdir(downloads)
  await apt.run(['download', ...packages], downloads)
  const root = join(work, 'root')
  const archives = await readdir(downloads)
  for (const archive of archives) await run('dpkg', ['-x', join(downloads, archive), root])
  log(`Unpacked ${archives.length} packages`)
  await moveErlang(root, finalRoot)
  const triplets = (await readdir(join(root, 'usr/lib'))).filter((name) => name.endsWith('-linux-gnu'))
  const folders = triplets.flatMap((name) => [join(finalRoot, 'usr/lib', name), join(finalRoot, 'lib', name)])
  await writeFile(join(root, 'library-path'), folders.join(delimiter))
  return true
}

/** apt with state, cache and downloads of its own, and without the system's hooks, so that it works for any user. */
async function privateApt(work: string) {
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
  /** Erlang as a whole, even if parts of it are installed: one tree holds it; of the rest only what is missing. */
  const missingPackages = async (): Promise<string[]> => {
    const list = await apt(['--simulate', 'install', 'rabbitmq-server']).catch(() => undefined)
    const absent = [...(list?.stdout ?? '').matchAll(/^Inst (\S+) \((?!\[)/gm)].map(([, name]) => name ?? '')
    if (!absent.includes('rabbitmq-server')) return []
    const installed = await run('dpkg-query', [
      '-W',
      '-f',
      '${binary:Package} ${db:Status-Status}\n',
      'erlang-*',
    ]).catch(() => ({ stdout: '' }))
    const erlang = [...installed.stdout.matchAll(/^(erlang-\S+) installed$/gm)].map(([, name]) => name ?? '')
    return [...new Set([...absent, ...erlang])].filter((name) => /^(rabbitmq-server$|erlang-|lib)/.test(name))
  }
  // Fresh lists first, since old ones name files that are gone; the system's where no fresh ones are to be had.
  await writeFile(config, settings(join(work, 'state/lists')))
  await apt(['update']).catch(() => undefined)
  if ((await missingPackages()).length === 0) await writeFile(config, settings('/var/lib/apt/lists'))
  return { run: apt, missingPackages }
}

/** Erlang's start scripts hold the path that the package is installed to: give them the path where it will be. */
async function moveErlang(root: string, finalRoot: string): Promise<void> {
  const erlang = join(root, 'usr/lib/erlang')
  const runtime = (await readdir(erlang)).filter((name) => name.startsWith('erts-'))
  for (const folder of ['bin', ...runtime.map((name) => `${name}/bin`)]) {
    for (const name of ['erl', 'start', 'start_erl']) {
      const file = join(erlang, folder, name)
      if (!existsSync(file)) continue
      const text = await readFile(file, 'utf8')
      await writeFile(
        file,
        text.replaceAll('ROOTDIR=/usr/lib/erlang', `ROOTDIR=${join(finalRoot, 'usr/lib/erlang')}`),
      )
    }
  }
}
