import type { RequestLine } from '../rest-client.ts'
import {
  commandBound,
  common,
  engineBound,
  holding,
  newGroup,
  newStudent,
  type Provocation,
  roleBound,
  type Route,
  sendTo,
  setAsideBound,
} from './refusal-table.ts'
import { perStudent, type Fixture } from './ruling-fixture.ts'

/** Staff of department 1 send this. */
async function staffSend(stage: Fixture, line: RequestLine, body?: object) {
  const token = await stage.tokens.staff(1)
  return await stage.open.client.send(line, { token, ...(body !== undefined && { body }) })
}

/** Any course-wide change: `status` closes it, or cancels it for good. @returns the course */
export async function courseThatIs(stage: Fixture, status: 'closed' | 'cancelled'): Promise<number> {
  const course = stage.students.course()
  await (status === 'closed'
    ? staffSend(stage, 'PUT /staff/course-status', { course_id: course, status })
    : staffSend(stage, `DELETE /staff/course?course_id=${course}`))
  return course
}

/** What entering a course that was closed, or cancelled, is answered. */
export function closedTo(route: Route, from?: { readonly group: number }): Provocation[] {
  return (['closed', 'cancelled'] as const).map((status) => ({
    code: `course_${status}`,
    because: `staff have ${status} the course`,
    ask: async (stage) => {
      const course = stage.students.course()
      const student = from === undefined ? undefined : await holding(stage, [[course, from.group]])
      if (status === 'closed') {
        await staffSend(stage, 'PUT /staff/course-status', { course_id: course, group_id: 1, status })
      } else await staffSend(stage, `DELETE /staff/course?course_id=${course}&group_id=1`)
      return await sendTo(stage, route, { course, group: 1, ...(student !== undefined && { student }) })
    },
  }))
}

export function cancelledFor(route: Route): Provocation {
  return {
    code: 'course_cancelled',
    because: 'the course was cancelled for good',
    ask: async (stage) => sendTo(stage, route, { course: await courseThatIs(stage, 'cancelled') }),
  }
}

function changes(route: Route): Provocation[] {
  return [...common(route), ...roleBound(route), ...engineBound(route), ...commandBound(route)]
}

function ofCourse(route: Route): Provocation[] {
  return [
    ...changes(route),
    setAsideBound(route, 'course'),
    {
      code: 'no_such_course',
      because: 'there is no such course',
      ask: (stage) => sendTo(stage, route, { course: 999 }),
    },
    {
      code: 'other_department',
      because: 'the course is of another department',
      ask: (stage) => sendTo(stage, route, { course: 201 }),
    },
  ]
}

/** As `commandBound`, but what fills up is the student’s mailbox, and the key came with another wish. */
function ofStudent(route: 'PATCH /staff/student' | 'POST /staff/student'): Provocation[] {
  const others = changes(route).filter(({ code }) => code !== 'busy')
  return [
    ...others,
    {
      code: 'busy',
      because: 'the student holds as many commands as they may',
      ask: async (stage) => {
        const wanted = { at: 'held', student: stage.students.fresh() } as const
        await Promise.all(Array.from({ length: perStudent }, () => sendTo(stage, route, wanted)))
        return await sendTo(stage, route, wanted)
      },
    },
  ]
}

const windowEndsFirst = (line: RequestLine, body: (stage: Fixture) => object): Provocation => ({
  code: 'window_ends_first',
  because: 'the window would end in the year before it begins',
  ask: (stage) =>
    staffSend(stage, line, {
      ...body(stage),
      enrollment_start_time: '2021-01-01T00:00:00Z',
      enrollment_end_time: '2020-01-01T00:00:00Z',
    }),
})

const noSuchDepartment = (line: RequestLine, body: object): Provocation => ({
  code: 'no_such_department',
  because: 'nobody has made this department',
  ask: async (stage) =>
    stage.wide.client.send(line, {
      token: await stage.tokens.staff(1),
      body: { ...body, department: 99 },
    }),
})

const otherDepartment = (line: RequestLine, body: object): Provocation => ({
  code: 'other_department',
  because: 'it would be another department’s',
  ask: (stage) => staffSend(stage, line, { ...body, department: 2 }),
})

