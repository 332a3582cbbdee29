import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { eventually } from '../eventually.ts'
import { openTestGateway, type OpenGateway, Tokens, usualGatewayLimits } from '../open-gateway.ts'
import { silent } from '../campus-database.ts'
import { holdJournal } from '../held-journal.ts'
import { createRegistrationCampus, password, Students } from '../registration-campus.ts'
import { add, byStudent, directJournal, startEngine, untilLeading } from '../running-engine.ts'
import { Database } from '../../src/store/database.ts'
import { freePort } from '../../src/embedded/cluster.ts'

/** Servers in every condition that a client can find one in. All know the same people and tokens. */
export interface Fixture {
  /** Leads, and is not in a hurry. */
  readonly open: OpenGateway
  /** Before the same engine; lets a student send one request a day, log in wrongly once, and watch nothing. */
  readonly strict: OpenGateway
  /** Before the same engine; its staff act on the whole campus. */
  readonly wide: OpenGateway
  /** Leads, but nothing that it decides becomes durable; course 102 has no room for more. */
  readonly held: OpenGateway
  readonly standby: OpenGateway
  readonly recovering: OpenGateway
  /** Its PostgreSQL is not there. */
  readonly unreachable: OpenGateway
  /** Before an engine that leads; its own PostgreSQL is not there. */
  readonly cutOff: OpenGateway
  readonly tokens: Tokens
  readonly students: Students
  /** Of a student who logged in and was deleted since. */
  readonly ghost: string
  close(): Promise<void>
}

/** Commands that one course, and one student, may hold. */
const perCourse = 24
export const perStudent = 8
const replyDeadlineMs = 150
/** What is on record of them cannot be used: a window that begins before all time, a negative class time. */
export const setAside = { student: 4001, course: 316 } as const

export async function openStage(): Promise<Fixture> {
  const closing: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const one of closing.splice(0).toReversed()) await one()
  }
  try {
    return { ...(await openAll(closing)), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function openAll(closing: (() => Promise<unknown>)[]): Promise<Omit<Fixture, 'close'>> {
  const campusOf = async () => {
    const campus = `rest-${randomUUID().slice(0, 8)}`
    const created = await createRegistrationCampus(campus)
    closing.push(() => created.remove())
    await created.database.query(
      `INSERT INTO students (id, password, enrollment_start_time, max_units, remaining_actions, department_id, entry_year,
         gender) SELECT ${setAside.student}, password, '-infinity', 20, 5, 1, 1400, 'male' FROM students WHERE id = 1`,
    )
    await created.database.query(
      `INSERT INTO courses (course_id, group_id, for_department, name, lecturer, units, capacity, reserve_capacity,
         exam_time, class_time, notes) VALUES (${setAside.course}, 1, 1, 'Odd', 'Sophie', 3, 30, 5, 'epoch', -1, '')`,
    )
    return { campus, ...created }
  }
  const engineOn = (
    { database, campus }: { database: Database; campus: string },
    limits: Parameters<typeof startEngine>[3] = {},
  ) => {
    const running = startEngine(database, campus, directJournal(database, campus), limits)
    closing.push(() => running.engine.stop(0))
    return running
  }
  const gatewayOf = async (...args: Parameters<typeof openTestGateway>) => {
    const gateway = await openTestGateway(...args)
    closing.push(() => gateway.close())
    return gateway
  }

  const [main, other, third] = [await campusOf(), await campusOf(), await campusOf()]
  const leader = engineOn(main)
  // A journal that is held confirms nothing, and its terms go on all the same.
  const neverMs = 3_600_000
  const blocked = engineOn(other, {
    limits: { replyDeadlineMs, confirmMsMax: neverMs, mailboxes: { perCourse, perStudent } },
  })
  await Promise.all([untilLeading(leader), untilLeading(blocked)])

  const standing = engineOn(main)
  await eventually(() => standing.engine.status().state === 'standby')
  const letGo = [await holdJournal(other.url), await holdJournal(third.url)]
  closing.push(() => Promise.all(letGo.map((one) => one())))
  const late = engineOn(third, { limits: { confirmMsMax: neverMs } })
  await eventually(() => late.engine.status().state === 'recovering')
  const away = new Database(`postgres://nobody:x@127.0.0.1:${await freePort()}/nothing`, { logger: silent })
  closing.push(() => away.close())
  const lost = engineOn({ database: away, campus: 'lost' })
  await eventually(() => lost.engine.status().state === 'unreachable')

  const students = new Students()
  const filling = Array.from({ length: perCourse }, () =>
    blocked.engine.submit(byStudent(students.fresh(), add(102, 1))),
  )
  for (const outcome of await Promise.all(filling)) {
    assert.deepEqual(outcome, { kind: 'unavailable', code: 'outcome_unknown' })
  }

  const open = await gatewayOf(leader.engine, main.database)
  const tokens = new Tokens(open.client, password)
  await main.database.query(
    `INSERT INTO students SELECT 5000, password, enrollment_start_time, max_units, remaining_actions, department_id,
       entry_year, gender, enrollment_end_time FROM students WHERE id = 1`,
  )
  const ghost = await tokens.student(5000)
  await main.database.query('DELETE FROM students WHERE id = 5000')
  return {
    open,
    strict: await gatewayOf(leader.engine, main.database, {
      limits: {
        ...usualGatewayLimits,
        studentRate: { count: 1, perMs: 86_400_000 },
        studentBurst: 1,
        staffRate: { count: 1, perMs: 86_400_000 },
        staffBurst: 1,
        loginFailuresPerAddress: { count: 1, perMs: 86_400_000 },
        eventStreamsMax: 0,
      },
    }),
    wide: await gatewayOf(leader.engine, main.database, { staffScope: 'all' }),
    held: await gatewayOf(blocked.engine, other.database),
    standby: await gatewayOf(standing.engine, main.database),
    recovering: await gatewayOf(late.engine, third.database),
    unreachable: await gatewayOf(lost.engine, away),
    cutOff: await gatewayOf(leader.engine, away),
    tokens,
    students,
    ghost,
  }
}
