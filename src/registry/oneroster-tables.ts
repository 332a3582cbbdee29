import { int32Max } from '../../schema/registry-limits.ts'
import { anyText, type Field, integer, named, shown, text, UnfitCell, yesOrNo } from './fields.ts'
import { type CourseRow, type DepartmentRow, type EnrolledCourseRow, nobodysPassword } from './rows.ts'
import type { StaffRow, StudentRow } from './rows.ts'
import {
  type CourseCells,
  coursesFile,
  departmentId,
  departmentsFile,
  type EnrollmentCells,
  enrollmentsFile,
  type StaffCells,
  staffFile,
  type StudentCells,
  studentsFile,
  type TableFile,
} from './tables.ts'

/** What OneRoster calls sourcedId: any text, ours or another system's. */
export interface Sourced {
  sourcedId: string
}

/** What earlier files said, by sourcedId: later ones refer to it. */
export interface Sources {
  readonly departments: Map<string, number>
  /** The primary roles of each user, one for each organization. */
  readonly roles: Map<string, { readonly role: string; readonly org: string }[]>
  /** Users that become staff, with the departments in which they have such a role; each may be a student as well. */
  readonly staff: Map<string, readonly number[]>
  readonly students: Set<string>
  readonly courses: Map<string, number>
  readonly studentIds: Map<string, number>
  readonly classes: Map<string, { readonly course: number; readonly group: number }>
}

/** Roles whose users become staff unless others are named: they may see and change a whole department. */
export const administratorRoles: readonly string[] = [
  'administrator',
  'siteAdministrator',
  'districtAdministrator',
  'systemAdministrator',
  'sysAdmin',
]

const sourcedId = text(1, 255)
const fileRules = { ignoresOthers: true, faults: () => [] } as const

/** A sourcedId of another file, read as what that file says of it. */
function reference<T>(column: string, file: string, find: (id: string) => T | undefined): Field<T> {
  return {
    optional: false,
    column,
    read: (cell) => {
      const found = find(cell)
      if (found === undefined) throw new UnfitCell(`${shown(cell)}, which is not in ${file}`)
      return found
    },
  }
}

function orElse<T>(field: Field<T>, otherwise: T): Field<T> {
  return { ...field, optional: true, read: (cell) => (cell === '' ? otherwise : field.read(cell)) }
}

/** What OneRoster has no column for. */
const nothing: Field<null> = { optional: true, read: () => null }

/** Line breaks are not permitted within a cell: they are written as in C. */
const escapedText: Field<string> = {
  optional: true,
  read: (cell) => anyText.read(cell.replaceAll(/\\([\\nrt])/g, unescape)),
}
const escapes: Readonly<Record<string, string>> = { '\\': '\\', n: '\n', r: '\r', t: '\t' }
const unescape = (_: string, char: string): string => escapes[char] ?? char

export const manifestFile: TableFile<{ propertyName: string; value: string }, never> = {
  ...fileRules,
  fields: { propertyName: text(1, 200), value: text(0, 200) },
  key: ['propertyName'],
  toRow: noRow,
}

export const orgsFile: TableFile<Sourced & { id: number; name: string; full_name: string }, DepartmentRow> = {
  ...fileRules,
  fields: {
    ...departmentsFile.fields,
    sourcedId,
    id: named('identifier', departmentId),
    full_name: named('metadata.name', escapedText),
  },
  takes: (cellOf) => cellOf('type') === 'department',
  key: ['id'],
  toRow: ({ id, name, full_name }) => ({ id, name: full_name || name }),
}

/** The role that a user has first of all, in each organization; those that have ended do not count. */
export function rolesFile(
  today: string,
): TableFile<{ userSourcedId: string; orgSourcedId: string; role: string }, never> {
  return {
    ...fileRules,
    fields: {
      userSourcedId: text(1, 255),
      orgSourcedId: { ...text(0, 255), optional: true },
      role: text(1, 100),
    },
    takes: (cellOf) => {
      const end = cellOf('endDate')
      return cellOf('roleType') !== 'secondary' && (end === '' || end > today)
    },
    key: ['userSourcedId', 'orgSourcedId'],
    toRow: noRow,
  }
}

/** Who is there, whatever becomes of them. */
export const usersFile: TableFile<Sourced & { enabled: boolean }, never> = {
  ...fileRules,
  fields: { sourcedId, enabled: named('enabledUser', orElse(yesOrNo, true)) },
  key: ['sourcedId'],
  toRow: noRow,
}

