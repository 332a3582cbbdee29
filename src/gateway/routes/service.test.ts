import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { group, student } from '../../../actors/testing/sketches.ts'
import { problems } from '../replies/problems.ts'
import { assertProblem, GatewayFixture } from '../testing/gateway-fixture.ts'

const fixture = new GatewayFixture([student(1), group('10/1', { capacity: 1, reserveCapacity: 0 })])
after(() => fixture.app.close())

interface Operation {
  readonly operationId?: string
  readonly summary?: string
  readonly security?: readonly object[]
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean }[]
  readonly requestBody?: { readonly content: Record<string, { readonly schema: { properties: object } }> }
  readonly responses: Record<string, { readonly description: string; readonly content?: object }>
}

async function readDocument() {
  const { body } = await fixture.send(undefined, 'GET /openapi.json')
  return body as { openapi: string; paths: Record<string, Record<string, Operation>>; components: object }
}

test('the process says that it is live whatever the engine does', async () => {
  fixture.service.state = { ...fixture.service.state, state: 'recovering' }
  assert.equal((await fixture.send(undefined, 'GET /healthz')).status, 200)
  fixture.service.state = { ...fixture.service.state, state: 'leading' }
})

test('the server is ready while it leads, and otherwise says what it is doing', async () => {
  const ready = await fixture.send(undefined, 'GET /readyz')
  assert.deepEqual(ready.body, { state: 'leading', detail: 'leading term 1', term: 1 })
  const leading = fixture.service.state
  for (const [state, code] of [
    ['starting', 'recovering'],
    ['unreachable', 'journal_unavailable'],
    ['standby', 'not_leading'],
    ['recovering', 'recovering'],
    ['stopped', 'not_leading'],
  ] as const) {
    fixture.service.state = { ...leading, state, detail: 'waiting for the broker' }
    const answer = await fixture.send(undefined, 'GET /readyz')
    const { detail } = assertProblem(answer, 503, code)
    assert.equal(detail, `${state}: waiting for the broker`)
    assert.equal((answer.body as { state: string }).state, state)
  }
  fixture.service.state = leading
})

