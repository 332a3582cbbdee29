import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { startPostgres } from '../kit/servers/postgres.ts'
import { findRabbit, NoRabbit } from '../kit/servers/rabbit.ts'
import { sourceName, type TestFile, testFiles } from './test-files.ts'

/**
 * Runs the tests: all, or those whose path contains one of the arguments; `--unit` leaves out what needs or is a
 * server, needs another process, or takes its time. Other options are node's own (`--test-name-pattern=…`).
 *
 * DATABASE_URL and RABBITMQ_ADDRESS name servers to use (databases are created there and dropped); without them the
 * run starts its own and stops them. Where no RabbitMQ can be had, the tests that need one are named and left out; with
 * CI=true that is a failure.
 */
async function main(): Promise<number> {
  const root = join(import.meta.dirname, '..')
  const options = process.argv
    .slice(2)
    .filter((argument) => argument.startsWith('--') && argument !== '--unit')
  const narrowing = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
  const isUnitOnly = process.argv.includes('--unit')
  const files = testFiles(root, narrowing).filter((file) => !(isUnitOnly && file.isIntegration))
  if (files.length === 0) {
    say(`No test file's path contains ${narrowing.join(' or ')}.`)
    return 1
  }
  const servers = await startServers(files)
  try {
    const run = files.filter((file) => !servers.cannotServe(file))
    const status = run.length === 0 ? 0 : await runTests(run, options, servers.environment)
    const leftOut = files.filter((file) => !run.includes(file))
    if (leftOut.length === 0) return status
    say(
      `\nNOT RUN, for want of RabbitMQ (${servers.rabbitMissing}):\n` +
        leftOut.map((file) => `  ${sourceName(root, file)}\n`).join('') +
        'Install rabbitmq-server, or set RABBITMQ_ADDRESS.',
    )
    return process.env['CI'] === 'true' ? 1 : status
  } finally {
    await servers.stop()
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

interface Servers {
  readonly environment: Record<string, string>
  /** Why there is no RabbitMQ to be had, if there is none. */
  readonly rabbitMissing: string | undefined
  cannotServe(file: TestFile): boolean
  stop(): Promise<void>
}

async function startServers(files: readonly TestFile[]): Promise<Servers> {
  const environment: Record<string, string> = {}
  const stops: (() => Promise<void>)[] = []
  let rabbitMissing: string | undefined
  const timed = async <T extends { remove(): Promise<void> }>(name: string, start: () => Promise<T>) => {
    const begin = performance.now()
    const server = await start()
    stops.push(() => server.remove())
    say(`${name} is up after ${((performance.now() - begin) / 1000).toFixed(1)} s`)
    return server
  }
  const postgres = async () => {
    if (!files.some((file) => file.needsPostgres)) return
    environment['TEST_DATABASE_URL'] =
      process.env['DATABASE_URL'] ?? (await timed('PostgreSQL', () => startPostgres())).url
  }
  const rabbit = async () => {
    const isShared = files.some((file) => file.needsRabbit)
    const given = process.env['RABBITMQ_ADDRESS']
    if (isShared && given !== undefined) environment['TEST_RABBITMQ_ADDRESS'] = given
    if (!files.some((file) => file.startsRabbit) && (!isShared || given !== undefined)) return
    try {
      // Also if only tests start one: packages are unpacked once, not by each of them.
      const start = await findRabbit(say)
      if (isShared) environment['TEST_RABBITMQ_ADDRESS'] ??= (await timed('RabbitMQ', start)).address
    } catch (error) {
      if (!(error instanceof NoRabbit)) throw error
      rabbitMissing = error.message
    }
  }
  const stop = async () => void (await Promise.allSettled(stops.map((stopOne) => stopOne())))
  const failed = (await Promise.allSettled([postgres(), rabbit()])).find(
    (result) => result.status === 'rejected',
  )
  if (failed) {
    await stop()
    throw failed.reason
  }
  const cannotServe = (file: TestFile) =>
    (file.needsRabbit && environment['TEST_RABBITMQ_ADDRESS'] === undefined) ||
    (file.startsRabbit && rabbitMissing !== undefined)
  return { environment, rabbitMissing, cannotServe, stop }
}

function runTests(
  files: readonly TestFile[],
  options: readonly string[],
  servers: Readonly<Record<string, string>>,
): Promise<number> {
  // Programs under test take their configuration from the environment: each test says its own.
  const inherited = Object.entries(process.env).filter(
    ([name]) =>
      !/^(DATABASE_URL|RABBITMQ_|ENROLLMENT_|LISTEN_|CORE_ADDRESS|JWT_SECRET|STAFF_SCOPE|PG|NODE_TEST_)/.test(
        name,
      ),
  )
  const child = spawn(
    process.execPath,
    [
      '--test',
      '--test-reporter=spec',
      '--test-concurrency=2',
      '--test-timeout=1800000',
      ...options,
      ...files.map((file) => file.path),
    ],
    { stdio: 'inherit', env: { ...Object.fromEntries(inherited), ...servers } },
  )
  // Ctrl-C reaches the tests by itself; the servers are stopped after them.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

process.exitCode = await main()
