import type { AdminEffect } from '../../actors/messages/admin-effects.ts'
import type { Effect } from '../../actors/messages/records.ts'
import { type ExamTime, type Meeting, packClassTime } from '../../actors/rules/timetable.ts'

const groupColumns =
  'for_department, name, lecturer, units, capacity, reserve_capacity, exam_time, exam_minutes, class_time, meetings, ' +
  'sex_lock, notes'
const changedColumns =
  'lecturer, reserve_capacity, exam_time, exam_minutes, class_time, meetings, notes, status'
const studentColumns =
  'department_id, gender, entry_year, max_units, remaining_actions, enrollment_start_time, enrollment_end_time'

const prefixed = (prefix: string, columns: string) =>
  columns
    .split(', ')
    .map((column) => `${prefix}.${column}`)
    .join(', ')
const asExcluded = (columns: string) =>
  columns
    .split(', ')
    .map((column) => `${column} = excluded.${column}`)
    .join(', ')

/**
 * Folds what staff did with courses and students themselves. `details` holds new values by the columns' names; of several
 * values for one column the last counts. A row that somebody else has inserted meanwhile is taken over, except a
 * student's password: nobody's password passes here. Statements of `prepareSession` in `fold.ts`.
 */
export const prepareAdministration = `
  PREPARE add_students (INTEGER) AS
  WITH added AS MATERIALIZED (
    SELECT seq, student_id, details, fields.*,
      (SELECT TRUE FROM departments WHERE departments.id = fields.department_id) IS NOT NULL AS has_room
    FROM staged_effects, jsonb_to_record(details) AS fields (department_id SMALLINT, gender sex, entry_year SMALLINT,
      max_units SMALLINT, remaining_actions SMALLINT, enrollment_start_time TIMESTAMPTZ, enrollment_end_time TIMESTAMPTZ)
    WHERE type = 'student_added'
  ), entered AS (
    INSERT INTO students (id, ${studentColumns})
    SELECT student_id, ${studentColumns} FROM added WHERE has_room
    ON CONFLICT (id) DO UPDATE SET ${asExcluded(studentColumns)}
  )
  INSERT INTO orphaned_effects (term, seq, effect)
  SELECT $1, seq, details || jsonb_build_object('type', 'student_added', 'student', student_id)
  FROM added WHERE NOT has_room;

  PREPARE add_groups (INTEGER) AS
  WITH added AS MATERIALIZED (
    SELECT seq, staged_effects.course_id AS course, staged_effects.group_id AS number, details,
      ${prefixed('fields', groupColumns)},
      (SELECT TRUE FROM departments WHERE departments.id = fields.for_department) IS NOT NULL AS has_room
    FROM staged_effects, jsonb_populate_record(NULL::courses, details) AS fields
    WHERE type = 'group_added'
  ), entered AS (
    INSERT INTO courses (course_id, group_id, ${groupColumns})
    SELECT course, number, ${groupColumns} FROM added WHERE has_room
    ON CONFLICT (course_id, group_id) DO UPDATE SET ${asExcluded(groupColumns)}, status = DEFAULT
  )
  INSERT INTO orphaned_effects (term, seq, effect)
  SELECT $1, seq, details || jsonb_build_object('type', 'group_added', 'course', course, 'group', number)
  FROM added WHERE NOT has_room;

  PREPARE fold_groups (INTEGER) AS
  WITH merged AS MATERIALIZED (
    SELECT max(seq) AS seq, course_id, group_id, jsonb_object_agg(field.key, field.value ORDER BY ordinal) AS changes
    FROM staged_effects, jsonb_each(details) AS field
    WHERE type IN ('group_changed', 'group_opened', 'group_closed', 'group_cancelled')
    GROUP BY course_id, group_id
  ), changed AS (
    UPDATE courses SET (${changedColumns}) =
      (SELECT ${prefixed('fields', changedColumns)} FROM jsonb_populate_record(courses, merged.changes) AS fields)
    FROM merged WHERE courses.course_id = merged.course_id AND courses.group_id = merged.group_id
      AND courses.course_id = ANY (ARRAY(SELECT course_id FROM merged))
  )
  INSERT INTO orphaned_effects (term, seq, effect)
  SELECT $1, seq,
    changes || jsonb_build_object('type', 'group_changed', 'course', course_id, 'group', group_id)
  FROM merged
  WHERE (SELECT TRUE FROM courses
    WHERE courses.course_id = merged.course_id AND courses.group_id = merged.group_id) IS NULL;

  PREPARE fold_students (INTEGER) AS
  WITH merged AS MATERIALIZED (
    SELECT max(seq) AS seq, student_id, jsonb_object_agg(field.key, field.value ORDER BY ordinal) AS changes
    FROM staged_effects, jsonb_each(details) AS field
    WHERE type IN ('window_changed', 'max_units_changed')
    GROUP BY student_id
  ), changed AS (
    UPDATE students SET
      enrollment_start_time = coalesce((changes ->> 'enrollment_start_time')::timestamptz, enrollment_start_time),
      enrollment_end_time = coalesce((changes ->> 'enrollment_end_time')::timestamptz, enrollment_end_time),
      max_units = coalesce((changes ->> 'max_units')::smallint, max_units)
    FROM merged
    WHERE students.id = merged.student_id AND students.id = ANY (ARRAY(SELECT student_id FROM merged))
  )
  INSERT INTO orphaned_effects (term, seq, effect)
  SELECT $1, seq, changes || jsonb_build_object('type', 'student_changed', 'student', student_id)
  FROM merged
  WHERE (SELECT TRUE FROM students WHERE students.id = merged.student_id) IS NULL;`

