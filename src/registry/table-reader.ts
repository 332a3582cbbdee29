import { readCsv, NotCsv, type CsvRecord } from './csv-records.ts'
import { unmarked } from './csv-text.ts'
import { type Field, UnfitCell } from './fields.ts'
import { type Findings, quote } from './file-findings.ts'
import type { TableFile } from './tables.ts'

/** A row whose cells are right, each by itself and together. */
export interface ReadRow<Cells> {
  readonly line: number
  readonly cells: Cells
}

/**
 * Reads one table's file in pieces. What is wrong goes to `findings`; only rows without fault are given.
 * Returns the file's SHA-256 and the cells that it says, or undefined where it could not be read to its end.
 */
export async function* readTable<Cells extends object>(
  file: string,
  table: TableFile<Cells, unknown>,
  findings: Findings,
  onBytes: (bytes: number) => void,
): AsyncGenerator<readonly ReadRow<Cells>[], ReadFile | undefined, void> {
  let header: Header | undefined
  const records = readCsv(file, onBytes)
  try {
    for (;;) {
      const piece = await records.next()
      if (piece.done) {
        if (header === undefined)
          findings.add({ file, reason: `is empty; wants a header: ${columnsOf(table)}` })
        return header && { digest: piece.value, said: saidBy(header) }
      }
      let rows: readonly CsvRecord[] = piece.value
      const [first] = rows
      if (header === undefined && first !== undefined) {
        header = readHeader(file, table, first, findings)
        if (header === undefined) return undefined
        rows = rows.slice(1)
      }
      if (header !== undefined) yield readRows(file, table, header, rows, findings)
    }
  } catch (error) {
    if (error instanceof NotCsv) findings.add({ file, line: error.line, reason: error.message })
    else if (isSystemError(error)) findings.add({ file, reason: `cannot be read (${error.code})` })
    else throw error
    return undefined
  } finally {
    await records.return('')
  }
}

/** A file that was read to its end. */
export interface ReadFile {
  /** SHA-256. */
  readonly digest: string
  /** The cells whose columns the file has. */
  readonly said: ReadonlySet<string>
}

function saidBy({ columns }: Header): ReadonlySet<string> {
  return new Set(columns.flatMap(({ name, index }) => (index < 0 ? [] : [name])))
}

/** A table's columns, whatever they are read to. */
interface TableColumns {
  readonly fields: Readonly<Record<string, Field<unknown>>>
  readonly anyOf?: readonly string[]
  readonly unsaid?: Readonly<Record<string, unknown>>
  readonly ignoresOthers?: boolean
}

/** Each column of the table, and its place in the file; -1 = the file lacks it. */
interface Header {
  readonly length: number
  readonly columns: readonly {
    readonly name: string
    /** As the file names it. */
    readonly column: string
    readonly index: number
    readonly field: Field<unknown>
  }[]
  readonly indexOf: ReadonlyMap<string, number>
}

/** @returns undefined where it does not do, which is among the findings then */
function readHeader(
  file: string,
  table: TableColumns,
  { line, cells }: CsvRecord,
  findings: Findings,
): Header | undefined {
  const fields = Object.entries(table.fields).map(([name, field]) => ({
    name,
    column: field.column ?? name,
    field,
  }))
  const known = new Set(fields.map(({ column }) => column))
  const before = findings.count
  const [only = ''] = cells
  if (cells.length === 1 && !known.has(only) && /[;\t]/.test(only)) {
    findings.add({
      file,
      line,
      reason: `is separated by ${only.includes(';') ? 'semicolons' : 'tabs'}; wants commas`,
    })
    return undefined
  }
  cells.forEach((name, index) => {
    if (!known.has(name)) {
      if (table.ignoresOthers === true) return
      findings.add({
        file,
        line,
        column: quote(name),
        reason: `is no column of this file; it has ${columnsOf(table)}`,
      })
    } else if (cells.indexOf(name) !== index) {
      findings.add({ file, line, column: name, reason: 'is there twice' })
    }
  })
  for (const { name, column, field } of fields) {
    const isNeeded = !field.optional && !(table.unsaid && name in table.unsaid)
    if (isNeeded && !cells.includes(column)) findings.add({ file, line, column, reason: 'is missing' })
  }
  if (table.anyOf !== undefined && !table.anyOf.some((name) => cells.includes(name))) {
    const reason = `has no column ${table.anyOf.join(' and no ')}; wants one of them, or --without-passwords`
    findings.add({ file, line, reason })
  }
  if (findings.count > before) return undefined
  const columns = fields.map((one) => ({ ...one, index: cells.indexOf(one.column) }))
  return { length: cells.length, columns, indexOf: new Map(cells.map((name, index) => [name, index])) }
}

function readRows<Cells extends object>(
  file: string,
  table: TableFile<Cells, unknown>,
  header: Header,
  records: readonly CsvRecord[],
  findings: Findings,
): ReadRow<Cells>[] {
  const rows: ReadRow<Cells>[] = []
  for (const { line, cells } of records) {
    const before = findings.count
    if (cells.length !== header.length) {
      const reason = `has ${cells.length} cells where the header has ${header.length}`
      findings.add({ file, line, reason })
      continue
    }
    if (table.takes?.((column) => cells[header.indexOf.get(column) ?? -1] ?? '') === false) continue
    const values: Record<string, unknown> = {}
    for (const { name, column, index, field } of header.columns) {
      if (index < 0 && table.unsaid && name in table.unsaid) {
        values[name] = table.unsaid[name]
        continue
      }
      try {
        const cell = cells[index] ?? ''
        // No export writes a plain password: its apostrophe is its own.
        const isMarked = table.isMarked === true && column !== 'password_plain'
        values[name] = field.read(isMarked ? unmarked(cell) : cell)
      } catch (error) {
        if (!(error instanceof UnfitCell)) throw error
        findings.add({ file, line, column, reason: error.message })
      }
    }
    if (findings.count > before) continue
    // Every column of the table was just read by its own field.
    const whole = values as Cells
    for (const { column, reason } of table.faults(whole)) {
      findings.add({ file, line, column: columnOf(table, column), reason })
    }
    if (findings.count === before) rows.push({ line, cells: whole })
  }
  return rows
}

/** The columns of a file, optional ones in brackets. */
function columnsOf(table: TableColumns): string {
  return Object.entries(table.fields)
    .map(([name, { optional, column = name }]) => (optional ? `[${column}]` : column))
    .join(', ')
}

/** How the file names the column of a cell. */
export function columnOf(table: TableColumns, cell: string): string {
  return table.fields[cell]?.column ?? cell
}

/** Whether the operating system refused something, and `code` says what (ENOENT, …). */
export function isSystemError(error: unknown): error is Error & { code: string } {
  return error instanceof Error && 'code' in error && 'syscall' in error
}
