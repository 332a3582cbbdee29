import type { RequestLine } from '../rest-client.ts'
import { administrationRefusals, cancelledFor, closedTo } from './administration-refusals.ts'
import {
  commandBound,
  common,
  databaseBound,
  engineBound,
  holding,
  type Provocation,
  roleBound,
  type Route,
  sendTo,
  setAsideBound,
} from './refusal-table.ts'
import type { Fixture } from './ruling-fixture.ts'

function studentCommand(route: Route): Provocation[] {
  return [
    ...common(route),
    ...roleBound(route),
    ...engineBound(route),
    ...commandBound(route),
    ghost(route),
    noSuchCourse(route),
    setAsideBound(route, 'student'),
    {
      code: 'outside_enrollment_window',
      because: 'the student’s window is over',
      ask: (stage) => sendTo(stage, route, { student: stage.students.late() }),
    },
  ]
}

function staffCommand(route: Route): Provocation[] {
  return [
    ...common(route),
    ...roleBound(route),
    ...engineBound(route),
    ...commandBound(route),
    noSuchCourse(route),
    setAsideBound(route, 'course'),
    {
      code: 'other_department',
      because: 'the course is of another department',
      ask: (stage) => sendTo(stage, route, { course: 201 }),
    },
  ]
}

const ghost = (route: Route): Provocation => ({
  code: 'no_such_student',
  because: 'the student was deleted after the login',
  ask: (stage) => sendTo(stage, route, { token: stage.ghost, student: 5000 }),
})

const unknownStudent = (route: Route): Provocation => ({
  code: 'no_such_student',
  because: 'nobody has this number',
  ask: (stage) => sendTo(stage, route, { student: 77_777 }),
})

const noSuchCourse = (route: Route): Provocation => ({
  code: 'no_such_course',
  because: 'there is no such course',
  ask: (stage) => sendTo(stage, route, { course: 999 }),
})

type Place = readonly [course: number, group: number]

/** A student holds `held` and asks for `wanted`. */
function rule(
  route: Route,
  code: string,
  because: string,
  scene: { readonly held?: readonly Place[]; readonly wanted: Place; readonly by?: (at: Fixture) => number },
): Provocation {
  return {
    code,
    because,
    ask: async (stage) => {
      const student = await holding(stage, scene.held ?? [], scene.by?.(stage))
      const [course, group] = scene.wanted
      return await sendTo(stage, route, { student, course, group })
    },
  }
}

/** The rules for entering a group; a move needs a place in the course before. */
function entry(route: Route): Provocation[] {
  const from = (course: number, ...others: Place[]): Place[] =>
    route === 'PATCH /student/course' ? [...others, [course, 1]] : others
  return [
    rule(route, 'gender_locked', 'the group is for women', { held: from(305), wanted: [305, 2] }),
    rule(route, 'unit_limit', 'the units would be 21 of 20', { held: from(308, [303, 1]), wanted: [308, 2] }),
    rule(route, 'class_conflict', 'both meet on Monday at 10', {
      held: from(302, [301, 1]),
      wanted: [302, 2],
    }),
    rule(route, 'exam_conflict', 'both have their exams at the same time', {
      held: from(304, [303, 1]),
      wanted: [304, 2],
    }),
    rule(route, 'course_full', 'every seat is taken and nobody may wait', {
      held: from(306),
      wanted: [306, 2],
    }),
  ]
}

const alreadyEnrolled = (route: Route): Provocation =>
  rule(route, 'already_enrolled', 'the student is in another group of the course', {
    held: [[306, 1]],
    wanted: [306, 2],
  })

const planned = 'POST /student/plan'

/** A plan of these legs, by a student who holds these places. */
function plan(
  code: string,
  because: string,
  held: readonly Place[],
  legs: readonly object[],
  by?: (at: Fixture) => number,
): Provocation {
  return {
    code,
    because,
    ask: async (stage) => {
      const student = await holding(stage, held, by?.(stage))
      const token = await stage.tokens.student(student)
      return await stage.open.client.send(planned, { token, body: { legs } })
    },
  }
}

function read(route: Route): Provocation[] {
  return [...common(route), ...roleBound(route), ...engineBound(route)]
}

