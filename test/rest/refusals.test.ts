import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { problems } from '../../src/gateway/replies/problems.ts'
import { type Answer, codeOf, inShort } from '../../kit/rest-client.ts'
import { refusals } from '../../kit/rulings/refusal-cases.ts'
import { openStage, type Fixture } from '../../kit/rulings/ruling-fixture.ts'

let stage: Fixture
before(async () => {
  stage = await openStage()
})
after(() => stage.close())

/** Pairs of route and code that /openapi.json tells of. */
async function documented(): Promise<string[]> {
  const { body } = await stage.open.client.send('GET /openapi.json')
  const { paths } = body as { paths: Record<string, Record<string, Described>> }
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { responses }]) =>
      Object.values(responses).flatMap(({ description }) =>
        [...description.matchAll(/^`(\w+)`: /gm)].map(
          ([, code]) => `${method.toUpperCase()} ${path} ${code}`,
        ),
      ),
    ),
  )
}
interface Described {
  readonly responses: Record<string, { readonly description: string }>
}

/**
 * Provoked where it costs less: `actors/rules/course-admin.test.ts` fills a course with 50,000 students. `not_storable` ends the
 * term, which the others here share: `test/refused-records.test.ts` proves it of the engine, for any command.
 */
const provokedElsewhere = [
  'DELETE /staff/course too_many_places',
  ...[
    'PUT /student/course',
    'PATCH /student/course',
    'DELETE /student/course',
    'POST /student/plan',
    'PUT /staff/force-std',
    'DELETE /staff/force-std',
    'PATCH /staff/capacity',
    'PATCH /staff/course',
    'POST /staff/course',
    'DELETE /staff/course',
    'PUT /staff/course-status',
    'PATCH /staff/student',
    'POST /staff/student',
  ].map((route) => `${route} not_storable`),
]

test('the reference names exactly the refusals that can happen, and each is provoked', async () => {
  const provoked = Object.entries(refusals).flatMap(([route, cases]) =>
    cases.map(({ code }) => `${route} ${code}`),
  )
  provoked.push(...provokedElsewhere)
  const told = await documented()
  assert.deepEqual({ told: told.filter((one) => !provoked.includes(one)) }, { told: [] })
  assert.deepEqual({ untold: provoked.filter((one) => !told.includes(one)) }, { untold: [] })
})

/** Every error has the form that API clients program against. */
function assertProblem(answer: Answer, code: string): void {
  const { status, title } = problems[code as keyof typeof problems]
  assert.equal(inShort(answer), `${status} ${code}`, answer.text)
  assert.equal(answer.headers['content-type'], 'application/problem+json')
  const body = answer.body as Record<string, unknown>
  assert.deepEqual(
    { type: body['type'], title: body['title'], status: body['status'] },
    { type: `/docs/errors#${code}`, title, status },
  )
  assert.ok(typeof body['detail'] === 'string' && body['detail'] !== '')
  assert.equal(body['reason'], body['detail'])
  const [first] = body['reasons'] as { code: string; detail: string }[]
  assert.equal(first?.code, code)
  const retryAfter = answer.headers['retry-after']
  if (status === 429 || status === 503) assert.match(String(retryAfter), /^[1-9]\d*$/)
  else assert.equal(retryAfter, undefined)
  if (status === 401) assert.equal(answer.headers['www-authenticate'], 'Bearer realm="cea"')
}

for (const [route, cases] of Object.entries(refusals)) {
  describe(route, () => {
    for (const { code, because, ask } of cases) {
      test(`answers ${code} because ${because}`, async () => assertProblem(await ask(stage), code))
    }
  })
}

test('a refused request changes nothing, and a rule’s no is on record', async () => {
  const student = stage.students.fresh()
  const token = await stage.tokens.student(student)
  const body = { course_id: 306, group_id: 2 }
  const refused = await stage.open.client.send('PUT /student/course', { token, body })
  assert.equal(codeOf(refused), 'course_full')
  await stage.open.client.send('PUT /student/course', { token, body: { course_id: 999, group_id: 1 } })
  const held = await stage.open.client.send('GET /student/course', { token })
  assert.deepEqual(held.body, { data: [] })
  const found = await stage.open.client.send(`GET /staff/decisions?student_id=${student}`, {
    token: await stage.tokens.staff(1),
  })
  const { decisions } = found.body as { decisions: { outcome: string; reasons: { code: string }[] }[] }
  assert.deepEqual(
    decisions.map(({ outcome, reasons }) => [outcome, ...reasons.map((reason) => reason.code)]),
    [['refused', 'course_full']],
  )
})
