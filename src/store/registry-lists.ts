import { unpackClassTime } from '../../actors/rules/timetable.ts'
import type { DepartmentsReply } from '../../schema/rest-campus.ts'
import type { ListedGroup, ListedStudent } from '../../schema/rest-lists.ts'
import type { Database } from './database.ts'
import { hasExam, isoOf, windowEnd } from './export-rows.ts'

const selectStudents = `
  SELECT id AS student_id, code, department_id AS department, gender, entry_year, max_units, remaining_actions,
    ${isoOf('enrollment_start_time')} AS enrollment_start_time, ${windowEnd} AS enrollment_end_time,
    password LIKE '$%' AS has_password
  FROM students WHERE id > $1 AND ($2::int IS NULL OR department_id = $2) ORDER BY id LIMIT $3`
const selectGroups = `
  SELECT course_id, group_id, code, for_department AS department, name, lecturer, units, capacity, reserve_capacity,
    class_time AS packed, meetings, CASE WHEN ${hasExam} THEN floor(extract(epoch FROM exam_time))::bigint ELSE 0 END AS exam_time,
    CASE WHEN ${hasExam} THEN exam_minutes END AS exam_minutes, sex_lock, notes, status
  FROM courses WHERE (course_id, group_id) > ($1::bigint, $2::bigint) AND ($3::int IS NULL OR for_department = $3)
  ORDER BY course_id, group_id LIMIT $4`

interface ListSearch<Key> {
  /** The last of the page before. */
  readonly after: Key | undefined
  /** undefined = every one. */
  readonly department: number | undefined
  readonly limit: number
}

/** Departments in order of their numbers. */
export async function listDepartments(database: Database): Promise<DepartmentsReply['departments']> {
  return await database.query('SELECT id, name FROM departments ORDER BY id')
}

/** Students in order of their numbers. */
export async function listStudents(
  database: Database,
  { after = -1, department, limit }: ListSearch<number>,
): Promise<ListedStudent[]> {
  return await database.query<ListedStudent>(selectStudents, [after, department ?? null, limit])
}

interface GroupRow extends Omit<ListedGroup, 'class_time' | 'exam_time'> {
  readonly packed: number
  readonly meetings: ListedGroup['class_time'] | null
  readonly exam_time: number | string
}

/** Groups in order of course and group. */
export async function listGroups(
  database: Database,
  { after, department, limit }: ListSearch<{ readonly course: number; readonly group: number }>,
): Promise<ListedGroup[]> {
  const rows = await database.query<GroupRow>(selectGroups, [
    after?.course ?? -1,
    after?.group ?? -1,
    department ?? null,
    limit,
  ])
  return rows.map(({ packed, meetings, exam_time, ...group }) => ({
    ...group,
    exam_time: Number(exam_time),
    class_time:
      meetings ??
      unpackClassTime(packed).map(({ day, startMinute, endMinute }) => ({
        day,
        start_minute: startMinute,
        end_minute: endMinute,
      })),
  }))
}
