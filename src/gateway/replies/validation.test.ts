import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { group, student } from '../../../actors/testing/sketches.ts'
import { assertProblem, GatewayFixture, type Sender } from '../testing/gateway-fixture.ts'

const fixture = new GatewayFixture([student(1), group('10/1', { capacity: 1000 })])
after(() => fixture.app.close())
const pupil: Sender = { student: 1 }
const staff: Sender = { staff: 60, department: 1 }

type Request = Parameters<GatewayFixture['send']>[1]

const notWhole: readonly unknown[] = [
  undefined,
  null,
  '10',
  '',
  true,
  1.5,
  -1,
  2_147_483_648,
  1e300,
  [10],
  { id: 10 },
]
/** People's numbers go further. */
const noPerson = notWhole.map((value) => (value === 2_147_483_648 ? 2 ** 53 : value))
const bodies: readonly [
  Request,
  Sender | undefined,
  Record<string, unknown>,
  Record<string, readonly unknown[]>,
][] = [
  [
    'POST /login',
    undefined,
    { user: 1, password: 'x' },
    {
      user: [...noPerson.filter((value) => value !== '10'), 'x'.repeat(65), 'a\u0000b'],
      password: [undefined, null, 1, 'x'.repeat(1025)],
      staff: [null, 'true', 0],
    },
  ],
  [
    'PUT /student/course',
    pupil,
    { course_id: 10, group_id: 1 },
    { course_id: notWhole, group_id: notWhole, reserve: [null, true, 'ALLOW', 'yes'] },
  ],
  [
    'PATCH /student/course',
    pupil,
    { course_id: 10, group_id: 1 },
    { course_id: notWhole, group_id: notWhole, allow_reserve: [null, 1, 'true'] },
  ],
  [
    'PUT /staff/force-std',
    staff,
    { course_id: 10, group_id: 1, std_id: 1 },
    {
      course_id: notWhole,
      group_id: notWhole,
      std_id: noPerson,
      note: [null, 5, 'x'.repeat(501), 'nul\u0000', 'lone \ud800 surrogate'],
    },
  ],
  [
    'PATCH /staff/capacity',
    staff,
    { course_id: 10, group_id: 1, capacity: 5 },
    { course_id: notWhole, group_id: notWhole, capacity: notWhole, note: ['\u0000'] },
  ],
  [
    'PATCH /staff/capacity',
    staff,
    { course_id: 10, group_id: 1, new_capacity: 5 },
    { new_capacity: notWhole, capacity: [5] },
  ],
]

for (const [request, sender, good, wrong] of bodies) {
  for (const [field, values] of Object.entries(wrong)) {
    test(`${request} wants "${field}" as the schema has it`, async () => {
      for (const value of values) {
        // Null is as good as nothing, and what is not there may be what is not needed.
        if (value === null && !(field in good)) continue
        const answer = await fixture.send(sender, request, { body: { ...good, [field]: value } })
        const { detail } = assertProblem(answer, 400, 'malformed')
        assert.ok(detail.includes(`"${field}"`), `${detail} for ${String(value)}`)
      }
    })
  }

  test(`${request} takes nothing but a JSON object`, async () => {
    for (const body of ['', '[]', 'null', '1', '"text"', 'true', '[{}]']) {
      assertProblem(await fixture.send(sender, request, { body }), 400, 'malformed')
    }
    assertProblem(await fixture.send(sender, request), 400, 'malformed')
  })
}

test('staff who give both capacities are told to give one', async () => {
  const body = { course_id: 10, group_id: 1, capacity: 5, new_capacity: 5 }
  const { detail } = assertProblem(
    await fixture.send(staff, 'PATCH /staff/capacity', { body }),
    400,
    'malformed',
  )
  assert.equal(detail, 'Say exactly one of: "capacity", "new_capacity".')
})

test('a note may hold whatever the database can store', async () => {
  const body = { course_id: 10, group_id: 1, capacity: 5, note: '👩‍🎓'.repeat(100) + 'é\n\t"' }
  assert.equal((await fixture.send(staff, 'PATCH /staff/capacity', { body })).status, 204)
})

