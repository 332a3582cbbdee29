import { pino } from 'pino'
import { ensureCampus } from '../src/store/campus-row.ts'
import { type Database, openDatabase } from '../src/store/database.ts'
import { migrate } from '../src/store/migrate.ts'
import { createDatabase } from './servers/provide.ts'

export const silent = pino({ level: 'silent' })

/** A migrated database of a test's own, with a small campus in it. */
export interface CampusDatabase {
  readonly url: string
  readonly database: Database
  remove(): Promise<void>
}

/**
 * Departments 1 and 2; students 1 to `students` of department 1 (even ids female), 12 actions, 20 units, window
 * open from 2020 to 2099; staff 1 and 2 of departments 1 and 2 (password hashes that match nothing); course 101
 * with groups 1 (2 seats, 2 reserve places) and 2 (1 seat, 1 reserve place), course 102 group 1 (30 seats), and
 * course 201 group 1 of department 2 (30 seats). 3 units each, no meetings in common, no exams.
 */
export async function createCampusDatabase(options: {
  readonly campus: string
  readonly students?: number
  /** Of a PostgreSQL of the test's own, to kill; the run's without it. */
  readonly serverUrl?: string
}) {
  const created = await createDatabase(options.serverUrl)
  const database = await openDatabase(created.url, { logger: silent })
  await migrate(database)
  await ensureCampus(database, { configured: options.campus, generated: options.campus })
  await fillCampus(database, options.students ?? 10)
  const remove = async (): Promise<void> => {
    await database.close()
    await created.drop()
  }
  return { url: created.url, database, remove } satisfies CampusDatabase
}

export async function fillCampus(database: Database, students: number): Promise<void> {
  await database.query(`INSERT INTO departments (id, name) VALUES (1, 'Mathematics'), (2, 'Physics')`)
  await database.query(`INSERT INTO staff (id, password, department_id) VALUES (1, 'x', 1), (2, 'x', 2)`)
  await database.query(
    `INSERT INTO students (id, password, enrollment_start_time, enrollment_end_time, max_units, remaining_actions,
       department_id, entry_year, gender)
     SELECT id, 'x', '2020-01-01', '2099-01-01', 20, 12, 1, 1400,
       (CASE WHEN id % 2 = 0 THEN 'female' ELSE 'male' END)::sex
     FROM generate_series(1, $1::int) AS id`,
    [students],
  )
  await database.query(
    `INSERT INTO courses (course_id, group_id, for_department, name, lecturer, units, capacity, reserve_capacity,
       exam_time, class_time, sex_lock, notes)
     VALUES (101, 1, 1, 'Calculus', 'Ada', 3, 2, 2, '1970-01-01', 0, NULL, ''),
            (101, 2, 1, 'Calculus', 'Emmy', 3, 1, 1, '1970-01-01', 0, NULL, ''),
            (102, 1, 1, 'Algebra', 'Emmy', 3, 30, 5, '1970-01-01', 0, NULL, ''),
            (201, 1, 2, 'Mechanics', 'Lise', 3, 30, 5, '1970-01-01', 0, NULL, '')`,
  )
}
