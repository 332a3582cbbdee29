import type { Config } from '../../config/config.ts'
import { CommandStages } from '../../engine/command-stages.ts'
import type { Engine } from '../../engine/engine.ts'
import { AdoptionNeeded } from '../../engine/ports.ts'
import { closeGateway, openGateway } from '../../gateway/listen.ts'
import type { Exposition } from '../../metrics/exposition.ts'
import { DatabaseCampusStore } from '../../store/campus-store.ts'
import { findings } from '../../store/table-findings.ts'
import { openCore } from './core-part.ts'
import { buildEngine } from './engine-part.ts'
import { gatewayFor, refuseSampleAccountsBeyondLoopback, secretsOf } from './gateway-part.ts'
import { insistOnDatabase } from './insist-on-database.ts'
import type { OpenCampus } from './open-campus.ts'
import { CommandFailed, type ServiceProcess } from '../service-process.ts'
import { warmUp } from './warm-up.ts'

/** An open REST gateway with the engine behind it, which leads or stands by. */
export interface RunningServer {
  /** For people: a URL, or a socket's path. */
  readonly address: string
  readonly engine: Engine
  /** Resolves when the engine leads for the first time. */
  readonly leading: Promise<void>
}

/**
 * Starts the engine and opens the gateway before it: requests are answered `recovering` or `not_leading` until
 * the engine leads.
 * @throws CommandFailed if these accounts must not be served there, or the tables need adoption
 */
export async function startServer(
  campus: OpenCampus,
  config: Config,
  host: ServiceProcess,
  exposition: Exposition,
): Promise<RunningServer> {
  refuseSampleAccountsBeyondLoopback(campus, config)
  await insistOnDatabase(host, () => reportFindings(campus, config, host))
  let lead = (): void => {}
  const leading = new Promise<void>((resolve) => {
    lead = resolve
  })
  let tellGateways = (): void => {}
  const stages = new CommandStages()
  const engine = await buildEngine(campus, config, host, {
    stages,
    exposition,
    onState: (state) => {
      if (state === 'leading') lead()
      tellGateways()
    },
  })
  const secrets = await secretsOf(campus, config, host)
  const listener = await openCore(engine, campus, config, { host, secrets })
  tellGateways = () => listener?.tellState()
  const app = gatewayFor(engine, campus, config, { host, secrets, exposition, stages })
  const address = await openGateway(app, config.listen)
  // Stopped in this order: the engine admits nothing more and makes durable what it decided, which lets the
  // requests that wait for it be answered; then the server is closed.
  host.onStop(() => closeGateway(app, 1000))
  host.onStop(async () => await listener?.close())
  host.onStop(() => engine.stop(host.graceMs))
  host.log.info(`serving campus ${campus.row.id} on ${address}`)
  const writes = config.rabbitmqAddress === undefined
  await warmUp(config, { rest: true, writes }, host)
  engine.run().catch((error: unknown) => {
    host.fail(
      error instanceof AdoptionNeeded ? new CommandFailed(error.message, error.findings, error) : error,
    )
  })
  return { address, engine, leading }
}

/** What an older system left behind is told row by row before its tables are served for the first time. */
async function reportFindings(campus: OpenCampus, config: Config, host: ServiceProcess): Promise<void> {
  const { term } = await new DatabaseCampusStore(campus.database, config).readPosition()
  if (term > 0) return
  for (const finding of await findings(campus.database)) host.log.warn(`found in the tables: ${finding.text}`)
}
