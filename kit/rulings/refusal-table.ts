import { randomUUID } from 'node:crypto'
import type { Ask, Answer, RequestLine } from '../rest-client.ts'
import type { OpenGateway } from '../open-gateway.ts'
import { setAside, type Fixture } from './ruling-fixture.ts'

/** One way to be refused: the code, how it comes about, and the request that is refused. */
export interface Provocation {
  readonly code: string
  readonly because: string
  ask(stage: Fixture): Promise<Answer>
}

interface Sample {
  readonly student: number
  readonly course: number
  readonly group: number
}
type Asked = readonly [RequestLine, Ask?]
type Who = 'student' | 'staff'

export const newGroup = {
  name: 'Topology',
  lecturer: 'Emmy',
  units: 3,
  capacity: 4,
  reserve_capacity: 2,
  class_time: [],
}
export const newStudent = {
  gender: 'female',
  entry_year: 2026,
  max_units: 20,
  remaining_actions: 3,
  enrollment_start_time: '2020-01-01T00:00:00Z',
}

/** Cancelled for the courses that other requests want to find as they were. */
const doomed = new Map([
  [301, 459],
  [303, 460],
])

/** A well-formed request to a route, about this student, course and group. */
const requests = {
  'PUT /student/course': ({ course, group }: Sample): Asked => [
    'PUT /student/course',
    { body: { course_id: course, group_id: group } },
  ],
  'PATCH /student/course': ({ course, group }: Sample): Asked => [
    'PATCH /student/course',
    { body: { course_id: course, group_id: group } },
  ],
  'DELETE /student/course': ({ course }: Sample): Asked => [`DELETE /student/course?course_id=${course}`],
  'POST /student/plan': ({ course, group }: Sample): Asked => [
    'POST /student/plan',
    { body: { legs: [{ add: { course_id: course, group_id: group } }] } },
  ],
  'GET /student/course': (): Asked => ['GET /student/course'],
  'GET /student/me': (): Asked => ['GET /student/me'],
  'GET /student/decisions': (): Asked => ['GET /student/decisions?limit=5'],
  'GET /catalog': (): Asked => ['GET /catalog'],
  'GET /departments': (): Asked => ['GET /departments'],
  'GET /student/courses': (): Asked => ['GET /student/courses?department=1'],
  'PUT /staff/force-std': ({ student, course, group }: Sample): Asked => [
    'PUT /staff/force-std',
    { body: { std_id: student, course_id: course, group_id: group } },
  ],
  'DELETE /staff/force-std': ({ student, course, group }: Sample): Asked => [
    `DELETE /staff/force-std?std_id=${student}&course_id=${course}&group_id=${group}`,
  ],
  'PATCH /staff/capacity': ({ course, group }: Sample): Asked => [
    'PATCH /staff/capacity',
    { body: { course_id: course, group_id: group, capacity: 30 } },
  ],
  'PATCH /staff/course': ({ course, group }: Sample): Asked => [
    'PATCH /staff/course',
    { body: { course_id: course, group_id: group, notes: 'Room 4' } },
  ],
  'POST /staff/course': ({ course, student }: Sample): Asked => [
    'POST /staff/course',
    { body: { ...newGroup, course_id: course, group_id: 1000 + student } },
  ],
  'PUT /staff/course-status': ({ course, group }: Sample): Asked => [
    'PUT /staff/course-status',
    { body: { course_id: course, group_id: group, status: 'open' } },
  ],
  'DELETE /staff/course': ({ course, group }: Sample): Asked => [
    `DELETE /staff/course?course_id=${doomed.get(course) ?? course}&group_id=${group}`,
  ],
  'PATCH /staff/student': ({ student, course }: Sample): Asked => [
    'PATCH /staff/student',
    { body: { std_id: student, max_units: 20, note: `about course ${course}` } },
  ],
  'POST /staff/student': ({ course, student }: Sample): Asked => [
    'POST /staff/student',
    { body: { ...newStudent, std_id: 5_000_000 + student, note: `about course ${course}` } },
  ],
  'PUT /staff/student-password': ({ student, course }: Sample): Asked => [
    'PUT /staff/student-password',
    { body: { std_id: student, password: 'another-1234', note: `about course ${course}` } },
  ],
  'GET /staff/student-courses': ({ student }: Sample): Asked => [
    `GET /staff/student-courses?std_id=${student}`,
  ],
  'GET /staff/course-students': ({ course, group }: Sample): Asked => [
    `GET /staff/course-students?course_id=${course}&group_id=${group}`,
  ],
  'GET /staff/decisions': ({ student }: Sample): Asked => [`GET /staff/decisions?student_id=${student}`],
  'GET /staff/students': (): Asked => ['GET /staff/students?limit=5'],
  'GET /staff/courses': (): Asked => ['GET /staff/courses?limit=5'],
  'POST /refresh': (): Asked => ['POST /refresh'],
  'GET /events': (): Asked => ['GET /events'],
  'POST /events/tickets': (): Asked => ['POST /events/tickets'],
} as const

export type Route = keyof typeof requests

const roleOf = (route: Route): Who => (route.includes('/staff/') ? 'staff' : 'student')

function send(gateway: OpenGateway, [line, ask]: Asked, extra: Ask = {}): Promise<Answer> {
  return gateway.client.send(line, { ...ask, ...extra })
}

