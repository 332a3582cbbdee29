import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { hash } from '@node-rs/argon2'
import { student } from '../../../actors/testing/sketches.ts'
import { type Answer, assertProblem, GatewayFixture, generousLimits } from '../testing/gateway-fixture.ts'

const staff = { staff: 60, department: 1 }
const line = 'PUT /staff/student-password'
const cheap = { memoryCost: 64, timeCost: 1, parallelism: 1 }

async function open(
  t: TestContext,
  changed: ConstructorParameters<typeof GatewayFixture>[1] = {},
): Promise<GatewayFixture> {
  const fixture = new GatewayFixture([student(1), student(2, { department: 2 })], changed)
  t.after(() => fixture.app.close())
  fixture.accounts.set('student 1', { passwordHash: await hash('before', cheap), department: 1 })
  return fixture
}

function login(fixture: GatewayFixture, password: string): Promise<Answer> {
  return fixture.send(undefined, 'POST /login', { body: { user: 1, password } })
}

const asks = (password: string, key?: string, more: object = {}) => ({
  body: { std_id: 1, password, ...more },
  ...(key !== undefined && { headers: { 'idempotency-key': key } }),
})

test('staff give a student another password: it is good from then on, and the one before is not', async (t) => {
  const fixture = await open(t)
  assert.equal((await login(fixture, 'before')).status, 200)
  const answer = await fixture.send(staff, line, asks('after', undefined, { note: 'Came with a passport.' }))
  assert.equal(answer.status, 204, answer.text)
  assertProblem(await login(fixture, 'before'), 401, 'unauthenticated')
  assert.equal((await login(fixture, 'after')).status, 200)
  const [change, ...others] = fixture.passwordChanges
  assert.deepEqual(others, [])
  assert.deepEqual([change?.student, change?.staff, change?.note], [1, 60, 'Came with a passport.'])
  assert.match(change?.passwordHash ?? '', /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  assert.equal(change?.request, answer.headers['x-request-id'])
})

test('a student who was added without a password logs in with the first one', async (t) => {
  const fixture = await open(t)
  fixture.accounts.set('student 1', { passwordHash: '!', department: 1 })
  assertProblem(await login(fixture, '!'), 401, 'unauthenticated')
  assert.equal((await fixture.send(staff, line, asks('first'))).status, 204)
  assert.equal((await login(fixture, 'first')).status, 200)
})

test('a password and its hash are in no log line and no answer, whatever becomes of it', async (t) => {
  const fixture = await open(t)
  const answers = [
    await fixture.send(staff, line, asks('the-secret', 'k')),
    await fixture.send(staff, line, asks('the-secret', 'k')),
    await fixture.send(staff, line, asks(`the-secret${'x'.repeat(128)}`)),
    await fixture.send(staff, line, asks('the-secret\0')),
    await fixture.send(staff, line, { body: { std_id: 1, password: ['the-secret'] } }),
  ]
  fixture.accountsDown = true
  answers.push(await fixture.send(staff, line, asks('the-secret')))
  assert.deepEqual(
    answers.map(({ status }) => status),
    [204, 204, 400, 400, 400, 503],
  )
  const told = [...fixture.log, ...answers.map(({ text }) => text)].join('\n')
  assert.match(told, /"msg":"a password was set"/)
  assert.doesNotMatch(told, /the-secret|argon2/)
})

test('what no file may bring as a password, no request may either', async (t) => {
  const fixture = await open(t)
  for (const password of ['', 'x'.repeat(129), 'a\0b', '\ud800', 7, null]) {
    assertProblem(await fixture.send(staff, line, { body: { std_id: 1, password } }), 400, 'malformed')
  }
  assert.equal((await fixture.send(staff, line, asks('x'.repeat(128)))).status, 204)
})

test('only staff of the student’s own department set it, and only a student’s', async (t) => {
  const fixture = await open(t)
  const other = { staff: 61, department: 2 }
  assertProblem(await fixture.send(other, line, asks('after')), 403, 'other_department')
  assertProblem(await fixture.send({ student: 1 }, line, asks('after')), 403, 'wrong_role')
  const unknown = { body: { std_id: 77, password: 'after' } }
  assertProblem(await fixture.send(staff, line, unknown), 404, 'no_such_student')
  assert.equal((await login(fixture, 'before')).status, 200)
  const wide = await open(t, { staffScope: 'all' })
  assert.equal((await wide.send(other, line, asks('after'))).status, 204)
})

test('a dry run says whether it would go through, and sets nothing', async (t) => {
  const fixture = await open(t)
  const { status, body } = await fixture.send(staff, `${line}?dry_run`, asks('after'))
  assert.equal(status, 200)
  const { dry_run, summary, decision } = body as { dry_run: boolean; summary: string[]; decision: unknown }
  assert.deepEqual([dry_run, summary, decision], [true, [], null])
  assertProblem(
    await fixture.send({ staff: 61, department: 2 }, `${line}?dry_run`, asks('after')),
    403,
    'other_department',
  )
  assert.equal((await login(fixture, 'before')).status, 200)
  const prefer = { prefer: 'return=representation' }
  const done = await fixture.send(staff, line, { ...asks('after'), headers: prefer })
  assert.deepEqual([done.status, (done.body as { dry_run: boolean }).dry_run], [200, false])
})

test('the same key sets it once: an answer that comes again does not undo a later password', async (t) => {
  const fixture = await open(t)
  assert.equal((await fixture.send(staff, line, asks('after', 'k1'))).status, 204)
  assert.equal((await fixture.send(staff, line, asks('later', 'k2'))).status, 204)
  const again = await fixture.send(staff, line, asks('after', 'k1'))
  assert.deepEqual([again.status, again.headers['idempotency-replayed']], [204, 'true'])
  assert.equal((await login(fixture, 'later')).status, 200)
  for (const other of [asks('another', 'k1'), asks('after', 'k1', { note: 'why' })]) {
    assertProblem(await fixture.send(staff, line, other), 422, 'idempotency_mismatch')
  }
  assert.equal(fixture.passwordChanges.length, 2)
})

test('of two requests with one key that come at once, one sets it and both are answered alike', async (t) => {
  const fixture = await open(t)
  const both = await Promise.all([1, 2].map(() => fixture.send(staff, line, asks('after', 'k'))))
  assert.deepEqual(
    both.map(({ status }) => status),
    [204, 204],
  )
  assert.equal(fixture.passwordChanges.length, 1)
})

test('a student who was just added is waited for until the database has them', async (t) => {
  let asked = 0
  const setStudentPassword = () =>
    Promise.resolve(++asked < 3 ? ('no_such_student' as const) : ('set' as const))
  const fixture = await open(t, { accounts: { setStudentPassword } })
  assert.equal((await fixture.send(staff, line, asks('first'))).status, 204)
  assert.equal(asked, 3)
})

test('passwords are hashed in one line with the logins', async (t) => {
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const findAccount = async () => {
    await held
    return undefined
  }
  const limits = { ...generousLimits, loginConcurrency: 1, loginWaitingMax: 1 }
  const fixture = await open(t, { limits, accounts: { findAccount } })
  const logins = [login(fixture, 'x'), login(fixture, 'x')]
  await new Promise((resolve) => setImmediate(resolve))
  assertProblem(await fixture.send(staff, line, asks('after')), 503, 'login_busy')
  release()
  await Promise.all(logins)
  assert.equal((await fixture.send(staff, line, asks('after'))).status, 204)
})