/** A staff member of department 2 asks about somebody, or something, of department 1. */
function foreign(line: RequestLine): Provocation {
  return {
    code: 'other_department',
    because: 'it is of another department than the staff member',
    ask: async (stage) => stage.open.client.send(line, { token: await stage.tokens.staff(2) }),
  }
}

/** Every route, and every refusal that it can give. */
export const refusals: Readonly<Record<string, readonly Provocation[]>> = {
  'POST /login': [
    {
      code: 'malformed',
      because: 'the password is missing',
      ask: ({ open }) => open.client.send('POST /login', { body: { user: 1 } }),
    },
    {
      code: 'unauthenticated',
      because: 'the password is wrong',
      ask: ({ open }) => open.client.send('POST /login', { body: { user: 990, password: 'x' } }),
    },
    {
      code: 'too_many_requests',
      because: 'the address had its failed logins',
      ask: async ({ strict }) => {
        await strict.client.send('POST /login', { body: { user: 991, password: 'x' } })
        return await strict.client.send('POST /login', { body: { user: 991, password: 'x' } })
      },
    },
    {
      code: 'login_busy',
      because: 'the accounts cannot be reached',
      ask: ({ unreachable }) => unreachable.client.send('POST /login', { body: { user: 1, password: 'x' } }),
    },
  ],
  'POST /refresh': [
    ...common('POST /refresh'),
    {
      code: 'login_busy',
      because: 'the accounts cannot be reached',
      ask: (stage) => sendTo(stage, 'POST /refresh', { at: 'unreachable' }),
    },
  ],
  'PUT /student/course': [
    ...studentCommand('PUT /student/course'),
    ...entry('PUT /student/course'),
    ...closedTo('PUT /student/course'),
    alreadyEnrolled('PUT /student/course'),
  ],
  'PATCH /student/course': [
    ...studentCommand('PATCH /student/course'),
    ...entry('PATCH /student/course'),
    ...closedTo('PATCH /student/course', { group: 2 }),
    rule('PATCH /student/course', 'not_enrolled', 'there is no place to move from', { wanted: [307, 1] }),
    rule('PATCH /student/course', 'no_change', 'the student is there already', {
      held: [[307, 1]],
      wanted: [307, 1],
    }),
    rule('PATCH /student/course', 'no_actions_left', 'a move costs an action', {
      held: [[304, 1]],
      wanted: [304, 2],
      by: ({ students }) => students.withoutActions(),
    }),
    rule('PATCH /student/course', 'move_would_lose_seat', 'the group has reserve places only', {
      held: [[307, 1]],
      wanted: [307, 2],
    }),
  ],
  'DELETE /student/course': [
    ...studentCommand('DELETE /student/course'),
    rule('DELETE /student/course', 'not_enrolled', 'there is no place to drop', { wanted: [307, 1] }),
    rule('DELETE /student/course', 'no_actions_left', 'a drop costs an action', {
      held: [[305, 1]],
      wanted: [305, 1],
      by: ({ students }) => students.withoutActions(),
    }),
  ],
  [planned]: [
    ...studentCommand(planned),
    ...entry(planned),
    ...closedTo(planned),
    alreadyEnrolled(planned),
    plan('not_enrolled', 'a leg drops what is not held', [], [{ drop: { course_id: 305 } }]),
    plan(
      'no_change',
      'the legs undo one another',
      [[305, 1]],
      [{ drop: { course_id: 305 } }, { add: { course_id: 305, group_id: 1 } }],
    ),
    plan(
      'no_actions_left',
      'a drop costs an action',
      [[305, 1]],
      [{ drop: { course_id: 305 } }],
      ({ students }) => students.withoutActions(),
    ),
    plan(
      'move_would_lose_seat',
      'the group has reserve places only',
      [[307, 1]],
      [{ move: { course_id: 307, group_id: 2 } }],
    ),
  ],
  'GET /student/course': [...read('GET /student/course'), ghost('GET /student/course')],
  'GET /student/me': [...read('GET /student/me'), ghost('GET /student/me')],
  'GET /student/decisions': read('GET /student/decisions'),
  'GET /catalog': [...common('GET /catalog'), ...engineBound('GET /catalog')],
  'GET /departments': [...common('GET /departments'), ...databaseBound('GET /departments')],
  'GET /student/courses': [
    ...read('GET /student/courses'),
    {
      code: 'no_such_department',
      because: 'no department has this number',
      ask: async (stage) => {
        const token = await stage.tokens.student(stage.students.fresh())
        return await stage.open.client.send('GET /student/courses?department=77', { token })
      },
    },
  ],
  'PUT /staff/force-std': [
    ...staffCommand('PUT /staff/force-std'),
    unknownStudent('PUT /staff/force-std'),
    cancelledFor('PUT /staff/force-std'),
    rule('PUT /staff/force-std', 'already_enrolled', 'the student has a seat there', {
      held: [[301, 1]],
      wanted: [301, 1],
    }),
  ],
  'DELETE /staff/force-std': [
    ...staffCommand('DELETE /staff/force-std'),
    unknownStudent('DELETE /staff/force-std'),
    rule('DELETE /staff/force-std', 'not_enrolled', 'the student is in another group', {
      held: [[307, 1]],
      wanted: [307, 2],
    }),
  ],
  'PATCH /staff/capacity': [
    ...staffCommand('PATCH /staff/capacity'),
    cancelledFor('PATCH /staff/capacity'),
    {
      code: 'capacity_below_registered',
      because: 'one seat of none would be taken',
      ask: async (stage) =>
        stage.open.client.send('PATCH /staff/capacity', {
          token: await stage.tokens.staff(1),
          body: { course_id: 306, group_id: 2, capacity: 0 },
        }),
    },
  ],
  ...administrationRefusals,
  'GET /staff/student-courses': [
    ...read('GET /staff/student-courses'),
    unknownStudent('GET /staff/student-courses'),
    foreign('GET /staff/student-courses?std_id=999'),
  ],
  'GET /staff/course-students': [
    ...read('GET /staff/course-students'),
    noSuchCourse('GET /staff/course-students'),
    foreign('GET /staff/course-students?course_id=301&group_id=1'),
  ],
  'GET /staff/decisions': [
    ...read('GET /staff/decisions'),
    unknownStudent('GET /staff/decisions'),
    {
      code: 'no_such_course',
      because: 'there is no such group',
      ask: async (stage) =>
        stage.open.client.send('GET /staff/decisions?course_id=999&group_id=1', {
          token: await stage.tokens.staff(1),
        }),
    },
    foreign('GET /staff/decisions?student_id=999'),
  ],
  'GET /staff/students': [...read('GET /staff/students'), foreign('GET /staff/students?department=1')],
  'GET /staff/courses': [...read('GET /staff/courses'), foreign('GET /staff/courses?department=1')],
  'GET /events': [
    ...common('GET /events'),
    ...engineBound('GET /events'),
    ghost('GET /events'),
    {
      code: 'wrong_role',
      because: 'staff hold no places',
      ask: async ({ open, tokens }) =>
        open.client.send('GET /events?places=own', { token: await tokens.staff(1) }),
    },
    {
      code: 'no_such_course',
      because: 'there is no such course',
      ask: async ({ open, tokens, students }) =>
        open.client.send('GET /events?course_id=999', { token: await tokens.student(students.fresh()) }),
    },
    foreign('GET /events?department=1'),
    {
      code: 'busy',
      because: 'as many streams are open as may be',
      ask: (stage) => sendTo(stage, 'GET /events', { at: 'strict' }),
    },
  ],
  'POST /events/tickets': [...common('POST /events/tickets')],
  'GET /readyz': [
    {
      code: 'not_leading',
      because: 'another server leads',
      ask: ({ standby }) => standby.client.send('GET /readyz'),
    },
    {
      code: 'recovering',
      because: 'the server is not ready yet',
      ask: ({ recovering }) => recovering.client.send('GET /readyz'),
    },
    {
      code: 'journal_unavailable',
      because: 'the journal cannot be reached',
      ask: ({ unreachable }) => unreachable.client.send('GET /readyz'),
    },
  ],
}