export function staffOf({ departments, staff }: Sources): TableFile<Sourced & StaffCells, StaffRow> {
  return {
    ...staffFile,
    ...fileRules,
    faults: staffFile.faults,
    fields: { sourcedId, ...accountFields(departments) },
    takes: (cellOf) => staff.has(cellOf('sourcedId')),
    key: ['id'],
    toRow: ({ sourcedId: user, ...cells }, password) => {
      const { department_id } = cells
      const [first = department_id, ...others] = staff.get(user) ?? []
      return staffFile.toRow(
        { ...cells, department_id: others.includes(department_id) ? department_id : first },
        password,
      )
    },
  }
}

/** One who is not enabled keeps every seat, and cannot log in. */
export function studentsOf({
  departments,
  students,
}: Sources): TableFile<Sourced & StudentCells & { enabled: boolean }, StudentRow> {
  const { fields } = studentsFile
  return {
    ...studentsFile,
    ...fileRules,
    faults: (cells) =>
      studentsFile.faults(cells).filter(({ column }) => cells.enabled || column !== 'password'),
    fields: {
      sourcedId,
      enabled: usersFile.fields.enabled,
      ...accountFields(departments),
      enrollment_start_time: named('metadata.enrollmentStartTime', fields.enrollment_start_time),
      enrollment_end_time: named('metadata.enrollmentEndTime', fields.enrollment_end_time),
      max_units: named('metadata.maxUnits', fields.max_units),
      remaining_actions: named('metadata.remainingActions', fields.remaining_actions),
      entry_year: named('metadata.entryYear', fields.entry_year),
      gender: named('metadata.gender', fields.gender),
    },
    takes: (cellOf) => students.has(cellOf('sourcedId')),
    mayLogIn: ({ enabled }) => enabled,
    key: ['id'],
    toRow: (cells, password) => studentsFile.toRow(cells, cells.enabled ? password : nobodysPassword),
  }
}

function accountFields(departments: Sources['departments']) {
  const { fields } = staffFile
  return {
    id: named('identifier', fields.id),
    password: named('metadata.passwordHash', fields.password),
    password_plain: named('password', fields.password_plain),
    code: named('metadata.code', fields.code),
    department_id: reference('primaryOrgSourcedId', 'orgs.csv as a department', (id) => departments.get(id)),
  }
}

export const onerosterCourses: TableFile<Sourced & { course_id: number }, never> = {
  ...fileRules,
  fields: { sourcedId, course_id: named('courseCode', integer(0, int32Max)) },
  key: ['course_id'],
  toRow: noRow,
}

export function classesOf({
  departments,
  courses,
}: Sources): TableFile<Sourced & CourseCells & { full_name: string }, CourseRow> {
  const { fields } = coursesFile
  return {
    ...coursesFile,
    ...fileRules,
    faults: coursesFile.faults,
    toRow: ({ full_name, ...cells }, password) =>
      coursesFile.toRow({ ...cells, name: full_name || cells.name }, password),
    fields: {
      sourcedId,
      course_id: reference('courseSourcedId', 'courses.csv', (id) => courses.get(id)),
      group_id: named('classCode', fields.group_id),
      for_department: reference('schoolSourcedId', 'orgs.csv as a department', (id) => departments.get(id)),
      name: named('title', fields.name),
      full_name: named('metadata.title', escapedText),
      lecturer: named('metadata.lecturer', { ...escapedText, optional: false }),
      units: named('metadata.units', fields.units),
      capacity: named('metadata.capacity', fields.capacity),
      reserve_capacity: named('metadata.reserveCapacity', orElse(fields.reserve_capacity, 0)),
      exam_time: named('metadata.examTime', fields.exam_time),
      exam_minutes: named('metadata.examMinutes', fields.exam_minutes),
      class_time: named('metadata.classTime', orElse(fields.class_time, [])),
      sex_lock: named('metadata.sexLock', fields.sex_lock),
      notes: named('metadata.notes', escapedText),
      status: named('metadata.status', fields.status),
      code: named('metadata.code', fields.code),
    },
  }
}

export function enrollmentsOf({
  studentIds,
  classes,
}: Sources): TableFile<EnrollmentCells, EnrolledCourseRow> {
  const place = (find: 'course' | 'group') =>
    reference('classSourcedId', 'classes.csv', (id) => classes.get(id)?.[find])
  const { fields } = enrollmentsFile
  return {
    ...enrollmentsFile,
    ...fileRules,
    fields: {
      student_id: reference('userSourcedId', 'users.csv as a student', (id) => studentIds.get(id)),
      course_id: place('course'),
      group_id: place('group'),
      reserve_order: named('metadata.reserveOrder', fields.reserve_order),
      id: nothing,
      reserved: nothing,
      extra_seat: named('metadata.extraSeat', fields.extra_seat),
    },
    takes: (cellOf) => cellOf('role') === 'student',
  }
}

/** Of files that are read for what others refer to. */
function noRow(): never {
  throw new Error('this file makes no rows')
}
