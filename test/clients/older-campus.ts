import { hash } from '@node-rs/bcrypt'
import { Client } from 'pg'
import { replacedTables } from '../../kit/replaced-tables.ts'
import { createDatabase, type TestDatabase } from '../../kit/servers/provide.ts'

/** Tuesday 9:00 to 12:00, as the replaced system packs it. */
const classTime = 540 + 1440 * 720 + 2 ** (22 + 3)

/**
 * A database as the replaced system leaves it: department 40, staff member 1 and student 99171333 with the password
 * 1234, courses 40103 (group 1) and 40108 (groups 1 and 2), and `courses` others of two groups each.
 */
export async function createOlderCampus(courses = 0): Promise<TestDatabase> {
  const created = await createDatabase()
  const client = new Client({ connectionString: created.url })
  await client.connect()
  try {
    await client.query(replacedTables('TIMESTAMPTZ'))
    await client.query(`INSERT INTO departments (id, name) VALUES (40, 'Computer Engineering')`)
    const password = await hash('1234', { cost: 4 })
    await client.query('INSERT INTO staff VALUES (1, $1, 40)', [password])
    await client.query(
      `INSERT INTO students (id, password, enrollment_start_time, max_units, remaining_actions, department_id,
         entry_year, gender) VALUES (99171333, $1, now(), 24, 12, 40, 99, 'male')`,
      [password],
    )
    await client.query(
      `INSERT INTO courses (course_id, group_id, for_department, name, lecturer, units, capacity, reserve_capacity,
         exam_time, class_time, sex_lock, notes)
       VALUES (40103, 1, 40, 'Lab', 'Hamid', 1, 16, 5, NULL, ${classTime}, NULL, ''),
         (40108, 1, 40, 'Data', 'Ali', 3, 30, 5, '2023-01-19 11:30Z', 0, NULL, ''),
         (40108, 2, 40, 'Data', 'Sara', 3, 30, 5, '2023-01-19 11:30Z', 0, NULL, '')`,
    )
    await client.query(
      `INSERT INTO courses (course_id, group_id, for_department, name, lecturer, units, capacity, reserve_capacity,
         exam_time, class_time, sex_lock, notes)
       SELECT 50000 + course, "group", 40, 'Course', 'Nobody', 1 + course % 3, 10 + course % 30, 5, NULL, 0, NULL, ''
       FROM generate_series(1, $1::int) AS course, generate_series(1, 2) AS "group"`,
      [courses],
    )
  } finally {
    await client.end()
  }
  return created
}
