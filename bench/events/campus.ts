import { createHmac } from 'node:crypto'
import pino from 'pino'
import { openDatabase } from '../../src/store/database.ts'
import { migrate } from '../../src/store/migrate.ts'

export const departmentCount = 60
export const coursesPerDepartment = 10
export const courseCount = departmentCount * coursesPerDepartment
export const jwtSecret = 'a key that the streams and the server know'

export function departmentOf(course: number): number {
  return 1 + ((course - 1) % departmentCount)
}

/** Courses of one group with room for everybody, students whose windows are open and whose actions never end. */
export async function fillCampus(url: string, students: number): Promise<void> {
  const database = await openDatabase(url, { logger: pino({ level: 'silent' }) })
  try {
    await migrate(database)
    await database.query(
      `INSERT INTO departments (id, name) SELECT id, 'Department ' || id FROM generate_series(1, $1::int) AS id`,
      [departmentCount],
    )
    await database.query(
      `INSERT INTO courses (course_id, group_id, for_department, name, lecturer, units, capacity, reserve_capacity,
         exam_time, class_time, sex_lock, notes)
       SELECT id, 1, 1 + (id - 1) % $2, 'Course ' || id, 'N. N.', 1, 10000, 10, '1970-01-01', 0, NULL, ''
       FROM generate_series(1, $1::int) AS id`,
      [courseCount, departmentCount],
    )
    await database.query(
      `INSERT INTO students (id, password, enrollment_start_time, enrollment_end_time, max_units, remaining_actions,
         department_id, entry_year, gender)
       SELECT id, 'x', '2020-01-01', '2099-01-01', 200, 30000, 1 + id % $2, 1400, 'female'
       FROM generate_series(1, $1::int) AS id`,
      [students, departmentCount],
    )
  } finally {
    await database.close()
  }
}

/** A token as POST /login gives it. */
export function tokenOf(student: number): string {
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss: 'cea',
    sub: String(student),
    department: 1,
    staff: false,
    iat: now,
    nbf: now,
    exp: now + 3600,
  }
  const signed = [{ alg: 'HS256', typ: 'JWT' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${signed}.${createHmac('sha256', jwtSecret).update(signed).digest('base64url')}`
}
