import assert from 'node:assert/strict'
import { before, test, type TestContext } from 'node:test'
import { hash as hashArgon2 } from '@node-rs/argon2'
import { student } from '../../../actors/testing/sketches.ts'
import { assertProblem, GatewayFixture } from '../testing/gateway-fixture.ts'

const cheap = { memoryCost: 64, timeCost: 1, parallelism: 1 }
/** Of "right", by a hash that costs little. */
let right = ''

before(async () => {
  right = await hashArgon2('right', cheap)
})

function open(t: TestContext): GatewayFixture {
  const fixture = new GatewayFixture([student(1)])
  t.after(() => fixture.app.close())
  fixture.accounts.set('student 1', { passwordHash: right, department: 40 })
  fixture.accounts.set('staff 1', { passwordHash: right, department: 41 })
  return fixture
}

test('a token is refreshed for an account that still exists, with its department of now', async (t) => {
  const fixture = open(t)
  assertProblem(await fixture.send({ staff: 1, department: 7 }, 'POST /refresh'), 401, 'unauthenticated')
  for (const sender of [{ student: 1 }, { staff: 1, department: 41 }]) {
    const { body, status } = await fixture.send(sender, 'POST /refresh')
    assert.equal(status, 200)
    const payload = (body as { token: string }).token.split('.')[1] ?? ''
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
    assert.equal(claims['department'], 'staff' in sender ? 41 : 40)
  }
  assertProblem(await fixture.send({ student: 404 }, 'POST /refresh'), 401, 'unauthenticated')
})

test('a session ends 12 hours after its login, however often it is refreshed', async (t) => {
  const fixture = open(t)
  let { token } = (await fixture.send(undefined, 'POST /login', { body: { user: 1, password: 'right' } }))
    .body as { token: string }
  const refresh = () =>
    fixture.send(undefined, 'POST /refresh', { headers: { authorization: `Bearer ${token}` } })
  for (let hour = 0.75; hour < 12; hour += 0.75) {
    fixture.nowMs += 2_700_000
    const answer = await refresh()
    assert.equal(answer.status, 200, `${hour} h`)
    token = (answer.body as { token: string }).token
  }
  fixture.nowMs += 2_700_000
  assertProblem(await refresh(), 401, 'unauthenticated')
})

test('a new password lets no token of the old one be refreshed', async (t) => {
  const fixture = open(t)
  const { token } = (await fixture.send(undefined, 'POST /login', { body: { user: 1, password: 'right' } }))
    .body as { token: string }
  fixture.accounts.set('student 1', { passwordHash: await hashArgon2('other', cheap), department: 40 })
  const answer = await fixture.send(undefined, 'POST /refresh', {
    headers: { authorization: `Bearer ${token}` },
  })
  assertProblem(answer, 401, 'unauthenticated')
})
