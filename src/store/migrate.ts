import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Client, Database } from './database.ts'
import { codeOf, endQuietly, inTransaction } from './database.ts'

/** The database and this program's migrations do not belong together; nothing was changed. */
export class MigrationRefused extends Error {
  override readonly name = 'MigrationRefused'
}

export interface Migration {
  /** File name without `.sql`; its order is the order of application. */
  readonly name: string
  readonly sql: string
  readonly checksum: string
}

const lockMigrations = 'SELECT pg_advisory_lock(1701733747, 1)'
const lockMigrationsInTransaction = 'SELECT pg_advisory_xact_lock(1701733747, 1)'
const createMigrationsTable = `
  CREATE TABLE IF NOT EXISTS enrollment_migrations
  (
    name       TEXT PRIMARY KEY,
    checksum   TEXT        NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT now()
  )`
const selectHasMigrations = "SELECT to_regclass('enrollment_migrations') IS NOT NULL AS found"
const selectApplied = 'SELECT name, checksum FROM enrollment_migrations ORDER BY name COLLATE "C"'
const insertApplied = 'INSERT INTO enrollment_migrations (name, checksum) VALUES ($1, $2)'
/** SQLSTATE */
const insufficientPrivilege = '42501'

/**
 * Applies the migrations that the database lacks, each in a transaction, one process at a time. Works on an
 * empty database and on one of the replaced system. When all are applied it only reads, as a user may who
 * owns no table.
 * @returns the names of those applied now
 * @throws MigrationRefused if an applied one has changed, the database is newer than this program, or this user
 *   may not make tables
 */
export async function migrate(database: Database, migrations?: readonly Migration[]): Promise<string[]> {
  const known = migrations ?? (await readMigrations())
  const [first] = lackingFrom(await readApplied(database), known)
  if (first === undefined) return []
  try {
    return await applyLacking(database, known)
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.cause ?? cause) : cause
    if (codeOf(reason) !== insufficientPrivilege) throw cause
    throw new MigrationRefused(
      `the database lacks migration ${first.name}, which this user may not apply; run enrollment migrate as the owner`,
      { cause },
    )
  }
}

async function applyLacking(database: Database, known: readonly Migration[]): Promise<string[]> {
  const client = await database.connect({ applicationName: 'enrollment migrate' })
  try {
    // Released with the connection.
    await client.query(lockMigrations)
    await client.query(createMigrationsTable)
    const applied = await client.query<{ name: string; checksum: string }>(selectApplied)
    const lacking = lackingFrom(applied.rows, known)
    for (const migration of lacking) await applyMigration(client, migration)
    return lacking.map(({ name }) => name)
  } finally {
    await endQuietly(client)
  }
}

/**
 * Applies these migrations in the transaction that is open, once no other process migrates.
 * @param begin called before the first
 */
export async function applyWithin(
  client: Client,
  migrations: readonly Migration[],
  begin: () => Promise<void>,
): Promise<void> {
  await client.query(lockMigrationsInTransaction)
  await begin()
  await client.query(createMigrationsTable)
  for (const { name, sql, checksum } of migrations) {
    await client.query(sql)
    await client.query(insertApplied, [name, checksum])
  }
}

/**
 * The migrations that were applied elsewhere, as this program knows them.
 * @throws MigrationRefused if it does not
 */
export async function knownAmong(
  applied: readonly Pick<Migration, 'name' | 'checksum'>[],
): Promise<readonly Migration[]> {
  const known = await readMigrations()
  lackingFrom(applied, known, 'the backup')
  return known.slice(0, applied.length)
}

/**
 * Makes sure that the tables are as this program knows them, and changes nothing.
 * @throws MigrationRefused if they are not
 */
export async function requireMigrated(database: Database): Promise<void> {
  const [first] = lackingFrom(await readApplied(database), await readMigrations())
  if (first === undefined) return
  throw new MigrationRefused(`the database lacks migration ${first.name}; enrollment migrate applies it`)
}

async function readApplied(database: Database): Promise<{ name: string; checksum: string }[]> {
  const [table] = await database.query<{ found: boolean }>(selectHasMigrations)
  return table?.found === true ? await database.query(selectApplied) : []
}

async function applyMigration(client: Client, { name, sql, checksum }: Migration): Promise<void> {
  try {
    await inTransaction(client, 'BEGIN', async () => {
      await client.query(sql)
      await client.query(insertApplied, [name, checksum])
    })
  } catch (cause) {
    throw new Error(`migration ${name} failed: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    })
  }
}

function lackingFrom(
  applied: readonly { name: string; checksum: string }[],
  migrations: readonly Migration[],
  what = 'the database',
): readonly Migration[] {
  applied.forEach(({ name, checksum }, index) => {
    if (!migrations.some((known) => known.name === name)) {
      throw new MigrationRefused(
        `${what} is newer than this program: it has migration ${name}, which is not known here; run a newer version`,
      )
    }
    const expected = migrations[index]
    if (expected?.name !== name) {
      throw new MigrationRefused(
        `${what} has migration ${name} without ${expected?.name} before it; run a version that has both`,
      )
    }
    if (expected.checksum !== checksum) {
      throw new MigrationRefused(
        `migration ${name} has changed since it was applied: migrations are append-only; run the version that applied it`,
      )
    }
  })
  return migrations.slice(applied.length)
}

/** Reads `schema/migrations` of the package that this file is part of, wherever it was compiled to. */
export async function readMigrations(
  directory = join(import.meta.dirname, '../../schema/migrations'),
): Promise<Migration[]> {
  const files = (await readdir(directory)).filter((file) => file.endsWith('.sql')).toSorted()
  return Promise.all(
    files.map(async (file) => {
      // A checkout with CRLF line ends holds the same migration.
      const sql = (await readFile(join(directory, file), 'utf8')).replaceAll('\r\n', '\n')
      return {
        name: file.slice(0, -'.sql'.length),
        sql,
        checksum: createHash('sha256').update(sql).digest('hex'),
      }
    }),
  )
}

const createUniquePlaces =
  'CREATE UNIQUE INDEX IF NOT EXISTS enrolled_courses_once ON enrolled_courses (student_id, course_id, group_id)'

/**
 * Makes it impossible for a row of `enrolled_courses` to repeat another, once adoption has removed those that
 * did. Does nothing when that was done before.
 * @throws if duplicates stand
 */
export async function finishAdoption(database: Database): Promise<void> {
  const client = await database.connect()
  try {
    await client.query(createUniquePlaces)
  } finally {
    await endQuietly(client)
  }
}
