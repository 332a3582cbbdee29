import { type Ending, type Environment } from '../../kit/load/cli-process.ts'
import { freePort } from '../../src/embedded/cluster.ts'
import type { Keeper } from '../../kit/servers/keeper.ts'
import { TcpProxy } from '../../kit/servers/proxy.ts'
import { LeaderWatch } from './leader-watch.ts'
import { type Endings, Part } from './part.ts'

export interface DeploymentOptions {
  readonly databaseUrl: string
  /** amqp:// address; its port is replaced by those of proxies. */
  readonly brokerAddress: string
  /** The broker's ports that server and batcher of each number reach, in order of preference. */
  readonly brokerPorts: readonly (readonly number[])[]
  readonly campus: string
  readonly environment: Environment
  readonly keeper: Keeper
}

/** A part, and its own ways to broker and database. */
export interface Site {
  readonly part: Part
  readonly broker: TcpProxy
  readonly database: TcpProxy
}

/** Servers and batchers as real processes, each with a proxy of its own before the broker and the database. */
export class Deployment {
  readonly servers: readonly Site[]
  readonly batchers: readonly Site[]
  readonly serverPorts: readonly number[]
  readonly watch: LeaderWatch
  readonly endings: Endings

  private constructor(
    servers: readonly Site[],
    batchers: readonly Site[],
    serverPorts: readonly number[],
    endings: Endings,
  ) {
    this.servers = servers
    this.batchers = batchers
    this.serverPorts = serverPorts
    this.endings = endings
    this.watch = new LeaderWatch(serverPorts)
  }

  static async start(options: DeploymentOptions): Promise<Deployment> {
    const endings: Endings = { unasked: [], gaveUpStarting: [], unclean: [] }
    const serverPorts: number[] = []
    const open = async (kind: Part['kind'], index: number): Promise<Site> => {
      const broker = await TcpProxy.open(options.brokerPorts[index] ?? [])
      const database = await TcpProxy.open([Number(new URL(options.databaseUrl).port)])
      const own: Record<string, string> = {}
      if (kind === 'server') {
        const port = await freePort()
        serverPorts.push(port)
        own['LISTEN_ADDRESS'] = `127.0.0.1:${port}`
      }
      const environment = {
        ...options.environment,
        ENROLLMENT_CAMPUS: options.campus,
        DATABASE_URL: withPort(options.databaseUrl, database.port),
        RABBITMQ_ADDRESS: withPort(options.brokerAddress, broker.port),
        ...own,
      }
      const part = new Part(`${kind} ${index + 1}`, kind, { environment, keeper: options.keeper, endings })
      return { part, broker, database }
    }
    const servers: Site[] = []
    const batchers: Site[] = []
    for (const index of options.brokerPorts.keys()) {
      servers.push(await open('server', index))
      batchers.push(await open('batcher', index))
    }
    return new Deployment(servers, batchers, serverPorts, endings)
  }

  get sites(): readonly Site[] {
    return [...this.servers, ...this.batchers]
  }

  /** The one that leads, if any. */
  get leader(): Site | undefined {
    const index = this.watch.leader
    return index === undefined ? undefined : this.servers[index]
  }

  /** What every part said last, for people. */
  lastWords(): string {
    return [this.servers[0], this.batchers[0]].map((site) => site?.part.lastWords() ?? '').join('\n')
  }

  /** Stops everything as an operator does. @returns how each ended */
  async stop(): Promise<(Ending | 'no end')[]> {
    await this.watch.close()
    const endings: (Ending | 'no end')[] = []
    for (const { part } of this.sites) endings.push(await part.stop())
    for (const { broker, database } of this.sites) {
      broker.close()
      database.close()
    }
    return endings
  }
}

function withPort(address: string, port: number): string {
  const url = new URL(address)
  url.port = String(port)
  return url.href
}
