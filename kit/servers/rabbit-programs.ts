import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { type Log, onPath, run, systemPath, unpackedPackages } from './debian-packages.ts'

/** RabbitMQ's programs, wherever they come from. */
export interface RabbitPrograms {
  readonly server: string
  readonly control: string
  /** Search path that finds the `erl` and `epmd` that these programs want. */
  readonly path: string
  readonly libraryPath: string | undefined
}

/** An installed RabbitMQ. Debian's own wrapper insists on its user `rabbitmq`; what it wraps does not. */
export function installedRabbit(): RabbitPrograms | undefined {
  if (onPath('erl') === undefined || onPath('epmd') === undefined) return undefined
  const unwrapped = '/usr/lib/rabbitmq/bin/rabbitmq-server'
  const server = existsSync(unwrapped) ? unwrapped : onPath('rabbitmq-server')
  if (server === undefined) return undefined
  return { server, control: server.replace(/-server$/, 'ctl'), path: systemPath, libraryPath: undefined }
}

/** RabbitMQ from Debian's packages (about 35 MB, once). Undefined where they cannot be had. */
export async function unpackedRabbit(log: Log): Promise<RabbitPrograms | undefined> {
  const unpacked = await unpackedPackages(
    { name: 'RabbitMQ', main: 'rabbitmq-server', choose: withWholeErlang, prepare: moveErlang },
    log,
  )
  if (unpacked === undefined) return undefined
  const { root, libraryPath } = unpacked
  return {
    server: join(root, 'usr/lib/rabbitmq/bin/rabbitmq-server'),
    control: join(root, 'usr/lib/rabbitmq/bin/rabbitmqctl'),
    path: `${join(root, 'usr/bin')}${delimiter}${systemPath}`,
    libraryPath,
  }
}

/** Erlang as a whole, even if parts of it are installed: one tree holds it; of the rest only what is missing. */
async function withWholeErlang(absent: readonly string[]): Promise<string[]> {
  if (absent.length === 0) return []
  const installed = await run('dpkg-query', [
    '-W',
    '-f',
    '${binary:Package} ${db:Status-Status}\n',
    'erlang-*',
  ]).catch(() => ({ stdout: '' }))
  const erlang = [...installed.stdout.matchAll(/^(erlang-\S+) installed$/gm)].map(([, name]) => name ?? '')
  return [...new Set([...absent, ...erlang])].filter((name) => /^(rabbitmq-server$|erlang-|lib)/.test(name))
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
