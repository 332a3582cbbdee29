import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { before, test, type TestContext } from 'node:test'
import { hash as hashBcrypt } from '@node-rs/bcrypt'
import { hash as hashArgon2 } from '@node-rs/argon2'
import { student } from '../../../actors/testing/sketches.ts'
import { pino } from 'pino'
import { Login } from './login.ts'
import { hashKindOf, hashPassword, newHashKind, nobodysHash, verifyPassword } from './password-hashes.ts'
import type { Accounts } from '../gateway-ports.ts'
import { type Answer, assertProblem, GatewayFixture, generousLimits } from '../testing/gateway-fixture.ts'

const cheap = { memoryCost: 64, timeCost: 1, parallelism: 1 }
/** Of "right", by a hash that costs little. */
let right = ''

before(async () => {
  right = await hashArgon2('right', cheap)
})

function open(
  t: TestContext,
  overrides: ConstructorParameters<typeof GatewayFixture>[1] = {},
): GatewayFixture {
  const fixture = new GatewayFixture([student(1)], overrides)
  t.after(() => fixture.app.close())
  for (const id of [1, 2]) fixture.accounts.set(`student ${id}`, { passwordHash: right, department: 40 })
  fixture.accounts.set('staff 1', { passwordHash: right, department: 41 })
  return fixture
}

function loginOf(fixture: GatewayFixture, verify: typeof verifyPassword): Login {
  const { limits, logger } = { limits: generousLimits, logger: pino({ level: 'silent' }) }
  const accounts = {
    findAccount: ({ id }: { id: number }) => Promise.resolve(fixture.accounts.get(`student ${id}`)),
    hashKinds: () => Promise.resolve([...fixture.accounts.values()].map(({ passwordHash }) => passwordHash)),
  }
  return new Login({
    accounts: accounts as unknown as Accounts,
    limits,
    logger,
    now: () => fixture.nowMs,
    verifyPassword: verify,
  })
}

/** Logins that are slowed down wait until the test releases them. */
function openWithSlowLogins(t: TestContext) {
  const slowed: (() => void)[] = []
  const pause = () => new Promise<void>((resolve) => void slowed.push(resolve))
  const limits = { ...generousLimits, loginFailuresPerAddress: { count: 1000, perMs: 60_000 } }
  return { fixture: open(t, { slowDown: pause, limits }), slowed }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

async function login(fixture: GatewayFixture, body: object, address = '10.0.0.1'): Promise<Answer> {
  const response = await fixture.app.inject({
    method: 'POST',
    url: '/login',
    payload: body,
    remoteAddress: address,
  })
  const { statusCode: status, headers, body: text } = response
  return { status, headers, text, body: response.json() }
}

test('a student logs in and gets a token for an hour', async (t) => {
  const fixture = open(t)
  const { status, body } = await login(fixture, { user: 1, password: 'right' })
  assert.equal(status, 200)
  const { token } = body as { token: string }
  const now = Math.floor(fixture.nowMs / 1000)
  assert.deepEqual(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()), {
    iss: 'cea',
    sub: '1',
    department: 40,
    staff: false,
    iat: now,
    nbf: now,
    exp: now + 3600,
    auth_time: now,
    password_tag: createHash('sha256').update(right).digest('base64url').slice(0, 12),
  })
  const headers = { authorization: `Bearer ${token}` }
  assert.equal((await fixture.send(undefined, 'GET /student/course', { headers })).status, 200)
})

test('a staff member logs in to an account of staff, a student to one of students', async (t) => {
  const fixture = open(t)
  const { body } = await login(fixture, { user: 1, password: 'right', staff: true })
  const claims = JSON.parse(
    Buffer.from((body as { token: string }).token.split('.')[1] ?? '', 'base64url').toString(),
  ) as Record<string, unknown>
  assert.deepEqual([claims['staff'], claims['department']], [true, 41])
  assertProblem(await login(fixture, { user: 2, password: 'right', staff: true }), 401, 'unauthenticated')
})

