import { stat } from 'node:fs/promises'
import { CheckedTable, type LinedTable, plainPasswordOf, type RowWanted } from './checked-table.ts'
import { int16Max } from '../../schema/registry-limits.ts'
import { shown, UnfitCell } from './fields.ts'
import { Findings } from './file-findings.ts'
import type { HashPassword } from './hash-passwords.ts'
import type { RegistryRows, RowOf } from './rows.ts'
import { columnOf, isSystemError, readTable } from './table-reader.ts'
import type { CourseCells, PasswordCells, TableFile } from './tables.ts'

/** Files without a fault, ready to load. */
export interface CheckedFiles extends RegistryRows {
  /** How many passwords came in plain and must be hashed before the rows are read. */
  readonly plainPasswords: number
  /**
   * @param onHashed called with how many are done, after each one
   * @param isWanted whose are hashed; everybody's if absent
   */
  hashPasswords(hash: HashPassword, onHashed?: (done: number) => void, isWanted?: IsWanted): Promise<void>
  /**
   * The line on which a row of this table stands, by its number (from 1) or by values of its columns; undefined if
   * no row is it.
   */
  lineOf(table: keyof RegistryRows, row: RowWanted): Promise<number | undefined>
  /** A table's rows with their lines, for comparing; undefined where no file brings it. */
  lined<Table extends keyof RegistryRows>(table: Table): LinedTable<RowOf<Table>> | undefined
}

type IsWanted = (table: 'staff' | 'students', id: number) => boolean

type Checked<Row> = Pick<
  CheckedTable<object, Row>,
  'count' | 'rows' | 'plainPasswords' | 'hashPasswords' | 'lineOf' | 'lined'
>

/** What was checked, by table; a table without a file is left out. */
type CheckedTables = {
  readonly [Table in keyof RegistryRows]?: Checked<RowOf<Table>> | '' | undefined
}

/** Kinds of errors that are told at once; someone who repairs a file by hand wants more than the first. */
const causesMax = 20
const nothing = { count: 0, rows: [] }

/** What was checked, as rows to load. */
export function checkedFiles(checked: CheckedTables): CheckedFiles {
  const { departments, staff, students, courses } = checked
  const plainPasswords = (staff ? staff.plainPasswords : 0) + (students ? students.plainPasswords : 0)
  return {
    departments: departments || nothing,
    staff: staff || nothing,
    students: students || nothing,
    courses: courses || nothing,
    enrolled_courses: checked.enrolled_courses || nothing,
    plainPasswords,
    async hashPasswords(hash, onHashed, isWanted = () => true) {
      let done = 0
      const count = () => onHashed?.(++done)
      if (staff) await staff.hashPasswords(hash, count, (id) => isWanted('staff', id))
      if (students) await students.hashPasswords(hash, count, (id) => isWanted('students', id))
    },
    lined: <Table extends keyof RegistryRows>(table: Table) => {
      const source: Checked<RowOf<Table>> | '' | undefined = checked[table]
      return source ? source.lined : undefined
    },
    async lineOf(table, row) {
      const source = checked[table]
      return source ? await source.lineOf(row) : undefined
    },
  }
}

/** The same file, but for the rule that each account has a password. */
export function withoutPasswordFault<Cells extends PasswordCells, Row>(
  table: TableFile<Cells, Row>,
): TableFile<Cells, Row> {
  const { anyOf: _, ...rest } = table
  return {
    ...rest,
    faults: (cells) => table.faults(cells).filter(({ column }) => column !== 'password'),
  }
}

/** The same file, but for courses that count more than `max` units; undefined: as many as the column holds. */
export function withUnitsUpTo<Cells extends CourseCells, Row>(
  table: TableFile<Cells, Row>,
  max: number = int16Max,
): TableFile<Cells, Row> {
  const { units } = table.fields
  const read = (cell: string) => {
    const value = units.read(cell)
    if (value <= max) return value
    throw new UnfitCell(`${shown(cell)}; wants at most ${max}, or a larger ENROLLMENT_COURSE_UNITS_MAX`)
  }
  return { ...table, fields: { ...table.fields, units: { ...units, read } } }
}

/** @param onBytes called with bytes read so far, and of all files */
export async function openCheck(
  files: readonly string[],
  onBytes: (read: number, total: number) => void = () => undefined,
): Promise<CheckContext> {
  const findings = new Findings(causesMax)
  const total = await sizeOf(files, findings)
  findings.throwIfAny()
  let read = 0
  return {
    findings,
    onBytes: (bytes) => {
      read += bytes
      onBytes(read, total)
    },
    departments: undefined,
  }
}

export interface CheckContext {
  readonly findings: Findings
  readonly onBytes: (bytes: number) => void
  /** undefined = not known, and not checked. */
  departments: { has(id: number): boolean } | undefined
}

/** @returns undefined where the file has faults, which are among the findings then */
export async function checkTable<Cells extends object, Row>(
  file: string,
  table: TableFile<Cells, Row>,
  { findings, onBytes, departments }: CheckContext,
  onRow?: (cells: Cells, line: number) => void,
): Promise<CheckedTable<Cells, Row> | undefined> {
  const before = findings.count
  const lineByKey = new Map<unknown, number>()
  let count = 0
  let plainPasswords = 0
  const pieces = readTable(file, table, findings, onBytes)
  for (;;) {
    const piece = await pieces.next()
    if (piece.done) {
      if (piece.value === undefined || findings.count > before) return undefined
      return new CheckedTable({ file, table }, { count, plainPasswords, ...piece.value })
    }
    for (const { line, cells } of piece.value) {
      count++
      if (plainPasswordOf(cells) !== '') plainPasswords++
      const parts = table.key.map((column) => cells[column])
      const key = parts.length === 1 ? parts[0] : parts.join('/')
      const first = lineByKey.get(key)
      if (first === undefined) lineByKey.set(key, line)
      else
        findings.add({
          file,
          line,
          column: table.key.map((column) => columnOf(table, column)).join(', '),
          reason: `is ${parts.join(', ')} again; first on line ${first}`,
        })
      const { department: column } = table
      if (
        column !== undefined &&
        cells[column] !== undefined &&
        departments?.has(Number(cells[column])) === false
      ) {
        const reason = `is ${String(cells[column])}, a department that is neither in the files nor in the database`
        findings.add({ file, line, column: columnOf(table, column), reason })
      }
      onRow?.(cells, line)
    }
  }
}

/** Files are read more than once, so that a pipe will not do. */
async function sizeOf(files: readonly string[], findings: Findings): Promise<number> {
  let bytes = 0
  for (const file of files) {
    try {
      const found = await stat(file)
      if (found.isFile()) bytes += found.size
      else findings.add({ file, reason: 'is not a regular file' })
    } catch (cause) {
      if (!isSystemError(cause)) throw cause
      findings.add({ file, reason: `cannot be read (${cause.code})` })
    }
  }
  return bytes
}
