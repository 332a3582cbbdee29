import { execFile, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort } from '../../src/embedded/cluster.ts'
import { isAlive, waitUntil } from '../../src/embedded/processes.ts'
import { Keeper } from './keeper.ts'
import type { RabbitPrograms } from './rabbit-programs.ts'

const run = promisify(execFile)

/** A RabbitMQ of a test's own, to be stopped and killed. It ends with the process that started it. */
export interface TestRabbit {
  /** amqp:// address, the same after each start. */
  readonly address: string
  /** As other nodes and rabbitmqctl call it. */
  readonly name: string
  /** Of the Erlang virtual machine that runs now, or ran last. */
  readonly pid: number
  /** Clean shutdown; the data stay. */
  stop(): Promise<void>
  /** SIGKILL of the Erlang virtual machine. */
  kill(): Promise<void>
  /** Starts it again, on the same ports and data, and resolves once it takes connections. */
  start(): Promise<void>
  /** Runs rabbitmqctl on this node and returns what it printed. */
  control(...args: string[]): Promise<string>
  /** Ends it and deletes its data. */
  remove(): Promise<void>
}

const startTimeoutMs = 120_000

/** True once a broker greets: it opens its port only at the end of its start. */
export function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write('AMQP\0\0\x09\x01'))
    const done = (isUp: boolean) => {
      socket.destroy()
      resolve(isUp)
    }
    socket.once('data', () => done(true))
    socket.once('error', () => done(false))
    socket.once('close', () => done(false))
    socket.setTimeout(2000, () => done(false))
  })
}

/** What a node shares with the others of its cluster. */
export interface NodeOptions {
  /** The nodes' shared secret; without it, each has its own. */
  readonly cookie?: string
  /** rabbitmq.conf */
  readonly settings?: string
  /** For the Erlang virtual machine. */
  readonly erlangArguments?: string
  /** A port mapper that runs already; without it, the node gets one of its own. */
  readonly mapperPort?: number
}

/** Starts a node from these programs, with ports, data and secrets of its own. */
export async function startNode(programs: RabbitPrograms, options: NodeOptions = {}): Promise<TestRabbit> {
  const keeper = new Keeper('rabbit', /\s/.test(tmpdir()) ? '/tmp' : tmpdir())
  const { directory } = keeper
  const [port, distributionPort] = [await freePort(), await freePort()]
  const epmdPort = options.mapperPort ?? (await freePort())
  const node = `enrollment-${port}@localhost`
  const pidFile = join(directory, 'node.pid')
  const logFile = join(directory, 'output.log')
  writeFileSync(join(directory, 'plugins'), '[].\n')
  writeFileSync(join(directory, 'rabbitmq.conf'), options.settings ?? '')
  if (options.cookie !== undefined) {
    writeFileSync(join(directory, '.erlang.cookie'), options.cookie, { mode: 0o400 })
  }
  mkdirSync(join(directory, 'data'))
  const inherited = Object.entries(process.env).filter(([name]) => !/^(RABBITMQ_|ERL_)/.test(name))
  const environment: NodeJS.ProcessEnv = {
    ...Object.fromEntries(inherited),
    PATH: programs.path,
    ...(programs.libraryPath === undefined ? {} : { LD_LIBRARY_PATH: programs.libraryPath }),
    LANG: 'C.UTF-8',
    LC_ALL: 'C.UTF-8',
    // The nodes' shared secret is kept in the home folder.
    HOME: directory,
    ERL_CRASH_DUMP: join(directory, 'crash.dump'),
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: node,
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `-kernel inet_dist_use_interface {127,0,0,1} ${options.erlangArguments ?? ''}`,
    RABBITMQ_MNESIA_BASE: join(directory, 'data'),
    RABBITMQ_LOG_BASE: join(directory, 'log'),
    RABBITMQ_PID_FILE: pidFile,
    RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, 'plugins'),
    RABBITMQ_CONFIG_FILE: join(directory, 'rabbitmq.conf'),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(directory, 'advanced.config'),
    RABBITMQ_CONF_ENV_FILE: join(directory, 'rabbitmq-env.conf'),
    RABBITMQ_GENERATED_CONFIG_DIR: join(directory, 'generated'),
  }
  const launch = (program: string, args: string[]) => {
    const output = openSync(logFile, 'a')
    const child = spawn(program, args, {
      cwd: directory,
      env: environment,
      stdio: ['ignore', output, output],
      detached: true,
    })
    closeSync(output)
    child.once('error', () => {})
    child.unref()
    return child
  }

  // Erlang would start its port mapper as a daemon that outlives the node and that nobody knows.
  if (options.mapperPort === undefined) {
    const mapper = launch('epmd', ['-port', String(epmdPort), '-address', '127.0.0.1'])
    if (mapper.pid !== undefined) keeper.watch(mapper.pid, 'KILL')
  }
  let pid = 0

  const start = async (): Promise<void> => {
    if (pid !== 0 && isAlive(pid)) return
    rmSync(pidFile, { force: true })
    const shell = launch(programs.server, [])
    if (shell.pid !== undefined) keeper.watch(shell.pid, 'KILL')
    const deadline = performance.now() + startTimeoutMs
    while (!(await greets(port))) {
      if (pid === 0 || !isAlive(pid)) pid = existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : 0
      if (pid !== 0) keeper.watch(pid, 'KILL')
      if (shell.exitCode !== null || performance.now() > deadline) {
        const output = readFileSync(logFile, 'utf8').split('\n').slice(-40).join('\n')
        throw new Error(`RabbitMQ did not start:\n${output}`)
      }
      await delay(50)
    }
    if (shell.pid !== undefined) keeper.forget(shell.pid)
  }
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    if (!isAlive(pid)) return
    process.kill(pid, signal)
    if (!(await waitUntil(() => !isAlive(pid), 60_000))) throw new Error(`RabbitMQ survived ${signal}.`)
    keeper.forget(pid)
  }
  const control = async (...args: string[]): Promise<string> => {
    const { stdout } = await run(programs.control, ['-q', '-n', node, ...args], {
      cwd: directory,
      env: environment,
    })
    return stdout
  }

  await start()
  return {
    address: `amqp://guest:guest@127.0.0.1:${port}`,
    name: node,
    get pid() {
      return pid
    },
    start,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    control,
    remove: () => keeper.release(),
  }
}
