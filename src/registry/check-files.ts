import { stat } from 'node:fs/promises'
import { CheckedTable, plainPasswordOf, type RowWanted } from './checked-table.ts'
import { groupKey, type GroupRoom, type KnownPeopleAndGroups, PlacesCheck } from './check-places.ts'
import { Findings } from './findings.ts'
import type { HashPassword } from './passwords.ts'
import type { RegistryRows } from './rows.ts'
import { isSystemError, readTable } from './table-reader.ts'
import {
  coursesFile,
  departmentsFile,
  enrollmentsFile,
  type PasswordCells,
  staffFile,
  studentsFile,
  type TableFile,
} from './tables.ts'

/** Paths of CSV files; each may be left out. */
export interface RegistryFiles {
  readonly departments?: string
  readonly staff?: string
  readonly students?: string
  readonly courses?: string
  /** Who holds which seat, and who waits. */
  readonly enrollments?: string
}

export interface CheckOptions {
  /** Departments that rows may name besides those of the departments file; asked once, if at all. */
  readonly departmentsInDatabase: () => Promise<ReadonlySet<number>>
  /** Asked only with an enrollments file: whom and what it may name besides those of the other files. */
  readonly knownInDatabase: () => Promise<KnownPeopleAndGroups>
  /** Take accounts without a password too; nobody can log in to them. */
  readonly withoutPasswords?: boolean
  /** Told as the files are read: bytes so far, and of all files. */
  readonly onBytes?: (read: number, total: number) => void
}

/** Files without a fault, ready to load. */
export interface CheckedFiles extends RegistryRows {
  /** How many passwords came in plain and must be hashed before the rows are read. */
  readonly plainPasswords: number
  /** @param onHashed told how many are done, after each one */
  hashPasswords(hash: HashPassword, onHashed?: (done: number) => void): Promise<void>
  /**
   * The line on which a row of this table stands, by its number (from 1) or by values of its columns; undefined if
   * no row is it.
   */
  lineOf(table: keyof RegistryRows, row: RowWanted): Promise<number | undefined>
}

/** Errors that are told at once; someone who repairs a file by hand wants more than the first. */
const findingsMax = 20
const nothing = { count: 0, rows: [] }

/**
 * Checks every cell of every file, duplicate keys, and that each department named exists. Nothing is written
 * anywhere, and memory is needed for the keys only.
 * @throws RegistryFileError with the first findings, by file, line and column
 */
export async function checkFiles(files: RegistryFiles, options: CheckOptions): Promise<CheckedFiles> {
  const findings = new Findings(findingsMax)
  const bytesTotal = await sizeOf(Object.values(files), findings)
  findings.throwIfAny()
  let bytesRead = 0
  const context: CheckContext = {
    findings,
    onBytes: (bytes) => {
      bytesRead += bytes
      options.onBytes?.(bytesRead, bytesTotal)
    },
    departments: undefined,
  }

  const departmentIds = new Set<number>()
  const departments =
    files.departments &&
    (await checkTable(files.departments, departmentsFile, context, ({ id }) => departmentIds.add(id)))
  // With faults among the departments, those of other files that name them would only repeat it.
  if (findings.list.length === 0) {
    const inDatabase = await options.departmentsInDatabase()
    context.departments = { has: (id) => departmentIds.has(id) || inDatabase.has(id) }
  }
  const fill = options.withoutPasswords === true ? withoutPasswordFault : <T>(table: T) => table
  const studentIds = new Set<number>()
  const groups = new Map<string, GroupRoom>()
  const staff = files.staff && (await checkTable(files.staff, fill(staffFile), context))
  const students =
    files.students &&
    (await checkTable(files.students, fill(studentsFile), context, ({ id }) => studentIds.add(id)))
  const courses =
    files.courses &&
    (await checkTable(files.courses, coursesFile, context, (cells) =>
      groups.set(groupKey(cells), { capacity: cells.capacity, registered: 0 }),
    ))
  // Likewise: a student whose row has a fault would be missed once more for each place.
  if (files.enrollments !== undefined) findings.throwIfAny()
  const enrollments =
    files.enrollments && (await checkEnrollments(files.enrollments, { studentIds, groups }, context, options))
  findings.throwIfAny()

  const checked = { departments, staff, students, courses, enrolled_courses: enrollments }
  const plainPasswords = (staff ? staff.plainPasswords : 0) + (students ? students.plainPasswords : 0)
  return {
    departments: departments || nothing,
    staff: staff || nothing,
    students: students || nothing,
    courses: courses || nothing,
    enrolled_courses: enrollments || nothing,
    plainPasswords,
    async hashPasswords(hash, onHashed) {
      let done = 0
      const count = () => onHashed?.(++done)
      if (staff) await staff.hashPasswords(hash, count)
      if (students) await students.hashPasswords(hash, count)
    },
    async lineOf(table, row) {
      const source = checked[table]
      return source ? await source.lineOf(row) : undefined
    },
  }
}

async function checkEnrollments(
  file: string,
  inFiles: { readonly studentIds: ReadonlySet<number>; readonly groups: ReadonlyMap<string, GroupRoom> },
  context: CheckContext,
  options: CheckOptions,
) {
  const { students, groups } = await options.knownInDatabase()
  const known = {
    students: { has: (id: number) => inFiles.studentIds.has(id) || students.has(id) },
    groups: new Map([...groups, ...inFiles.groups]),
  }
  const places = new PlacesCheck(file, known, context.findings)
  return checkTable(file, enrollmentsFile, context, (cells, line) => places.row(line, cells))
}

/** The same file, but for the rule that each account has a password. */
function withoutPasswordFault<Cells extends PasswordCells, Row>(
  table: TableFile<Cells, Row>,
): TableFile<Cells, Row> {
  const { anyOf: _, ...rest } = table
  return {
    ...rest,
    faults: (cells) => table.faults(cells).filter(({ column }) => column !== 'password'),
  }
}

interface CheckContext {
  readonly findings: Findings
  readonly onBytes: (bytes: number) => void
  /** undefined = not known, and not checked. */
  departments: { has(id: number): boolean } | undefined
}

/** @returns undefined where the file has faults, which are among the findings then */
async function checkTable<Cells extends object, Row>(
  file: string,
  table: TableFile<Cells, Row>,
  { findings, onBytes, departments }: CheckContext,
  onRow?: (cells: Cells, line: number) => void,
): Promise<CheckedTable<Cells, Row> | undefined> {
  const before = findings.list.length
  const lineByKey = new Map<unknown, number>()
  let count = 0
  let plainPasswords = 0
  const pieces = readTable(file, table, findings, onBytes)
  for (;;) {
    const piece = await pieces.next()
    if (piece.done) {
      if (piece.value === undefined || findings.list.length > before) return undefined
      return new CheckedTable({ file, table }, { count, plainPasswords, digest: piece.value })
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
          column: table.key.join(', '),
          reason: `is ${parts.join(', ')} again; first on line ${first}`,
        })
      const { department: column } = table
      if (column !== undefined && departments?.has(Number(cells[column])) === false) {
        const reason = `is ${String(cells[column])}, a department that is neither in the files nor in the database`
        findings.add({ file, line, column, reason })
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
