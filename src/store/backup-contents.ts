import { to } from 'pg-copy-streams'
import { type Client, type Database, endQuietly } from './database.ts'
import { openSnapshot } from './export-rows.ts'
import { type Migration, readMigrations } from './migrate.ts'

/** What a backup holds, known before its first row is read. */
export interface BackupContents {
  readonly campus: string
  /** By the database's clock, ISO 8601. */
  readonly takenAt: string
  /** Where the journal stood: what came later is not in it. */
  readonly position: { readonly leader: string; readonly term: number; readonly seq: number }
  readonly migrations: readonly Pick<Migration, 'name' | 'checksum'>[]
  readonly tables: readonly BackedUpTable[]
  /** False in tables of the replaced system that hold a place twice and were not adopted yet. */
  readonly placesAreUnique: boolean
}

export interface BackedUpTable {
  readonly name: string
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  readonly rows: number
}

/** The last numbers that were given out, by sequence. */
export interface BackupEnd {
  readonly sequences: readonly { readonly name: string; readonly last: string; readonly isUsed: boolean }[]
}

const selectContents = `
  SELECT id AS campus, to_json(now()) #>> '{}' AS "takenAt", json_build_object('leader', leader, 'term', term, 'seq', seq) AS position,
    (SELECT json_agg(json_build_object('name', name, 'checksum', checksum) ORDER BY name COLLATE "C")
     FROM enrollment_migrations) AS migrations,
    to_regclass('enrolled_courses_once') IS NOT NULL AS "placesAreUnique"
  FROM campus, journal_position`
/** Ours, in the order in which they were made; and months that were taken out of the decisions and still stand. */
const selectTables = `
  SELECT relname AS name, (
    SELECT json_agg(json_build_object('name', attname, 'type', format_type(atttypid, atttypmod)) ORDER BY attnum)
    FROM pg_attribute WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
  ) AS columns
  FROM pg_class
  WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
    AND (relname = ANY ($1) OR relname ~ '^decisions_(earliest|\\d{4}_\\d\\d)$')
  ORDER BY array_position($1, relname::text), relname`
const selectSequences = `
  SELECT relname AS name FROM pg_class
  WHERE relnamespace = current_schema()::regnamespace AND relkind = 'S' AND EXISTS (
    SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid
      AND refobjid::regclass::text = ANY ($1))
  ORDER BY relname`

/** The tables that the migrations make, in that order: a table comes after those that its rows refer to. */
export async function tablesOfMigrations(): Promise<string[]> {
  const migrations = await readMigrations()
  const names = migrations.flatMap(({ sql }) =>
    [...sql.matchAll(/^CREATE TABLE (?:IF NOT EXISTS )?(\w+)/gm)].map(([, name = '']) => name),
  )
  return [...new Set(['enrollment_migrations', ...names])]
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** The columns of a table, for COPY. */
export function columnsOf({ columns }: BackedUpTable): string {
  return columns.map(({ name }) => quoted(name)).join(', ')
}

/** All tables of a campus as they were at one moment; a server may go on beside it. */
export class BackupReader {
  readonly contents: BackupContents
  readonly #client: Client

  constructor(client: Client, contents: BackupContents) {
    this.#client = client
    this.contents = contents
  }

  /** A table in PostgreSQL's text format, in pieces as they come; to be read to its end. */
  rowsOf(table: BackedUpTable): AsyncIterable<Buffer> {
    return this.#client.query(
      to(`COPY (SELECT ${columnsOf(table)} FROM ${quoted(table.name)}) TO STDOUT (ENCODING 'UTF8')`),
    )
  }

  /** To be read last: numbers are given out meanwhile, and none of them twice. */
  async end(): Promise<BackupEnd> {
    const names = this.contents.tables.map(({ name }) => name)
    const { rows } = await this.#client.query<{ name: string }>(selectSequences, [names])
    const sequences = []
    for (const { name } of rows) {
      const read = await this.#client.query<BackupEnd['sequences'][number]>(
        `SELECT '${name}' AS name, last_value::text AS last, is_called AS "isUsed" FROM ${quoted(name)}`,
      )
      sequences.push(...read.rows)
    }
    return { sequences }
  }

  /** Ends the snapshot. Never rejects. */
  async close(): Promise<void> {
    await endQuietly(this.#client)
  }
}

/** Opens a snapshot of everything; the caller closes it. */
export async function openBackupReader(database: Database): Promise<BackupReader> {
  const client = await openSnapshot(database)
  try {
    const {
      rows: [campus],
    } = await client.query<Omit<BackupContents, 'tables'>>(selectContents)
    if (campus === undefined) throw new Error('the database names no campus yet')
    const known = await client.query<Omit<BackedUpTable, 'rows'>>(selectTables, [await tablesOfMigrations()])
    const tables = []
    for (const table of known.rows) {
      const counted = await client.query<{ rows: string }>(
        `SELECT count(*) AS rows FROM ${quoted(table.name)}`,
      )
      tables.push({ ...table, rows: Number(counted.rows[0]?.rows) })
    }
    return new BackupReader(client, { ...campus, tables })
  } catch (error) {
    await endQuietly(client)
    throw error
  }
}
