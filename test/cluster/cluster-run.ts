import { tmpdir } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { Check } from '../stress/audit/check.ts'
import { startCluster, type TestCluster } from '../../kit/servers/cluster.ts'
import { Keeper } from '../../kit/servers/keeper.ts'
import { startPostgres } from '../../kit/servers/postgres.ts'
import { createDatabase } from '../../kit/servers/provide.ts'
import { copyLogs } from '../chaos/logs.ts'
import { ChaosFixture } from '../chaos/chaos-fixture.ts'
import type { Verdict } from '../chaos/verdict.ts'

/**
 * How servers and batchers reach the cluster: each prefers a node of its own, which is safe when PostgreSQL is the
 * authority; or all of them through one named node, which is safe always.
 */
export type Wiring = 'any node, ENROLLMENT_ACK=applied' | 'one named node, ENROLLMENT_ACK=confirm'

export interface ClusterOptions {
  readonly wiring: Wiring
  readonly seed: number
  readonly students: number
  readonly thinkMs: number
  /** Folder to copy the processes' logs to at the end. */
  readonly logs: string | undefined
}

/** One thing that was done to the cluster. */
export interface Step {
  readonly what: string
  /** Longest time without a decision while it was broken, milliseconds; undefined = none was to be expected. */
  readonly longestGapMs: number | undefined
  /** Commands answered by a decision while it was broken. */
  readonly decided: number
  /** Until a command was answered by a decision once it was mended, milliseconds. */
  readonly healedAfterMs: number
}

export interface ClusterResult extends Verdict {
  readonly wiring: Wiring
  readonly steps: readonly Step[]
  readonly members: string
  readonly voids: number
  readonly verification: string
}

interface Trial {
  readonly what: string
  /** Whether students are served meanwhile. */
  readonly goesOn: boolean
  readonly breakIt: () => Promise<void>
  readonly mend: () => Promise<void>
}

/** So many decisions show that it goes on. */
const decisionsWanted = 20
const serveTimeoutMs = 240_000
/** How long something stays broken at least: nodes take half of it to give up one that is silent. */
const brokenLeastMs = 25_000
/** How long a minority is watched for decisions that it must not give out. */
const standstillMs = 10_000
const otherNodes = { 0: [1, 2], 1: [2, 0], 2: [0, 1] } as const

/**
 * Kills and parts the nodes of a cluster under load, in every way once; then everything that any client was told is
 * compared with PostgreSQL.
 * @param host.signal ends it early
 * @throws NoRabbit, and if it could not be carried out; what does not hold is in the result
 */
export async function runCluster(
  options: ClusterOptions,
  host: { readonly say: (line: string) => void; readonly signal: AbortSignal },
): Promise<ClusterResult> {
  const { say } = host
  const keeper = new Keeper('cluster', tmpdir())
  const postgres = await startPostgres()
  let cluster: TestCluster | undefined
  const aborted = new Promise<never>((_resolve, reject) => {
    host.signal.addEventListener('abort', () => reject(host.signal.reason), { once: true })
  })
  const carryOut = async (): Promise<ClusterResult> => {
    cluster = await startCluster(say)
    say(`a cluster of ${cluster.nodes.length} nodes is up`)
    const database = await createDatabase(postgres.url)
    const ports = cluster.nodes.map(({ address }) => Number(new URL(address).port))
    const [first = 0, second = 0, third = 0] = ports
    const isOnAny = options.wiring.startsWith('any')
    const fixture = await ChaosFixture.open({
      ...options,
      databaseUrl: database.url,
      brokerAddress: cluster.nodes[0]?.address ?? '',
      brokerPorts: isOnAny
        ? [
            [first, second, third],
            [third, first, second],
          ]
        : [[first], [first]],
      environment: { ENROLLMENT_ACK: isOnAny ? 'applied' : 'confirm' },
      keeper,
      say,
    })
    const members = await membersOf(cluster)
    say(`members of the journal queue: ${members}`)
    const served = new Check('students were served whenever a majority of nodes was left, and not otherwise')
    const steps: Step[] = []
    for (const trial of isOnAny ? trialsOnAny(cluster) : trialsOnOne(cluster)) {
      steps.push(await carryOutTrial(trial, fixture, served, say))
    }
    const verdict = await fixture.judge()
    return { ...verdict, checks: [served, ...verdict.checks], wiring: options.wiring, steps, members }
  }
  try {
    return await Promise.race([aborted, carryOut()])
  } finally {
    if (options.logs !== undefined) copyLogs(keeper.directory, options.logs)
    // Whatever still runs ends with the keepers.
    await keeper.release()
    await Promise.all([postgres.remove(), cluster?.remove()])
  }
}

/**
 * The nodes that hold the journal queue, as the first node knows them. (`list_queues` asks every node in turn, and takes
 * minutes.)
 */
async function membersOf({ nodes }: TestCluster): Promise<string> {
  const ask = `[maps:get(nodes, amqqueue:get_type_state(Q)) || Q <- rabbit_amqqueue:list(), amqqueue:get_type(Q) =:= rabbit_quorum_queue].`
  return (await nodes[0]?.control('eval', ask))?.replaceAll(/\s+/g, ' ').trim() ?? ''
}

