import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { checkEnrollments, type CheckOptions, type RegistryFiles } from './check-files.ts'
import {
  type CheckedFiles,
  checkedFiles,
  checkTable,
  openCheck,
  withoutPasswordFault,
  withUnitsUpTo,
} from './check-table.ts'
import { groupKey, type GroupRoom, roomOf } from './check-places.ts'
import { quote, RegistryFileError } from './file-findings.ts'
import { Skipped, withoutDeleted } from './oneroster-skipped.ts'
import {
  administratorRoles,
  classesOf,
  enrollmentsOf,
  manifestFile,
  onerosterCourses,
  orgsFile,
  rolesFile,
  type Sources,
  staffOf,
  studentsOf,
  usersFile,
} from './oneroster-tables.ts'
import { forChanging, type TableFile } from './tables.ts'

const readFiles = ['orgs', 'roles', 'users', 'courses', 'classes', 'enrollments'] as const
type ReadFile = (typeof readFiles)[number]

export interface CheckedOneRoster {
  readonly checked: CheckedFiles
  /** Which file each table came from. */
  readonly files: RegistryFiles
  /** What is left out and why, in one line; undefined = nothing. */
  readonly skipped: string | undefined
}

export interface OneRosterOptions extends Omit<CheckOptions, 'departmentsInDatabase'> {
  /** Users with one of these primary roles become staff; absent: kinds of administrators. */
  readonly staffRoles?: readonly string[] | undefined
}

/**
 * Checks a folder of OneRoster 1.2 CSV files as `checkFiles` checks ours. Files that the manifest calls absent, and
 * those that say nothing of enrollment (demographics, results, …), are not looked at. Only users with a role that
 * `staffRoles` names become staff; rows that are to be deleted, and what refers to them, are left out.
 * @throws RegistryFileError with the first findings, by file, line and column
 */
export async function checkOneRoster(folder: string, options: OneRosterOptions): Promise<CheckedOneRoster> {
  const there = await filesIn(folder)
  const paths = Object.fromEntries(there.map((name) => [name, join(folder, `${name}.csv`)]))
  const context = await openCheck(Object.values(paths), options.onBytes)
  const { findings } = context
  const skipped = new Skipped()
  const sources: Sources = {
    departments: new Map(),
    roles: new Map(),
    staff: new Map(),
    students: new Set(),
    courses: new Map(),
    studentIds: new Map(),
    classes: new Map(),
  }
  const path = (name: ReadFile) => paths[name] ?? ''
  const fill = options.withoutPasswords === true ? withoutPasswordFault : <T>(table: T) => table
  const asked = <Cells extends object, Row>(table: TableFile<Cells, Row>) =>
    options.forChanging === true ? forChanging(table) : table
  // File by file: what refers to a row with a fault would only repeat it.
  const departments =
    path('orgs') &&
    (await checkTable(path('orgs'), skipped.deleted(orgsFile), context, (org) =>
      sources.departments.set(org.sourcedId, org.id),
    ))
  if (path('roles')) {
    const today = new Date().toISOString().slice(0, 10)
    await checkTable(
      path('roles'),
      skipped.deleted(rolesFile(today)),
      context,
      ({ userSourcedId: user, role, orgSourcedId: org }) => {
        const roles = sources.roles.get(user)
        if (roles === undefined) sources.roles.set(user, [{ role, org }])
        else roles.push({ role, org })
      },
    )
  }
  if (path('users')) {
    const sort = sorter(sources, skipped, options.staffRoles ?? administratorRoles)
    await checkTable(
      path('users'),
      skipped.deleted(usersFile, 'users'),
      { ...context, onBytes: () => {} },
      sort,
    )
  }
  findings.throwIfAny()
  const staff =
    path('users') && (await checkTable(path('users'), asked(fill(withoutDeleted(staffOf(sources)))), context))
  const students =
    path('users') &&
    (await checkTable(path('users'), asked(fill(withoutDeleted(studentsOf(sources)))), context, (user) =>
      sources.studentIds.set(user.sourcedId, user.id),
    ))
  if (path('courses')) {
    await checkTable(path('courses'), skipped.deleted(onerosterCourses, 'courses'), context, (course) =>
      sources.courses.set(course.sourcedId, course.course_id),
    )
  }
  findings.throwIfAny()
  const groups = new Map<string, GroupRoom>()
  const courses =
    path('classes') &&
    (await checkTable(
      path('classes'),
      skipped.deleted(withUnitsUpTo(asked(classesOf(sources)), options.courseUnitsMax), 'classes', {
        courseSourcedId: 'courses',
      }),
      context,
      (cells) => {
        groups.set(groupKey(cells), roomOf(cells))
        sources.classes.set(cells.sourcedId, { course: cells.course_id, group: cells.group_id })
      },
    ))
  findings.throwIfAny()
  const inFiles = { studentIds: new Set(sources.studentIds.values()), groups }
  // Places are decisions, not the registrar's: they are neither compared nor changed.
  const enrollments =
    options.forChanging !== true &&
    path('enrollments') &&
    (await checkEnrollments(
      path('enrollments'),
      inFiles,
      context,
      options,
      skipped.deleted(enrollmentsOf(sources), undefined, {
        userSourcedId: 'users',
        classSourcedId: 'classes',
      }),
    ))
  findings.throwIfAny()
  return {
    checked: checkedFiles({
      departments,
      staff,
      students,
      courses,
      enrolled_courses: enrollments || undefined,
    }),
    files: {
      departments: path('orgs'),
      staff: path('users'),
      students: path('users'),
      courses: path('classes'),
      enrollments: path('enrollments'),
    },
    skipped: skipped.toString() || undefined,
  }
}

