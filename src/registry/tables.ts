import { type Meeting, packClassTime } from '../../actors/rules/timetable.ts'
import { int16Max, int32Max, minutesPerDay, personIdMax } from '../../schema/registry-limits.ts'
import {
  anyText,
  classTime,
  code,
  type Field,
  gender,
  integer,
  isNotBefore,
  orNull,
  passwordHash,
  plainPassword,
  status,
  time,
  yesOrNo,
} from './fields.ts'
import {
  type CourseRow,
  type DepartmentRow,
  type EnrolledCourseRow,
  type StaffRow,
  type StudentRow,
} from './rows.ts'

/** How the file of one table is read: its columns, what must hold between the cells of a row, and the row. */
export interface TableFile<Cells extends object, Row> {
  readonly fields: { readonly [Column in keyof Cells & string]: Field<Cells[Column]> }
  /** Whether columns that are not among the fields are left alone; else they are faults. */
  readonly ignoresOthers?: boolean
  /** Whether formulas stand behind an apostrophe (`marked`), as `enrollment export` writes them. */
  readonly isMarked?: boolean
  /** Which rows are of this table, by their cells as they stand; the others are skipped. */
  readonly takes?: (cellOf: (column: string) => string) => boolean
  /** What the cells of columns are that the file lacks and need not have; for a table that only changes rows. */
  readonly unsaid?: Readonly<Record<string, unknown>>
  /** At least one of these columns must be there. */
  readonly anyOf?: readonly (keyof Cells & string)[]
  readonly key: readonly (keyof Cells & string)[]
  /** Column that names a department. */
  readonly department?: keyof Cells & string
  /** Whether a row's account is one that anybody may log in to; all are if absent. */
  readonly mayLogIn?: (cells: Cells) => boolean
  /** What is wrong between cells that are right by themselves. */
  faults(cells: Cells): readonly { readonly column: keyof Cells & string; readonly reason: string }[]
  /** @param password the hash to store, for tables that have one */
  toRow(cells: Cells, password: string): Row
}

export const departmentId = integer(0, int16Max)
export const personId = integer(0, personIdMax)
/** Numbers beyond it are not exact. */
const orderMax = Number.MAX_SAFE_INTEGER

export const departmentsFile: TableFile<{ id: number; name: string }, DepartmentRow> = {
  fields: { id: departmentId, name: anyText },
  key: ['id'],
  faults: () => [],
  toRow: ({ id, name }) => ({ id, name }),
}

/** The two ways to bring a password; exactly one of them in each row. */
export interface PasswordCells {
  password: string
  password_plain: string
}

const passwordFields = { password: passwordHash, password_plain: plainPassword }
const passwordColumns = ['password', 'password_plain'] as const

function passwordFaults({ password, password_plain }: PasswordCells) {
  if (password === '' && password_plain === '') {
    return [
      {
        column: 'password',
        reason: 'is empty, and so is password_plain; wants a hash, or a plain password there',
      },
    ] as const
  }
  if (password !== '' && password_plain !== '') {
    return [{ column: 'password_plain', reason: 'and password are both filled; wants one of them' }] as const
  }
  return []
}

export interface StaffCells extends PasswordCells {
  id: number
  department_id: number
  code: string | null
}

export const staffFile: TableFile<StaffCells, StaffRow> = {
  fields: { id: personId, ...passwordFields, department_id: departmentId, code: orNull(code) },
  anyOf: passwordColumns,
  key: ['id'],
  department: 'department_id',
  faults: passwordFaults,
  toRow: ({ id, department_id, code: written }, password) => ({ id, password, department_id, code: written }),
}

export interface StudentCells extends PasswordCells {
  id: number
  enrollment_start_time: string
  enrollment_end_time: string | null
  max_units: number
  remaining_actions: number
  department_id: number
  entry_year: number
  gender: 'male' | 'female'
  code: string | null
}

export const studentsFile: TableFile<StudentCells, StudentRow> = {
  fields: {
    id: personId,
    ...passwordFields,
    enrollment_start_time: time,
    enrollment_end_time: orNull(time),
    max_units: integer(0, int16Max),
    remaining_actions: integer(-int16Max - 1, int16Max),
    department_id: departmentId,
    entry_year: integer(-int16Max - 1, int16Max),
    gender,
    code: orNull(code),
  },
  anyOf: passwordColumns,
  key: ['id'],
  department: 'department_id',
  faults: (cells) => {
    const { enrollment_start_time: start, enrollment_end_time: end } = cells
    const endsFirst = end !== null && isNotBefore(start, end)
    const fault = { column: 'enrollment_end_time', reason: 'is not after enrollment_start_time' } as const
    return [...passwordFaults(cells), ...(endsFirst ? [fault] : [])]
  },
  toRow: (cells, password) => ({
    id: cells.id,
    password,
    enrollment_start_time: cells.enrollment_start_time,
    enrollment_end_time: cells.enrollment_end_time,
    max_units: cells.max_units,
    remaining_actions: cells.remaining_actions,
    department_id: cells.department_id,
    entry_year: cells.entry_year,
    gender: cells.gender,
    code: cells.code,
  }),
}

