import { type CsvCell, csvLine, marked } from './csv-text.ts'
import { passwordHash, UnfitCell } from './fields.ts'
import type { RegistryRows, RowOf } from './rows.ts'
import {
  writtenCourses,
  writtenDepartments,
  writtenEnrollments,
  writtenStaff,
  writtenStudents,
  type WrittenTable,
} from './written-tables.ts'

/** Every row of one table, each as any number of the file's rows. */
export interface ExportedPart<Table extends keyof RegistryRows = keyof RegistryRows> {
  readonly table: Table
  toRows(row: RowOf<Table>): Iterable<readonly CsvCell[]>
}

export interface ExportedFile {
  /** Of the file within its folder. */
  readonly name: string
  readonly header: readonly string[]
  /** Rows that come from no table, before the others. */
  readonly rows?: readonly (readonly CsvCell[])[]
  readonly parts: readonly ExportedPart[]
}

export interface ExportChoices {
  /** Whether password hashes leave the database. */
  readonly withPasswords: boolean
  /** Whether cells are written as they are, also those that a spreadsheet would compute. */
  readonly raw?: boolean
}

/** The files that `enrollment load` takes. */
export function csvFiles(choices: ExportChoices): readonly ExportedFile[] {
  return [
    fileOf('departments', 'departments', writtenDepartments, choices),
    fileOf('staff', 'staff', writtenStaff, choices),
    fileOf('students', 'students', writtenStudents, choices),
    fileOf('courses', 'courses', writtenCourses, choices),
    fileOf('enrollments', 'enrolled_courses', writtenEnrollments, choices),
  ]
}

function fileOf<Table extends keyof RegistryRows>(
  name: string,
  table: Table,
  { columns, toCells }: WrittenTable<RowOf<Table>>,
  { withPasswords, raw }: ExportChoices,
): ExportedFile {
  const kept = columns.flatMap((column, index) => (column === 'password' && !withPasswords ? [] : [index]))
  const part: ExportedPart<Table> = {
    table,
    toRows: (row) => {
      const cells = toCells(row)
      return [
        kept.map((index) => {
          const cell = cells[index] ?? null
          if (columns[index] === 'password') return knownHash(cell)
          return raw === true ? cell : marked(cell)
        }),
      ]
    },
  }
  return { name: `${name}.csv`, header: kept.map((index) => columns[index] ?? ''), parts: [part] }
}

/**
 * A password that `enrollment load` takes. What stands where there is none is none to hand on, nor is what is no hash: nobody
 * can log in with it.
 */
export function knownHash(cell: CsvCell): CsvCell {
  try {
    return typeof cell === 'string' && passwordHash.read(cell) !== '' ? cell : null
  } catch (error) {
    if (error instanceof UnfitCell) return null
    throw error
  }
}

/** About as much text as one write should carry. */
const pieceLength = 65_536

/**
 * One file as text, in pieces.
 * @param rowsOf reads a table from its beginning
 * @param onRow called after each row of a table
 */
export async function* textOf(
  file: ExportedFile,
  rowsOf: (table: keyof RegistryRows) => AsyncIterable<object>,
  onRow: () => void,
): AsyncGenerator<string> {
  let text = [file.header, ...(file.rows ?? [])].map(csvLine).join('')
  for (const { table, toRows } of file.parts) {
    for await (const row of rowsOf(table)) {
      for (const cells of toRows(row as RowOf<typeof table>)) text += csvLine(cells)
      onRow()
      if (text.length < pieceLength) continue
      yield text
      text = ''
    }
  }
  yield text
}
