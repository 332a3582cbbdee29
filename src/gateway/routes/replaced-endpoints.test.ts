import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { group, student } from '../../../actors/testing/sketches.ts'
import { assertProblem, GatewayFixture, type Sender } from '../testing/gateway-fixture.ts'

const fixture = new GatewayFixture([student(1), group('10/1', { capacity: 1000 })])
after(() => fixture.app.close())
const pupil: Sender = { student: 1 }
const staff: Sender = { staff: 60, department: 1 }

type Request = Parameters<GatewayFixture['send']>[1]

test('the replaced system’s endpoints ignore what it ignored', async () => {
  fixture.accounts.set('student 1', { passwordHash: 'none', department: 1 })
  const place = { course_id: 99, group_id: 1 }
  const asked: readonly [Request, Sender, unknown][] = [
    ['PUT /student/course', pupil, { ...place, unknown_field: { deep: [1] }, reserve: null }],
    ['PUT /student/course', pupil, { Course_ID: 99, GROUP_id: 1 }],
    ['PUT /student/course?_=1690000000', pupil, place],
    ['PATCH /student/course?course_id=5', pupil, { ...place, allow_reserve: null, a: 1 }],
    ['PUT /staff/force-std?x', staff, { ...place, std_id: 1, note: null, more: 2 }],
    ['PATCH /staff/capacity?_=1', staff, { ...place, capacity: 5, new_capacity: null, by: 'me' }],
    ['GET /staff/course-students?course_id=99&group_id=1&_=1', staff, undefined],
    ['DELETE /staff/force-std?std_id=1&course_id=99&group_id=1&_=1', staff, { any: 'body' }],
  ]
  for (const [request, sender, body] of asked) {
    const answer = await fixture.send(sender, request, body === undefined ? {} : { body })
    assertProblem(answer, 404, 'no_such_course')
  }
  for (const body of ['{"course_id":10}', '[]', '1', '{']) {
    assert.equal((await fixture.send(pupil, 'POST /refresh?_=1', { body })).status, 200)
    const dropped = await fixture.send(pupil, 'DELETE /student/course?course_id=10&course_id=11&group_id=1', {
      body,
    })
    assertProblem(dropped, 409, 'not_enrolled')
  }
  assert.equal((await fixture.send(pupil, 'GET /student/course?_=1')).status, 200)
  assert.equal((await fixture.send(pupil, 'GET /student/courses?department=1&_=1')).status, 200)
})

test('a slash too many leads to the path without it, and an old path knows no 405, as in the replaced system', async () => {
  const redirected = async (request: Request) => {
    const answer = await fixture.send(pupil, request)
    return [answer.status, answer.headers['location']]
  }
  assert.deepEqual(await redirected('GET /student/courses/?department=1'), [
    301,
    '/student/courses?department=1',
  ])
  assert.deepEqual(await redirected('PUT /student/course/'), [307, '/student/course'])
  assertProblem(await fixture.send(pupil, 'PUT /student/courses/'), 404, 'no_such_path')
  assertProblem(await fixture.send(pupil, 'GET //example.org/'), 404, 'no_such_path')
  const wrong = await fixture.send(pupil, 'GET /login')
  assert.match(assertProblem(wrong, 404, 'no_such_path').detail, /This path has only POST/)
})
