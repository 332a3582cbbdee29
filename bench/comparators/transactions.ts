import { Pool, type PoolClient } from 'pg'
import { unpackClassTime } from '../../actors/rules/timetable.ts'
import {
  type GroupRow,
  type HeldRow,
  placeFor,
  type Refusal,
  refusalsOfAdd,
  refusalsOfDrop,
  refusalsOfMove,
  type StudentRow,
} from './transaction-rules.ts'
import { type GroupColumns, type PlaceColumns, statements, type StudentColumns } from './transaction-sql.ts'

/** What became of a request: done, or why not. */
export type Outcome = readonly Refusal[] | 'no_such_student' | 'no_such_course'

interface Fixture {
  readonly student: StudentRow
  readonly groups: readonly GroupRow[]
}

/** Enrollment as one PostgreSQL transaction with row locks per request. */
export class Transactions {
  readonly #pool: Pool

  constructor(url: string, connections: number) {
    // Not noted as changes from outside: that is a concern of the tables' other user.
    const options = '-c synchronous_commit=on -c enrollment.writer=transactions -c TimeZone=UTC'
    this.#pool = new Pool({ connectionString: url, max: connections, options, idleTimeoutMillis: 0 })
    // A connection that breaks while idle is replaced.
    this.#pool.on('error', () => {})
  }

  add(
    student: number,
    wanted: {
      readonly course: number
      readonly group: number
      readonly reserve?: 'allow' | 'never' | 'only'
    },
  ): Promise<Outcome> {
    return this.#transaction(student, wanted.course, async (client, scene) => {
      const group = scene.groups.find((one) => one.group === wanted.group)
      if (group === undefined) return 'no_such_course'
      const { held, counts } = await readPlaces(client, student, group)
      const place = placeFor(group, counts, wanted.reserve)
      const refusals = refusalsOfAdd({ student: scene.student, held, group, place })
      if (refusals.length === 0) await enter(client, student, group, place === 'reserved')
      return refusals
    })
  }

  move(
    student: number,
    wanted: { readonly course: number; readonly group: number; readonly allowReserve: boolean },
  ): Promise<Outcome> {
    return this.#transaction(student, wanted.course, async (client, scene) => {
      const group = scene.groups.find((one) => one.group === wanted.group)
      if (group === undefined) return 'no_such_course'
      const { held, counts } = await readPlaces(client, student, group)
      const place = placeFor(group, counts)
      const refusals = refusalsOfMove({ student: scene.student, held, group, place }, wanted)
      const from = held.find(({ course }) => course === wanted.course)
      if (refusals.length === 0 && from !== undefined) {
        await leave(client, student, from)
        await enter(client, student, group, place === 'reserved')
      }
      return refusals
    })
  }

  drop(student: number, course: number): Promise<Outcome> {
    return this.#transaction(student, course, async (client, scene) => {
      const [first] = scene.groups
      if (first === undefined) return 'no_such_course'
      const { held } = await readPlaces(client, student, first)
      const from = held.find((one) => one.course === course)
      const refusals = refusalsOfDrop(scene.student, from)
      if (refusals.length === 0 && from !== undefined) await leave(client, student, from)
      return refusals
    })
  }

  /** Who may log in, and with what. */
  async account(
    id: number,
    isStaff: boolean,
  ): Promise<{ readonly password: string; readonly department_id: number } | undefined> {
    const statement = isStaff ? statements.staffAccount : statements.studentAccount
    const { rows } = await this.#pool.query<{ password: string; department_id: number }>({
      ...statement,
      values: [id],
    })
    return rows[0]
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }

  async #transaction(
    student: number,
    course: number,
    work: (client: PoolClient, scene: Fixture) => Promise<Outcome>,
  ): Promise<Outcome> {
    const client = await this.#pool.connect()
    try {
      await client.query('BEGIN')
      const scene = await lock(client, student, course)
      const outcome = typeof scene === 'string' ? scene : await work(client, scene)
      await client.query(outcome.length === 0 ? 'COMMIT' : 'ROLLBACK')
      client.release()
      return outcome
    } catch (error) {
      // The connection is closed, and with it the transaction.
      client.release(true)
      throw error
    }
  }
}

async function lock(
  client: PoolClient,
  studentId: number,
  course: number,
): Promise<Fixture | 'no_such_student' | 'no_such_course'> {
  const students = await client.query<StudentColumns>({ ...statements.lockStudent, values: [studentId] })
  const [student] = students.rows
  if (student === undefined) return 'no_such_student'
  const groups = await client.query<GroupColumns>({ ...statements.lockCourse, values: [course] })
  if (groups.rows.length === 0) return 'no_such_course'
  return {
    student: {
      gender: student.gender,
      maxUnits: student.max_units,
      remainingActions: student.remaining_actions,
      isWindowOpen: student.is_window_open,
    },
    groups: groups.rows.map(groupOf),
  }
}

async function readPlaces(client: PoolClient, student: number, { course, group }: GroupRow) {
  const { rows } = await client.query<PlaceColumns>({
    ...statements.readPlaces,
    values: [student, course, group],
  })
  const held: HeldRow[] = []
  let counts = { registered: 0, reserved: 0 }
  for (const row of rows) {
    if (row.course_id === null) counts = { registered: row.registered_count, reserved: row.reserved_count }
    else held.push({ ...groupOf(row), isReserved: row.reserved })
  }
  return { held, counts }
}

async function enter(client: PoolClient, student: number, to: GroupRow, isReserved: boolean): Promise<void> {
  await client.query({ ...statements.insertPlace, values: [to.course, to.group, student, isReserved] })
}

async function leave(client: PoolClient, student: number, from: GroupRow): Promise<void> {
  await client.query({ ...statements.leave, values: [student, from.course, from.group, from.capacity] })
}

function groupOf(row: GroupColumns): GroupRow {
  return {
    course: row.course_id,
    group: row.group_id,
    units: row.units,
    capacity: row.capacity,
    reserveCapacity: row.reserve_capacity,
    genderLock: row.sex_lock,
    examStartMs: row.exam_ms,
    examEndMs: row.exam_ms + 60_000 * (row.exam_minutes ?? 0),
    meetings:
      row.meetings?.map((one) => ({
        day: one.day,
        startMinute: one.start_minute,
        endMinute: one.end_minute,
      })) ?? unpackClassTime(row.class_time),
  }
}
