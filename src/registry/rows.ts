/**
 * Rows of the registry's tables, ready for COPY: fields are named as the SQL columns. Times are ISO 8601 in
 * UTC with a Z; `meetings` is JSON text.
 */
export interface DepartmentRow {
  readonly id: number
  readonly name: string
}

export interface StaffRow {
  readonly id: number
  /** Hash, argon2id or bcrypt. */
  readonly password: string
  readonly department_id: number
  readonly code?: string | null
}

export interface StudentRow {
  readonly id: number
  /** Hash, argon2id or bcrypt. */
  readonly password: string
  readonly enrollment_start_time: string
  /** null = the server's ENROLLMENT_WINDOW after the start. */
  readonly enrollment_end_time: string | null
  readonly max_units: number
  readonly remaining_actions: number
  readonly department_id: number
  readonly entry_year: number
  readonly gender: 'male' | 'female'
  readonly code?: string | null
}

export interface CourseRow {
  readonly course_id: number
  readonly group_id: number
  readonly for_department: number
  readonly name: string
  readonly lecturer: string
  readonly units: number
  readonly capacity: number
  readonly reserve_capacity: number
  /** null = no exam. */
  readonly exam_time: string | null
  /** null = not known; the exam is the instant of its start. */
  readonly exam_minutes: number | null
  /** Packed (see actors/rules/timetable.ts); 0 where `meetings` counts or there is no class. */
  readonly class_time: number
  /** JSON, only where the meetings differ by day: `[{"day", "start_minute", "end_minute"}, …]`. */
  readonly meetings: string | null
  readonly sex_lock: 'male' | 'female' | null
  readonly notes: string
  /** Whether newcomers may enter; a cancelled group never opens again. */
  readonly status: 'open' | 'closed' | 'cancelled'
  readonly code?: string | null
}

export interface EnrolledCourseRow {
  readonly course_id: number
  readonly group_id: number
  readonly student_id: number
  readonly reserved: boolean
  /** Order in the reserve queue, ascending; null for a seat. */
  readonly reserve_order: number | null
  /** A seat beyond the group's capacity. */
  readonly extra_seat: boolean
}

/** What a bulk load writes, table by table. Iterating again reads the same rows again. */
export interface RegistryRows {
  readonly departments: RowSource<DepartmentRow>
  readonly staff: RowSource<StaffRow>
  readonly students: RowSource<StudentRow>
  readonly courses: RowSource<CourseRow>
  readonly enrolled_courses: RowSource<EnrolledCourseRow>
}

/** What one row of a table is. */
export type RowOf<Table extends keyof RegistryRows> =
  RegistryRows[Table] extends RowSource<infer Row> ? Row : never

/** `count` rows, known before the first is read. */
export interface RowSource<Row> {
  readonly count: number
  readonly rows: Iterable<Row> | AsyncIterable<Row>
}

/** What stands in place of a hash where an account has no password: nobody can log in to it. */
export const nobodysPassword = '!'
