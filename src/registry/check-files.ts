import { groupKey, type GroupRoom, type KnownPeopleAndGroups, PlacesCheck, roomOf } from './check-places.ts'
import {
  type CheckContext,
  type CheckedFiles,
  checkedFiles,
  checkTable,
  openCheck,
  withoutPasswordFault,
  withUnitsUpTo,
} from './check-table.ts'
import {
  coursesFile,
  departmentsFile,
  enrollmentsFile,
  forChanging,
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
  /** Departments that rows may name besides those of the departments file; asked once, if at all. Not checked if absent. */
  readonly departmentsInDatabase?: () => Promise<ReadonlySet<number>>
  /** Asked only with an enrollments file: whom and what it may name besides those of the other files. */
  readonly knownInDatabase: () => Promise<KnownPeopleAndGroups>
  /** The files change what is there: a column may be left out, and its cells stay. */
  readonly forChanging?: boolean
  /** Take accounts without a password too; nobody can log in to them. */
  readonly withoutPasswords?: boolean
  /** Take cells as they are; else the apostrophe that an export puts before a formula goes. */
  readonly raw?: boolean
  /** Most units that a course may count; as many as the column holds if absent. */
  readonly courseUnitsMax?: number
  /** Called as the files are read: bytes so far, and of all files. */
  readonly onBytes?: (read: number, total: number) => void
}

/**
 * Checks every cell of every file, duplicate keys, and that each department named exists. Nothing is written
 * anywhere, and memory is needed for the keys only.
 * @throws RegistryFileError with the first findings, by file, line and column
 */
export async function checkFiles(files: RegistryFiles, options: CheckOptions): Promise<CheckedFiles> {
  const context = await openCheck(Object.values(files), options.onBytes)
  const { findings } = context
  const departmentIds = new Set<number>()
  const isMarked = options.raw !== true
  const asked = <Cells extends object, Row>(table: TableFile<Cells, Row>) =>
    options.forChanging === true ? forChanging(table) : table
  const departments =
    files.departments &&
    (await checkTable(files.departments, { ...asked(departmentsFile), isMarked }, context, ({ id }) =>
      departmentIds.add(id),
    ))
  // With faults among the departments, those of other files that name them would only repeat it.
  if (findings.count === 0 && options.departmentsInDatabase !== undefined) {
    const inDatabase = await options.departmentsInDatabase()
    context.departments = { has: (id) => departmentIds.has(id) || inDatabase.has(id) }
  }
  const fill = options.withoutPasswords === true ? withoutPasswordFault : <T>(table: T) => table
  const studentIds = new Set<number>()
  const groups = new Map<string, GroupRoom>()
  const staff =
    files.staff && (await checkTable(files.staff, { ...asked(fill(staffFile)), isMarked }, context))
  const students =
    files.students &&
    (await checkTable(files.students, { ...asked(fill(studentsFile)), isMarked }, context, ({ id }) =>
      studentIds.add(id),
    ))
  const courses =
    files.courses &&
    (await checkTable(
      files.courses,
      withUnitsUpTo({ ...asked(coursesFile), isMarked }, options.courseUnitsMax),
      context,
      (cells) => groups.set(groupKey(cells), roomOf(cells)),
    ))
  // Likewise: a student whose row has a fault would be missed once more for each place.
  if (files.enrollments !== undefined) findings.throwIfAny()
  const enrollments =
    files.enrollments &&
    (await checkEnrollments(files.enrollments, { studentIds, groups }, context, options, {
      ...enrollmentsFile,
      isMarked,
    }))
  findings.throwIfAny()

  return checkedFiles({ departments, staff, students, courses, enrolled_courses: enrollments })
}

/** @param inFiles whom and what the other files bring */
export async function checkEnrollments(
  file: string,
  inFiles: { readonly studentIds: ReadonlySet<number>; readonly groups: ReadonlyMap<string, GroupRoom> },
  context: CheckContext,
  options: Pick<CheckOptions, 'knownInDatabase'>,
  table = enrollmentsFile,
) {
  const { students, groups } = await options.knownInDatabase()
  const known = {
    students: { has: (id: number) => inFiles.studentIds.has(id) || students.has(id) },
    groups: new Map([...groups, ...inFiles.groups]),
  }
  const places = new PlacesCheck(file, known, context.findings)
  return checkTable(file, table, context, (cells, line) => places.row(line, cells))
}
