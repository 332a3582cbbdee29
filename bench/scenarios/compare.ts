import type { CampusSize } from '../campus/bench-campus.ts'
import { Generator } from '../load/generator-process.ts'
import { type Finding, loadFigures, rounded } from '../report/entry.ts'
import { ComparatorDeployment } from '../deployment/comparator-deployment.ts'
import {
  type BenchCampus,
  createCampus,
  EngineDeployment,
  jwtSecret,
} from '../deployment/engine-deployment.ts'
import type { Servers } from '../deployment/servers.ts'
import { measure, type Target } from '../deployment/target.ts'
import { roomyCampus, sustain } from './sustained.ts'

const poolSizes = [4, 8, 16, 32, 64]
const hotPoolSizes = [2, 8, 32]
const seconds = 10
/** Not all of them get their answer in this time everywhere; throughput is told all the same. */
const rushMsMax = 12_000
const hot: CampusSize = { students: 10_000, courses: 1500, capacity: 40, reserveCapacity: 5 }

/**
 * The service beside what people would use instead, in one run and under the same load: a bare route, with and without
 * a look at the token; a transaction with row locks for each request; and the service itself with one record in each
 * journal message. Random courses first, then one course that everybody wants.
 */
export async function compare(ground: Servers): Promise<Finding[]> {
  const engine = await onEngine(ground, 'engine', {})
  const bare = await onRoute(ground, 'bare-route')
  const token = await onRoute(ground, 'token-route')
  const transactions = await onTransactions(ground)
  // Its journal is so slow that the engine would turn away whoever waits for a fiftieth of the reply's deadline.
  const single = await onEngine(ground, 'one record per message', {
    ENROLLMENT_BATCH_RECORDS_MAX: '1',
    ENROLLMENT_REPLY_DEADLINE: '5m',
  })
  const [hotEngine, hotTransactions] = [await hotOnEngine(ground), await hotOnTransactions(ground)]
  const ratio = (a: Finding, b: Finding, figure: string) =>
    rounded((a.figures[figure] ?? 0) / (b.figures[figure] ?? 0), 2)
  const perSecond = 'requests_per_s'
  return [
    engine,
    bare,
    token,
    transactions,
    single,
    hotEngine,
    hotTransactions,
    {
      scenario: 'compare',
      subject: 'ratios',
      conditions: {},
      figures: {
        server_cpu_to_bare_route: rounded(
          (engine.figures['server_cpu_us_per_request'] ?? 0) / (bare.figures['all_cpu_us_per_request'] ?? 0),
          2,
        ),
        server_cpu_to_token_route: rounded(
          (engine.figures['server_cpu_us_per_request'] ?? 0) / (token.figures['all_cpu_us_per_request'] ?? 0),
          2,
        ),
        all_cpu_to_bare_route: ratio(engine, bare, 'all_cpu_us_per_request'),
        throughput_to_transactions: ratio(engine, transactions, perSecond),
        throughput_to_transactions_hot: ratio(hotEngine, hotTransactions, perSecond),
        throughput_to_one_record_per_message: ratio(engine, single, perSecond),
        transactions_all_cpu_to_engine: ratio(transactions, engine, 'all_cpu_us_per_request'),
      },
    },
  ]
}

async function onEngine(
  ground: Servers,
  subject: string,
  environment: Readonly<Record<string, string>>,
): Promise<Finding> {
  const size = roomyCampus(ground)
  const site = await EngineDeployment.open(ground, { size, environment })
  try {
    return await sustain(ground, site, { scenario: 'compare', subject, size, seconds })
  } finally {
    await site.stop()
  }
}

async function onRoute(ground: Servers, name: 'bare-route' | 'token-route'): Promise<Finding> {
  const size = roomyCampus(ground)
  const site = await ComparatorDeployment.open(ground, name)
  try {
    return await sustain(ground, site, { scenario: 'compare', subject: name, size, seconds: seconds / 2 })
  } finally {
    await site.stop()
  }
}

/** Opens the comparator with so many connections to PostgreSQL. */
async function openTransactions(ground: Servers, campus: BenchCampus, connections: number) {
  const environment = { DATABASE_URL: campus.url, POOL_SIZE: String(connections) }
  return await ComparatorDeployment.open(ground, 'transaction-server', {
    environment,
    servers: [ground.postgresql],
  })
}

