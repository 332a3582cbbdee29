import { randomUUID } from 'node:crypto'
import type { Database } from '../../src/store/database.ts'
import type { Environment, ServerProcess } from '../../kit/command-line.ts'
import { Tokens } from '../../kit/open-gateway.ts'
import { createRegistrationCampus, password } from '../../kit/registration-campus.ts'
import { rabbitAddress } from '../../kit/servers/provide.ts'

/** A campus for processes to serve, in a database of its own. */
export interface ProcessCampus {
  readonly url: string
  readonly database: Database
  /** Of a server, a batcher or a tool. */
  readonly environment: Environment
  remove(): Promise<void>
}

/** A registration campus where everybody finds a seat in group 1 of 401 to 460, and nobody has a unit limit. */
export async function createProcessCampus(): Promise<ProcessCampus> {
  const campus = `process-${randomUUID().slice(0, 8)}`
  const created = await createRegistrationCampus(campus)
  await created.database.query('UPDATE courses SET capacity = 1000 WHERE course_id > 400 AND group_id = 1')
  await created.database.query('UPDATE students SET max_units = 1000')
  return {
    url: created.url,
    database: created.database,
    environment: {
      DATABASE_URL: created.url,
      RABBITMQ_ADDRESS: rabbitAddress(),
      ENROLLMENT_CAMPUS: campus,
      ENROLLMENT_QUEUE_SETTLE: '0s',
      ENROLLMENT_STUDENT_RATE: '100000/s',
      ENROLLMENT_STUDENT_BURST: '100000',
      ENROLLMENT_METRICS_FOR_CLIENTS: 'yes',
    },
    remove: () => created.remove(),
  }
}

/** Logs in students 1, 3, 5, … through this server. */
export async function logIn(server: ServerProcess, count: number): Promise<Map<number, string>> {
  const tokens = new Tokens(server.client, password)
  const students = Array.from({ length: count }, (_, index) => 2 * index + 1)
  return new Map(await Promise.all(students.map(async (id) => [id, await tokens.student(id)] as const)))
}

/** Seats in these courses that the tables hold, as `student course group`. */
export async function placesIn(database: Database, courses: readonly number[]): Promise<string[]> {
  const rows = await database.query<{ place: string }>(
    `SELECT concat_ws(' ', student_id, course_id, group_id) AS place FROM enrolled_courses
     WHERE course_id = ANY ($1) AND NOT reserved`,
    [courses],
  )
  return rows.map(({ place }) => place).toSorted()
}
