import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { pino } from 'pino'
import { group, student } from '../../actors/testing/sketches.ts'
import { requestNamer } from './request-ids.ts'
import { GatewayFixture } from './testing/gateway-fixture.ts'

const theirs = '0192f0c1-7d1e-7aaa-8000-5a1b2c3d4e5f'

function nameFrom(
  remoteAddress: string | undefined,
  trustProxy: false | readonly string[],
  id = theirs,
): string {
  const request = { headers: { 'x-request-id': id }, socket: { remoteAddress } }
  return requestNamer(trustProxy)(request as unknown as IncomingMessage)
}

test("a trusted proxy's id of a request is taken over, by whatever name or range the proxy is trusted", () => {
  for (const [address, trust] of [
    ['127.0.0.1', 'loopback'],
    ['::1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['10.1.2.3', '10.0.0.0/8'],
    ['192.168.7.7', 'uniquelocal'],
    ['fd00::9', 'fd00::/8'],
    ['203.0.113.7', '203.0.113.7'],
    [undefined, 'loopback'],
  ] as const) {
    assert.equal(nameFrom(address, [trust]), theirs, String(address))
  }
})

test("a client's own id is never taken, since it could be that of somebody else's request", () => {
  assert.notEqual(nameFrom('127.0.0.1', false), theirs)
  assert.notEqual(nameFrom('203.0.113.8', ['203.0.113.7']), theirs)
  assert.notEqual(nameFrom('11.0.0.1', ['uniquelocal', 'loopback', 'linklocal']), theirs)
})

test('an id that is too long, too short or no plain word is replaced, also if a trusted proxy sends it', () => {
  for (const id of ['x'.repeat(65), 'short', 'with space in it', 'line\nbreak-1', 'quote"quote', '']) {
    assert.notEqual(nameFrom('127.0.0.1', ['loopback'], id), id)
  }
  assert.equal(nameFrom('127.0.0.1', ['loopback'], 'x'.repeat(64)), 'x'.repeat(64))
})

test('an answer to a command, yes or no, names the request as its decision does', async (t) => {
  const fixture = new GatewayFixture([student(1), group('10/1', {})], { trustProxy: ['loopback'] })
  t.after(() => fixture.app.close())
  const add = (id: string) =>
    fixture.send({ student: 1 }, 'PUT /student/course', {
      body: { course_id: 10, group_id: 1 },
      headers: { 'x-request-id': id },
    })
  const [yes, no] = [await add('proxy-id-00001'), await add('proxy-id-00002')]
  assert.deepEqual([yes.status, yes.headers['x-request-id']], [204, 'proxy-id-00001'])
  assert.deepEqual([no.status, no.headers['x-request-id']], [409, 'proxy-id-00002'])
  assert.deepEqual(
    fixture.service.journal.appended.flatMap((message) =>
      'records' in message ? message.records.map(({ request }) => request) : [],
    ),
    ['proxy-id-00001', 'proxy-id-00002'],
  )
})

test('every answer names its request: a read, one that has not changed, a problem, even of what is no path', async (t) => {
  const fixture = new GatewayFixture([student(1), group('10/1', {})], { trustProxy: ['loopback'] })
  t.after(() => fixture.app.close())
  const nameOf = async (route: `GET /${string}`, headers: Record<string, string> = {}) => {
    const answer = await fixture.send({ student: 1 }, route, {
      headers: { 'x-request-id': 'proxy-id-00005', ...headers },
    })
    return [answer.status, answer.headers['x-request-id']]
  }
  const catalog = 'GET /student/courses?department=1'
  assert.deepEqual(await nameOf(catalog), [200, 'proxy-id-00005'])
  assert.deepEqual(await nameOf(catalog, { 'if-none-match': '*' }), [304, 'proxy-id-00005'])
  assert.deepEqual(await nameOf('GET /student/course'), [200, 'proxy-id-00005'])
  assert.deepEqual(await nameOf('GET /nowhere'), [404, 'proxy-id-00005'])
  assert.deepEqual(await nameOf('GET /student/%zz'), [400, 'proxy-id-00005'])
})

test('at level debug each request is logged with its id, and at level info none is', async (t) => {
  const fixture = new GatewayFixture([student(1)], { trustProxy: ['loopback'] })
  t.after(() => fixture.app.close())
  await fixture.send(undefined, 'GET /healthz', { headers: { 'x-request-id': 'proxy-id-00003' } })
  assert.deepEqual(fixture.log, [])
  const lines: string[] = []
  const logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) })
  const talkative = new GatewayFixture([student(1)], { trustProxy: ['loopback'], logger })
  t.after(() => talkative.app.close())
  const headers = { 'x-request-id': 'proxy-id-00004' }
  await talkative.send(undefined, 'GET /student/courses?department=77', { headers })
  const [entry] = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.ok(entry !== undefined)
  const { request, status, route } = entry
  assert.deepEqual([request, status, route], ['proxy-id-00004', 401, 'GET /student/courses'])
  assert.ok(!lines.join('').includes('department='), 'queries are not logged: they name students')
})
