import { relative } from 'node:path'
import type { Config } from '../config.ts'
import { startEmbeddedPostgres } from '../embedded/embedded-postgres.ts'
import { requireFree } from '../gateway/listen.ts'
import { holdsRegistry } from '../store/registry-queries.ts'
import { startBatcher } from './engine-part.ts'
import { loadSample } from './load.ts'
import { expose, serveMetrics } from './metrics-part.ts'
import { openCampus, type OpenCampus } from './open-campus.ts'
import { startServer } from './server-part.ts'
import { CommandFailed, ServiceProcess } from './service-process.ts'
import { welcomePage } from './welcome-page.ts'

/**
 * `enrollment start`: everything in one process. Brings its own PostgreSQL unless DATABASE_URL names one, and in
 * that its own sample campus on the first start; journals into RabbitMQ if RABBITMQ_ADDRESS names one.
 */
export async function runStart(config: Config): Promise<void> {
  const host = new ServiceProcess('start', config, 'tool')
  await host.run(async () => {
    await requireFree(config.listen)
    const campus =
      config.databaseUrl === undefined
        ? await openEmbedded(config, host)
        : await openCampus(config.databaseUrl, config, host)
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

async function openEmbedded(config: Config, host: ServiceProcess): Promise<OpenCampus> {
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
  if (await holdsRegistry(campus.database)) return campus
  say('First start: making the sample campus.')
  await loadSample(campus)
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