function kill(cluster: TestCluster, nodes: readonly number[], goesOn: boolean): Trial {
  const chosen = cluster.nodes.filter((_node, index) => nodes.includes(index))
  return {
    what: `SIGKILL of node ${nodes.map((index) => index + 1).join(' and node ')}`,
    goesOn,
    breakIt: async () => void (await Promise.all(chosen.map((node) => node.kill()))),
    mend: async () => void (await Promise.all(chosen.map((node) => node.start()))),
  }
}

function part(cluster: TestCluster, node: 0 | 1 | 2, how: 'at once' | 'silence', goesOn: boolean): Trial {
  return {
    what: `node ${node + 1} parted from the others (${how})`,
    goesOn,
    breakIt: async () => {
      for (const other of otherNodes[node]) cluster.cutLink(node, other, how)
    },
    mend: async () => cluster.restoreLinks(),
  }
}

/** Only the link between two nodes: both still see the third. */
function partTwo(cluster: TestCluster, one: number, other: number): Trial {
  return {
    what: `only the link between node ${one + 1} and node ${other + 1} cut`,
    goesOn: true,
    breakIt: async () => cluster.cutLink(one, other, 'at once'),
    mend: async () => cluster.restoreLinks(),
  }
}

function trialsOnAny(cluster: TestCluster): Trial[] {
  return [
    kill(cluster, [0], true),
    kill(cluster, [1], true),
    kill(cluster, [2], true),
    kill(cluster, [1, 2], false),
    part(cluster, 0, 'silence', true),
    part(cluster, 1, 'at once', true),
    part(cluster, 2, 'silence', true),
    partTwo(cluster, 0, 2),
  ]
}

function trialsOnOne(cluster: TestCluster): Trial[] {
  return [
    kill(cluster, [1], true),
    kill(cluster, [2], true),
    kill(cluster, [0], false),
    kill(cluster, [1, 2], false),
    part(cluster, 1, 'silence', true),
    part(cluster, 0, 'silence', false),
    part(cluster, 0, 'at once', false),
  ]
}

async function carryOutTrial(
  { what, goesOn, breakIt, mend }: Trial,
  fixture: ChaosFixture,
  served: Check,
  say: (line: string) => void,
): Promise<Step> {
  const { watch } = fixture.deployment
  await watch.untilLed(serveTimeoutMs)
  const beforeBreak = fixture.decidedReplies
  const brokenMs = performance.now()
  say(what)
  await breakIt()
  let longestGapMs: number | undefined
  if (goesOn) {
    longestGapMs = await longestGap(fixture, brokenMs)
    served.expect(longestGapMs !== undefined, () => `${what}: not served`)
  } else {
    while (watch.leader !== undefined && performance.now() < brokenMs + serveTimeoutMs) await sleep(50)
    await sleep(1000)
    const atStandstill = fixture.decidedReplies
    await sleep(standstillMs)
    const given = fixture.decidedReplies - atStandstill
    served.expect(
      given === 0 && watch.leader === undefined,
      () => `${what}: ${given} decisions were answered`,
    )
  }
  const decided = fixture.decidedReplies - beforeBreak
  const mendedMs = performance.now()
  await mend()
  const healedAfterMs = await untilServed(fixture, mendedMs)
  served.expect(healedAfterMs !== undefined, () => `${what}: not served again once it was mended`)
  say(
    `${what}: longest gap ${seconds(longestGapMs)}, ${decided} decisions, healed after ${seconds(healedAfterMs)}`,
  )
  return { what, longestGapMs, decided, healedAfterMs: healedAfterMs ?? serveTimeoutMs }
}

/**
 * Watches for long enough that silence is noticed and what follows from it has happened, and until students are served.
 * @returns the longest time without a decision, milliseconds; undefined = they are not served again
 */
async function longestGap(fixture: ChaosFixture, brokenMs: number): Promise<number | undefined> {
  let decided = fixture.decidedReplies
  let lastMs = brokenMs
  let longestMs = 0
  for (;;) {
    await sleep(20)
    const now = performance.now()
    if (fixture.decidedReplies > decided) {
      longestMs = Math.max(longestMs, now - lastMs)
      lastMs = now
      decided = fixture.decidedReplies
      if (now > brokenMs + brokenLeastMs) return longestMs
    }
    if (now > brokenMs + serveTimeoutMs) return undefined
  }
}

/** @returns milliseconds since `sinceMs` until so many commands were decided; undefined = too late */
async function untilServed(fixture: ChaosFixture, sinceMs: number): Promise<number | undefined> {
  const before = fixture.decidedReplies
  const deadline = performance.now() + serveTimeoutMs
  while (fixture.decidedReplies < before + decisionsWanted) {
    if (performance.now() > deadline) return undefined
    await sleep(20)
  }
  return performance.now() - sinceMs
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? 'never' : `${(ms / 1000).toFixed(1)} s`
}