/** Statements that a batch with effects of these types calls for: before places, capacities and actions, and after. */
export function foldAdministration(
  types: ReadonlySet<Effect['type']>,
  term: number,
): { readonly before: readonly string[]; readonly after: readonly string[] } {
  const has = (...wanted: readonly Effect['type'][]) => wanted.some((type) => types.has(type))
  const before: string[] = []
  const after: string[] = []
  if (has('student_added')) before.push(`EXECUTE add_students(${term})`)
  if (has('group_added')) before.push(`EXECUTE add_groups(${term})`)
  if (has('group_changed', 'group_opened', 'group_closed', 'group_cancelled')) {
    after.push(`EXECUTE fold_groups(${term})`)
  }
  if (has('window_changed', 'max_units_changed')) after.push(`EXECUTE fold_students(${term})`)
  return { before, after }
}

type Column = string | number | null | readonly object[]

/** The columns that an effect gives another value, by name. */
export function detailsOf(effect: AdminEffect): Readonly<Record<string, Column>> {
  switch (effect.type) {
    case 'group_changed': {
      const { reserveCapacity, lecturer, notes, meetings, exam } = effect
      return {
        ...(reserveCapacity !== undefined && { reserve_capacity: reserveCapacity }),
        ...(lecturer !== undefined && { lecturer }),
        ...(notes !== undefined && { notes }),
        ...(meetings !== undefined && meetingColumns(meetings)),
        ...(exam !== undefined && examColumns(exam)),
      }
    }
    case 'group_opened':
      return { status: 'open' }
    case 'group_closed':
      return { status: 'closed' }
    case 'group_cancelled':
      return { status: 'cancelled' }
    case 'group_added': {
      const { department, name, lecturer, units, capacity, reserveCapacity, genderLock, notes } = effect
      return {
        for_department: department,
        name,
        lecturer,
        units,
        capacity,
        reserve_capacity: reserveCapacity,
        sex_lock: genderLock,
        notes,
        ...meetingColumns(effect.meetings),
        ...examColumns(effect.exam),
      }
    }
    case 'student_added': {
      const { department, gender, entryYear, maxUnits, remainingActions } = effect
      return {
        department_id: department,
        gender,
        entry_year: entryYear,
        max_units: maxUnits,
        remaining_actions: remainingActions,
        ...windowColumns(effect),
      }
    }
    case 'window_changed':
      return windowColumns(effect)
    case 'max_units_changed':
      return { max_units: effect.maxUnits }
    case 'actions_changed':
    case 'conflicts_arose':
      return {}
  }
}

/** As in the files of `enrollment load`: packed where one range on several days says it all. */
function meetingColumns(meetings: readonly Meeting[]): Readonly<Record<string, Column>> {
  const packed = packClassTime(meetings)
  if (packed !== undefined) return { class_time: packed, meetings: null }
  const apart = meetings.map(({ day, startMinute, endMinute }) => ({
    day,
    start_minute: startMinute,
    end_minute: endMinute,
  }))
  return { class_time: 0, meetings: apart }
}

function examColumns(exam: ExamTime | null): Readonly<Record<string, Column>> {
  if (exam === null) return { exam_time: null, exam_minutes: null }
  return {
    exam_time: new Date(exam.startMs).toISOString(),
    exam_minutes: exam.minutes === 0 ? null : exam.minutes,
  }
}

function windowColumns(window: {
  readonly windowStartMs: number
  readonly windowEndMs: number
}): Readonly<Record<string, Column>> {
  return {
    enrollment_start_time: new Date(window.windowStartMs).toISOString(),
    enrollment_end_time: new Date(window.windowEndMs).toISOString(),
  }
}
