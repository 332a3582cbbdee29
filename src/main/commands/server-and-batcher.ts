import type { Config } from '../../config/config.ts'
import { startBatcher } from '../compose/engine-part.ts'
import { expose, serveMetrics } from '../compose/metrics-part.ts'
import { openCampus, requireDatabaseUrl } from '../compose/open-campus.ts'
import { startServer } from '../compose/server-part.ts'
import { CommandFailed, ServiceProcess } from '../service-process.ts'
import { warmUp } from '../compose/warm-up.ts'

/** `enrollment server`: REST and engine, against PostgreSQL and (with RABBITMQ_ADDRESS) RabbitMQ elsewhere. */
export async function runServer(config: Config): Promise<void> {
  const url = requireDatabaseUrl(config, 'server')
  const host = new ServiceProcess('server', config, 'service')
  await host.run(async () => {
    const exposition = expose(host)
    await serveMetrics(exposition, config, host, 'server')
    const campus = await openCampus(url, config, host)
    await startServer(campus, config, host, exposition)
  })
}

/** `enrollment batcher`: carries RabbitMQ's journal into PostgreSQL. */
export async function runBatcher(config: Config): Promise<void> {
  const url = requireDatabaseUrl(config, 'batcher')
  const { rabbitmqAddress } = config
  if (rabbitmqAddress === undefined) {
    throw new CommandFailed(
      'enrollment batcher needs RABBITMQ_ADDRESS; without a broker the server writes by itself',
    )
  }
  const host = new ServiceProcess('batcher', config, 'service')
  await host.run(async () => {
    const exposition = expose(host)
    await serveMetrics(exposition, config, host, 'batcher')
    const campus = await openCampus(url, config, host)
    await warmUp(config, { rest: false, writes: true }, host)
    await startBatcher(campus, rabbitmqAddress, config, host, exposition)
  })
}
