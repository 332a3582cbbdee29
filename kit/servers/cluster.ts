import { randomBytes } from 'node:crypto'
import { PortMapper } from './port-mapper.ts'
import { TcpProxy } from './proxy.ts'
import { startNode, type TestRabbit } from './rabbit-node.ts'
import { NoRabbit } from './rabbit.ts'
import { installedRabbit, unpackedRabbit } from './rabbit-programs.ts'

const size = 3
/** Seconds after which nodes give each other up when they hear nothing. */
const silenceSeconds = 8

/** Three RabbitMQ nodes that form a cluster, and every link between two of them. */
export interface TestCluster {
  readonly nodes: readonly TestRabbit[]
  /** Ends the link between these two nodes, by number; with `silence`, neither is told. */
  cutLink(first: number, second: number, how: 'at once' | 'silence'): void
  /** Every link works again. */
  restoreLinks(): void
  remove(): Promise<void>
}

/**
 * Starts three nodes with ports, names and data of their own and joins them. A node that sees only a minority pauses.
 * What they say to each other passes through proxies: each has a port mapper of its own, which names the proxies' ports.
 * @throws NoRabbit
 */
export async function startCluster(log: (line: string) => void): Promise<TestCluster> {
  const programs = installedRabbit() ?? (await unpackedRabbit(log))
  if (programs === undefined) throw new NoRabbit('a cluster wants an installed RabbitMQ, or Debian packages')
  const links = new Links()
  const options = {
    cookie: randomBytes(10).toString('hex').toUpperCase(),
    settings: 'cluster_partition_handling = pause_minority\n',
    erlangArguments: `-kernel net_ticktime ${silenceSeconds}`,
  }
  const mappers = await Promise.all(
    Array.from({ length: size }, (_, index) =>
      PortMapper.open({
        find: (name) => links.find(index, name),
        onRegistered: (name, port) => links.note(index, name, port),
      }),
    ),
  )
  const nodes = await Promise.all(
    mappers.map(({ port }) => startNode(programs, { ...options, mapperPort: port })),
  )
  const [first, ...others] = nodes
  for (const node of others) {
    await node.control('stop_app')
    await node.control('join_cluster', first?.name ?? '')
    await node.control('start_app')
  }
  return {
    nodes,
    cutLink: (one, other, how) => links.cut(one, other, how),
    restoreLinks: () => links.restore(),
    remove: async () => {
      await Promise.all(nodes.map((node) => node.remove()))
      for (const mapper of mappers) mapper.close()
      links.close()
    },
  }
}

/** A proxy for each ordered pair of nodes: what the one connects to when it looks for the other. */
class Links {
  /** By node: what it is called, and where it listens for other nodes. */
  readonly #nodes = new Map<number, { readonly name: string; readonly port: number }>()
  readonly #proxies = new Map<string, Promise<TcpProxy>>()
  readonly #open = new Map<string, TcpProxy>()

  /** Tools register as well, for a moment; a node is told by its name. */
  note(index: number, name: string, port: number): void {
    if (name.startsWith('enrollment-')) this.#nodes.set(index, { name, port })
  }

  async find(from: number, name: string): Promise<number | undefined> {
    const [to, target] = [...this.#nodes].find(([, node]) => node.name === name) ?? []
    if (to === undefined || target === undefined) return undefined
    const pair = `${from} ${to}`
    const opening = this.#proxies.get(pair) ?? TcpProxy.open([target.port])
    this.#proxies.set(pair, opening)
    const proxy = await opening
    this.#open.set(pair, proxy)
    return proxy.port
  }

  cut(one: number, other: number, how: 'at once' | 'silence'): void {
    for (const pair of [`${one} ${other}`, `${other} ${one}`]) {
      const proxy = this.#open.get(pair)
      if (how === 'at once') proxy?.shut()
      else proxy?.hold()
    }
  }

  restore(): void {
    for (const proxy of this.#open.values()) proxy.restore()
  }

  close(): void {
    for (const proxy of this.#open.values()) proxy.close()
  }
}
