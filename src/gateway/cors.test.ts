import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { group, student } from '../../actors/testing/sketches.ts'
import type { CorsOrigins } from './cors.ts'
import { GatewayFixture } from './testing/gateway-fixture.ts'

const origin = 'https://courses.example.edu'
const one = { student: 1 }

function open(t: TestContext, corsOrigins?: CorsOrigins): GatewayFixture {
  const fixture = new GatewayFixture(
    [student(1), group('10/1')],
    corsOrigins === undefined ? {} : { corsOrigins },
  )
  t.after(() => fixture.app.close())
  return fixture
}

async function preflight(fixture: GatewayFixture, from: string) {
  await fixture.app.ready()
  const { statusCode, headers } = await fixture.app.inject({
    method: 'OPTIONS',
    url: '/student/course',
    headers: {
      origin: from,
      'access-control-request-method': 'PUT',
      'access-control-request-headers': 'authorization,content-type,idempotency-key',
    },
  })
  return { statusCode, headers }
}

test('pages of other origins may not call unless the operator says so', async (t) => {
  const fixture = open(t)
  const { headers } = await preflight(fixture, origin)
  assert.equal(headers['access-control-allow-origin'], undefined)
  const answer = await fixture.send(one, 'GET /student/course', { headers: { origin } })
  assert.equal(answer.status, 200)
  assert.ok(!Object.keys(answer.headers).some((name) => name.startsWith('access-control')))
})

test('pages of an origin that is named may call, and read what answers say', async (t) => {
  const fixture = open(t, [origin, 'https://other.example.edu'])
  const { statusCode, headers } = await preflight(fixture, origin)
  assert.equal(statusCode, 204)
  assert.equal(headers['access-control-allow-origin'], origin)
  assert.match(String(headers['access-control-allow-methods']), /PUT/)
  assert.match(String(headers['access-control-allow-headers']), /Idempotency-Key, If-None-Match/)
  assert.equal(headers['access-control-max-age'], '3600')
  assert.equal(headers['access-control-allow-credentials'], undefined)
  for (const body of [
    { course_id: 10, group_id: 1 },
    { course_id: 99, group_id: 1 },
  ]) {
    const answer = await fixture.send(one, 'PUT /student/course', { body, headers: { origin } })
    assert.equal(answer.headers['access-control-allow-origin'], origin)
    const exposed = String(answer.headers['access-control-expose-headers']).split(', ')
    for (const name of ['ETag', 'Retry-After', 'X-Request-Id']) assert.ok(exposed.includes(name), name)
    assert.match(String(answer.headers['vary']), /Origin/)
  }
})

test('pages of any other origin may not', async (t) => {
  const fixture = open(t, [origin])
  for (const from of [
    'https://evil.example',
    'http://courses.example.edu',
    `${origin}.evil.example`,
    'null',
  ]) {
    const { headers } = await preflight(fixture, from)
    assert.equal(headers['access-control-allow-origin'], undefined, from)
    const answer = await fixture.send(one, 'GET /student/course', { headers: { origin: from } })
    assert.equal(answer.headers['access-control-allow-origin'], undefined, from)
  }
})

test('every page may call where the operator says so', async (t) => {
  const fixture = open(t, '*')
  const { headers } = await preflight(fixture, 'https://anybody.example')
  assert.equal(headers['access-control-allow-origin'], '*')
})

test('a stream of events can be read by a page of an origin that is named', async (t) => {
  const fixture = open(t, [origin])
  const { headers, events } = await fixture.watch(one, '/events', { origin })
  t.after(() => events.close())
  assert.equal(headers['access-control-allow-origin'], origin)
  assert.equal((await events.next()).event, 'resync')
})

test('a page of an origin that is named can read that it was turned away at the door', async (t) => {
  const fixture = open(t, [origin])
  const status = fixture.service.status()
  t.mock.method(fixture.service, 'status', () => ({ ...status, isFull: true }))
  const address = await fixture.app.listen({ host: '127.0.0.1', port: 0 })
  const answer = await fetch(`${address}/student/course`, {
    method: 'PUT',
    headers: { origin, 'content-type': 'application/json', authorization: fixture.authorization(one) },
    body: JSON.stringify({ course_id: 10, group_id: 1 }),
  })
  assert.equal(answer.status, 503)
  assert.equal(answer.headers.get('access-control-allow-origin'), origin)
  assert.match(answer.headers.get('access-control-expose-headers') ?? '', /Retry-After/)
  assert.match(answer.headers.get('vary') ?? '', /Origin/)
  assert.match((await fixture.send(undefined, 'GET /metrics')).text, /^http_requests_turned_away_total 1$/m)
})
