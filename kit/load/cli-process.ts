import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Keeper } from '../servers/keeper.ts'

const cli = join(import.meta.dirname, '../../src/cli.ts')
/** What configures the program, or PostgreSQL's client library, in the environment of whoever runs this. */
const configures =
  /^(DATABASE_URL|RABBITMQ_|ENROLLMENT_|LISTEN_|CORE_ADDRESS|JWT_SECRET|STAFF_SCOPE|GIN_MODE|PG)/

/** As the units and the image run it: what is young has room. */
export const nodeFlags = ['--max-semi-space-size=64'] as const

export type Environment = Readonly<Record<string, string>>

function environmentOf(own: Environment): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !configures.test(name))
  // Tests start hundreds of processes, and measure none of them.
  const isTest = process.env['NODE_TEST_CONTEXT'] !== undefined
  return { ...Object.fromEntries(inherited), ...(isTest && { ENROLLMENT_WARM_UP: '0s' }), ...own }
}

/** How a process ended: its exit status, or the signal that ended it. */
export type Ending = number | NodeJS.Signals

export interface Launch {
  /** A program that takes the same command. */
  readonly program?: string
  readonly prefix?: readonly string[]
}

/** The program, running as a process of its own. It ends with this one, however that ends. */
export class CliProcess {
  readonly pid: number
  readonly command: string
  readonly ended: Promise<Ending>
  readonly #child: ChildProcess
  readonly #logFile: string

  /**
   * @param keeper ends it when this process is gone, and keeps its log
   * @param launch runs another program in place of ours, or ours under another command such as `taskset -c 0`
   */
  constructor(command: string, environment: Environment, keeper: Keeper, launch: Launch = {}) {
    this.command = command
    this.#logFile = join(keeper.directory, `${command}.log`)
    const log = openSync(this.#logFile, 'a')
    const { program = cli, prefix = [] } = launch
    const [first, ...rest] = [...prefix, process.execPath]
    this.#child = spawn(first, [...rest, ...nodeFlags, program, command], {
      env: environmentOf(environment),
      stdio: ['ignore', log, log],
      // Ctrl-C is for this process, which then stops that one.
      detached: true,
    })
    closeSync(log)
    if (this.#child.pid === undefined) throw new Error(`enrollment ${command} could not be started`)
    const pid = this.#child.pid
    this.pid = pid
    keeper.watch(pid, 'KILL')
    this.ended = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        keeper.forget(pid)
        resolve(code ?? signal ?? 'SIGKILL')
      })
    })
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Sends the signal and resolves with how it ended. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<Ending> {
    if (this.isRunning) this.#child.kill(signal)
    return await this.ended
  }

  /** The last lines that it logged; of all processes of this command, one after another. */
  lastWords(lines = 20): string {
    return readFileSync(this.#logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
  }

  /** How many of its log lines are of this level or a worse one (pino's: 40 = warning, 50 = error). */
  countLogged(level: number): number {
    return readFileSync(this.#logFile, 'utf8')
      .split('\n')
      .filter((line) => Number(/^\{"level":(\d+)/.exec(line)?.[1] ?? 0) >= level).length
  }
}

export interface CliResult {
  readonly ending: Ending
  readonly output: string
  readonly errors: string
}

/**
 * Runs one command to its end.
 * @param onStarted called with the number of its process
 */
export async function runCli(
  args: readonly string[],
  environment: Environment,
  onStarted: (pid: number) => void = () => {},
): Promise<CliResult> {
  const child = spawn(process.execPath, [cli, ...args], {
    env: environmentOf(environment),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  if (child.pid !== undefined) onStarted(child.pid)
  let output = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const ending = await new Promise<Ending>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'SIGKILL'))
  })
  return { ending, output, errors }
}
