import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { from } from 'pg-copy-streams'
import {
  type BackedUpTable,
  type BackupContents,
  type BackupEnd,
  columnsOf,
  quoted,
  tablesOfMigrations,
} from './backup-contents.ts'
import { type Client, type Database, endQuietly, inTransaction } from './database.ts'
import { applyWithin, knownAmong } from './migrate.ts'

/** The backup cannot be put here; nothing was changed. */
export class RestoreRefused extends Error {
  override readonly name = 'RestoreRefused'
}

/** What a backup holds behind its contents. */
export interface BackupRows {
  /** Each table's rows, in the order of the contents; each to be read to its end. */
  tables(): AsyncIterable<{ readonly name: string; readonly rows: AsyncIterable<Buffer> }>
  /** Once all tables were read. */
  end(): Promise<BackupEnd>
}

const selectOurs = `
  SELECT relname AS name FROM pg_class
  WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND relname = ANY ($1) LIMIT 1`
const selectUsers = `
  SELECT DISTINCT application_name AS name FROM pg_stat_activity
  WHERE datname = current_database() AND application_name LIKE 'enrollment%' AND application_name <> $1`
/** Rules that rows of an older system may break: they hold for new rows alone. */
const selectRules = `
  SELECT conrelid::regclass::text AS table, quote_ident(conname) AS name, pg_get_constraintdef(oid) AS definition
  FROM pg_constraint WHERE contype = 'c' AND NOT convalidated AND connamespace = current_schema()::regnamespace`
const selectColumns =
  'SELECT attname AS name FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped'
/** A column that another program added comes without the sequence that counted it. */
const setSequence =
  'SELECT setval(sequence, $2, $3) FROM to_regclass($1) AS sequence WHERE sequence IS NOT NULL'
const selectExists = 'SELECT to_regprocedure($1) IS NOT NULL AS exists'
const makeMonths = 'SELECT make_decision_partitions()'

/**
 * Makes sure that a database has no table of ours, and that nobody waits for one there.
 * @throws RestoreRefused if not
 */
export async function requireEmpty(database: Database): Promise<void> {
  const ours = await tablesOfMigrations()
  refuseTable(await database.query<{ name: string }>(selectOurs, [ours]))
  const users = await database.query<{ name: string }>(selectUsers, [database.applicationName])
  if (users.length > 0) {
    const names = users.map(({ name }) => name).join(', ')
    throw new RestoreRefused(`this database is in use (${names}); stop that first`)
  }
}

function refuseTable([table]: readonly { readonly name: string }[]): void {
  if (table === undefined) return
  throw new RestoreRefused(
    `this database has the table ${table.name} already; restore into a new one (createdb; without DATABASE_URL: another ENROLLMENT_DATA)`,
  )
}

/**
 * Makes the tables as they were when the backup was taken, with all their rows, in one transaction.
 * @throws RestoreRefused if the database has tables of ours; MigrationRefused if the backup is of a newer program
 */
export async function restoreTables(
  database: Database,
  contents: BackupContents,
  rows: BackupRows,
): Promise<void> {
  const ours = await tablesOfMigrations()
  const migrations = await knownAmong(contents.migrations)
  // No change of these rows is one that another program made.
  const client = await database.connect({ settings: { 'enrollment.writer': 'restore' } })
  try {
    await inTransaction(client, 'BEGIN', async () => {
      await applyWithin(client, migrations, async () => {
        refuseTable((await client.query<{ name: string }>(selectOurs, [ours])).rows)
      })
      await fill(client, contents, rows)
    })
    await client.query('ANALYZE')
  } finally {
    await endQuietly(client)
  }
}

async function fill(client: Client, contents: BackupContents, rows: BackupRows): Promise<void> {
  for (const table of contents.tables) await makeAsItWas(client, table)
  if (!contents.placesAreUnique) await client.query('DROP INDEX enrolled_courses_once')
  const rules = await client.query<{ table: string; name: string; definition: string }>(selectRules)
  for (const { table, name } of rules.rows) await client.query(`ALTER TABLE ${table} DROP CONSTRAINT ${name}`)
  await client.query(`TRUNCATE ${contents.tables.map(({ name }) => quoted(name)).join(', ')}`)
  const tables = new Map(contents.tables.map((table) => [table.name, table]))
  for await (const { name, rows: chunks } of rows.tables()) {
    const table = tables.get(name)
    if (table === undefined)
      throw new RestoreRefused(`the backup has rows of ${name}, which it does not name`)
    const copy = `COPY ${quoted(name)} (${columnsOf(table)}) FROM STDIN (ENCODING 'UTF8')`
    await pipeline(Readable.from(chunks), client.query(from(copy)))
  }
  for (const { table, name, definition } of rules.rows) {
    await client.query(`ALTER TABLE ${table} ADD CONSTRAINT ${name} ${definition}`)
  }
  for (const { name, last, isUsed } of (await rows.end()).sequences) {
    await client.query(setSequence, [quoted(name), last, isUsed])
  }
  const months = await client.query<{ exists: boolean }>(selectExists, ['make_decision_partitions()'])
  if (months.rows[0]?.exists === true) await client.query(makeMonths)
}

/** Months that were archived and still stand, and columns that another program added. */
async function makeAsItWas(client: Client, { name, columns }: BackedUpTable): Promise<void> {
  if (name === 'decisions_earliest') {
    await client.query('ALTER TABLE decisions DETACH PARTITION decisions_earliest')
  } else if (/^decisions_\d{4}_\d\d$/.test(name)) {
    await client.query(
      `CREATE TABLE ${name} (LIKE decisions INCLUDING DEFAULTS INCLUDING CONSTRAINTS, PRIMARY KEY (term, seq))`,
    )
  }
  const there = await client.query<{ name: string }>(selectColumns, [quoted(name)])
  for (const column of columns) {
    if (there.rows.some(({ name: known }) => known === column.name)) continue
    await client.query(`ALTER TABLE ${quoted(name)} ADD COLUMN ${quoted(column.name)} ${column.type}`)
  }
}
