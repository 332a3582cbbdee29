import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { group, student } from '../../actors/testing/sketches.ts'
import { GatewayFixture } from '../../src/gateway/testing/gateway-fixture.ts'
import { administrationTable } from './administration-routes.ts'
import {
  anyone,
  bothStaff,
  bothStudents,
  type CallerName,
  callers,
  type Case,
  foreign,
  type Line,
  withToken,
} from './route-cases.ts'

/** Department 1 has students 1 and 4, course 10 and staff 60; department 2 has student 2, course 20 and staff 61. */
const sketches = [
  student(1),
  student(4),
  student(2, { department: 2 }),
  student(8, { department: 2 }),
  // Of department 2, with a place in a course of department 1.
  student(3, { department: 2 }),
  group('10/1', { registered: [1, 3, 4] }),
  group('11/1'),
  group('11/2'),
  group('20/1', { department: 2, registered: [2] }),
]

/** Every route, and for each kind of object that a request names: whose it is, and what each caller gets. */
const table: Readonly<Record<string, readonly Case[]>> = {
  'POST /login': [
    { line: 'POST /login', body: { user: 1, password: 'x' }, gets: anyone('401 unauthenticated') },
  ],
  'POST /refresh': [{ line: 'POST /refresh', gets: { ...bothStudents('200'), ...bothStaff('200', '200') } }],
  'GET /student/course': [
    { line: 'GET /student/course', gets: bothStudents('200') },
    // Nobody can ask about another student: what the replaced system ignored is ignored, and changes the own places alone.
    { line: 'GET /student/course?std_id=4', gets: bothStudents('200') },
    { line: 'GET /student/course?student_id=4', gets: bothStudents('200') },
  ],
  'GET /student/courses': [
    { line: 'GET /student/courses?department=1', gets: bothStudents('200') },
    { line: 'GET /student/courses?department=2', gets: bothStudents('200') },
  ],
  'GET /student/me': [
    { line: 'GET /student/me', gets: bothStudents('200') },
    { line: 'GET /student/me?std_id=4', gets: bothStudents('400 malformed') },
  ],
  'GET /student/decisions': [
    { line: 'GET /student/decisions', gets: bothStudents('200') },
    { line: 'GET /student/decisions?student_id=4', gets: bothStudents('400 malformed') },
  ],
  'GET /catalog': [{ line: 'GET /catalog', gets: withToken('200') }],
  'GET /departments': [{ line: 'GET /departments', gets: withToken('200') }],
  'PUT /student/course': [
    { line: 'PUT /student/course', body: { course_id: 11, group_id: 1 }, gets: bothStudents('204') },
    {
      line: 'PUT /student/course',
      body: { course_id: 11, group_id: 1, std_id: 4 },
      gets: bothStudents('204'),
    },
    {
      line: 'PUT /student/course?std_id=4',
      body: { course_id: 11, group_id: 1 },
      gets: bothStudents('204'),
    },
  ],
  'PATCH /student/course': [
    {
      line: 'PATCH /student/course',
      body: { course_id: 11, group_id: 2 },
      gets: bothStudents('409 not_enrolled'),
    },
    {
      line: 'PATCH /student/course',
      body: { course_id: 11, group_id: 2, std_id: 4 },
      gets: bothStudents('409 not_enrolled'),
    },
  ],
  'DELETE /student/course': [
    {
      line: 'DELETE /student/course?course_id=10',
      gets: { student: '204', 'student of department 2': '409 not_enrolled' },
    },
    {
      line: 'DELETE /student/course?course_id=10&std_id=4',
      gets: { student: '204', 'student of department 2': '409 not_enrolled' },
    },
  ],
  'POST /student/plan': [
    {
      line: 'POST /student/plan',
      body: { legs: [{ add: { course_id: 11, group_id: 1 } }] },
      gets: bothStudents('200'),
    },
    {
      line: 'POST /student/plan',
      body: { legs: [{ drop: { course_id: 10, std_id: 4 } }] },
      gets: bothStudents('400 malformed'),
    },
    {
      line: 'POST /student/plan',
      body: { std_id: 4, legs: [{ drop: { course_id: 10 } }] },
      gets: bothStudents('400 malformed'),
    },
  ],
  'PUT /staff/force-std': [
    {
      line: 'PUT /staff/force-std',
      body: { course_id: 11, group_id: 1, std_id: 4 },
      gets: bothStaff('204', foreign),
    },
    // Another department's student in one's own course: both count.
    {
      line: 'PUT /staff/force-std',
      body: { course_id: 11, group_id: 1, std_id: 2 },
      gets: bothStaff(foreign, foreign),
    },
    {
      line: 'PUT /staff/force-std',
      body: { course_id: 20, group_id: 1, std_id: 4 },
      gets: bothStaff(foreign, foreign),
    },
    {
      line: 'PUT /staff/force-std',
      body: { course_id: 20, group_id: 1, std_id: 8 },
      gets: bothStaff(foreign, '204'),
    },
  ],
  'DELETE /staff/force-std': [
    { line: 'DELETE /staff/force-std?std_id=4&course_id=10&group_id=1', gets: bothStaff('204', foreign) },
    { line: 'DELETE /staff/force-std?std_id=3&course_id=10&group_id=1', gets: bothStaff('204', foreign) },
    { line: 'DELETE /staff/force-std?std_id=2&course_id=20&group_id=1', gets: bothStaff(foreign, '204') },
  ],
  'PATCH /staff/capacity': [
    {
      line: 'PATCH /staff/capacity',
      body: { course_id: 10, group_id: 1, capacity: 40 },
      gets: bothStaff('204', foreign),
    },
    {
      line: 'PATCH /staff/capacity',
      body: { course_id: 20, group_id: 1, capacity: 40 },
      gets: bothStaff(foreign, '204'),
    },
  ],
  ...administrationTable,
  'GET /staff/student-courses': [
    { line: 'GET /staff/student-courses?std_id=1', gets: bothStaff('200', foreign) },
    { line: 'GET /staff/student-courses?std_id=2', gets: bothStaff(foreign, '200') },
    { line: 'GET /staff/student-courses?std_id=3', gets: bothStaff('200', '200') },
  ],
  'GET /staff/course-students': [
    { line: 'GET /staff/course-students?course_id=10&group_id=1', gets: bothStaff('200', foreign) },
    { line: 'GET /staff/course-students?course_id=20&group_id=1', gets: bothStaff(foreign, '200') },
  ],
  'GET /staff/decisions': [
    { line: 'GET /staff/decisions?student_id=1', gets: bothStaff('200', foreign) },
    { line: 'GET /staff/decisions?student_id=2', gets: bothStaff(foreign, '200') },
    { line: 'GET /staff/decisions?student_id=3', gets: bothStaff('200', '200') },
    { line: 'GET /staff/decisions?course_id=10&group_id=1', gets: bothStaff('200', foreign) },
    { line: 'GET /staff/decisions?course_id=20&group_id=1', gets: bothStaff(foreign, '200') },
  ],
  'GET /staff/students': [
    { line: 'GET /staff/students', gets: bothStaff('200', '200') },
    { line: 'GET /staff/students?department=1', gets: bothStaff('200', foreign) },
    { line: 'GET /staff/students?department=2', gets: bothStaff(foreign, '200') },
  ],
  'GET /staff/courses': [
    { line: 'GET /staff/courses', gets: bothStaff('200', '200') },
    { line: 'GET /staff/courses?department=1', gets: bothStaff('200', foreign) },
    { line: 'GET /staff/courses?department=2', gets: bothStaff(foreign, '200') },
  ],
  'GET /events': [
    { line: 'GET /events', gets: { ...bothStudents('200'), ...bothStaff('200', '200') } },
    { line: 'GET /events?places=own', gets: bothStudents('200') },
    // Everybody sees how full courses are; staff are held to their department all the same.
    { line: 'GET /events?department=1', gets: { ...bothStudents('200'), ...bothStaff('200', foreign) } },
    { line: 'GET /events?course_id=20', gets: { ...bothStudents('200'), ...bothStaff(foreign, '200') } },
    { line: 'GET /events?std_id=4', gets: withToken('400 malformed') },
    { line: 'GET /events?ticket=guessed', gets: anyone('401 unauthenticated') },
  ],
  'POST /events/tickets': [
    { line: 'POST /events/tickets', gets: { ...bothStudents('200'), ...bothStaff('200', '200') } },
    { line: 'POST /events/tickets', body: { student_id: 4 }, gets: withToken('400 malformed') },
  ],
  ...Object.fromEntries(
    [
      'GET /',
      'GET /healthz',
      'GET /readyz',
      'GET /metrics',
      'GET /openapi.json',
      'GET /docs/errors',
      'GET /docs/json',
      'GET /docs/yaml',

      'GET /docs/static/swagger-initializer.js',
    ].map((line) => [line, [{ line: line as Line, gets: anyone('200') }]]),
  ),
  'GET /pages/:name': [
    { line: 'GET /pages/nothing.js', gets: anyone('404 no_such_path') },
    { line: 'GET /pages/..%2f..%2fpackage.json', gets: anyone('404 no_such_path') },
  ],
  'GET /docs': [{ line: 'GET /docs', gets: anyone('200') }],
  'GET /docs/static/index.html': [{ line: 'GET /docs/static/index.html', gets: anyone('302') }],
  'GET /docs/static/*': [
    { line: 'GET /docs/static/swagger-ui.css', gets: anyone('200') },
    { line: 'GET /docs/static/..%2f..%2fpackage.json', gets: anyone('404 no_such_path') },
    { line: 'GET /docs/static/%2e%2e/%2e%2e/package.json', gets: anyone('404 no_such_path') },
  ],
}