interface Wanted extends Partial<Sample> {
  readonly at?: 'open' | 'strict' | 'held' | 'standby' | 'recovering' | 'unreachable' | 'cutOff'
  readonly as?: Who
  readonly token?: string | undefined
  readonly key?: string
}

/** Sends a route's request; a fresh student to a course with room unless told otherwise. */
export async function sendTo(stage: Fixture, route: Route, wanted: Wanted = {}): Promise<Answer> {
  const { at = 'open', student = stage.students.fresh(), course = 301, group = 1, key } = wanted
  const as = wanted.as ?? roleOf(route)
  const token =
    'token' in wanted
      ? wanted.token
      : await (as === 'staff' ? stage.tokens.staff(1) : stage.tokens.student(student))
  const headers = key === undefined ? {} : { 'idempotency-key': key }
  return await send(stage[at], requests[route]({ student, course, group }), { token, headers })
}

/** Makes these places a student's, then returns the student. */
export async function holding(
  stage: Fixture,
  places: readonly (readonly [course: number, group: number])[],
  student = stage.students.fresh(),
): Promise<number> {
  for (const [course, group] of places) {
    const answer = await sendTo(stage, 'PUT /student/course', { student, course, group })
    if (answer.status !== 204) throw new Error(`student ${student}, course ${course}: ${answer.text}`)
  }
  return student
}

/** The same request with a mistake in it. The replaced system's routes ignore what they do not know. */
function spoilt(line: RequestLine, ask: Ask = {}): readonly [RequestLine, Ask] {
  if (line.includes('?')) return [line.replace('=', '=x') as RequestLine, ask]
  if (ask.body === undefined) return [`${line}%zz` as RequestLine, ask]
  return [line, { ...ask, body: [ask.body] }]
}

/** What every route with a token answers to a request that is none. */
export function common(route: Route): Provocation[] {
  return [
    {
      code: 'malformed',
      because: 'it is not as it must be',
      ask: async (stage) => {
        const student = stage.students.fresh()
        const [line, ask] = spoilt(...requests[route]({ student, course: 301, group: 1 }))
        const { tokens } = stage
        const token = await (roleOf(route) === 'staff' ? tokens.staff(1) : tokens.student(student))
        return await stage.open.client.send(line, { ...ask, token })
      },
    },
    {
      code: 'unauthenticated',
      because: 'there is no token',
      ask: (stage) => sendTo(stage, route, { token: undefined }),
    },
    {
      code: 'too_many_requests',
      because: 'it is the second request of its sender where one is allowed',
      ask: async (stage) => {
        const student = stage.students.fresh()
        await sendTo(stage, route, { student, at: 'strict' })
        return await sendTo(stage, route, { student, at: 'strict' })
      },
    },
  ]
}

export function roleBound(route: Route): Provocation[] {
  const other: Who = roleOf(route) === 'staff' ? 'student' : 'staff'
  return [
    {
      code: 'wrong_role',
      because: `the token is of a ${other === 'staff' ? 'staff member' : 'student'}`,
      ask: (stage) => sendTo(stage, route, { as: other }),
    },
  ]
}

/** What every route that asks the engine answers while the engine cannot. */
export function engineBound(route: Route): Provocation[] {
  const at = (place: 'standby' | 'recovering' | 'unreachable') => (stage: Fixture) =>
    sendTo(stage, route, { at: place })
  return [
    { code: 'not_leading', because: 'another server leads', ask: at('standby') },
    { code: 'recovering', because: 'the server is not ready yet', ask: at('recovering') },
    { code: 'journal_unavailable', because: 'the journal cannot be reached', ask: at('unreachable') },
  ]
}

/** What a route answers that asks the database alone. */
export function databaseBound(route: Route): Provocation[] {
  return engineBound(route).filter(({ code }) => code === 'journal_unavailable')
}

/** What everything about a student, or a course, answers whose row no decision may rest on. */
export function setAsideBound(route: Route, what: 'student' | 'course'): Provocation {
  return {
    code: 'set_aside',
    because: `what is on record of the ${what} cannot be used`,
    ask: (stage) => sendTo(stage, route, { [what]: setAside[what] }),
  }
}

/** What every command answers because of its way to the journal, and of its key. */
export function commandBound(route: Route): Provocation[] {
  return [
    {
      code: 'busy',
      because: 'the course holds as many commands as it may',
      ask: (stage) => sendTo(stage, route, { at: 'held', course: 102 }),
    },
    {
      code: 'outcome_unknown',
      because: 'the decision is not durable when the request’s time is up',
      ask: (stage) => sendTo(stage, route, { at: 'held' }),
    },
    {
      code: 'idempotency_in_flight',
      because: 'the first request with this key is decided and not durable yet',
      ask: async (stage) => {
        const again = { at: 'held', course: 303, student: stage.students.fresh(), key: randomUUID() } as const
        await sendTo(stage, route, again)
        return await sendTo(stage, route, again)
      },
    },
    {
      code: 'idempotency_mismatch',
      because: 'the key came with another course before',
      ask: async (stage) => {
        const same = { student: stage.students.fresh(), key: randomUUID() }
        await sendTo(stage, route, { ...same, course: 301 })
        return await sendTo(stage, route, { ...same, course: 303 })
      },
    },
  ]
}
