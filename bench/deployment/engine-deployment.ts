import { setTimeout as sleep } from 'node:timers/promises'
import { hash as argon2id } from '@node-rs/argon2'
import pg from 'pg'
import { pino } from 'pino'
import { loadTables } from '../../src/store/bulk-load.ts'
import { ensureCampus } from '../../src/store/campus-row.ts'
import { openDatabase } from '../../src/store/database.ts'
import { migrate } from '../../src/store/migrate.ts'
import { createDatabase, type TestDatabase } from '../../kit/servers/provide.ts'
import { campusRows, type CampusSize } from '../campus/bench-campus.ts'
import { loadHeldPlaces } from '../campus/held-places.ts'
import type { Environment } from '../../kit/load/cli-process.ts'
import { Service, type ServiceOptions } from '../../kit/load/service.ts'
import type { ProcessGroup } from '../measure/process-usage.ts'
import { readStages, type StageTotals } from '../measure/stages.ts'
import type { Servers } from './servers.ts'
import type { Target } from './target.ts'

export const password = 'bench'
/** Of every process that issues or checks tokens in a run. */
export const jwtSecret = 'the key of a benchmark which whoever makes its load knows too'
/** Where logging in is not what is measured, it is cheap. */
const cheapHash = { memoryCost: 256, timeCost: 1, parallelism: 1 } as const
const writtenTimeoutMs = 120_000
/** The first start on a campus writes down what millions of rows held. */
const readyMsMax = 180_000
const pollMs = 2
const silent = pino({ level: 'silent' })

export interface CampusOptions {
  readonly size: CampusSize
  /** Places of each student that exist before anybody asks. */
  readonly held?: number
  readonly passwordHash?: string
  /** What the course with the highest number has instead, for everybody to want. */
  readonly hot?: { readonly seats: number; readonly reservePlaces: number }
}

export interface BenchCampus extends TestDatabase {
  readonly id: string
}

let campuses = 0

/** A new database with the tables of the service and a campus in it. */
export async function createCampus(ground: Servers, options: CampusOptions): Promise<BenchCampus> {
  const created = await createDatabase(ground.postgresUrl)
  const id = `bench-${process.pid}-${++campuses}`
  const database = await openDatabase(created.url, { logger: silent })
  try {
    await migrate(database)
    await ensureCampus(database, { configured: id, generated: id })
    const passwordHash = options.passwordHash ?? (await argon2id(password, cheapHash))
    await loadTables(database, campusRows(options.size, passwordHash))
    if (options.held !== undefined) await loadHeldPlaces(database, options.size, options.held)
    if (options.hot !== undefined) {
      const { seats, reservePlaces } = options.hot
      await database.query('UPDATE courses SET capacity = $2, reserve_capacity = $3 WHERE course_id = $1', [
        options.size.courses,
        seats,
        reservePlaces,
      ])
    }
  } finally {
    await database.close()
  }
  return { ...created, id }
}

export interface EngineSiteOptions extends CampusOptions {
  readonly environment?: Environment
  readonly launch?: ServiceOptions['launch']
}

/** The service as it is run: `server` and `batcher` before the run's RabbitMQ, a campus of its own in its PostgreSQL. */
export class EngineDeployment implements Target {
  readonly service: Service
  readonly campus: BenchCampus
  readonly groups: readonly ProcessGroup[]
  readonly #position: pg.Client

  private constructor(ground: Servers, campus: BenchCampus, service: Service, position: pg.Client) {
    this.campus = campus
    this.service = service
    this.#position = position
    const own = (command: string): ProcessGroup => ({
      name: command,
      roots: () => service.processes.filter((process) => process.command === command).map(({ pid }) => pid),
    })
    this.groups = [own('server'), own('batcher'), ground.rabbitmq, ground.postgresql]
  }

  /** Makes the campus, starts the processes and resolves once they serve it. */
  static async open(ground: Servers, options: EngineSiteOptions): Promise<EngineDeployment> {
    return await EngineDeployment.before(ground, await createCampus(ground, options), options)
  }

  /** The same before a campus that is there. */
  static async before(
    ground: Servers,
    campus: BenchCampus,
    { environment = {}, launch = ground.launch }: Pick<EngineSiteOptions, 'environment' | 'launch'> = {},
  ): Promise<EngineDeployment> {
    const service = await Service.start({
      databaseUrl: campus.url,
      rabbitAddress: ground.rabbitAddress,
      campus: campus.id,
      // The broker is not killed here: its queue needs no time to settle.
      environment: { JWT_SECRET: jwtSecret, ENROLLMENT_QUEUE_SETTLE: '0s', ...environment },
      keeper: ground.keeper,
      ...(launch !== undefined && { launch }),
    })
    const position = new pg.Client({ connectionString: campus.url })
    position.on('error', () => {})
    await position.connect()
    await service.untilReady(readyMsMax)
    return new EngineDeployment(ground, campus, service, position)
  }

  get host(): string {
    return this.service.host
  }

  get port(): number {
    return this.service.port
  }

  async untilWritten(): Promise<void> {
    const { term, decidedSeq } = await this.service.progress()
    const deadline = performance.now() + writtenTimeoutMs
    for (;;) {
      const written = await this.written()
      if (written.term === term && written.seq >= decidedSeq) return
      if (performance.now() > deadline) {
        throw new Error(
          `the tables are at ${written.term}.${written.seq}, the server at ${term}.${decidedSeq}`,
        )
      }
      await sleep(pollMs)
    }
  }

  async stages(): Promise<StageTotals> {
    return readStages(await this.service.metrics())
  }

  /** How far the tables are. */
  async written(): Promise<{ readonly term: number; readonly seq: number }> {
    const { rows } = await this.#position.query<{ term: number; seq: number }>(
      'SELECT term, seq::int FROM journal_position',
    )
    return rows[0] ?? { term: 0, seq: 0 }
  }

  /** Ends the processes and drops the campus. */
  async stop(): Promise<void> {
    await this.service.stop()
    await this.#position.end()
    await this.campus.drop()
  }
}
