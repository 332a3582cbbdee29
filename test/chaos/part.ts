import { setTimeout as sleep } from 'node:timers/promises'
import { CliProcess, type Ending, type Environment } from '../../kit/load/cli-process.ts'
import type { Keeper } from '../../kit/servers/keeper.ts'

const restartAfterEndMs = 500
const cleanStopMs = 30_000

/** How often a part ended, and why. */
export interface Endings {
  /** With a status of its own, without having been asked to. */
  readonly unasked: string[]
  /** As it started, with one line that says which neighbour was not there: a service manager tries again. */
  readonly gaveUpStarting: string[]
  /** After SIGTERM, other than with status 0. */
  readonly unclean: string[]
}

/** A server or a batcher under a supervisor that starts it again whenever it has ended, as a service manager does. */
export class Part {
  readonly name: string
  readonly kind: 'server' | 'batcher'
  readonly #environment: Environment
  readonly #keeper: Keeper
  readonly #endings: Endings
  #process: CliProcess
  #isWanted = true
  /** Someone ended it on purpose and says when it begins again. */
  #isHandled = false

  constructor(
    name: string,
    kind: 'server' | 'batcher',
    options: { environment: Environment; keeper: Keeper; endings: Endings },
  ) {
    this.name = name
    this.kind = kind
    this.#environment = options.environment
    this.#keeper = options.keeper
    this.#endings = options.endings
    this.#process = this.#launch()
  }

  get isRunning(): boolean {
    return this.#process.isRunning
  }

  #launch(): CliProcess {
    const launched = new CliProcess(this.kind, this.#environment, this.#keeper)
    void this.#supervise(launched)
    return launched
  }

  async #supervise(launched: CliProcess): Promise<void> {
    const ending = await launched.ended
    if (this.#isHandled || !this.#isWanted) return
    const lastWords = readLastWords(launched)
    const isGivingUp = /^enrollment: .*(terminat|connect|ECONN|database system)/im.test(lastWords)
    const list = isGivingUp ? this.#endings.gaveUpStarting : this.#endings.unasked
    list.push(`${this.name} ended with ${ending}:\n${lastWords}`)
    await sleep(restartAfterEndMs)
    if (this.#isWanted) this.#process = this.#launch()
  }

  /** Sends it a signal, if it runs. @returns whether it does */
  signal(signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): boolean {
    if (!this.isRunning) return false
    try {
      process.kill(this.#process.pid, signal)
    } catch {
      // It ended a moment ago, and its end is not told yet.
      return false
    }
    if (signal === 'SIGKILL' || signal === 'SIGTERM') this.#isHandled = true
    return true
  }

  /** After `signal` has ended it: begins again after a while. */
  async restart(signal: 'SIGKILL' | 'SIGTERM', afterMs: number): Promise<void> {
    const ended = this.#process
    const ending = await this.#awaitEnd(ended)
    // One that is told to stop before it listens for that ends at once, as any process does.
    if (signal === 'SIGTERM' && ending !== 0 && ending !== 'SIGTERM') {
      this.#endings.unclean.push(`${this.name}: ${ending}:\n${ended.lastWords(5)}`)
    }
    await sleep(afterMs)
    this.#isHandled = false
    if (this.#isWanted) this.#process = this.#launch()
  }

  async #awaitEnd(ended: CliProcess): Promise<Ending | 'no end'> {
    const overdue = new AbortController()
    const late = sleep(cleanStopMs, 'no end' as const, { signal: overdue.signal }).catch(
      () => 'no end' as const,
    )
    const ending = await Promise.race([ended.ended, late])
    overdue.abort()
    if (ending === 'no end') await ended.end('SIGKILL')
    return ending
  }

  lastWords(): string {
    return this.#process.lastWords()
  }

  countLogged(level: number): number {
    return this.#process.countLogged(level)
  }

  /** Stops it for good, as an operator does. */
  async stop(): Promise<Ending | 'no end'> {
    this.#isWanted = false
    if (this.isRunning) process.kill(this.#process.pid, 'SIGTERM')
    return await this.#awaitEnd(this.#process)
  }
}

/** Its log is gone with its folder where a run was given up. */
function readLastWords(ended: CliProcess): string {
  try {
    return ended.lastWords(5)
  } catch {
    return 'no log is left'
  }
}
