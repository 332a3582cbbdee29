import { tmpdir } from 'node:os'
import { Random } from '../../src/registry/random.ts'
import { Keeper } from '../../kit/servers/keeper.ts'
import { startPostgres } from '../../kit/servers/postgres.ts'
import { createDatabase } from '../../kit/servers/provide.ts'
import { startRabbit } from '../../kit/servers/rabbit.ts'
import { Faults } from './faults.ts'
import type { Takeover } from './leader-watch.ts'
import { copyLogs } from './logs.ts'
import { ChaosFixture } from './chaos-fixture.ts'
import type { Verdict } from './verdict.ts'

export interface ChaosOptions {
  readonly seconds: number
  readonly eventsMax: number
  readonly seed: number
  readonly students: number
  readonly thinkMs: number
  readonly ack: 'confirm' | 'applied'
  readonly areLongOnesAllowed: boolean
  /** Folder to copy the processes' logs to at the end. */
  readonly logs: string | undefined
}

export interface ChaosResult extends Verdict {
  readonly options: ChaosOptions
  readonly faults: ReadonlyMap<string, number>
  readonly killCount: number
  readonly leadersKilledInFlight: number
  readonly startsGivenUp: number
  readonly takeovers: readonly Takeover[]
  readonly commands: number
  readonly replies: ReadonlyMap<string, number>
  /** Records of deposed leaders that reached the journal. */
  readonly voids: number
  readonly verification: string
}

/**
 * Two servers, two batchers, a broker and a database, all of them real and all of them broken again and again under
 * hundreds of clients; then everything that any client was told is compared with PostgreSQL.
 * @param signal ends it early
 * @throws if it could not be carried out; what does not hold is in the result
 */
export async function runChaos(
  options: ChaosOptions,
  host: { readonly say: (line: string) => void; readonly signal: AbortSignal },
): Promise<ChaosResult> {
  const begunMs = performance.now()
  const say = (line: string) => {
    const seconds = ((performance.now() - begunMs) / 1000).toFixed(1)
    host.say(`${seconds.padStart(6)} s  ${line}`)
  }
  const keeper = new Keeper('chaos', tmpdir())
  const postgres = await startPostgres()
  const rabbit = await startRabbit(say)
  const aborted = new Promise<never>((_resolve, reject) => {
    host.signal.addEventListener('abort', () => reject(host.signal.reason), { once: true })
  })
  const carryOut = async (): Promise<ChaosResult> => {
    const database = await createDatabase(postgres.url)
    const port = Number(new URL(rabbit.address).port)
    const fixture = await ChaosFixture.open({
      ...options,
      databaseUrl: database.url,
      brokerAddress: rabbit.address,
      brokerPorts: [[port], [port]],
      environment: { ENROLLMENT_ACK: options.ack },
      keeper,
      say,
    })
    const random = new Random(options.seed ^ 0x5eed)
    const { deployment, http } = fixture
    const faults = new Faults({ ...options, deployment, http, rabbit, postgres, random, say })
    const overMs = performance.now() + options.seconds * 1000
    const ticking = setInterval(() => say(`${fixture.commandCount} commands`), 10_000)
    try {
      await faults.run({ isOver: () => performance.now() >= overMs, eventsMax: options.eventsMax })
    } finally {
      clearInterval(ticking)
    }
    say('everything is mended; waiting for it to heal')
    const { watch } = deployment
    const verdict = await fixture.judge()
    return {
      ...verdict,
      checks: [faults.mended, ...verdict.checks],
      options,
      faults: faults.counts,
      killCount: faults.killCount,
      leadersKilledInFlight: faults.leadersKilledInFlight,
      startsGivenUp: deployment.endings.gaveUpStarting.length,
      takeovers: watch.takeovers,
      commands: fixture.commandCount,
      replies: fixture.replies,
    }
  }
  try {
    return await Promise.race([aborted, carryOut()])
  } catch (error) {
    say(`given up: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    throw error
  } finally {
    if (options.logs !== undefined) copyLogs(keeper.directory, options.logs)
    // Whatever still runs, suspended or not, ends with the keeper.
    await keeper.release()
    await Promise.all([postgres.remove(), rabbit.remove()])
  }
}