/** Says of each user what becomes of it: staff, a student, both, or nothing. */
function sorter(
  { roles, departments, staff, students }: Sources,
  skipped: Skipped,
  staffRoles: readonly string[],
) {
  return ({ sourcedId: user, enabled }: { sourcedId: string; enabled: boolean }): void => {
    const own = roles.get(user) ?? []
    const offices = own.filter(({ role }) => staffRoles.includes(role))
    const isStudent = own.some(({ role }) => role === 'student')
    if (isStudent) students.add(user)
    if (offices.length > 0 && enabled) {
      staff.set(
        user,
        offices.flatMap(({ org }) => departments.get(org) ?? []),
      )
    } else if (offices.length > 0) skipped.user('staff who are not enabled')
    else if (!isStudent) skipped.user(own[0]?.role ?? 'without a primary role')
    if (isStudent && !enabled) skipped.logins++
  }
}

/**
 * The files to read, as the manifest has it.
 * @throws RegistryFileError where the folder is not what this program reads
 */
async function filesIn(folder: string): Promise<readonly ReadFile[]> {
  const names = new Set(
    await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
      throw new RegistryFileError([{ file: folder, reason: `is no folder that can be read (${cause.code})` }])
    }),
  )
  const file = join(folder, 'manifest.csv')
  const context = await openCheck([file])
  const { findings } = context
  const absent = new Set<string>()
  let hasVersion = false
  await checkTable(file, manifestFile, context, ({ propertyName, value }, line) => {
    const fault = (reason: string) => findings.add({ file, line, column: 'value', reason })
    if (propertyName === 'oneroster.version') {
      hasVersion = true
      if (!/^1\.2(\.|$)/.test(value)) fault(`is OneRoster ${value || 'without a number'}; wants 1.2`)
    }
    const name = /^file\.(.+)$/.exec(propertyName)?.[1]
    if (name === undefined) return
    if (value === 'absent') absent.add(name)
    else if (value === 'bulk') {
      if (!names.has(`${name}.csv`)) fault(`is bulk, but there is no ${name}.csv`)
    } else if (readFiles.some((one) => one === name)) {
      fault(`is ${value === 'delta' ? value : quote(value)}; wants a bulk export, with every row`)
    }
  })
  if (findings.count === 0 && !hasVersion) {
    findings.add({ file, reason: 'has no oneroster.version; wants 1.2' })
  }
  findings.throwIfAny()
  return readFiles.filter((name) => names.has(`${name}.csv`) && !absent.has(name))
}