export interface CourseCells {
  course_id: number
  group_id: number
  for_department: number
  name: string
  lecturer: string
  units: number
  capacity: number
  reserve_capacity: number
  exam_time: string | null
  exam_minutes: number | null
  class_time: ReturnType<typeof classTime.read>
  sex_lock: 'male' | 'female' | null
  notes: string
  status: 'open' | 'closed' | 'cancelled'
  code: string | null
}

export const coursesFile: TableFile<CourseCells, CourseRow> = {
  fields: {
    course_id: integer(0, int32Max),
    group_id: integer(0, int32Max),
    for_department: departmentId,
    name: anyText,
    lecturer: anyText,
    units: integer(0, int16Max),
    capacity: integer(0, int32Max),
    reserve_capacity: integer(0, int32Max),
    exam_time: orNull(time),
    exam_minutes: orNull(integer(1, minutesPerDay)),
    class_time: classTime,
    sex_lock: orNull(gender),
    notes: { ...anyText, optional: true },
    status,
    code: orNull(code),
  },
  key: ['course_id', 'group_id'],
  department: 'for_department',
  faults: ({ exam_time, exam_minutes }) =>
    exam_time === null && exam_minutes !== null
      ? [{ column: 'exam_minutes', reason: 'is set, but exam_time is empty' }]
      : [],
  toRow: ({ class_time: meetings, ...cells }) => {
    const packed = typeof meetings === 'number' ? meetings : packClassTime(meetings)
    return {
      ...cells,
      class_time: packed ?? 0,
      meetings: packed === undefined && typeof meetings !== 'number' ? meetingsAsJson(meetings) : null,
    }
  },
}

export interface EnrollmentCells {
  student_id: number
  course_id: number
  group_id: number
  /** Null for a seat, and where `reserved` says that `id` is the order. */
  reserve_order: number | null
  /** The row's number in an older table, which orders those who wait there. */
  id: number | null
  reserved: boolean | null
  /** The seat may be beyond the group's capacity; then it ends with its holder. */
  extra_seat: boolean | null
}

/** The order in the reserve queue; null for a seat. */
export function orderOf({ reserve_order, id, reserved }: EnrollmentCells): number | null {
  return reserved === true ? (reserve_order ?? id) : reserve_order
}

/** A student has one place in a course, whatever the group. */
export const enrollmentsFile: TableFile<EnrollmentCells, EnrolledCourseRow> = {
  fields: {
    student_id: personId,
    course_id: integer(0, int32Max),
    group_id: integer(0, int32Max),
    reserve_order: orNull(integer(-orderMax, orderMax)),
    id: orNull(integer(-orderMax, orderMax)),
    reserved: orNull(yesOrNo),
    extra_seat: orNull(yesOrNo),
  },
  key: ['student_id', 'course_id'],
  faults: (cells) => {
    const { reserved, reserve_order } = cells
    const isContrary =
      reserved === true ? orderOf(cells) === null : reserved === false && reserve_order !== null
    return isContrary
      ? [
          {
            column: 'reserved',
            reason: `is ${reserved ? 'true without an order' : 'false with an order'} in the queue`,
          },
        ]
      : []
  },
  toRow: (cells) => {
    const { student_id, course_id, group_id } = cells
    const order = orderOf(cells)
    const reserved = order !== null
    const extra_seat = !reserved && cells.extra_seat === true
    return { course_id, group_id, student_id, reserved, reserve_order: order, extra_seat }
  },
}

/** Harmless values for cells that are neither compared nor written. */
const unsaidCells = {
  name: '',
  lecturer: '',
  enrollment_start_time: '1970-01-01T00:00:00.000Z',
  max_units: 0,
  remaining_actions: 0,
  entry_year: 0,
  gender: 'male',
  units: 0,
  capacity: 0,
  reserve_capacity: 0,
  class_time: [],
}

/** The same file for changing rows that are there: a column that it lacks says nothing, and nobody needs a password. */
export function forChanging<Cells extends object, Row>(table: TableFile<Cells, Row>): TableFile<Cells, Row> {
  const { anyOf: _, ...rest } = table
  const fields: Readonly<Record<string, Field<unknown>>> = table.fields
  const isKey = (name: string) => table.key.some((column) => column === name)
  const unsaid = Object.fromEntries(
    Object.entries(fields).flatMap(([name, { optional }]) =>
      optional || isKey(name) || name === 'sourcedId'
        ? []
        : [[name, Reflect.get(unsaidCells, name) as unknown]],
    ),
  )
  const faults = (cells: Cells) => table.faults(cells).filter(({ column }) => column !== 'password')
  return { ...rest, unsaid, faults }
}

/** The text of `courses.meetings`. */
export function meetingsAsJson(meetings: readonly Meeting[]): string {
  return JSON.stringify(
    meetings.map(({ day, startMinute, endMinute }) => ({
      day,
      start_minute: startMinute,
      end_minute: endMinute,
    })),
  )
}
