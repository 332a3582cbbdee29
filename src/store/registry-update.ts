import { DatabaseError } from 'pg'
import {
  advanceDepartmentIds,
  beginBetweenTerms,
  columnsOf,
  endBetweenTerms,
  endExtraSeats,
  type LoadedTable,
  type LoadRow,
  loadTable,
  refusalOf,
  seatThoseWhoWait,
  textOf,
} from './bulk-load.ts'
import { copyIntegersOut, CopyRows, copyIn } from './copy.ts'
import { type Client, type Database, endQuietly, inTransaction } from './database.ts'
import { RegistryReader } from './export-rows.ts'

export type UpdatedTable = Exclude<LoadedTable, 'enrolled_courses'>

/** Seats and reserve places of a group that are taken; `extra` of the seats are beyond its capacity. */
export interface TakenPlaces {
  readonly registered: number
  readonly extra: number
  readonly waiting: number
}

const keys: Readonly<Record<UpdatedTable, readonly string[]>> = {
  departments: ['id'],
  staff: ['id'],
  students: ['id'],
  courses: ['course_id', 'group_id'],
}
const selectTaken = `
  SELECT course_id, group_id, count(*) FILTER (WHERE NOT reserved), count(*) FILTER (WHERE reserved),
    count(*) FILTER (WHERE extra_seat)
  FROM enrolled_courses GROUP BY course_id, group_id`

/** A transaction that changes the registry between two terms. Each changed row that decisions rest on is noted by the triggers. */
export class RegistryUpdate {
  readonly #client: Client
  readonly #reader: RegistryReader
  readonly #touched = new Set<UpdatedTable>()

  constructor(client: Client) {
    this.#client = client
    this.#reader = new RegistryReader(client)
  }

  get touched(): readonly UpdatedTable[] {
    return [...this.#touched]
  }

  /** The rows as an export has them. */
  rows<Row extends object>(table: UpdatedTable): AsyncGenerator<Row> {
    return this.#reader.rows<Row>(table)
  }

  /** By `<course>/<group>`; groups that nobody is in are left out. */
  async takenPlaces(): Promise<ReadonlyMap<string, TakenPlaces>> {
    const taken = new Map<string, TakenPlaces>()
    await copyIntegersOut(
      this.#client,
      selectTaken,
      ([course, group, registered = 0, waiting = 0, extra = 0]) =>
        taken.set(`${course}/${group}`, { registered, extra, waiting }),
    )
    return taken
  }

  /** @throws LoadRefused */
  async insert<Table extends UpdatedTable>(table: Table, rows: readonly LoadRow<Table>[]): Promise<void> {
    if (rows.length === 0) return
    this.#touched.add(table)
    await this.#client.query("SET LOCAL enrollment.writer = 'load'")
    await loadTable(this.#client, table, { [table]: { rows } }, () => undefined)
  }

  /**
   * Writes these columns of these rows, and no other.
   * @throws LoadRefused
   */
  async change<Table extends UpdatedTable>(
    table: Table,
    changes: readonly { readonly row: LoadRow<Table>; readonly columns: readonly string[] }[],
  ): Promise<void> {
    if (changes.length === 0) return
    this.#touched.add(table)
    const columns: readonly string[] = columnsOf[table]
    const same = keys[table].map((key) => `${table}.${key} = changed.${key}`).join(' AND ')
    const others = columns.filter((column) => !keys[table].includes(column))
    const set = others.map(
      (column) =>
        `${column} = CASE WHEN '${column}' = ANY (changed.what) THEN changed.${column} ELSE ${table}.${column} END`,
    )
    const staged = new CopyRows()
    for (const { row, columns: what } of changes) {
      const fields = row as Readonly<Record<string, string | number | boolean | null>>
      staged.add([...columns.map((column) => textOf(fields[column])), `{${what.join(',')}}`])
    }
    await this.#client.query("SET LOCAL enrollment.writer = ''")
    await this.#client.query(`CREATE TEMPORARY TABLE changed ON COMMIT DROP AS
      SELECT ${columns.join(', ')}, NULL::text[] AS what FROM ${table} WITH NO DATA`)
    await copyIn(this.#client, `COPY changed (${columns.join(', ')}, what) FROM STDIN`, staged)
    await this.#client.query('ANALYZE changed')
    try {
      // Two rows may have changed codes with each other.
      if (columns.includes('code')) {
        await this.#client.query(
          `UPDATE ${table} SET code = NULL FROM changed WHERE ${same} AND 'code' = ANY (changed.what)`,
        )
      }
      await this.#client.query(`UPDATE ${table} SET ${set.join(', ')} FROM changed WHERE ${same}`)
    } catch (error) {
      throw error instanceof DatabaseError ? refusalOf(error, table) : error
    }
    await this.#client.query('DROP TABLE changed')
  }

  /**
   * Removes rows, and the places of students and groups among them.
   * @returns how many places ended
   * @throws LoadRefused if something else names a row still
   */
  async remove(table: UpdatedTable, rows: readonly object[]): Promise<number> {
    if (rows.length === 0) return 0
    this.#touched.add(table)
    await this.#client.query("SET LOCAL enrollment.writer = ''")
    const values = keys[table].map((key) => rows.map((row) => Reflect.get(row, key) as number))
    const wanted = `unnest(${keys[table].map((_, index) => `$${index + 1}::bigint[]`).join(', ')})`
    const places = { courses: '(course_id, group_id)', students: '(student_id)' }[table as string]
    let ended = 0
    if (places !== undefined) {
      const left = `DELETE FROM enrolled_courses WHERE ${places} IN (SELECT * FROM ${wanted})`
      ended = (await this.#client.query(left, values)).rowCount ?? 0
    }
    try {
      await this.#client.query(
        `DELETE FROM ${table} WHERE (${keys[table].join(', ')}) IN (SELECT * FROM ${wanted})`,
        values,
      )
    } catch (error) {
      throw error instanceof DatabaseError ? refusalOf(error, table) : error
    }
    return ended
  }

  /** Gives free seats to those who wait for them. @returns to how many */
  async seatThoseWhoWait(): Promise<number> {
    await this.#client.query("SET LOCAL enrollment.writer = ''")
    const { rowCount } = await this.#client.query(seatThoseWhoWait)
    await this.#client.query(endExtraSeats)
    return rowCount ?? 0
  }
}

/**
 * Changes the registry in one transaction, all of it or, with `dryRun`, nothing. The next leader serves it.
 * @param options.journal see `LoadOptions`
 */
export async function updateRegistry<Result>(
  database: Database,
  { journal, dryRun }: { readonly journal: string | undefined; readonly dryRun: boolean },
  work: (update: RegistryUpdate) => Promise<Result>,
): Promise<Result> {
  const client = await database.connect({ applicationName: 'enrollment load' })
  try {
    const update = new RegistryUpdate(client)
    const write = async () => {
      await beginBetweenTerms(client, journal)
      const result = await work(update)
      if (update.touched.length > 0) await endBetweenTerms(client, update.touched)
      // A sequence does not go back with the transaction.
      if (update.touched.includes('departments') && !dryRun) await client.query(advanceDepartmentIds)
      return result
    }
    const result = await inTransaction(client, 'BEGIN', write, dryRun ? 'ROLLBACK' : 'COMMIT')
    if (update.touched.length > 0 && !dryRun) await client.query(`ANALYZE ${update.touched.join(', ')}`)
    return result
  } finally {
    await endQuietly(client)
  }
}
