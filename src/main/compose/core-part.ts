import type { Config } from '../../config/config.ts'
import { CoreListener, type LinkLog } from '../../core-link/core-listener.ts'
import type { CoreService } from '../../core-link/gateway-connection.ts'
import { RemoteEngine } from '../../core-link/remote-engine.ts'
import { closeGateway, openGateway, removeStaleSocket } from '../../gateway/listen.ts'
import { expose, serveMetrics } from './metrics-part.ts'
import { gatewayFor, refuseSampleAccountsBeyondLoopback, type Secrets, secretsOf } from './gateway-part.ts'
import { openCampus, type OpenCampus, requireDatabaseUrl } from './open-campus.ts'
import { CommandFailed, ServiceProcess } from '../service-process.ts'
import { warmUp } from './warm-up.ts'

/** Opens the engine's door for gateways of their own, where ENROLLMENT_CORE_LISTEN says, if it does. */
export async function openCore(
  service: CoreService,
  campus: OpenCampus,
  config: Config,
  { host, secrets }: { host: ServiceProcess; secrets: Secrets },
): Promise<CoreListener | undefined> {
  const { coreListen } = config
  if (coreListen === undefined) return undefined
  const listener = new CoreListener({ service, campus: campus.row.id, secrets, log: logTo(host) })
  for (const address of coreListen) {
    if (address.protocol === 'unix') await removeStaleSocket(address.path)
    host.log.info(`gateways may connect to ${await listener.listen(address)}`)
  }
  return listener
}

/** `enrollment gateway`: REST alone, in front of the engines at CORE_ADDRESS. */
export async function runGateway(config: Config): Promise<void> {
  const url = requireDatabaseUrl(config, 'gateway')
  const { coreAddresses } = config
  if (coreAddresses === undefined) {
    throw new CommandFailed(
      'enrollment gateway needs CORE_ADDRESS: where the engines listen for gateways (their ENROLLMENT_CORE_LISTEN)',
    )
  }
  const host = new ServiceProcess('gateway', config, 'service')
  await host.run(async () => {
    const exposition = expose(host)
    await serveMetrics(exposition, config, host, 'gateway')
    const campus = await openCampus(url, config, host)
    refuseSampleAccountsBeyondLoopback(campus, config)
    const secrets = await secretsOf(campus, config, host)
    const engines = new RemoteEngine({
      addresses: coreAddresses,
      campus: campus.row.id,
      secrets,
      gateway: `${process.pid}`,
      log: logTo(host),
    })
    host.onStop(() => Promise.resolve(engines.close()))
    const app = gatewayFor(engines, campus, config, { host, secrets, exposition })
    await warmUp(config, { rest: true, writes: false }, host)
    const address = await openGateway(app, config.listen)
    host.onStop(() => closeGateway(app, host.graceMs))
    host.log.info(`serving campus ${campus.row.id} on ${address}`)
  })
}

function logTo(host: ServiceProcess): LinkLog {
  return (level, line, error) => {
    if (error === undefined) host.log[level](line)
    else host.log[level]({ err: error }, line)
  }
}