function open(
  t: TestContext,
  overrides: ConstructorParameters<typeof GatewayFixture>[1] = {},
): GatewayFixture {
  const fixture = new GatewayFixture(sketches, overrides)
  for (const [who, department] of [
    ['student 1', 1],
    ['student 2', 2],
    ['student 3', 2],
    ['staff 60', 1],
    ['staff 61', 2],
  ] as const) {
    fixture.accounts.set(who, { passwordHash: 'none', department })
  }
  t.after(() => fixture.app.close())
  return fixture
}

async function answerTo(fixture: GatewayFixture, caller: CallerName, { line, body }: Case): Promise<string> {
  if (line.startsWith('GET /events')) return await answerToStream(fixture, caller, line)
  const answer = await fixture.send(callers[caller], line, body === undefined ? {} : { body })
  const { code } = (answer.status >= 400 ? answer.body : {}) as { code?: string }
  return code === undefined ? String(answer.status) : `${answer.status} ${code}`
}

/** A stream that is let in has no end. */
async function answerToStream(fixture: GatewayFixture, caller: CallerName, line: string): Promise<string> {
  const { status, text, events } = await fixture.watch(callers[caller], line.slice(4) as '/events')
  events.close()
  return status === 200 ? '200' : `${status} ${(JSON.parse(text) as { code: string }).code}`
}

