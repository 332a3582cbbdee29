import { randomBytes } from 'node:crypto'
import type { Config } from '../config.ts'
import { type CampusRow, ensureCampus } from '../store/campus-row.ts'
import { type Database, openDatabase, waitForDatabase } from '../store/database.ts'
import { migrate } from '../store/migrate.ts'
import { CommandFailed, type ServiceProcess } from './service-process.ts'

/** The database of a campus, up to date and named. */
export interface OpenCampus {
  readonly database: Database
  readonly url: string
  readonly row: CampusRow
}

/** Waits for PostgreSQL, applies pending migrations under a lock, and finds out which campus it is. */
export async function openCampus(url: string, config: Config, host: ServiceProcess): Promise<OpenCampus> {
  await waitForDatabase(url, {
    logger: host.log,
    signal: host.signal,
    onWaiting: (line) => host.log.warn(line),
  })
  const database = await openDatabase(url, { logger: host.log })
  host.onStop(() => database.close())
  const applied = await migrate(database)
  if (applied.length > 0) host.log.info({ migrations: applied }, `applied ${applied.length} migrations`)
  const generated = `campus-${randomBytes(4).toString('hex')}`
  const row = await ensureCampus(database, { configured: config.campus, generated })
  return { database, url, row }
}

/** @throws CommandFailed when there is no DATABASE_URL */
export function requireDatabaseUrl(config: Config, command: string): string {
  if (config.databaseUrl !== undefined) return config.databaseUrl
  throw new CommandFailed(
    `enrollment ${command} needs DATABASE_URL; \`enrollment start\` brings its own PostgreSQL`,
  )
}
