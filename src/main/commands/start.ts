import { relative } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Config } from '../../config/config.ts'
import { startEmbeddedPostgres } from '../../embedded/embedded-postgres.ts'
import { requireFree } from '../../gateway/listen.ts'
import { readCampus } from '../../store/campus-row.ts'
import { canBeServed, holdsRegistry } from '../../store/registry-queries.ts'
import { startBatcher } from '../compose/engine-part.ts'
import { insistOnDatabase } from '../compose/insist-on-database.ts'
import { loadSample } from './load.ts'
import { expose, serveMetrics } from '../compose/metrics-part.ts'
import { openCampus, type OpenCampus } from '../compose/open-campus.ts'
import { startServer } from '../compose/server-part.ts'
import { CommandFailed, ServiceProcess } from '../service-process.ts'
import { welcomePage } from './welcome-page.ts'
import { withoutLeader } from '../compose/without-leader.ts'

const lookForLoadMs = 300

export interface StartWish {
  /** Make no sample campus; wait for one that is loaded. */
  readonly empty: boolean
}

/**
 * `enrollment start`: everything in one process. Brings its own PostgreSQL unless DATABASE_URL names one, and in
 * that its own sample campus on the first start; journals into RabbitMQ if RABBITMQ_ADDRESS names one.
 */
export async function runStart(config: Config, wish: StartWish): Promise<void> {
  const host = new ServiceProcess('start', config, 'tool')
  await host.run(async () => {
    await requireFree(config.listen)
    const opened =
      config.databaseUrl === undefined
        ? await openEmbedded(config, host, wish)
        : await openCampus(config.databaseUrl, config, host)
    const campus = wish.empty ? await untilLoaded(opened, host) : opened
    if (host.signal.aborted) return
    const exposition = expose(host)
    await serveMetrics(exposition, config, host, 'server')
    if (config.rabbitmqAddress !== undefined) {
      await startBatcher(campus, config.rabbitmqAddress, config, host, exposition)
    }
    const { address, leading } = await startServer(campus, config, host, exposition)
    await Promise.race([leading, host.stopped])
    if (!host.signal.aborted) greet(campus, address, config)
  })
  say('Stopped; everything is kept.')
}

/**
 * Waits for the campus of whoever asked for an empty one: a server that leads would not see what is loaded.
 * @throws CommandFailed if the sample campus is there
 */
async function untilLoaded(campus: OpenCampus, host: ServiceProcess): Promise<OpenCampus> {
  const { database } = campus
  const isLoaded = () => insistOnDatabase(host, () => canBeServed(database))
  if (campus.row.isSample) {
    throw new CommandFailed(
      'the sample campus is here already; an empty one wants another folder: ENROLLMENT_DATA=my-campus npm start -- --empty',
    )
  }
  if (await isLoaded()) return campus
  const settings = ['ENROLLMENT_DATA', 'DATABASE_URL'].filter((name) => process.env[name] !== undefined)
  const same = settings.length > 0 ? `, with the same ${settings.join(' and ')}` : ''
  say(`This campus is empty. Load yours in another terminal${same}; it is served as soon as it has students and courses:
  node src/cli.ts load --departments D.csv --staff T.csv --students S.csv --courses C.csv
How the files are written: node src/cli.ts load --help
Stop with Ctrl-C.`)
  while (!host.signal.aborted && !(await isLoaded())) {
    await delay(lookForLoadMs, undefined, { signal: host.signal }).catch(() => {})
  }
  // The sample campus may have been loaded, which is not served beyond this machine.
  return { ...campus, row: await readCampus(database) }
}

async function openEmbedded(config: Config, host: ServiceProcess, { empty }: StartWish): Promise<OpenCampus> {
  const postgres = await startEmbeddedPostgres({ dataDirectory: config.dataFolder, log: say })
  host.onStop(() => postgres.stop())
  void postgres.ended.then(() => {
    if (!host.signal.aborted)
      host.fail(
        new CommandFailed(
          `the embedded PostgreSQL ended by itself; its log in ${config.dataFolder} says why. Start again: everything is kept`,
        ),
      )
  })
  const campus = await openCampus(postgres.url, config, host)
  if (empty || (await holdsRegistry(campus.database))) return campus
  say('First start: making the sample campus.')
  await withoutLeader(campus, config, host, () => loadSample(campus))
  return { ...campus, row: { ...campus.row, isSample: true } }
}

function greet({ row }: OpenCampus, address: string, config: Config): void {
  const isEmbedded = config.databaseUrl === undefined
  const dataFolder = isEmbedded ? relative('.', config.dataFolder) || '.' : undefined
  for (const line of welcomePage({ campus: row.id, address, isSample: row.isSample, dataFolder })) say(line)
}

/** For the person at the terminal; the log goes elsewhere. */
function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
