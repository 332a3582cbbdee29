import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../src/embedded/cluster.ts'
import { CliProcess, type Environment } from '../../kit/load/cli-process.ts'
import { HttpClient } from '../../kit/load/http-client.ts'
import type { ProcessGroup } from '../measure/process-usage.ts'
import { jwtSecret } from './engine-deployment.ts'
import type { Servers } from './servers.ts'
import type { Target } from './target.ts'

const programs = {
  'bare-route': 'bare-route.ts',
  'token-route': 'bare-route.ts',
  'transaction-server': 'transaction-process.ts',
} as const

const startTimeoutMs = 30_000

/** One process of something that the service is compared with, ready to take load. */
export class ComparatorDeployment implements Target {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly groups: readonly ProcessGroup[]
  readonly #process: CliProcess

  private constructor(port: number, process: CliProcess, servers: readonly ProcessGroup[]) {
    this.port = port
    this.#process = process
    this.groups = [{ name: 'server', roots: () => [process.pid] }, ...servers]
  }

  /** @param servers those that it uses, besides itself */
  static async open(
    ground: Servers,
    name: keyof typeof programs,
    { environment = {}, servers = [] }: { environment?: Environment; servers?: readonly ProcessGroup[] } = {},
  ): Promise<ComparatorDeployment> {
    const port = await freePort()
    const variables = { JWT_SECRET: jwtSecret, LISTEN_ADDRESS: `127.0.0.1:${port}`, ...environment }
    const program = join(import.meta.dirname, '../comparators', programs[name])
    const child = new CliProcess(name, variables, ground.keeper, { program })
    const site = new ComparatorDeployment(port, child, servers)
    await site.#untilReady()
    return site
  }

  async #untilReady(): Promise<void> {
    const probe = new HttpClient({ host: this.host, port: this.port, connectionsMax: 1, timeoutMs: 5000 })
    const deadline = performance.now() + startTimeoutMs
    try {
      while ((await probe.send({ method: 'GET', path: '/healthz' }).catch(() => undefined))?.status !== 200) {
        if (!this.#process.isRunning || performance.now() > deadline) {
          throw new Error(`${this.#process.command} does not answer:\n${this.#process.lastWords()}`)
        }
        await sleep(50)
      }
    } finally {
      probe.close()
    }
  }

  /** What it has answered is written, or is nowhere. */
  async untilWritten(): Promise<void> {}

  async stop(): Promise<void> {
    await this.#process.end('SIGTERM')
  }
}