test('metrics count commands by what became of them, and requests by route', async () => {
  const add = { body: { course_id: 10, group_id: 1 }, headers: { 'idempotency-key': 'k' } }
  await fixture.send({ student: 1 }, 'PUT /student/course', add)
  await fixture.send({ student: 1 }, 'PUT /student/course', add)
  await fixture.send({ student: 1 }, 'PUT /student/course', { body: { course_id: 10, group_id: 1 } })
  await fixture.send({ student: 1 }, 'PUT /student/course', { body: { course_id: 11, group_id: 1 } })
  const { text, headers } = await fixture.send(undefined, 'GET /metrics')
  assert.match(String(headers['content-type']), /^text\/plain; version=0\.0\.4/)
  for (const line of [
    'enrollment_commands_total{outcome="accepted",code=""} 1',
    'enrollment_commands_total{outcome="replayed",code=""} 1',
    'enrollment_commands_total{outcome="refused",code="already_enrolled"} 1',
    'enrollment_commands_total{outcome="rejected",code="no_such_course"} 1',
    'http_request_duration_seconds_count{route="PUT /student/course",status="2xx"} 2',
    'http_request_duration_seconds_bucket{route="PUT /student/course",status="4xx",le="+Inf"} 2',
    'enrollment_engine_state{state="leading"} 1',
    'enrollment_engine_state{state="standby"} 0',
    'enrollment_term 1',
    'enrollment_journal_blocked 0',
  ]) {
    assert.ok(text.split('\n').includes(line), `${line} is not in\n${text}`)
  }
  assert.match(text, /^# TYPE http_request_duration_seconds histogram$/m)
})

test('the buckets of a latency are cumulative', async () => {
  await fixture.send(undefined, 'GET /healthz')
  const { text } = await fixture.send(undefined, 'GET /metrics')
  const series = text.split('\n').filter((line) => line.includes('{route="GET /healthz",status="2xx"'))
  const counts = series
    .filter((line) => line.includes('_bucket'))
    .map((line) => Number(line.split(' ').at(-1)))
  assert.deepEqual(
    counts,
    counts.toSorted((a, b) => a - b),
  )
  const total = series
    .find((line) => line.includes('_count'))
    ?.split(' ')
    .at(-1)
  assert.equal(String(counts.at(-1)), total)
})

test('the document describes every endpoint with the schemas that validate it', async () => {
  const { openapi, paths } = await readDocument()
  assert.equal(openapi, '3.1.0')
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  assert.deepEqual(operations.toSorted(), [
    'DELETE /staff/course',
    'DELETE /staff/force-std',
    'DELETE /student/course',
    'GET /catalog',
    'GET /departments',
    'GET /events',
    'GET /healthz',
    'GET /metrics',
    'GET /readyz',
    'GET /staff/course-students',
    'GET /staff/courses',
    'GET /staff/decisions',
    'GET /staff/student-courses',
    'GET /staff/students',
    'GET /student/course',
    'GET /student/courses',
    'GET /student/decisions',
    'GET /student/me',
    'PATCH /staff/capacity',
    'PATCH /staff/course',
    'PATCH /staff/student',
    'PATCH /student/course',
    'POST /events/tickets',
    'POST /login',
    'POST /refresh',
    'POST /staff/course',
    'POST /staff/student',
    'POST /student/plan',
    'PUT /staff/course-status',
    'PUT /staff/force-std',
    'PUT /staff/student-password',
    'PUT /student/course',
  ])
  const add = paths['/student/course']?.['put']
  const { schema } = add?.requestBody?.content['application/json'] ?? {}
  assert.deepEqual(Object.keys(schema?.properties ?? {}), ['course_id', 'group_id', 'reserve'])
  const drop = paths['/student/course']?.['delete']
  assert.equal(drop?.requestBody, undefined)
  assert.deepEqual(
    drop?.parameters?.map((parameter) => [parameter.in, parameter.name, parameter.required]),
    [
      ['query', 'course_id', true],
      ['header', 'Idempotency-Key', false],
      ['header', 'Prefer', false],
    ],
  )
})

test('the document has a name and a summary for every endpoint, and says which need a token', async () => {
  const { paths } = await readDocument()
  const names = new Set<string>()
  for (const [path, methods] of Object.entries(paths)) {
    for (const operation of Object.values(methods)) {
      assert.ok(operation.operationId !== undefined && !names.has(operation.operationId), path)
      names.add(operation.operationId)
      assert.ok(operation.summary !== undefined && operation.summary !== '', path)
      const isOpen = ['/login', '/healthz', '/readyz', '/metrics'].includes(path)
      assert.equal(operation.security === undefined, isOpen, path)
      assert.equal('401' in operation.responses, !isOpen || path === '/login', path)
    }
  }
})

test('the document names, for each endpoint, errors of our table by their statuses', async () => {
  const { paths } = await readDocument()
  for (const methods of Object.values(paths)) {
    for (const { responses } of Object.values(methods)) {
      for (const [status, { description, content }] of Object.entries(responses)) {
        assert.notEqual(description, 'Default Response')
        if (Number(status) < 400) continue
        const media = (content as Record<string, { schema: object }>)['application/problem+json']
        assert.deepEqual(media?.schema, { $ref: '#/components/schemas/Problem' })
        for (const [, code = ''] of description.matchAll(/`(\w+)`:/g)) {
          assert.equal(String(problems[code as keyof typeof problems].status), status)
        }
      }
    }
  }
})

test('every reference of the document leads somewhere', async () => {
  const document = await readDocument()
  for (const [, name = ''] of JSON.stringify(document).matchAll(
    /"\$ref":"#\/components\/schemas\/([^"]+)"/g,
  )) {
    assert.ok(name in (document.components as { schemas: object }).schemas, name)
  }
})

test('the document can be read in a browser without any other server', async () => {
  const page = await fixture.send(undefined, 'GET /docs')
  assert.equal(page.status, 200)
  assert.match(String(page.headers['content-security-policy']), /default-src 'self'/)
  const needed = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url = '']) => url)
  assert.ok(needed.length > 3)
  for (const url of needed) {
    assert.ok(url.startsWith('/docs/'), url)
    assert.equal((await fixture.send(undefined, `GET ${url}` as 'GET /')).status, 200, url)
  }
})

test('the reference loads over plain HTTP on any host, and nothing from elsewhere', async () => {
  const { headers } = await new GatewayFixture([]).app.inject({ url: '/docs/static/index.html' })
  const policy = String(headers['content-security-policy'])
  assert.match(policy, /^default-src 'self';/)
  assert.doesNotMatch(policy, /upgrade-insecure-requests|https?:/)
})
