import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, test } from 'node:test'
import { group, student } from '../../../actors/testing/sketches.ts'
import {
  assertProblem,
  claimsOf,
  GatewayFixture,
  generousLimits,
  olderSecret,
  secret,
} from '../testing/gateway-fixture.ts'
import { Tokens } from './tokens.ts'

const fixture = new GatewayFixture([student(7)])
after(() => fixture.app.close())
const claims = claimsOf({ student: 7 }, fixture.nowMs)
const nowSeconds = Math.floor(fixture.nowMs / 1000)

/** A token made by hand, well signed for whatever it says. */
function forge(header: unknown, payload: unknown, key = secret, hash = 'sha256'): string {
  const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${createHmac(hash, key).update(input).digest('base64url')}`
}

const hs256 = { alg: 'HS256', typ: 'JWT' }

async function presenting(authorization: string | undefined) {
  return await fixture.send(undefined, 'GET /student/course', {
    headers: authorization === undefined ? {} : { authorization },
  })
}

test('a token of ours opens the door, whatever the case of the scheme', async () => {
  for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
    assert.equal((await presenting(`${scheme} ${forge(hs256, claims)}`)).status, 200)
  }
})

test('a token signed with an older secret opens the door until that secret is taken away', async () => {
  const old = `Bearer ${forge(hs256, claims, olderSecret)}`
  assert.equal((await presenting(old)).status, 200)
  const rotated = new GatewayFixture([student(7)], { jwtSecrets: [secret] })
  const answer = await rotated.send(undefined, 'GET /student/course', { headers: { authorization: old } })
  assertProblem(answer, 401, 'unauthenticated')
  await rotated.app.close()
})

test('new tokens are signed with the first secret', async () => {
  fixture.accounts.set('student 7', { passwordHash: 'none', department: 3 })
  const { body } = await fixture.send({ student: 7 }, 'POST /refresh')
  const [input, signature] = splitSignature((body as { token: string }).token)
  assert.equal(createHmac('sha256', secret).update(input).digest('base64url'), signature)
})

function splitSignature(token: string): [string, string] {
  const dot = token.lastIndexOf('.')
  return [token.slice(0, dot), token.slice(dot + 1)]
}

const unsigned = forge({ alg: 'none' }, claims).replace(/[^.]*$/, '')
const [anyHeader = '', anyPayload = '', anySignature = ''] = forge(hs256, claims).split('.')
const without = (name: string) => Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name))
const worthless: Record<string, string | undefined> = {
  'no header at all': undefined,
  'an empty header': '',
  'another scheme': `Basic ${Buffer.from('7:pw').toString('base64')}`,
  'a bare token': forge(hs256, claims),
  'the scheme alone': 'Bearer',
  'two tokens': `Bearer ${forge(hs256, claims)} ${forge(hs256, claims)}`,
  'two spaces': `Bearer  ${forge(hs256, claims)}`,
  'no token': 'Bearer hello',
  'algorithm none, unsigned': `Bearer ${unsigned}`,
  'algorithm none, signed': `Bearer ${forge({ alg: 'none' }, claims)}`,
  'algorithm HS512': `Bearer ${forge({ alg: 'HS512', typ: 'JWT' }, claims, secret, 'sha512')}`,
  'algorithm RS256': `Bearer ${forge({ alg: 'RS256', typ: 'JWT' }, claims)}`,
  'no algorithm': `Bearer ${forge({ typ: 'JWT' }, claims)}`,
  'another key': `Bearer ${forge(hs256, claims, 'a secret of somebody else, of 32 bytes')}`,
  'a changed payload': `Bearer ${anyHeader}.${Buffer.from(JSON.stringify({ ...claims, sub: '8' })).toString('base64url')}.${anySignature}`,
  'a cut signature': `Bearer ${anyHeader}.${anyPayload}.${anySignature.slice(0, -1)}`,
  'no signature': `Bearer ${anyHeader}.${anyPayload}.`,
  'an array for a payload': `Bearer ${forge(hs256, [claims])}`,
  'a text for a payload': `Bearer ${forge(hs256, 'cea')}`,
  'null for a payload': `Bearer ${forge(hs256, null)}`,
  'a critical extension that we do not know': `Bearer ${forge({ ...hs256, crit: ['b64'], b64: false }, claims)}`,
  'another issuer': `Bearer ${forge(hs256, { ...claims, iss: 'somebody' })}`,
  'several issuers': `Bearer ${forge(hs256, { ...claims, iss: ['cea'] })}`,
  'an expired token': `Bearer ${forge(hs256, { ...claims, exp: nowSeconds })}`,
  'a token not valid yet': `Bearer ${forge(hs256, { ...claims, nbf: nowSeconds + 60 })}`,
  'an expiry that is no number': `Bearer ${forge(hs256, { ...claims, exp: String(nowSeconds + 60) })}`,
  'a user that is a number': `Bearer ${forge(hs256, { ...claims, sub: 7 })}`,
  'a user that is no number': `Bearer ${forge(hs256, { ...claims, sub: 'seven' })}`,
  'a negative user': `Bearer ${forge(hs256, { ...claims, sub: '-7' })}`,
  'a user beyond every id': `Bearer ${forge(hs256, { ...claims, sub: '9007199254740992' })}`,
  'a role that is no yes or no': `Bearer ${forge(hs256, { ...claims, staff: 'false' })}`,
  'a department that is a text': `Bearer ${forge(hs256, { ...claims, department: '1' })}`,
  'a giant': `Bearer ${forge(hs256, { ...claims, note: 'x'.repeat(4000) })}`,
}
for (const name of Object.keys(claims)) {
  worthless[`a token without "${name}"`] = `Bearer ${forge(hs256, without(name))}`
}

for (const [what, authorization] of Object.entries(worthless)) {
  test(`whoever comes with ${what} is asked to log in`, async () => {
    const answer = await presenting(authorization)
    assertProblem(answer, 401, 'unauthenticated')
    assert.match(String(answer.headers['www-authenticate']), /^Bearer/)
  })
}

test('a token that was good a moment ago is refused once its hour is over', async () => {
  const authorization = `Bearer ${forge(hs256, claims)}`
  assert.equal((await presenting(authorization)).status, 200)
  const before = fixture.nowMs
  fixture.nowMs += 3_599_000
  assert.equal((await presenting(authorization)).status, 200)
  fixture.nowMs += 1_000
  assertProblem(await presenting(authorization), 401, 'unauthenticated')
  fixture.nowMs = before
})

test('a token of a server whose clock is a few seconds ahead is taken', async () => {
  assert.equal((await presenting(`Bearer ${forge(hs256, { ...claims, nbf: nowSeconds + 3 })}`)).status, 200)
})

test('what a stranger sends is not looked at, whatever it is', async () => {
  for (const body of [{}, '{', '"x"', { course_id: 1, group_id: 1 }]) {
    assertProblem(await fixture.send(undefined, 'PUT /student/course', { body }), 401, 'unauthenticated')
    const staff = { staff: 60, department: 1 }
    assertProblem(await fixture.send(staff, 'PUT /student/course', { body }), 403, 'wrong_role')
  }
  const answer = await fixture.send(undefined, 'PUT /student/course', {
    headers: { 'transfer-encoding': 'chunked' },
  })
  assert.equal(answer.headers['connection'], 'close')
})

const staff = { staff: 60, department: 1 }
for (const path of ['GET /student/course', 'GET /student/courses?department=1'] as const) {
  test(`staff are told that ${path} is for students`, async () => {
    assertProblem(await fixture.send(staff, path), 403, 'wrong_role')
  })
}
for (const path of [
  'GET /staff/student-courses?std_id=7',
  'GET /staff/course-students?course_id=1&group_id=1',
  'GET /staff/decisions?student_id=7',
  'DELETE /staff/force-std?std_id=7&course_id=1&group_id=1',
] as const) {
  test(`students are told that ${path} is for staff`, async () => {
    assertProblem(await fixture.send({ student: 7 }, path), 403, 'wrong_role')
  })
}

test('a student may send 20 requests at once and 10 a second, and others are not slowed by it', async () => {
  const limited = new GatewayFixture([student(7), student(8), group('10/1')], {
    limits: { ...generousLimits, studentRate: { count: 10, perMs: 1000 }, studentBurst: 20 },
  })
  const ask = async (id: number) => await limited.send({ student: id }, 'GET /student/courses?department=1')
  for (let index = 0; index < 20; index++) assert.equal((await ask(7)).status, 200)
  assertProblem(await ask(7), 429, 'too_many_requests')
  assert.equal((await ask(8)).status, 200)
  limited.nowMs += 100
  assert.equal((await ask(7)).status, 200)
  assertProblem(await ask(7), 429, 'too_many_requests')
  limited.nowMs += 10_000
  for (let index = 0; index < 20; index++) assert.equal((await ask(7)).status, 200)
  assertProblem(await ask(7), 429, 'too_many_requests')
  await limited.app.close()
})

test('staff have a rate too, and what they send beyond it is not looked at', async (t) => {
  const limited = new GatewayFixture([student(7)], {
    limits: { ...generousLimits, staffRate: { count: 10, perMs: 1000 }, staffBurst: 2 },
  })
  t.after(() => limited.app.close())
  const ask = async (id: number) =>
    await limited.send({ staff: id, department: 1 }, 'PUT /staff/force-std', { body: {} })
  for (let index = 0; index < 2; index++) assertProblem(await ask(60), 400, 'malformed')
  assertProblem(await ask(60), 429, 'too_many_requests')
  assertProblem(await ask(61), 400, 'malformed')
  limited.nowMs += 100
  assertProblem(await ask(60), 400, 'malformed')
})

test('a staff member has one search at a time, and another’s goes on beside it', async (t) => {
  const answers: (() => void)[] = []
  let onBegun = () => {}
  const own = new GatewayFixture([student(7)], {
    searchDecisions: () =>
      new Promise((resolve) => {
        answers.push(() => resolve({ decisions: [], hasMore: false }))
        onBegun()
      }),
  })
  t.after(() => own.app.close())
  const search = (id: number) => own.send({ staff: id, department: 1 }, 'GET /staff/decisions?student_id=7')
  const begin = async (id: number) => {
    const begun = new Promise<void>((resolve) => (onBegun = resolve))
    const answer = search(id)
    await begun
    return { answer }
  }
  const first = await begin(60)
  assertProblem(await search(60), 429, 'too_many_requests')
  const other = await begin(61)
  for (const answer of answers.splice(0)) answer()
  assert.deepEqual([(await first.answer).status, (await other.answer).status], [200, 200])
  const next = await begin(60)
  answers[0]?.()
  assert.equal((await next.answer).status, 200)
})

test('the signature of a false token is checked once', () => {
  let checks = 0
  const key = {
    sign: () => '',
    verify: () => {
      checks++
      throw new Error('not signed by this key')
    },
  }
  const tokens = new Tokens([key])
  for (let asked = 0; asked < 3; asked++) assert.equal(tokens.callerOf('Bearer a.b.c', 0), undefined)
  assert.equal(checks, 1)
  assert.equal(tokens.callerOf('Bearer a.b.d', 0), undefined)
  assert.equal(checks, 2)
})

test('an Idempotency-Key is 1 to 255 visible ASCII characters', async () => {
  const send = async (key: string) =>
    await fixture.send({ student: 7 }, 'DELETE /student/course?course_id=1', {
      headers: { 'idempotency-key': key },
    })
  for (const key of ['', ' ', 'a b', 'x'.repeat(256), 'é', 'tab\there', 'a, b']) {
    const { detail } = assertProblem(await send(key), 400, 'malformed')
    assert.match(detail, /Idempotency-Key/)
  }
  for (const key of ['!', '~'.repeat(255), 'd4f9c7a0-1']) {
    assertProblem(await send(key), 404, 'no_such_course')
  }
})

test('a plan counts once for each of its legs', async (t) => {
  const own = new GatewayFixture([student(1), group('10/1')], {
    limits: { ...generousLimits, studentRate: { count: 10, perMs: 1000 }, studentBurst: 20 },
  })
  t.after(() => own.app.close())
  const legs = Array.from({ length: 20 }, (_, index) => ({ drop: { course_id: 100 + index } }))
  const send = () => own.send({ student: 1 }, 'POST /student/plan', { body: { legs } })
  assertProblem(await send(), 404, 'no_such_course')
  assertProblem(await send(), 429, 'too_many_requests')
  own.nowMs += 100
  assertProblem(await send(), 404, 'no_such_course')
  own.nowMs += 1999
  assertProblem(await send(), 429, 'too_many_requests')
  own.nowMs += 1
  assertProblem(await send(), 404, 'no_such_course')
})