const notDigits = ['', '-1', '+1', '1.0', '1e1', ' 1', '1 ', '0x1', 'one', '１', '2147483648', '99999999999']
const notPersonDigits = notDigits.map((value) => (value.length > 9 ? '9007199254740992' : value))
const queries: readonly [string, Sender, Record<string, string>][] = [
  ['DELETE /student/course', pupil, { course_id: '10' }],
  ['GET /student/courses', pupil, { department: '1' }],
  ['DELETE /staff/force-std', staff, { std_id: '1', course_id: '10', group_id: '1' }],
  ['GET /staff/student-courses', staff, { std_id: '1' }],
  ['GET /staff/course-students', staff, { course_id: '10', group_id: '1' }],
  ['GET /staff/decisions', staff, { course_id: '10', group_id: '1' }],
  ['GET /staff/decisions', staff, { student_id: '1' }],
  ['GET /staff/decisions', staff, { student_id: '1', limit: '5' }],
]

function asking(request: string, query: Record<string, string>): Request {
  return `${request}?${new URLSearchParams(query).toString()}` as Request
}

const isNew = (request: string): boolean => request === 'GET /staff/decisions'

for (const [request, sender, good] of queries) {
  for (const field of Object.keys(good)) {
    test(`${request} wants "${field}" in digits (${Object.keys(good).join(', ')})`, async () => {
      for (const value of field.startsWith('st') ? notPersonDigits : notDigits) {
        const answer = await fixture.send(sender, asking(request, { ...good, [field]: value }))
        const { detail } = assertProblem(answer, 400, 'malformed')
        assert.ok(detail.includes(`"${field}"`), `${detail} for ${value}`)
      }
      if (isNew(request)) {
        const twice = `${asking(request, good)}&${field}=${good[field]}` as Request
        assertProblem(await fixture.send(sender, twice), 400, 'malformed')
      }
    })
  }

  if (!isNew(request)) continue
  test(`${request} takes no unknown query parameter (${Object.keys(good).join(', ')})`, async () => {
    const answer = await fixture.send(sender, asking(request, { ...good, foo: '1' }))
    assert.match(assertProblem(answer, 400, 'malformed').detail, /There is no query parameter "foo" here/)
    for (const name of ['__proto__', 'constructor', 'toString']) {
      assertProblem(await fixture.send(sender, asking(request, { ...good, [name]: '1' })), 400, 'malformed')
    }
  })
}

for (const [request, sender, missing] of [
  ['DELETE /student/course', pupil, 'course_id'],
  ['GET /student/courses', pupil, 'department'],
  ['DELETE /staff/force-std?std_id=1&course_id=10', staff, 'group_id'],
  ['GET /staff/student-courses', staff, 'std_id'],
  ['GET /staff/course-students?course_id=10', staff, 'group_id'],
] as const) {
  test(`${request} says that "${missing}" is missing`, async () => {
    const { detail } = assertProblem(await fixture.send(sender, request), 400, 'malformed')
    assert.equal(detail, `The query parameter "${missing}" is missing.`)
  })
}

test('decisions are asked for by student or by group, not by both or neither', async () => {
  for (const query of [
    '',
    '?student_id=1&course_id=10&group_id=1',
    '?course_id=10',
    '?student_id=1&course_id=10',
  ]) {
    assertProblem(await fixture.send(staff, `GET /staff/decisions${query}`), 400, 'malformed')
  }
})

test('decisions are asked for with moments of the calendar and a cursor that we gave', async () => {
  for (const [name, values] of Object.entries({
    from: [
      'yesterday',
      '2026-13-01',
      '2026-02-30',
      '2026-02-28T25:00:00Z',
      '2026-02-01T07:00:00',
      '1700000000',
      '',
    ],
    to: ['2026-02-01T07:00:00+03:30', '2026-2-1'],
    cursor: ['x', '1', '1.2.3', '-1.2', '1.x', '2147483648.1', '1.9999999999999999'],
    limit: ['0', '201'],
  })) {
    for (const value of values) {
      const query = { student_id: '1', [name]: value }
      assertProblem(await fixture.send(staff, asking('GET /staff/decisions', query)), 400, 'malformed')
    }
  }
})

test('a plan takes no query, and no unknown field', async () => {
  const body = { legs: [{ drop: { course_id: 10 } }] }
  const query = await fixture.send(pupil, 'POST /student/plan?course_id=10', { body })
  assert.match(assertProblem(query, 400, 'malformed').detail, /no query parameter "course_id"/)
  const field = await fixture.send(pupil, 'POST /student/plan', { body: { ...body, unknown_field: 1 } })
  assert.match(assertProblem(field, 400, 'malformed').detail, /There is no field "unknown_field" here/)
})

