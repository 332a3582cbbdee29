import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { checkEnrollments, type CheckOptions, type RegistryFiles } from './check-files.ts'
import {
  type CheckContext,
  type CheckedFiles,
  checkedFiles,
  checkTable,
  openCheck,
  withoutPasswordFault,
  withUnitsUpTo,
} from './check-table.ts'
import { groupKey, type GroupRoom, roomOf } from './check-places.ts'
import { RegistryFileError } from './findings.ts'
import {
  classesOf,
  enrollmentsOf,
  manifestFile,
  onerosterCourses,
  orgsFile,
  rolesFile,
  type Sources,
  staffOf,
  studentsOf,
} from './oneroster-tables.ts'

const readFiles = ['orgs', 'roles', 'users', 'courses', 'classes', 'enrollments'] as const
type ReadFile = (typeof readFiles)[number]

export interface CheckedOneRoster {
  readonly checked: CheckedFiles
  /** Which file each table came from. */
  readonly files: RegistryFiles
}

/**
 * Checks a folder of OneRoster 1.2 CSV files as `checkFiles` checks ours. Files that the manifest calls absent, and
 * those that say nothing of enrollment (demographics, results, …), are not looked at.
 * @throws RegistryFileError with the first findings, by file, line and column
 */
export async function checkOneRoster(
  folder: string,
  options: Omit<CheckOptions, 'departmentsInDatabase'>,
): Promise<CheckedOneRoster> {
  const there = await filesIn(folder)
  const paths = Object.fromEntries([...there].map((name) => [name, join(folder, `${name}.csv`)]))
  const context = await openCheck([join(folder, 'manifest.csv'), ...Object.values(paths)], options.onBytes)
  const { findings } = context
  const sources: Sources = {
    departments: new Map(),
    students: new Map(),
    courses: new Map(),
    studentIds: new Map(),
    classes: new Map(),
  }
  const path = (name: ReadFile) => paths[name] ?? ''
  const fill = options.withoutPasswords === true ? withoutPasswordFault : <T>(table: T) => table
  await checkManifest(join(folder, 'manifest.csv'), context)
  // File by file: what refers to a row with a fault would only repeat it.
  const departments =
    path('orgs') &&
    (await checkTable(path('orgs'), orgsFile, context, (org) =>
      sources.departments.set(org.sourcedId, org.id),
    ))
  if (path('roles')) {
    await checkTable(path('roles'), rolesFile, context, ({ userSourcedId, role }) =>
      sources.students.set(userSourcedId, role === 'student'),
    )
  }
  findings.throwIfAny()
  const staff = path('users') && (await checkTable(path('users'), fill(staffOf(sources)), context))
  const students =
    path('users') &&
    (await checkTable(path('users'), fill(studentsOf(sources)), context, (user) =>
      sources.studentIds.set(user.sourcedId, user.id),
    ))
  if (path('courses')) {
    await checkTable(path('courses'), onerosterCourses, context, (course) =>
      sources.courses.set(course.sourcedId, course.course_id),
    )
  }
  findings.throwIfAny()
  const groups = new Map<string, GroupRoom>()
  const courses =
    path('classes') &&
    (await checkTable(
      path('classes'),
      withUnitsUpTo(classesOf(sources), options.courseUnitsMax),
      context,
      (cells) => {
        groups.set(groupKey(cells), roomOf(cells))
        sources.classes.set(cells.sourcedId, { course: cells.course_id, group: cells.group_id })
      },
    ))
  findings.throwIfAny()
  const inFiles = { studentIds: new Set(sources.studentIds.values()), groups }
  const enrollments =
    path('enrollments') &&
    (await checkEnrollments(path('enrollments'), inFiles, context, options, enrollmentsOf(sources)))
  findings.throwIfAny()
  return {
    checked: checkedFiles({ departments, staff, students, courses, enrolled_courses: enrollments }),
    files: {
      departments: path('orgs'),
      staff: path('users'),
      students: path('users'),
      courses: path('classes'),
      enrollments: path('enrollments'),
    },
  }
}

async function filesIn(folder: string): Promise<readonly ReadFile[]> {
  const names = new Set(
    await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
      throw new RegistryFileError([{ file: folder, reason: `is no folder that can be read (${cause.code})` }])
    }),
  )
  return readFiles.filter((name) => names.has(`${name}.csv`))
}

/** @throws RegistryFileError where the folder is not what this program reads */
async function checkManifest(file: string, context: CheckContext): Promise<void> {
  const { findings } = context
  await checkTable(file, manifestFile, context, ({ propertyName, value }, line) => {
    if (propertyName === 'oneroster.version' && !/^1\.2(\.|$)/.test(value)) {
      findings.add({ file, line, column: 'value', reason: `is OneRoster ${value}; wants 1.2` })
    }
    if (value === 'delta' && readFiles.some((name) => propertyName === `file.${name}`)) {
      findings.add({ file, line, column: 'value', reason: 'is delta; wants a bulk export, with every row' })
    }
  })
  findings.throwIfAny()
}