test('hashes of every kind that the tables hold are verified', async (t) => {
  const fixture = open(t)
  const hashes = await Promise.all([
    hashPassword('right'),
    ...(['2a', '2b', '2y'] as const).map((version) => hashBcrypt('right', { cost: 4, version })),
  ])
  for (const passwordHash of hashes) {
    fixture.accounts.set('student 3', { passwordHash, department: 1 })
    assert.equal((await login(fixture, { user: 3, password: 'right' })).status, 200, passwordHash)
    assertProblem(await login(fixture, { user: 3, password: 'wrong' }), 401, 'unauthenticated')
  }
})

test('new hashes are argon2id of the strength that is advised', async () => {
  assert.match(await hashPassword('x'), /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
})

test('an account whose hash cannot be read lets nobody in, and the log names the account, not the hash', async (t) => {
  const fixture = open(t)
  for (const passwordHash of ['', 'right', '$1$md5$x', '$argon2id$nonsense', '$2b$', '$2b$10$short']) {
    fixture.accounts.set('student 3', { passwordHash, department: 1 })
    fixture.nowMs += 3_600_000
    assertProblem(await login(fixture, { user: 3, password: 'right' }), 401, 'unauthenticated')
  }
  assert.match(fixture.log.join(''), /"account":3/)
  assert.doesNotMatch(fixture.log.join(''), /nonsense|md5/)
})

test('an unknown user is answered as a wrong password is', async (t) => {
  const fixture = open(t)
  const wrong = await login(fixture, { user: 1, password: 'wrong' })
  const unknown = await login(fixture, { user: 404, password: 'wrong' })
  assertProblem(wrong, 401, 'unauthenticated')
  assert.equal(unknown.text, wrong.text)
  assert.deepEqual(Object.keys(unknown.headers), Object.keys(wrong.headers))
})

test('a wrong password is the same work for every account and for none, whatever kinds of hashes are mixed', async (t) => {
  const fixture = open(t)
  const stored = {
    argon2: right,
    bcrypt: await hashBcrypt('right', { cost: 4, version: '2a' }),
    unreadable: '!',
  }
  for (const [index, passwordHash] of Object.values(stored).entries()) {
    fixture.accounts.set(`student ${index + 1}`, { passwordHash, department: 40 })
  }
  let work: (string | undefined)[] = []
  const counted = loginOf(fixture, (hash, password) => {
    work.push(hashKindOf(hash))
    return verifyPassword(hash, password)
  })
  const workFor = async (id: number, password = 'wrong') => {
    work = []
    await counted.check({ id, staff: false, password, address: '10.0.0.1' })
    return work.filter((kind) => kind !== undefined).toSorted()
  }
  const kinds = ['$2b$04', '$argon2id$v=19$m=64,t=1,p=1']
  for (const id of [404, 1, 2, 3, 405]) assert.deepEqual(await workFor(id), kinds, `account ${id}`)
  assert.deepEqual(await workFor(1, 'right'), kinds.slice(1), 'a right one costs what it must')
})

test('one wrong password costs no more than a load accepts, whatever the tables hold', async () => {
  for (const dear of ['$2b$15$', '$argon2id$v=19$m=4194304,t=2,p=1$', '$argon2id$v=19$m=64,t=4000,p=1$']) {
    assert.equal(hashKindOf(dear), undefined)
  }
  for (const kind of ['$2b$04', newHashKind]) {
    assert.equal(hashKindOf(nobodysHash(kind)), kind)
    assert.equal(await verifyPassword(nobodysHash(kind), 'right'), false)
  }
})

test('a thousand students log in one after another from one address', async (t) => {
  const fixture = open(t)
  for (let id = 1; id <= 1000; id++) {
    fixture.accounts.set(`student ${id}`, { passwordHash: right, department: 40 })
    assert.equal((await login(fixture, { user: id, password: 'right' })).status, 200)
  }
})

test('guesses never close an account: elsewhere it opens at once, from there after a while', async (t) => {
  const { fixture, slowed } = openWithSlowLogins(t)
  for (let attempt = 0; attempt < 5; attempt++) {
    assertProblem(await login(fixture, { user: 1, password: 'wrong' }), 401, 'unauthenticated')
  }
  assert.equal((await login(fixture, { user: 1, password: 'right' }, '10.0.0.2')).status, 200)
  assert.equal((await login(fixture, { user: 2, password: 'right' })).status, 200)
  assert.equal((await login(fixture, { user: 1, password: 'right', staff: true })).status, 200)
  assert.equal(slowed.length, 0)
  const owner = login(fixture, { user: 1, password: 'right' })
  await until(() => slowed.length === 1)
  slowed[0]?.()
  assert.equal((await owner).status, 200)
  for (let count = 0; count < 3; count++) {
    const again = await login(fixture, { user: 1, password: 'right' }, '10.0.0.2')
    assert.equal(again.status, 200)
  }
})

test('guesses from very many addresses slow an account down, but not for an address that it knows', async (t) => {
  const { fixture, slowed } = openWithSlowLogins(t)
  assert.equal((await login(fixture, { user: 1, password: 'right' }, '10.9.9.9')).status, 200)
  for (let count = 0; count < 50; count++)
    await login(fixture, { user: 1, password: 'wrong' }, `10.0.1.${count}`)
  void login(fixture, { user: 1, password: 'wrong' }, '10.0.2.1')
  await until(() => slowed.length === 1)
  assert.equal((await login(fixture, { user: 1, password: 'right' }, '10.9.9.9')).status, 200)
  assert.equal(slowed.length, 1)
  for (const release of slowed) release()
})

test('guesses that are sent all at once are counted all the same, and few of them wait', async (t) => {
  const { fixture, slowed } = openWithSlowLogins(t)
  const answers = Promise.all(
    Array.from({ length: 30 }, () => login(fixture, { user: 1, password: 'wrong' })),
  )
  await until(() => slowed.length === 16)
  for (const release of slowed) release()
  const statuses = (await answers).map(({ status }) => status)
  assert.equal(statuses.filter((status) => status === 401).length, 5 + 16)
  assert.equal(statuses.filter((status) => status === 429).length, 9)
})

test('an address that fails with many accounts at once is held to its limit, and its successes are not counted', async (t) => {
  const fixture = open(t)
  const failed = await Promise.all(
    Array.from({ length: 60 }, (_, index) => login(fixture, { user: 100 + index, password: 'guess' })),
  )
  assert.equal(failed.filter(({ status }) => status === 401).length, 20)
  const welcome = await Promise.all(
    Array.from({ length: 60 }, (_, index) => {
      fixture.accounts.set(`student ${500 + index}`, { passwordHash: right, department: 40 })
      return login(fixture, { user: 500 + index, password: 'right' }, '10.0.0.2')
    }),
  )
  assert.ok(welcome.every(({ status }) => status === 200))
})

test('an address that is closed stays open for the accounts that were logged in to from there', async (t) => {
  const fixture = open(t)
  assert.equal((await login(fixture, { user: 1, password: 'right' })).status, 200)
  for (let user = 100; user < 120; user++) await login(fixture, { user, password: 'guess' })
  assertProblem(await login(fixture, { user: 2, password: 'right' }), 429, 'too_many_requests')
  assert.equal((await login(fixture, { user: 1, password: 'right' })).status, 200)
  for (let attempt = 0; attempt < 10; attempt++) {
    assertProblem(await login(fixture, { user: 1, password: 'wrong' }), 401, 'unauthenticated')
  }
})

test('an address that fails with account after account is closed for a while, others are not', async (t) => {
  const fixture = open(t)
  for (let user = 100; user < 120; user++) await login(fixture, { user, password: 'guess' }, '10.0.0.1')
  assertProblem(await login(fixture, { user: 1, password: 'right' }, '10.0.0.1'), 429, 'too_many_requests')
  assert.equal((await login(fixture, { user: 1, password: 'right' }, '10.0.0.2')).status, 200)
  fixture.nowMs += 3_000
  assert.equal((await login(fixture, { user: 1, password: 'right' }, '10.0.0.1')).status, 200)
})

test('the addresses of one IPv6 network count as one, and a mapped IPv4 address as itself', async (t) => {
  const fixture = open(t)
  for (let user = 100; user < 120; user++) {
    await login(fixture, { user, password: 'guess' }, `2001:db8:0:7::${user}`)
    await login(fixture, { user: user + 100, password: 'guess' }, '::ffff:10.0.0.1')
  }
  for (const address of ['2001:0db8:0:7:ffff::1', '2001:db8::7:1:2:3:4', '10.0.0.1']) {
    assertProblem(await login(fixture, { user: 1, password: 'right' }, address), 429, 'too_many_requests')
  }
  for (const address of ['2001:db8:0:8::1', '::1', '10.0.0.2']) {
    assert.equal((await login(fixture, { user: 1, password: 'right' }, address)).status, 200)
  }
})

test('an address is taken from X-Forwarded-For only if a trusted proxy says so', async (t) => {
  const fail = async (fixture: GatewayFixture, address: string) =>
    await fixture.app.inject({
      method: 'POST',
      url: '/login',
      payload: { user: 404 + Math.floor(Math.random() * 1e6), password: 'guess' },
      headers: { 'x-forwarded-for': address },
      remoteAddress: '127.0.0.1',
    })
  const trusting = open(t, { trustProxy: ['loopback'] })
  const wary = open(t)
  for (let count = 0; count < 25; count++) {
    assert.equal((await fail(trusting, `10.0.0.${count}`)).statusCode, 401)
    assert.equal((await fail(wary, `10.0.0.${count}`)).statusCode, count < 20 ? 401 : 429)
  }
})

test('when too many passwords wait to be checked, the next is asked to come again', async (t) => {
  const limits = { ...generousLimits, loginConcurrency: 1, loginWaitingMax: 2 }
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const findAccount = async () => {
    await held
    return { passwordHash: right, department: 1 }
  }
  const fixture = open(t, { limits, accounts: { findAccount } })
  const waiting = [1, 2, 3].map((user) => login(fixture, { user, password: 'right' }))
  await new Promise((resolve) => setImmediate(resolve))
  assertProblem(await login(fixture, { user: 4, password: 'right' }), 503, 'login_busy')
  release()
  assert.deepEqual(
    (await Promise.all(waiting)).map(({ status }) => status),
    [200, 200, 200],
  )
})

test('who waits too long for a check is asked to come again, and it counts as no failure', async (t) => {
  const limits = { ...generousLimits, loginConcurrency: 1, loginWaitMs: 20 }
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const findAccount = async () => {
    await held
    return { passwordHash: right, department: 1 }
  }
  const fixture = open(t, { limits, accounts: { findAccount } })
  const first = login(fixture, { user: 1, password: 'right' })
  for (let attempt = 0; attempt < 6; attempt++) {
    assertProblem(await login(fixture, { user: 2, password: 'right' }), 503, 'login_busy')
  }
  release()
  assert.equal((await first).status, 200)
  assert.equal((await login(fixture, { user: 2, password: 'right' })).status, 200)
})

test('while accounts cannot be reached, logins are asked to come again', async (t) => {
  const fixture = open(t)
  fixture.accountsDown = true
  assertProblem(await login(fixture, { user: 1, password: 'right' }), 503, 'login_busy')
  assertProblem(await fixture.send({ student: 1 }, 'POST /refresh'), 503, 'login_busy')
  assert.equal(fixture.log.length, 2)
})
