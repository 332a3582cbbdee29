import type { Gender, GroupProfile, GroupStatus } from '../../actors/course.ts'
import type { StudentProfile } from '../../actors/student.ts'
import { type Meeting, unpackClassTime } from '../../actors/rules/timetable.ts'
import { calendarEndMs } from '../../schema/registry-limits.ts'
import type { IntegerRow } from './copy.ts'
import { withFaultsOfGroup, withFaultsOfStudent } from './row-faults.ts'

const msPerMinute = 60_000

/** Milliseconds of an instant; `infinity` becomes the end of what the calendar holds. */
export const msOf = (column: string) =>
  `CASE WHEN ${column} IS NOT NULL THEN (extract(epoch FROM
    least(greatest(${column}, '0001-01-01Z'), '9999-12-31Z')) * 1000)::bigint END`

/** All integers, in the order that `studentFromIntegers` expects; gender 1 = female. */
export const studentIntegers = `
  id, department_id, (gender = 'female')::int AS gender, max_units, remaining_actions,
  ${msOf('enrollment_start_time')} AS window_start_ms, ${msOf('enrollment_end_time')} AS window_end_ms`

export const selectStudents = `SELECT ${studentIntegers} FROM students`

/** @param windowMs how long a window without an end lasts */
export function studentFromIntegers(row: IntegerRow, windowMs: number): StudentProfile {
  const [id = 0, department = 0, gender, maxUnits = 0, remainingActions = 0, windowStartMs = 0] = row
  return withFaultsOfStudent({
    id,
    department,
    gender: gender === 1 ? 'female' : 'male',
    maxUnits,
    remainingActions,
    windowStartMs,
    windowEndMs: row[6] ?? Math.min(windowStartMs + windowMs, calendarEndMs),
  })
}

/** What staff change of a group, for `groupDetailsFromRow`. */
export const groupDetails = `
  status, reserve_capacity, lecturer, notes,
  CASE WHEN exam_time > 'epoch' AND exam_time < 'infinity' THEN ${msOf('exam_time')} END AS exam_ms,
  exam_minutes, class_time, meetings`

export const selectGroups = `
  SELECT course_id, group_id, for_department, name, units, capacity, sex_lock, code, ${groupDetails}
  FROM courses ORDER BY course_id, group_id`

export interface GroupDetailsRow {
  readonly status: GroupStatus
  readonly reserve_capacity: number
  readonly lecturer: string
  readonly notes: string
  readonly exam_ms: number | null
  readonly exam_minutes: number | null
  readonly class_time: number
  readonly meetings: readonly { day: number; start_minute: number; end_minute: number }[] | null
}

export interface GroupRow extends GroupDetailsRow {
  readonly course_id: number
  readonly group_id: number
  readonly for_department: number
  readonly name: string
  readonly units: number
  readonly capacity: number
  readonly sex_lock: Gender | null
  readonly code: string | null
}

export function groupFromRow(row: GroupRow): GroupProfile {
  const profile = {
    course: row.course_id,
    group: row.group_id,
    department: row.for_department,
    name: row.name,
    units: row.units,
    capacity: row.capacity,
    genderLock: row.sex_lock ?? undefined,
    ...(row.code !== null && { code: row.code }),
    ...groupDetailsFromRow(row),
  }
  return withFaultsOfGroup(profile, row)
}

export type GroupDetails = Pick<
  GroupProfile,
  'reserveCapacity' | 'lecturer' | 'notes' | 'exam' | 'meetings'
> & { readonly status: GroupStatus }

export function groupDetailsFromRow(row: GroupDetailsRow): GroupDetails {
  return {
    status: row.status,
    reserveCapacity: row.reserve_capacity,
    lecturer: row.lecturer,
    notes: row.notes,
    exam:
      row.exam_ms === null
        ? undefined
        : { startMs: row.exam_ms, endMs: row.exam_ms + (row.exam_minutes ?? 0) * msPerMinute },
    meetings: row.meetings === null ? unpackClassTime(row.class_time) : row.meetings.map(meetingFromJson),
  }
}

function meetingFromJson(json: { day: number; start_minute: number; end_minute: number }): Meeting {
  return { day: json.day, startMinute: json.start_minute, endMinute: json.end_minute }
}
