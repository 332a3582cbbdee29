import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { group, student } from '../../../actors/testing/sketches.ts'
import { hashRequest } from './idempotency-key.ts'
import { assertProblem, GatewayFixture } from '../testing/gateway-fixture.ts'

const sender = { student: 1 }

function open(t: TestContext): GatewayFixture {
  const fixture = new GatewayFixture([
    student(1),
    student(2),
    group('10/1'),
    group('10/2'),
    group('20/1', { capacity: 0 }),
  ])
  t.after(() => fixture.app.close())
  return fixture
}

const keyed = (key: string, others: Record<string, string> = {}) => ({
  headers: { 'idempotency-key': key, prefer: 'return=representation', ...others },
})

test('a repeated key gives the first answer again, and does nothing again', async (t) => {
  const fixture = open(t)
  const request = { body: { course_id: 10, group_id: 1 }, ...keyed('k1') }
  const once = await fixture.send(sender, 'PUT /student/course', request)
  const again = await fixture.send(sender, 'PUT /student/course', request)
  assert.equal(once.status, 200)
  assert.equal(once.headers['idempotency-replayed'], undefined)
  assert.equal(again.headers['idempotency-replayed'], 'true')
  assert.deepEqual([again.status, again.text], [once.status, once.text])
  assert.equal(fixture.service.journal.appended.length, 1)
})

test('a repeated key gives the first refusal again, although by now it would be done', async (t) => {
  const fixture = open(t)
  const request = { body: { course_id: 20, group_id: 1, reserve: 'never' }, ...keyed('k1') }
  const once = await fixture.send(sender, 'PUT /student/course', request)
  assertProblem(once, 409, 'course_full')
  const body = { course_id: 20, group_id: 1, capacity: 5 }
  assert.equal(
    (await fixture.send({ staff: 9, department: 1 }, 'PATCH /staff/capacity', { body })).status,
    204,
  )
  const again = await fixture.send(sender, 'PUT /student/course', request)
  assert.equal(again.text, once.text)
  assert.equal(again.headers['idempotency-replayed'], 'true')
})

test('the order of the fields makes no other request', async (t) => {
  const fixture = open(t)
  await fixture.send(sender, 'PUT /student/course', { body: '{"course_id":10,"group_id":1}', ...keyed('k1') })
  const again = await fixture.send(sender, 'PUT /student/course', {
    body: '{ "group_id": 1, "course_id": 10 }',
    ...keyed('k1'),
  })
  assert.equal(again.headers['idempotency-replayed'], 'true')
})

test('a key with another body, query, path or method is refused', async (t) => {
  const fixture = open(t)
  const body = { course_id: 10, group_id: 1 }
  await fixture.send(sender, 'PUT /student/course', { body, ...keyed('k1') })
  for (const send of [
    fixture.send(sender, 'PUT /student/course', { body: { course_id: 10, group_id: 2 }, ...keyed('k1') }),
    fixture.send(sender, 'PATCH /student/course', { body, ...keyed('k1') }),
    fixture.send(sender, 'DELETE /student/course?course_id=10', keyed('k1')),
    fixture.send(sender, 'POST /student/plan', { body: { legs: [{ add: body }] }, ...keyed('k1') }),
  ]) {
    assertProblem(await send, 422, 'idempotency_mismatch')
  }
  await fixture.send(sender, 'DELETE /student/course?course_id=10', keyed('k2'))
  const other = await fixture.send(sender, 'DELETE /student/course?course_id=20', keyed('k2'))
  assertProblem(other, 422, 'idempotency_mismatch')
})

test('the same key of another student is another key', async (t) => {
  const fixture = open(t)
  const request = { body: { course_id: 10, group_id: 1 }, ...keyed('k1') }
  await fixture.send(sender, 'PUT /student/course', request)
  const other = await fixture.send({ student: 2 }, 'PUT /student/course', request)
  assert.deepEqual([other.status, other.headers['idempotency-replayed']], [200, undefined])
})

test('a key whose first request is not durable yet is in flight', async (t) => {
  const fixture = open(t)
  fixture.service.journal.held = true
  const request = { body: { course_id: 10, group_id: 1 }, ...keyed('k1') }
  const once = fixture.send(sender, 'PUT /student/course', request)
  while (fixture.service.journal.appended.length === 0) await new Promise((resolve) => setImmediate(resolve))
  const meanwhile = await fixture.send(sender, 'PUT /student/course', request)
  assertProblem(meanwhile, 409, 'idempotency_in_flight')
  fixture.service.journal.confirm()
  assert.equal((await once).status, 200)
})

test('a plan is remembered like any command, a dry run is not', async (t) => {
  const fixture = open(t)
  const legs = [{ add: { course_id: 10, group_id: 1 } }]
  const tried = await fixture.send(sender, 'POST /student/plan', {
    body: { legs, dry_run: true },
    ...keyed('k1'),
  })
  assert.equal(tried.status, 200)
  const once = await fixture.send(sender, 'POST /student/plan', { body: { legs }, ...keyed('k1') })
  assert.deepEqual([once.status, once.headers['idempotency-replayed']], [200, undefined])
  const again = await fixture.send(sender, 'POST /student/plan', { body: { legs }, ...keyed('k1') })
  assert.deepEqual([again.text, again.headers['idempotency-replayed']], [once.text, 'true'])
})

test('the hash of a request is what the journal can hold', () => {
  const hash = hashRequest('PUT', '/student/course', { b: 1, a: [{ d: 1, c: 2 }] }, {})
  assert.match(hash, /^[A-Za-z0-9_-]{43}$/)
  assert.equal(hash, hashRequest('PUT', '/student/course', { a: [{ c: 2, d: 1 }], b: 1 }, {}))
  assert.notEqual(hash, hashRequest('PUT', '/student/course', { a: [{ c: 2, d: 1 }], b: '1' }, {}))
})