test('what is not JSON is called that', async () => {
  for (const body of [
    '{',
    '{"course_id":10,}',
    "{'course_id':10}",
    'course_id=10&group_id=1',
    'NaN',
    '\u0000',
  ]) {
    const answer = await fixture.send(pupil, 'PUT /student/course', { body })
    assert.match(assertProblem(answer, 400, 'malformed').detail, /not JSON/)
  }
})

test('a body that reaches for a prototype is refused', async () => {
  for (const body of [
    '{"course_id":10,"group_id":1,"__proto__":{"staff":true}}',
    '{"course_id":10,"group_id":1,"\\u005f_proto__":{}}',
    '{"course_id":10,"group_id":1,"constructor":{"prototype":{}}}',
  ]) {
    assertProblem(await fixture.send(pupil, 'PUT /student/course', { body }), 400, 'malformed')
  }
})

test('a body in another encoding than UTF-8 is refused', async () => {
  const response = await fixture.app.inject({
    method: 'PATCH',
    url: '/staff/capacity',
    headers: { authorization: fixture.authorization(staff) },
    payload: Buffer.from('{"course_id":10,"group_id":1,"capacity":5,"note":"caf\xe9"}', 'latin1'),
  })
  assert.equal(response.statusCode, 400)
  assert.match(response.body, /not UTF-8/)
})

test('a body of 16 KiB is read, a byte more is too large', async () => {
  const padded = (size: number) => {
    const json = '{"course_id":99,"group_id":1,"note":""}'
    return json.replace('""', `"${'x'.repeat(size - json.length)}"`)
  }
  const within = await fixture.send(pupil, 'PUT /student/course', { body: padded(16_384) })
  assertProblem(within, 404, 'no_such_course')
  const beyond = await fixture.send(pupil, 'PUT /student/course', { body: padded(16_385) })
  assertProblem(beyond, 413, 'body_too_large')
})

test('JSON is JSON under any Content-Type, or none', async () => {
  for (const type of [
    undefined,
    'application/json',
    'application/json; charset=utf-8',
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'nonsense',
    'application/json; charset',
    '',
  ]) {
    const answer = await fixture.send(pupil, 'PUT /student/course', {
      body: '{"course_id":99,"group_id":1}',
      ...(type !== undefined && { headers: { 'content-type': type } }),
    })
    assertProblem(answer, 404, 'no_such_course')
  }
})

test('where no body is needed, none is fine under any Content-Type, and so are null and {}', async () => {
  fixture.accounts.set('student 1', { passwordHash: 'none', department: 1 })
  for (const body of [undefined, '', 'null', '{}', ' {} ']) {
    for (const type of [undefined, 'application/json', 'text/html', 'nonsense']) {
      const options = {
        ...(body !== undefined && { body }),
        headers: type === undefined ? {} : { 'content-type': type },
      }
      assert.equal((await fixture.send(pupil, 'POST /refresh', options)).status, 200, `${body} as ${type}`)
      const dropped = await fixture.send(pupil, 'DELETE /student/course?course_id=10', options)
      assertProblem(dropped, 409, 'not_enrolled')
    }
  }
})

test('where no body is taken, one with something in it is refused', async () => {
  for (const body of ['{"course_id":10}', '[]', '1', '{']) {
    assertProblem(await fixture.send(pupil, 'POST /events/tickets', { body }), 400, 'malformed')
  }
})

test('names that strangers send are repeated in part only, and not all of them', async () => {
  const many = Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`field_${index}`, 1]))
  const answer = await fixture.send(pupil, 'POST /student/plan', { body: many })
  assert.equal(assertProblem(answer, 400, 'malformed').reasons.length, 20)
  const long = await fixture.send(pupil, 'POST /student/plan', { body: { ['x'.repeat(9_000)]: 1 } })
  assertProblem(long, 400, 'malformed')
  assert.ok(long.text.length < 2_000)
})

test('of a body with thousands of misfits only the first is looked for', async (t) => {
  const own = new GatewayFixture([student(1)])
  t.after(() => own.app.close())
  const refused = async (legs: unknown[]) => {
    const answer = await own.send({ student: 1 }, 'POST /student/plan', { body: { legs } })
    return assertProblem(answer, 400, 'malformed').reasons.length
  }
  assert.ok((await refused([{}, 1, { add: {} }])) >= 3)
  assert.equal(await refused(Array.from({ length: 5000 }, () => ({}))), 1)
})
