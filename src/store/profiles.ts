import type { Gender, GroupProfile, StudentProfile } from '../../actors/campus.ts'
import { type Meeting, unpackClassTime } from '../../actors/timetable.ts'
import type { IntegerRow } from './copy.ts'

const msPerMinute = 60_000

/** Milliseconds of a TIMESTAMP in UTC; `infinity` becomes the end of what the calendar holds. */
const msOf = (column: string) =>
  `CASE WHEN ${column} IS NOT NULL THEN (extract(epoch FROM
    least(greatest(${column}, timestamp '0001-01-01'), timestamp '9999-12-31')) * 1000)::bigint END`

/** All integers, in the order that `studentFromIntegers` expects; gender 1 = female. */
export const studentIntegers = `
  id, department_id, (gender = 'female')::int AS gender, max_units, remaining_actions,
  ${msOf('enrollment_start_time')} AS window_start_ms, ${msOf('enrollment_end_time')} AS window_end_ms`

/** @param windowMs how long a window without an end lasts */
export function studentFromIntegers(row: IntegerRow, windowMs: number): StudentProfile {
  const [id = 0, department = 0, gender, maxUnits = 0, remainingActions = 0, windowStartMs = 0] = row
  return {
    id,
    department,
    gender: gender === 1 ? 'female' : 'male',
    maxUnits,
    remainingActions,
    windowStartMs,
    windowEndMs: row[6] ?? windowStartMs + windowMs,
  }
}

export const selectGroups = `
  SELECT course_id, group_id, for_department, name, lecturer, units, capacity, reserve_capacity,
    CASE WHEN exam_time > 'epoch' AND exam_time < 'infinity' THEN ${msOf('exam_time')} END AS exam_ms,
    exam_minutes, class_time, meetings, sex_lock, notes
  FROM courses ORDER BY course_id, group_id`

export interface GroupRow {
  readonly course_id: number
  readonly group_id: number
  readonly for_department: number
  readonly name: string
  readonly lecturer: string
  readonly units: number
  readonly capacity: number
  readonly reserve_capacity: number
  readonly exam_ms: number | null
  readonly exam_minutes: number | null
  readonly class_time: number
  readonly meetings: readonly { day: number; start_minute: number; end_minute: number }[] | null
  readonly sex_lock: Gender | null
  readonly notes: string
}

export function groupFromRow(row: GroupRow): GroupProfile {
  return {
    course: row.course_id,
    group: row.group_id,
    department: row.for_department,
    name: row.name,
    lecturer: row.lecturer,
    units: row.units,
    capacity: row.capacity,
    reserveCapacity: row.reserve_capacity,
    exam:
      row.exam_ms === null
        ? undefined
        : { startMs: row.exam_ms, endMs: row.exam_ms + (row.exam_minutes ?? 0) * msPerMinute },
    meetings: row.meetings === null ? unpackClassTime(row.class_time) : row.meetings.map(meetingFromJson),
    genderLock: row.sex_lock ?? undefined,
    notes: row.notes,
  }
}

function meetingFromJson(json: { day: number; start_minute: number; end_minute: number }): Meeting {
  return { day: json.day, startMinute: json.start_minute, endMinute: json.end_minute }
}
