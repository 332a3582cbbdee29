import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../src/embedded/cluster.ts'
import type { CampusSize } from '../campus/bench-campus.ts'
import { CliProcess } from '../../kit/load/cli-process.ts'
import type { ProcessGroup } from '../measure/process-usage.ts'
import { EngineDeployment } from './engine-deployment.ts'
import type { Servers } from './servers.ts'
import type { Target } from './target.ts'

export interface GatewaySiteOptions {
  readonly size: CampusSize
  readonly gateways: number
  /** How they reach the engine: `tcp` is encrypted. */
  readonly link: 'unix' | 'tcp'
}

const startTimeoutMs = 60_000

/** The service with its gateways apart from the engine: `gateway` several times, `server`, `batcher`. */
export class GatewayDeployment implements Target {
  readonly host = '127.0.0.1'
  readonly ports: readonly number[]
  readonly groups: readonly ProcessGroup[]
  readonly #site: EngineDeployment
  readonly #gateways: readonly CliProcess[]
  readonly #socket: string | undefined

  private constructor(
    site: EngineDeployment,
    gateways: readonly CliProcess[],
    ports: readonly number[],
    socket?: string,
  ) {
    this.#site = site
    this.#gateways = gateways
    this.#socket = socket
    this.ports = ports
    this.groups = [
      { name: 'gateways', roots: () => gateways.map(({ pid }) => pid) },
      ...site.groups.map(({ name, roots }) => ({ name: name === 'server' ? 'engine' : name, roots })),
    ]
  }

  /** Makes the campus, starts the processes and resolves once every gateway serves it. */
  static async open(
    ground: Servers,
    { size, gateways, link }: GatewaySiteOptions,
  ): Promise<GatewayDeployment> {
    const socket = link === 'unix' ? join(tmpdir(), `bench-core-${randomUUID().slice(0, 8)}.sock`) : undefined
    const core = socket === undefined ? `127.0.0.1:${await freePort()}` : `unix://${socket}`
    const site = await EngineDeployment.open(ground, { size, environment: { ENROLLMENT_CORE_LISTEN: core } })
    const ports: number[] = []
    const processes: CliProcess[] = []
    for (let index = 0; index < gateways; index++) {
      const port = await freePort()
      ports.push(port)
      const environment = { CORE_ADDRESS: core, LISTEN_ADDRESS: `127.0.0.1:${port}` }
      processes.push(
        new CliProcess('gateway', { ...site.service.environment, ...environment }, ground.keeper),
      )
    }
    const opened = new GatewayDeployment(site, processes, ports, socket)
    await opened.#untilReady()
    return opened
  }

  async #untilReady(): Promise<void> {
    const deadline = performance.now() + startTimeoutMs
    for (const [index, port] of this.ports.entries()) {
      const gateway = this.#gateways[index]
      for (;;) {
        const ready = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined)
        await ready?.arrayBuffer()
        if (ready?.status === 200) break
        if (gateway?.isRunning !== true || performance.now() > deadline) {
          throw new Error(`a gateway is not ready:\n${gateway?.lastWords()}`)
        }
        await sleep(50)
      }
    }
  }

  /** Where the engine takes gateways, and of which campus it is. */
  get core(): { readonly path: string; readonly campus: string } {
    return { path: this.#socket ?? '', campus: this.#site.campus.id }
  }

  get port(): number {
    return this.ports[0] ?? 0
  }

  async untilWritten(): Promise<void> {
    await this.#site.untilWritten()
  }

  async stop(): Promise<void> {
    for (const gateway of this.#gateways) await gateway.end('SIGTERM')
    await this.#site.stop()
    if (this.#socket !== undefined) await rm(this.#socket, { force: true })
  }
}
