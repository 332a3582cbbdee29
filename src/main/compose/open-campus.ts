import { randomBytes } from 'node:crypto'
import type { Config } from '../../config/config.ts'
import { AlreadyRunning } from '../../embedded/directory-lock.ts'
import { startEmbeddedPostgres } from '../../embedded/embedded-postgres.ts'
import { holdsCluster, urlOfRunning } from '../../embedded/running-postgres.ts'
import { type CampusRow, ensureCampus, readCampus, refuseCopied } from '../../store/campus-row.ts'
import { type Database, openDatabase } from '../../store/database.ts'
import { waitForDatabase } from '../../store/wait-for-database.ts'
import { migrate, requireMigrated } from '../../store/migrate.ts'
import { insistOnDatabase } from './insist-on-database.ts'
import { CommandFailed, type ServiceProcess } from '../service-process.ts'

/** The database of a campus, up to date and named. */
export interface OpenCampus {
  readonly database: Database
  readonly url: string
  readonly row: CampusRow
  /** The migrations that were applied to open it. */
  readonly applied: readonly string[]
}

/**
 * Waits for PostgreSQL, applies pending migrations under a lock, and finds out which campus it is.
 * @param options.copy what a copy is from now on, for the command that says so
 * @throws WrongCampus if it is another campus than the configured one, or a copy
 */
export async function openCampus(
  url: string,
  config: Config,
  host: ServiceProcess,
  options: { readonly copy?: 'moved' | 'new campus' | undefined } = {},
): Promise<OpenCampus> {
  const database = await openWhenUp(url, host)
  if (options.copy === undefined) await insistOnDatabase(host, () => refuseCopied(database))
  const applied = await insistOnDatabase(host, () => migrate(database))
  if (applied.length > 0) host.log.info({ migrations: applied }, `applied ${applied.length} migrations`)
  const generated = generatedName()
  const row = await insistOnDatabase(host, () =>
    ensureCampus(database, {
      configured: options.copy === 'new campus' ? undefined : config.campus,
      generated,
    }),
  )
  return { database, url, row, applied }
}

/** A fresh name, like `campus-1f3a9c2b`. */
export function generatedName(): string {
  return `campus-${randomBytes(4).toString('hex')}`
}

/**
 * The same for looking only: nothing in the database is changed.
 * @throws MigrationRefused if its tables are not as this program knows them
 */
export async function openCampusForReading(url: string, host: ServiceProcess): Promise<OpenCampus> {
  const database = await openWhenUp(url, host)
  await requireMigrated(database)
  return { database, url, row: await readCampus(database), applied: [] }
}

/** Waits for PostgreSQL. */
export async function openWhenUp(url: string, host: ServiceProcess): Promise<Database> {
  await waitForDatabase(url, {
    logger: host.log,
    signal: host.signal,
    onWaiting: (line) => host.log.warn(line),
  })
  const database = await insistOnDatabase(host, () =>
    openDatabase(url, { logger: host.log, applicationName: `enrollment ${host.name}` }),
  )
  host.onStop(() => database.close())
  return database
}

/** @throws CommandFailed when there is no DATABASE_URL */
export function requireDatabaseUrl(config: Config, command: string): string {
  if (config.databaseUrl !== undefined) return config.databaseUrl
  throw new CommandFailed(
    `enrollment ${command} needs DATABASE_URL; \`enrollment start\` brings its own PostgreSQL`,
  )
}

/**
 * The database that a tool is to work on: DATABASE_URL, else the one that `enrollment start` keeps, which is started
 * for the tool if it does not run.
 * @throws CommandFailed when there is neither
 */
export async function databaseOfTool(config: Config, host: ServiceProcess, command: string): Promise<string> {
  const { databaseUrl, dataFolder } = config
  if (databaseUrl !== undefined) return databaseUrl
  if (!holdsCluster(dataFolder)) {
    throw new CommandFailed(
      `enrollment ${command} needs DATABASE_URL: there is no database of \`enrollment start\` in ${dataFolder} either`,
    )
  }
  try {
    const log = (line: string): void => host.log.info(line)
    const postgres = await startEmbeddedPostgres({ dataDirectory: dataFolder, log })
    host.onStop(() => postgres.stop())
    return postgres.url
  } catch (error) {
    if (error instanceof AlreadyRunning) return urlOfRunning(dataFolder)
    throw error
  }
}
