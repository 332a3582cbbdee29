import assert from 'node:assert/strict'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { group, student } from '../../actors/testing/sketches.ts'
import type { GatewayDeps } from '../../src/gateway/gateway-ports.ts'
import { defaultHttpLimits } from '../../src/gateway/limits.ts'
import { closeGateway, openGateway } from '../../src/gateway/listen.ts'
import { GatewayFixture, generousLimits } from '../../src/gateway/testing/gateway-fixture.ts'
import { reasonsOfMisfit } from '../../src/gateway/replies/validation.ts'
import { HttpClient } from '../../kit/rest-client.ts'

const impatient = {
  ...defaultHttpLimits,
  headersTimeoutMs: 300,
  requestTimeoutMs: 600,
  keepAliveTimeoutMs: 300,
}

async function open(t: TestContext, overrides: Partial<GatewayDeps> = {}) {
  const fixture = new GatewayFixture([student(1), student(2), group('10/1')], overrides)
  await openGateway(fixture.app, { protocol: 'tcp', host: '127.0.0.1', port: 0 })
  const { port } = fixture.app.server.address() as AddressInfo
  const client = new HttpClient(`http://127.0.0.1:${port}`)
  t.after(async () => {
    client.close()
    await closeGateway(fixture.app, 0)
  })
  return { fixture, port, client }
}

interface Slow {
  readonly socket: Socket
  /** What the server answered until it cut the connection. */
  readonly cut: Promise<string>
}

/** Sends these bytes, and then one more at a time for as long as the server lets it. */
function dribble(port: number, bytes: string, drop: string): Slow {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('latin1').on('data', (text: string) => {
    answer += text
  })
  socket.on('error', () => {})
  socket.write(bytes)
  const timer = setInterval(() => socket.writable && socket.write(drop), 20)
  const cut = new Promise<string>((resolve) => {
    socket.once('close', () => {
      clearInterval(timer)
      resolve(answer)
    })
  })
  return { socket, cut }
}

test('who sends headers or bodies byte by byte is cut off, and others are served meanwhile', async (t) => {
  const { fixture, port, client } = await open(t, { http: impatient })
  const authorization = fixture.authorization({ student: 1 })
  const head = `PUT /student/course HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\n`
  const kinds = {
    'a request line': ['G', 'E'],
    'endless headers': ['GET /healthz HTTP/1.1\r\nHost: x\r\n', 'X: y\r\n'],
    'a header without an end': ['GET /healthz HTTP/1.1\r\nHost: x\r\nX: ', 'y'],
    'a body': [`${head}Content-Length: 10000\r\n\r\n{`, ' '],
    'a body in chunks': [`${head}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n`, '1\r\n \r\n'],
    'a chunk size': [`${head}Transfer-Encoding: chunked\r\n\r\n`, '0'],
  } as const
  const slow = Object.entries(kinds).flatMap(([kind, [bytes, drop]]) =>
    Array.from({ length: 50 }, () => ({ kind, ...dribble(port, bytes, drop) })),
  )
  const stillOpen = new Set(slow)
  for (const one of slow) void one.cut.then(() => stillOpen.delete(one))
  let served = 0
  while (stillOpen.size > 0) {
    const answer = await client.send('GET /student/course', { headers: { authorization } })
    assert.equal(answer.status, 200)
    served++
  }
  assert.ok(served > 0)
  for (const { kind, cut } of slow) assert.match(await cut, /^(HTTP\/1\.1 4\d\d |$)/, kind)
})

test('connections that say nothing, or nothing more, are closed', async (t) => {
  const { port } = await open(t, { http: impatient })
  const silent = dribble(port, '', '')
  const idle = dribble(port, 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n', '')
  assert.match(await silent.cut, /^HTTP\/1\.1 408 /)
  assert.match(await idle.cut, /^HTTP\/1\.1 200 /)
})

test('who does not read the answers is cut off before they fill the memory', async (t) => {
  const { port, client } = await open(t, { limits: { ...generousLimits, replyDeadlineMs: -29_000 } })
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.pause()
  const request = 'GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n'
  const before = process.memoryUsage().rss
  for (let sent = 0; sent < 200 && socket.writable; sent++) {
    socket.write(request.repeat(50))
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal((await client.send('GET /healthz')).status, 200)
  assert.ok(process.memoryUsage().rss - before < 100 * 1024 * 1024)
  // Nothing moves on it: the server gives it up by itself. A paused socket notices once it reads.
  const poll = setInterval(() => socket.resume(), 2_000)
  await closed
  clearInterval(poll)
})

test('a stranger’s thousand misfits are not all looked at', () => {
  let looked = 0
  const misfits = Array.from({ length: 8000 }, (_, index) => ({
    get keyword() {
      looked++
      return 'type'
    },
    instancePath: `/legs/${index}`,
    schemaPath: '#/type',
    params: { type: 'object' },
  }))
  assert.equal(reasonsOfMisfit(misfits, 'body').length, 20)
  assert.ok(looked < 200, `${looked}`)
})

test('each account and each address has limits of its own, over real connections', async (t) => {
  const { fixture, client } = await open(t, {
    limits: {
      ...generousLimits,
      loginFailuresPerAccount: { count: 2, perMs: 60_000 },
      loginFailuresPerAddress: { count: 5, perMs: 60_000 },
      studentRate: { count: 1, perMs: 60_000 },
      studentBurst: 3,
    },
  })
  const login = async (user: number) =>
    (await client.send('POST /login', { body: { user, password: 'x' } })).status
  // The third is slowed down, and checked all the same.
  assert.deepEqual([await login(1), await login(1), await login(1)], [401, 401, 401])
  assert.deepEqual([await login(3), await login(4)], [401, 401])
  // The address has failed five times; whichever account is next waits.
  assert.deepEqual([await login(6), await login(1)], [429, 429])
  const ask = async (id: number) => {
    const headers = { authorization: fixture.authorization({ student: id }) }
    return (await client.send('GET /student/course', { headers })).status
  }
  assert.deepEqual([await ask(1), await ask(1), await ask(1), await ask(1)], [200, 200, 200, 429])
  assert.equal(await ask(2), 200)
})