test('every route of the running gateway is in this table, and none that is not', async (t) => {
  const fixture = new GatewayFixture(sketches)
  t.after(() => fixture.app.close())
  const routes: string[] = []
  fixture.app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) if (one !== 'HEAD') routes.push(`${one} ${url}`)
  })
  await fixture.app.ready()
  assert.deepEqual([...new Set(routes)].toSorted(), Object.keys(table).toSorted())
  const { paths = {} } = fixture.app.swagger() as { paths?: Record<string, object> }
  for (const [path, methods] of Object.entries(paths)) {
    for (const method of Object.keys(methods))
      assert.ok(table[`${method.toUpperCase()} ${path}`] !== undefined, path)
  }
})

for (const [route, cases] of Object.entries(table)) {
  test(`${route} is answered by who asks and whose it is`, async (t) => {
    for (const one of cases) {
      const fixture = open(t)
      for (const caller of Object.keys(callers) as CallerName[]) {
        const changes = () => fixture.service.journal.appended.length + fixture.passwordChanges.length
        const before = changes()
        const expected = one.gets[caller] ?? (caller === 'nobody' ? '401 unauthenticated' : '403 wrong_role')
        assert.equal(await answerTo(fixture, caller, one), expected, `${caller}: ${one.line}`)
        // Who is turned away has changed nothing.
        if (/^4(0[013]|22)/.test(expected)) assert.equal(changes(), before)
      }
    }
  })
}

test('staff of the whole campus are let in wherever staff are', async (t) => {
  for (const cases of Object.values(table)) {
    for (const one of cases.filter(({ gets }) => Object.values(gets).includes(foreign))) {
      for (const caller of ['staff', 'staff of department 2'] as const) {
        const answer = await answerTo(open(t, { staffScope: 'all' }), caller, one)
        assert.match(answer, /^20[04]$/, `${caller}: ${one.line}`)
      }
    }
  }
})

test('a token that somebody else signed opens no route', async (t) => {
  const fixture = open(t)
  const other = open(t, { jwtSecrets: ['a secret of somebody else, of 32 bytes'] })
  await Promise.all([fixture.app.ready(), other.app.ready()])
  for (const one of Object.values(table).flat()) {
    if (one.gets.nobody !== undefined) continue
    for (const caller of ['student', 'staff'] as const) {
      const headers = { authorization: other.authorization(callers[caller]) }
      const { status } = await fixture.send(undefined, one.line, { headers, body: one.body })
      assert.equal(status, 401, `${caller}: ${one.line}`)
    }
  }
  assert.deepEqual(fixture.service.journal.appended, [])
})

test('a HEAD is let in where its GET is', async (t) => {
  const fixture = open(t)
  await fixture.app.ready()
  const authorization = fixture.authorization(callers.staff)
  for (const [headers, expected] of [
    [{}, 401],
    [{ authorization }, 403],
  ] as const) {
    const { statusCode } = await fixture.app.inject({ method: 'HEAD', url: '/student/course', headers })
    assert.equal(statusCode, expected)
  }
})

test('a student who drops, moves or plans touches nobody else’s places', async (t) => {
  const fixture = open(t)
  await fixture.send(callers.student, 'DELETE /student/course?course_id=10&std_id=4')
  const { body } = await fixture.send(callers.staff, 'GET /staff/course-students?course_id=10&group_id=1')
  assert.deepEqual((body as { registered_students: number[] }).registered_students, [3, 4])
})