/** What staff do with courses and students themselves, and every refusal of it. */
export const administrationRefusals: Readonly<Record<string, readonly Provocation[]>> = {
  'PATCH /staff/course': [
    ...ofCourse('PATCH /staff/course'),
    cancelledFor('PATCH /staff/course'),
    {
      code: 'capacity_below_registered',
      because: 'one seat of none would be taken',
      ask: (stage) => staffSend(stage, 'PATCH /staff/course', { course_id: 306, group_id: 2, capacity: 0 }),
    },
    {
      code: 'reserve_capacity_below_waiting',
      because: 'somebody waits',
      ask: async (stage) => {
        await holding(stage, [[307, 2]])
        return await staffSend(stage, 'PATCH /staff/course', {
          course_id: 307,
          group_id: 2,
          reserve_capacity: 0,
        })
      },
    },
  ],
  'POST /staff/course': [
    ...changes('POST /staff/course'),
    otherDepartment('POST /staff/course', { ...newGroup, course_id: 480, group_id: 1 }),
    noSuchDepartment('POST /staff/course', { ...newGroup, course_id: 480, group_id: 1 }),
    {
      code: 'group_exists',
      because: 'there is such a group',
      ask: (stage) => staffSend(stage, 'POST /staff/course', { ...newGroup, course_id: 301, group_id: 1 }),
    },
  ],
  'PUT /staff/course-status': [
    ...ofCourse('PUT /staff/course-status'),
    cancelledFor('PUT /staff/course-status'),
  ],
  'DELETE /staff/course': ofCourse('DELETE /staff/course'),
  'PATCH /staff/student': [
    ...ofStudent('PATCH /staff/student'),
    setAsideBound('PATCH /staff/student', 'student'),
    {
      code: 'no_such_student',
      because: 'nobody has this number',
      ask: (stage) => sendTo(stage, 'PATCH /staff/student', { student: 77_777 }),
    },
    {
      code: 'other_department',
      because: 'the student is of another department than the staff member',
      ask: async (stage) => sendTo(stage, 'PATCH /staff/student', { token: await stage.tokens.staff(2) }),
    },
    windowEndsFirst('PATCH /staff/student', ({ students }) => ({ std_id: students.fresh() })),
  ],
  'PUT /staff/student-password': [
    ...common('PUT /staff/student-password'),
    ...roleBound('PUT /staff/student-password'),
    ...engineBound('PUT /staff/student-password'),
    ...commandBound('PUT /staff/student-password').filter(({ code }) => code === 'idempotency_mismatch'),
    {
      code: 'no_such_student',
      because: 'nobody has this number',
      ask: (stage) => sendTo(stage, 'PUT /staff/student-password', { student: 77_777 }),
    },
    {
      code: 'other_department',
      because: 'the student is of another department than the staff member',
      ask: async (stage) =>
        sendTo(stage, 'PUT /staff/student-password', { token: await stage.tokens.staff(2) }),
    },
    {
      code: 'login_busy',
      because: 'it cannot be asked whether the key was there before',
      ask: (stage) => sendTo(stage, 'PUT /staff/student-password', { at: 'cutOff', key: 'k' }),
    },
    {
      code: 'outcome_unknown',
      because: 'the database went away before it answered',
      ask: (stage) => sendTo(stage, 'PUT /staff/student-password', { at: 'cutOff' }),
    },
  ],
  'POST /staff/student': [
    ...ofStudent('POST /staff/student'),
    otherDepartment('POST /staff/student', { ...newStudent, std_id: 6_000_001 }),
    noSuchDepartment('POST /staff/student', { ...newStudent, std_id: 6_000_001 }),
    {
      code: 'student_exists',
      because: 'there is a student with this number',
      ask: (stage) =>
        staffSend(stage, 'POST /staff/student', { ...newStudent, std_id: stage.students.fresh() }),
    },
    windowEndsFirst('POST /staff/student', () => ({ ...newStudent, std_id: 6_000_002 })),
  ],
}
