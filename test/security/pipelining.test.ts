import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { group, student } from '../../actors/testing/sketches.ts'
import { defaultHttpLimits, type HttpLimits } from '../../src/gateway/limits.ts'
import { closeGateway, openGateway } from '../../src/gateway/listen.ts'
import { GatewayFixture } from '../../src/gateway/testing/gateway-fixture.ts'
import { eventually } from '../../kit/eventually.ts'

async function open(t: TestContext, http: Partial<HttpLimits> = {}) {
  const fixture = new GatewayFixture([student(1), group('10/1')], { http: { ...defaultHttpLimits, ...http } })
  await openGateway(fixture.app, { protocol: 'tcp', host: '127.0.0.1', port: 0 })
  const { port } = fixture.app.server.address() as AddressInfo
  t.after(() => closeGateway(fixture.app, 0))
  const dial = async () => {
    const socket = connect(port, '127.0.0.1')
    t.after(() => socket.destroy())
    socket.on('error', () => {})
    await once(socket, 'connect')
    return socket
  }
  return { fixture, dial }
}

const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`

/** Resolves with all that came, once `count` answers have begun or the connection is closed. */
async function read(socket: Socket, count: number): Promise<string> {
  let text = ''
  socket.setEncoding('latin1').on('data', (some: string) => {
    text += some
  })
  const begun = () => text.split('HTTP/1.1 ').length - 1
  await eventually(() => begun() >= count || socket.destroyed)
  return text
}

/** A descriptor may be closed while the folder is read. */
function pathOfDescriptor(descriptor: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`)
  } catch {
    return ''
  }
}

async function gauge(fixture: GatewayFixture, name: string): Promise<number> {
  // As old as a tenth of a second.
  await sleep(110)
  const { text } = await fixture.send(undefined, 'GET /metrics')
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1])
}

test('requests sent before the first is answered are answered one after another', async (t) => {
  const { dial } = await open(t)
  const socket = await dial()
  socket.write(get('/healthz').repeat(20) + get('/nowhere'))
  const answers = (await read(socket, 21)).split('HTTP/1.1 ').slice(1)
  assert.deepEqual(
    answers.map((answer) => answer.slice(0, 3)),
    [...Array<string>(20).fill('200'), '404'],
  )
})

test('with one request more than may wait on a connection it is closed', async (t) => {
  const { fixture, dial } = await open(t, { pipelinedMax: 3 })
  const authorization = `Authorization: ${fixture.authorization({ student: 1 })}\r\n`
  const [good, bad] = [await dial(), await dial()]
  good.write(get('/events', authorization) + get('/healthz').repeat(3))
  await read(good, 1)
  assert.equal(good.destroyed, false)
  bad.write(get('/events', authorization) + get('/healthz').repeat(4))
  bad.resume()
  await once(bad, 'close')
  assert.equal(good.destroyed, false)
  assert.equal(await gauge(fixture, 'http_connections_cut_total'), 1)
})

test('a thousand requests for a large file, and nobody to read them, leave no file open', async (t) => {
  const { fixture, dial } = await open(t)
  const files = () =>
    readdirSync('/proc/self/fd')
      .map(pathOfDescriptor)
      .filter((path) => path.includes('swagger-ui'))
  for (let round = 0; round < 5; round++) {
    const socket = await dial()
    socket.pause().write(get('/docs/static/swagger-ui-bundle.js').repeat(1000))
    socket.write(get('/docs/static/swagger-ui.css').repeat(1000))
    await sleep(50)
    socket.destroy()
  }
  await eventually(async () => (await gauge(fixture, 'http_connections')) === 0)
  await eventually(() => files().length === 0)
})

test('many streams of events asked for at once on one connection are one, and none once it is gone', async (t) => {
  const { fixture, dial } = await open(t)
  const authorization = `Authorization: ${fixture.authorization({ student: 1 })}\r\n`
  const socket = await dial()
  socket.write(get('/events', authorization).repeat(20))
  await read(socket, 1)
  assert.equal(await gauge(fixture, 'enrollment_event_streams'), 1)
  socket.destroy()
  await eventually(async () => (await gauge(fixture, 'enrollment_event_streams')) === 0)
})

test('answers that nobody reads fill no memory, over however many connections', async (t) => {
  const { fixture, dial } = await open(t, { unsentBytesMax: 8 * 1024 * 1024 })
  await fixture.send(undefined, 'GET /docs/static/swagger-ui-bundle.js')
  globalThis.gc?.()
  const before = process.memoryUsage().rss
  const sockets: Socket[] = []
  for (let count = 0; count < 60; count++) {
    const socket = await dial()
    socket
      .pause()
      .write(get('/openapi.json').repeat(15) + get('/docs/static/swagger-ui-bundle.js').repeat(15))
    sockets.push(socket)
  }
  await sleep(1000)
  assert.ok(process.memoryUsage().rss - before < 100 * 1024 * 1024)
  for (const socket of sockets) socket.resume()
  assert.ok(
    (await gauge(fixture, 'http_connections_cut_total')) > 0,
    'those that left most unread were cut off',
  )
})
