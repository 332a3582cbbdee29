import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { refusalCodes } from '../../../actors/messages/refusals.ts'
import { student } from '../../../actors/testing/sketches.ts'
import { problemBody, type ProblemCode, problems } from './problems.ts'
import { assertProblem, GatewayFixture } from '../testing/gateway-fixture.ts'

const fixture = new GatewayFixture([student(1)])
after(() => fixture.app.close())

/** What clients are promised. A change here is a change of the API. */
const promised: Record<number, string> = {
  400: 'malformed',
  401: 'unauthenticated',
  403: 'wrong_role other_department',
  404: 'no_such_student no_such_course no_such_department no_such_path',
  405: 'method_not_allowed',
  408: 'request_timeout',
  409: 'set_aside idempotency_in_flight outside_enrollment_window already_enrolled not_enrolled no_change course_cancelled course_closed gender_locked unit_limit class_conflict exam_conflict no_actions_left move_would_lose_seat course_full capacity_below_registered reserve_capacity_below_waiting too_many_places group_exists student_exists window_ends_first',
  413: 'body_too_large',
  422: 'idempotency_mismatch',
  429: 'too_many_requests',
  431: 'headers_too_large',
  500: 'not_storable internal',
  503: 'busy login_busy not_leading recovering journal_unavailable outcome_unknown',
}

test('every code has the status that clients are promised, in order of precedence', () => {
  const byStatus: Record<number, string> = {}
  for (const [code, { status }] of Object.entries(problems)) {
    byStatus[status] = byStatus[status] === undefined ? code : `${byStatus[status]} ${code}`
  }
  assert.deepEqual(byStatus, promised)
})

test('the rules stand in the order in which the engine names them', () => {
  const rules = Object.keys(problems).filter((code) => code in refusalCodes)
  assert.deepEqual(rules, Object.keys(refusalCodes))
})

test('every 503 and 429 says when to come again', () => {
  for (const [code, problem] of Object.entries(problems)) {
    const isTemporary = problem.status === 503 || problem.status === 429
    assert.equal('retryAfterSeconds' in problem, isTemporary, code)
  }
})

test('an error repeats its detail where older clients read it, and is a reason to itself', () => {
  assert.deepEqual(JSON.parse(problemBody('busy')), {
    type: '/docs/errors#busy',
    title: problems.busy.title,
    status: 503,
    detail: problems.busy.title,
    code: 'busy',
    reason: problems.busy.title,
    reasons: [{ code: 'busy', detail: problems.busy.title }],
  })
})

test('the type of every error can be read about where it points', async () => {
  const page = await fixture.send(undefined, 'GET /docs/errors')
  assert.equal(page.status, 200)
  for (const code of Object.keys(problems) as ProblemCode[]) {
    assert.ok(page.text.includes(`<tr id="${code}"><td>${problems[code].status}</td>`), code)
  }
})

test('an unknown path and an unknown method are told apart', async () => {
  assertProblem(await fixture.send(undefined, 'GET /nowhere'), 404, 'no_such_path')
  assertProblem(await fixture.send(undefined, 'PUT /student/courses2', { body: {} }), 404, 'no_such_path')
  const wrong = await fixture.send(undefined, 'PUT /student/plan', { body: {} })
  assertProblem(wrong, 405, 'method_not_allowed')
  assert.equal(wrong.headers['allow'], 'POST')
  const other = await fixture.send(undefined, 'POST /student/course?course_id=1')
  assert.deepEqual(String(other.headers['allow']).split(', ').toSorted(), [
    'DELETE',
    'GET',
    'HEAD',
    'PATCH',
    'PUT',
  ])
})

test('a path that cannot be decoded is malformed', async () => {
  assertProblem(await fixture.send(undefined, 'GET /student/%zz'), 400, 'malformed')
})

test('an error carries the number of its request, for the log', async () => {
  const answers = [await fixture.send(undefined, 'GET /'), await fixture.send(undefined, 'GET /')]
  const ids = answers.map(({ headers }) => String(headers['x-request-id']))
  assert.equal(new Set(ids).size, 2)
  for (const id of ids) assert.match(id, /^[\x21-\x7e]{1,64}$/)
})
