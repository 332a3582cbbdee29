import { execFileSync } from 'node:child_process'
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { connect } from 'node:net'
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { Latencies } from '../../kit/load/latencies.ts'

const root = join(import.meta.dirname, '../..')

/** How long the disk takes to make 4 KiB durable, microseconds. */
export interface DiskProbe {
  readonly medianUs: number
  readonly p99Us: number
  readonly worstUs: number
}

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly system: string
  readonly node: string
  readonly postgres: string
  readonly rabbitmq: string
  /** Over the minute before the run: what else it had to do. */
  readonly load1: number
  readonly disk: DiskProbe
}

/** The commit that was measured, with a plus sign where the files differ from it. */
export function readCommit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
  try {
    const isChanged = git('status', '--porcelain', '--untracked-files=no', '--', ':!bench/results') !== ''
    return `${git('rev-parse', '--short', 'HEAD')}${isChanged ? '+' : ''}`
  } catch {
    return 'unknown'
  }
}

export async function describeMachine(servers: {
  readonly databaseUrl: string
  readonly rabbitAddress: string
}): Promise<Machine> {
  const [postgres, rabbitmq] = await Promise.all([
    postgresVersion(servers.databaseUrl),
    rabbitVersion(servers.rabbitAddress),
  ])
  const [first] = cpus()
  return {
    cpu: first?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()}`,
    node: process.version,
    postgres,
    rabbitmq,
    load1: Number((loadavg()[0] ?? 0).toFixed(2)),
    disk: probeDisk(200),
  }
}

/** Appends blocks to a file where the servers keep their data, and flushes each. */
export function probeDisk(writes: number): DiskProbe {
  const folder = mkdtempSync(join(tmpdir(), 'enrollment-disk-'))
  const file = openSync(join(folder, 'probe'), 'w')
  const block = Buffer.alloc(4096, 1)
  const durations = new Latencies()
  try {
    for (let write = 0; write < writes; write++) {
      const begun = performance.now()
      writeSync(file, block)
      fdatasyncSync(file)
      durations.add(performance.now() - begun)
    }
  } finally {
    closeSync(file)
    rmSync(folder, { recursive: true, force: true })
  }
  const us = (share: number) => Math.round(durations.quantile(share) * 1000)
  return { medianUs: us(0.5), p99Us: us(0.99), worstUs: us(1) }
}

async function postgresVersion(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ version: string }>(
      `SELECT current_setting('server_version') AS version`,
    )
    return rows[0]?.version ?? 'unknown'
  } finally {
    await client.end()
  }
}

/** Brokers tell it when they greet, as a field of a table: name, type S, length, text. */
async function rabbitVersion(address: string): Promise<string> {
  const { hostname, port } = new URL(address)
  const greeting = await new Promise<string>((resolve) => {
    const socket = connect(Number(port || 5672), hostname, () => socket.write('AMQP\0\0\x09\x01'))
    socket.setTimeout(2000, () => socket.destroy())
    socket.once('data', (chunk) => {
      resolve(chunk.toString('latin1'))
      socket.destroy()
    })
    socket.once('error', () => resolve(''))
    socket.once('close', () => resolve(''))
  })
  return /version[S][^]{4}([0-9A-Za-z.+-]+)/.exec(greeting)?.[1] ?? 'unknown'
}
