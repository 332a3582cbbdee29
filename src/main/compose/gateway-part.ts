import { randomBytes } from 'node:crypto'
import type { Config } from '../../config/config.ts'
import { isLoopback } from '../../config/config-values.ts'
import type { CommandStages } from '../../engine/command-stages.ts'
import type { EnrollmentService } from '../../engine/service.ts'
import { buildGateway } from '../../gateway/app.ts'
import { readCertificate, renewCertificate } from '../../gateway/certificate.ts'
import { EndedTokens } from '../../gateway/auth/ended-tokens.ts'
import { DecisionsAway } from '../../gateway/gateway-ports.ts'
import type { Exposition } from '../../metrics/exposition.ts'
import { DatabaseAccounts } from '../../store/accounts.ts'
import { jwtSecret } from '../../store/campus-row.ts'
import { isConnectionLost } from '../../store/database.ts'
import { searchDecisions } from '../../store/decisions.ts'
import { listDepartments, listGroups, listStudents } from '../../store/registry-lists.ts'
import { insistOnDatabase } from './insist-on-database.ts'
import { nodeRuntime } from '../node-runtime.ts'
import type { OpenCampus } from './open-campus.ts'
import { CommandFailed, type ServiceProcess } from '../service-process.ts'
import { watchAccounts } from './watch-accounts.ts'

/** HS256 secrets: the first signs, all verify. */
export type Secrets = readonly [string, ...string[]]

export interface GatewayParts {
  readonly host: ServiceProcess
  readonly secrets: Secrets
  readonly exposition: Exposition
  /** Where the engine measures commands, if it is in this process. */
  readonly stages?: CommandStages
}

/** The REST gateway of this campus before an engine, in this process or another one. */
export function gatewayFor(
  service: EnrollmentService,
  { database }: OpenCampus,
  config: Config,
  { host, secrets, exposition, stages }: GatewayParts,
): ReturnType<typeof buildGateway> {
  const { listenCertificate, listenKey } = config
  const files = listenCertificate !== undefined &&
    listenKey !== undefined && { certificate: listenCertificate, key: listenKey }
  const accounts = new DatabaseAccounts(database)
  const ended = new EndedTokens()
  watchAccounts(accounts, ended, host)
  const app = buildGateway({
    service,
    accounts,
    searchDecisions: (search) => unlessAway(() => searchDecisions(database, search)),
    lists: {
      students: (search) => unlessAway(() => listStudents(database, search)),
      groups: (search) => unlessAway(() => listGroups(database, search)),
      departments: () => unlessAway(() => listDepartments(database)),
    },
    jwtSecrets: secrets,
    staffScope: config.staffScope,
    forceAdd: config.forceAdd,
    courseUnitsMax: config.courseUnitsMax,
    limits: config,
    windowMs: config.windowMs,
    sessionMs: config.sessionMs,
    ended,
    now: () => nodeRuntime.now(),
    logger: host.log,
    trustProxy: config.trustProxy,
    corsOrigins: config.corsOrigins,
    exposition,
    metricsForClients: config.metricsForClients,
    ...(files && { certificate: readCertificate(files) }),
    ...(stages === undefined ? { engineIsElsewhere: true } : { stages }),
  })
  if (files) host.onHangUp('the certificate', () => renewCertificate(app, files))
  return app
}

/** @throws DecisionsAway while the database cannot be reached */
async function unlessAway<Result>(read: () => Promise<Result>): Promise<Result> {
  try {
    return await read()
  } catch (error) {
    if (!isConnectionLost(error)) throw error
    throw new DecisionsAway('the database is away', { cause: error })
  }
}

/** The configured secrets, or the one that the database keeps. */
export async function secretsOf(campus: OpenCampus, config: Config, host: ServiceProcess): Promise<Secrets> {
  const [first, ...others] = config.jwtSecrets ?? []
  if (first !== undefined) return [first, ...others]
  const create = () => randomBytes(48).toString('base64url')
  return [await insistOnDatabase(host, () => jwtSecret(campus.database, create))]
}

/** @throws CommandFailed if these accounts must not be served there */
export function refuseSampleAccountsBeyondLoopback({ row }: OpenCampus, config: Config): void {
  if (!row.isSample || config.allowSampleAccounts || isLoopback(config.listen)) return
  throw new CommandFailed(
    'this is the sample campus, whose passwords everybody knows: it is served on loopback only; ' +
      'set LISTEN_ADDRESS to 127.0.0.1, or ENROLLMENT_ALLOW_SAMPLE_ACCOUNTS=yes',
  )
}