/** The pool that carries most, found by short runs, then a long one with it. Every run has students of its own. */
async function onTransactions(ground: Servers): Promise<Finding> {
  const size = roomyCampus(ground)
  const campus = await createCampus(ground, { size })
  const sizes = ground.isTiny ? poolSizes.slice(0, 1) : poolSizes
  const count = Math.floor(size.students / (2 * sizes.length + 2))
  let first = 1
  const run = async (pool: number, forSeconds: number, students: number) => {
    const site = await openTransactions(ground, campus, pool)
    try {
      const callers = { first, count: students }
      first += students
      const subject = `transactions, pool ${pool}`
      return await sustain(ground, site, { scenario: 'compare', subject, size, seconds: forSeconds, callers })
    } finally {
      await site.stop()
    }
  }
  try {
    const best = await bestPool(ground, sizes, (pool) => run(pool, 2, count))
    return await run(best, seconds, size.students - first)
  } finally {
    await campus.drop()
  }
}

async function bestPool(
  ground: Servers,
  sizes: readonly number[],
  run: (pool: number) => Promise<Finding>,
): Promise<number> {
  const [only] = sizes
  if (only !== undefined && sizes.length === 1) return only
  let best = { pool: 0, perSecond: -1 }
  for (const pool of sizes) {
    const perSecond = (await run(pool)).figures['requests_per_s'] ?? 0
    ground.say(`  pool of ${pool}: ${Math.round(perSecond)}/s`)
    if (perSecond > best.perSecond) best = { pool, perSecond }
  }
  return best.pool
}

async function hotOnEngine(ground: Servers): Promise<Finding> {
  const size = hotCampus(ground)
  const site = await EngineDeployment.open(ground, { size })
  try {
    return await rush(ground, site, 'engine, hot course', size, { first: 1, count: size.students })
  } finally {
    await site.stop()
  }
}

async function hotOnTransactions(ground: Servers): Promise<Finding> {
  const size = hotCampus(ground)
  const campus = await createCampus(ground, { size })
  const sizes = ground.isTiny ? hotPoolSizes.slice(0, 1) : hotPoolSizes
  const trial = Math.floor(size.students / 10)
  let course = 1
  const run = async (pool: number, count: number) => {
    const site = await openTransactions(ground, campus, pool)
    try {
      return await rush(
        ground,
        site,
        `transactions, pool ${pool}, hot course`,
        size,
        { first: 1, count },
        course++,
      )
    } finally {
      await site.stop()
    }
  }
  try {
    return await run(await bestPool(ground, sizes, (pool) => run(pool, trial)), size.students)
  } finally {
    await campus.drop()
  }
}

export function hotCampus({ isTiny }: Servers): CampusSize {
  return isTiny ? { ...hot, students: 300, courses: 100 } : hot
}

/** Every student asks once for the same course, as fast as 256 connections carry it. */
async function rush(
  ground: Servers,
  target: Target,
  subject: string,
  size: CampusSize,
  callers: { readonly first: number; readonly count: number },
  course = 1,
): Promise<Finding> {
  const generator = new Generator()
  try {
    const to = { host: target.host, port: target.port, seed: ground.seed }
    const pace = { kind: 'closed', connections: 256 } as const
    const tokens = { secret: jwtSecret }
    // Another course, nearly as hot, by the way of which everything gets warm.
    await generator.open('warming', {
      ...to,
      callers: { ...callers, count: Math.ceil(callers.count / 5), tokens },
      traffic: { kind: 'one-course', course: size.courses - course },
      pace,
    })
    await generator.open('everybody', {
      ...to,
      callers: { ...callers, tokens },
      traffic: { kind: 'one-course', course },
      pace,
    })
    await generator.run({ warming: { forMs: rushMsMax / 4 } })
    const measured = await measure(target, generator, { everybody: { forMs: rushMsMax } })
    return {
      scenario: 'compare',
      subject,
      conditions: { students: callers.count, seats: size.capacity, 'reserve places': size.reserveCapacity },
      figures: loadFigures(measured, 'everybody'),
      counts: measured.streams['everybody']?.replies ?? {},
    }
  } finally {
    generator.end()
  }
}
