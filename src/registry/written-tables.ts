import type { Meeting } from '../../actors/rules/timetable.ts'
import { isClassTime, unpackClassTime } from '../../actors/rules/timetable.ts'
import { minutesPerDay } from '../../schema/registry-limits.ts'
import type { CsvCell } from './csv-text.ts'
import {
  type CourseRow,
  type DepartmentRow,
  type EnrolledCourseRow,
  type StaffRow,
  type StudentRow,
} from './rows.ts'
import { dayNames } from './fields.ts'

/** How the rows of one table are written: what `tables.ts` reads, the other way round. */
export interface WrittenTable<Row> {
  readonly columns: readonly string[]
  toCells(row: Row): readonly CsvCell[]
}

/** A table whose file has the names and the values of its columns in the database. */
function asTheyAre<Column extends string>(
  ...columns: readonly Column[]
): WrittenTable<{ readonly [Name in Column]?: CsvCell }> {
  return { columns, toCells: (row) => columns.map((column) => row[column] ?? null) }
}

export const writtenDepartments: WrittenTable<DepartmentRow> = asTheyAre('id', 'name')

export const writtenStaff: WrittenTable<StaffRow> = asTheyAre('id', 'password', 'department_id', 'code')

export const writtenStudents: WrittenTable<StudentRow> = asTheyAre(
  'id',
  'password',
  'enrollment_start_time',
  'enrollment_end_time',
  'max_units',
  'remaining_actions',
  'department_id',
  'entry_year',
  'gender',
  'code',
)

export const writtenCourses: WrittenTable<CourseRow> = {
  columns: [
    'course_id',
    'group_id',
    'for_department',
    'name',
    'lecturer',
    'units',
    'capacity',
    'reserve_capacity',
    'class_time',
    'exam_time',
    'exam_minutes',
    'sex_lock',
    'notes',
    'status',
    'code',
  ],
  toCells: (row) => [
    row.course_id,
    row.group_id,
    row.for_department,
    row.name,
    row.lecturer,
    row.units,
    row.capacity,
    row.reserve_capacity,
    classTimeText(row),
    row.exam_time,
    row.exam_minutes,
    row.sex_lock,
    row.notes,
    row.status,
    row.code ?? null,
  ],
}

export const writtenEnrollments: WrittenTable<EnrolledCourseRow> = {
  columns: ['student_id', 'course_id', 'group_id', 'reserve_order', 'extra_seat'],
  toCells: (row) => [row.student_id, row.course_id, row.group_id, row.reserve_order, extraSeat(row)],
}

export function extraSeat({ extra_seat }: EnrolledCourseRow): CsvCell {
  return extra_seat ? 'yes' : null
}

interface MeetingJson {
  readonly day: number
  readonly start_minute: number
  readonly end_minute: number
}

export function meetingsOf({ meetings, class_time }: CourseRow): readonly Meeting[] {
  if (meetings === null) return unpackClassTime(class_time)
  const parsed = JSON.parse(meetings) as readonly MeetingJson[]
  return parsed.map(({ day, start_minute, end_minute }) => ({
    day,
    startMinute: start_minute,
    endMinute: end_minute,
  }))
}

/**
 * As people write it, and `class_time` is read: `Sat 09:00-10:30; Mon 09:00-10:30`. Bits that are no hours are left out, as they
 * are where it is served; a number of which nothing can be said so (no day, an end at the start, a negative one) stays a number.
 */
export function classTimeText(row: CourseRow): string | number {
  const { class_time: packed } = row
  const meetings = meetingsOf(row)
  const isSaid =
    row.meetings !== null ||
    packed === 0 ||
    (isClassTime(packed) &&
      meetings.length > 0 &&
      meetings.every(({ startMinute, endMinute }) => startMinute !== endMinute && endMinute <= minutesPerDay))
  if (!isSaid) return packed
  return meetings
    .map(({ day, startMinute, endMinute }) => {
      return `${dayNames[day]?.slice(0, 3)} ${clockTime(startMinute)}-${clockTime(endMinute)}`
    })
    .join('; ')
}

function clockTime(minute: number): string {
  const two = (value: number) => String(value).padStart(2, '0')
  return `${two(Math.floor(minute / 60))}:${two(minute % 60)}`
}
