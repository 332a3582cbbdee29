import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../src/embedded/cluster.ts'
import type { Keeper } from '../servers/keeper.ts'
import { CliProcess, type Ending, type Environment, type Launch } from './cli-process.ts'
import { type Call, HttpClient, type Reply } from './http-client.ts'

export interface ServiceOptions {
  readonly databaseUrl: string
  /** undefined = the direct journal, without a batcher. */
  readonly rabbitAddress: string | undefined
  readonly campus: string
  /** Further variables, for both processes. */
  readonly environment: Environment
  readonly keeper: Keeper
  /** How to run them, where not as usual. */
  readonly launch?: { readonly [Command in 'server' | 'batcher']?: Launch }
}

const startTimeoutMs = 60_000

/** Where decisions are on their way, as the server tells it. */
export interface Progress {
  readonly term: number
  readonly decidedSeq: number
  readonly confirmedSeq: number
  /** Newest one known to be in PostgreSQL. */
  readonly appliedSeq: number
}

/** A `server` and, with a broker, a `batcher`: real processes that meet in PostgreSQL and RabbitMQ. */
export class Service {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly environment: Environment
  readonly #keeper: Keeper
  readonly #probe: HttpClient
  readonly #hasBatcher: boolean
  readonly #launches: NonNullable<ServiceOptions['launch']>
  #server: CliProcess
  #batcher: CliProcess | undefined

  private constructor(options: ServiceOptions, port: number) {
    this.port = port
    this.#keeper = options.keeper
    this.#hasBatcher = options.rabbitAddress !== undefined
    this.#launches = options.launch ?? {}
    this.environment = {
      // Its progress is read where clients ask.
      ENROLLMENT_METRICS_FOR_CLIENTS: 'yes',
      DATABASE_URL: options.databaseUrl,
      ...(options.rabbitAddress !== undefined && { RABBITMQ_ADDRESS: options.rabbitAddress }),
      ENROLLMENT_CAMPUS: options.campus,
      LISTEN_ADDRESS: `${this.host}:${port}`,
      ...options.environment,
    }
    this.#probe = new HttpClient({ host: this.host, port, connectionsMax: 2, timeoutMs: 5000 })
    this.#server = this.#launch('server')
    this.#batcher = this.#hasBatcher ? this.#launch('batcher') : undefined
  }

  /** Starts the processes on a free port; `untilReady` waits for them. */
  static async start(options: ServiceOptions): Promise<Service> {
    return new Service(options, await freePort())
  }

  #launch(command: 'server' | 'batcher'): CliProcess {
    return new CliProcess(command, this.environment, this.#keeper, this.#launches[command])
  }

  /**
   * Resolves once the server leads.
   * @throws with the processes' last words, if one ends or the time (a minute, unless told) passes first
   */
  async untilReady(withinMs = startTimeoutMs): Promise<void> {
    const deadline = performance.now() + withinMs
    while ((await this.#ask('/readyz').catch(() => undefined))?.status !== 200) {
      for (const process of this.processes) {
        if (!process.isRunning) throw new Error(`${process.command} ended:\n${process.lastWords()}`)
      }
      if (performance.now() > deadline) throw new Error(`not ready:\n${this.#server.lastWords()}`)
      await sleep(50)
    }
  }

  get processes(): readonly CliProcess[] {
    return this.#batcher === undefined ? [this.#server] : [this.#server, this.#batcher]
  }

  /** All that the server tells of itself, in Prometheus' format. */
  async metrics(): Promise<string> {
    return (await this.#ask('/metrics')).body
  }

  /** The newest decision made and made durable in the server's own term. */
  async progress(): Promise<Progress> {
    const { body } = await this.#ask('/metrics')
    const gauge = (name: string) => Number(new RegExp(`^enrollment_${name} (\\d+)$`, 'm').exec(body)?.[1])
    return {
      term: gauge('term'),
      decidedSeq: gauge('decided_seq'),
      confirmedSeq: gauge('confirmed_seq'),
      appliedSeq: gauge('applied_seq'),
    }
  }

  async #ask(path: string): Promise<Reply> {
    const call: Call = { method: 'GET', path }
    return await this.#probe.send(call)
  }

  async killServer(): Promise<void> {
    await this.#server.end('SIGKILL')
  }

  restartServer(): void {
    this.#server = this.#launch('server')
  }

  /** Nothing happens where there is none. */
  async killBatcher(): Promise<void> {
    await this.#batcher?.end('SIGKILL')
  }

  restartBatcher(): void {
    if (this.#hasBatcher) this.#batcher = this.#launch('batcher')
  }

  /** Stops server, then batcher, as an operator does. @returns how they ended: 0 each, if cleanly */
  async stop(): Promise<Ending[]> {
    this.#probe.close()
    const endings: Ending[] = []
    for (const process of this.processes) endings.push(await process.end('SIGTERM'))
    return endings
  }
}
