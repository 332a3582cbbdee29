import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { eventually } from './eventually.ts'
import { freePort } from '../src/embedded/cluster.ts'
import { Keeper } from './servers/keeper.ts'
import { HttpClient } from './rest-client.ts'

const cli = join(import.meta.dirname, '../src/cli.ts')

export type Environment = Readonly<Record<string, string>>

let keeper: Keeper | undefined

/** Ends what a test started, however the test ends, and holds its temporary files. */
export function processKeeper(): Keeper {
  keeper ??= new Keeper('processes', tmpdir())
  return keeper
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  readonly tookMs: number
}

/** `enrollment …` as a process of its own, that sees this environment and nothing else of the test's. */
export class Program {
  readonly ended: Promise<Ended>
  readonly #child: ChildProcess
  readonly #said = { stdout: '', stderr: '' }
  #hasEnded = false

  constructor(args: readonly string[], environment: Environment) {
    const { PATH = '', HOME = '/', TMPDIR } = process.env
    const child = spawn(process.execPath, [cli, ...args], {
      env: { PATH, HOME, ENROLLMENT_WARM_UP: '0s', ...(TMPDIR !== undefined && { TMPDIR }), ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    const { pid } = child
    assert.ok(pid !== undefined)
    processKeeper().watch(pid, 'KILL')
    const begin = performance.now()
    this.#listen('stdout', child.stdout)
    this.#listen('stderr', child.stderr)
    this.ended = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.#hasEnded = true
        processKeeper().forget(pid)
        resolve({ code, signal, ...this.#said, tookMs: performance.now() - begin })
      })
    })
  }

  #listen(name: 'stdout' | 'stderr', stream: Readable): void {
    stream.setEncoding('utf8')
    stream.on('data', (text: string) => {
      this.#said[name] += text
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Everything said so far, stdout first. */
  get said(): string {
    return this.#said.stdout + this.#said.stderr
  }

  /** Log messages, and lines for people, that match. */
  linesLike(pattern: RegExp): string[] {
    return this.said.split('\n').flatMap((line) => {
      const message = messageOf(line)
      return pattern.test(message) ? [message] : []
    })
  }

  /** Resolves with the first line that matches; fails if the process ends before, or after 2 minutes. */
  async untilSays(pattern: RegExp): Promise<string> {
    await eventually(() => {
      const said = this.linesLike(pattern).length > 0
      assert.ok(said || !this.#hasEnded, `it ended without saying ${pattern}:\n${this.said}`)
      return said
    })
    return this.linesLike(pattern)[0] ?? ''
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** SIGTERM. @returns how it ended, and how long after the signal */
  async stop(): Promise<Ended> {
    const begin = performance.now()
    this.signal('SIGTERM')
    const ended = await this.ended
    return { ...ended, tookMs: performance.now() - begin }
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.ended
  }
}

/** The message of a line of the log; any other line as it is. */
function messageOf(line: string): string {
  if (!line.startsWith('{')) return line
  try {
    const { msg } = JSON.parse(line) as { msg?: unknown }
    return typeof msg === 'string' ? msg : line
  } catch {
    return line
  }
}

/** Runs `enrollment …` to its end. */
export async function enrollment(args: readonly string[], environment: Environment = {}): Promise<Ended> {
  return await new Program(args, environment).ended
}

/** A server process and a client of it. */
export class ServerProcess extends Program {
  readonly address: string
  readonly client: HttpClient

  constructor(args: readonly string[], environment: Environment, address: string) {
    super(args, environment)
    this.address = address
    this.client = new HttpClient(address)
    void this.ended.then(() => this.client.close())
  }

  /** The status of /readyz; 0 while nobody answers. */
  async readiness(): Promise<number> {
    return await this.client.send('GET /readyz').then(
      ({ status }) => status,
      () => 0,
    )
  }

  async untilReady(): Promise<void> {
    await eventually(async () => {
      assert.ok(!this.hasEnded, this.said)
      return (await this.readiness()) === 200
    })
  }
}

/** `enrollment server` on a loopback port of its own. */
export async function startServer(environment: Environment): Promise<ServerProcess> {
  const port = await freePort()
  const address = `127.0.0.1:${port}`
  return new ServerProcess(
    ['server'],
    { LISTEN_ADDRESS: address, ...environment },
    environment['LISTEN_ADDRESS'] ?? `http://${address}`,
  )
}

export function startBatcher(environment: Environment): Program {
  return new Program(['batcher'], environment)
}
