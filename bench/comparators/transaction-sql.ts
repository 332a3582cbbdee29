// One transaction per request: lock the student and every group of the course, read what the rules ask for, write,
// commit. The locks come first and in one order, so that what is read after them stands still and nobody deadlocks.

const groupColumns = `courses.course_id, courses.group_id, courses.units, courses.capacity, courses.reserve_capacity,
  courses.sex_lock, (extract(epoch FROM courses.exam_time) * 1000)::float8 AS exam_ms, courses.exam_minutes,
  courses.class_time, courses.meetings`

export const statements = {
  studentAccount: {
    name: 'student_account',
    text: 'SELECT password, department_id FROM students WHERE id = $1',
  },
  staffAccount: { name: 'staff_account', text: 'SELECT password, department_id FROM staff WHERE id = $1' },
  lockStudent: {
    name: 'lock_student',
    text: `SELECT gender, max_units, remaining_actions,
        timezone('utc', now()) >= enrollment_start_time AND timezone('utc', now()) <
          coalesce(enrollment_end_time, enrollment_start_time + interval '1 hour') AS is_window_open
      FROM students WHERE id = $1 FOR UPDATE`,
  },
  lockCourse: {
    name: 'lock_course',
    text: `SELECT ${groupColumns} FROM courses WHERE course_id = $1 ORDER BY group_id FOR UPDATE`,
  },
  /** What the student holds, and how many are in the group. */
  readPlaces: {
    name: 'read_places',
    text: `SELECT ${groupColumns}, place.reserved, NULL::int AS registered_count, NULL::int AS reserved_count
      FROM enrolled_courses AS place JOIN courses USING (course_id, group_id) WHERE place.student_id = $1
      UNION ALL
      SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        count(*) FILTER (WHERE NOT reserved)::int, count(*) FILTER (WHERE reserved)::int
      FROM enrolled_courses WHERE course_id = $2 AND group_id = $3`,
  },
  insertPlace: {
    name: 'insert_place',
    text: `INSERT INTO enrolled_courses (course_id, group_id, student_id, reserved, reserve_order)
      VALUES ($1, $2, $3, $4, CASE WHEN $4 THEN (SELECT coalesce(max(coalesce(reserve_order, id)), 0) + 1
        FROM enrolled_courses WHERE course_id = $1 AND group_id = $2 AND reserved) END)`,
  },
  /** The action is spent, the place is gone, and where it was a seat the first in the queue gets it. */
  leave: {
    name: 'leave',
    text: `WITH spent AS (
        UPDATE students SET remaining_actions = remaining_actions - 1 WHERE id = $1
      ), gone AS (
        DELETE FROM enrolled_courses WHERE student_id = $1 AND course_id = $2 AND group_id = $3 RETURNING reserved
      )
      UPDATE enrolled_courses SET reserved = FALSE, reserve_order = NULL
      WHERE (SELECT NOT reserved FROM gone)
        AND (SELECT count(*) FROM enrolled_courses WHERE course_id = $2 AND group_id = $3 AND NOT reserved) <= $4
        AND id = (SELECT id FROM enrolled_courses
          WHERE course_id = $2 AND group_id = $3 AND reserved AND student_id <> $1
          ORDER BY coalesce(reserve_order, id) LIMIT 1)`,
  },
} as const

export interface GroupColumns {
  readonly course_id: number
  readonly group_id: number
  readonly units: number
  readonly capacity: number
  readonly reserve_capacity: number
  readonly sex_lock: string | null
  readonly exam_ms: number
  readonly exam_minutes: number | null
  readonly class_time: number
  readonly meetings: readonly { day: number; start_minute: number; end_minute: number }[] | null
}

export interface StudentColumns {
  readonly gender: string
  readonly max_units: number
  readonly remaining_actions: number
  readonly is_window_open: boolean
}

export type PlaceColumns =
  | (GroupColumns & {
      readonly reserved: boolean
      readonly registered_count: null
      readonly reserved_count: null
    })
  | { readonly course_id: null; readonly registered_count: number; readonly reserved_count: number }
