import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { TcpProxy } from './proxy.ts'

/** A server that says back what it hears, behind a proxy; and a connection to it. */
async function echoBehindProxy(t: TestContext) {
  const accepted: Socket[] = []
  const server = createServer((socket) => {
    accepted.push(socket)
    socket.on('error', () => {})
    socket.pipe(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy = await TcpProxy.open([(server.address() as AddressInfo).port])
  const client = connect(proxy.port, '127.0.0.1').on('error', () => {})
  t.after(() => {
    client.destroy()
    proxy.close()
    for (const socket of accepted) socket.destroy()
    server.close()
  })
  const say = async (text: string): Promise<string> => {
    client.write(text)
    const [heard] = (await once(client, 'data')) as [Buffer]
    return heard.toString()
  }
  assert.equal(await say('hello'), 'hello')
  return { proxy, client, accepted, say }
}

/** However it closes. */
async function closed(socket: Socket | undefined): Promise<void> {
  await new Promise((resolve) => socket?.once('close', resolve))
}

test('a proxy passes on what both sides say, slowly if it is told to', async (t) => {
  const { proxy, say } = await echoBehindProxy(t)
  proxy.slow(30)
  const begunMs = performance.now()
  assert.equal(await say('slow'), 'slow')
  assert.ok(performance.now() - begunMs >= 59, 'there and back')
  proxy.restore()
  assert.equal(await say('fast'), 'fast')
})

test('what is held arrives once it is let go, and nobody is told meanwhile', async (t) => {
  const { proxy, client } = await echoBehindProxy(t)
  proxy.hold()
  const heard: string[] = []
  client.on('data', (chunk: Buffer) => heard.push(chunk.toString()))
  client.write('held')
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(heard, [])
  proxy.restore()
  while (heard.join('') !== 'held') await new Promise((resolve) => setImmediate(resolve))
})

test('a cut ends both sides; a half open connection, the near one alone', async (t) => {
  const cut = await echoBehindProxy(t)
  const ended = closed(cut.client)
  cut.proxy.cut()
  await ended
  const half = await echoBehindProxy(t)
  const nearEnded = closed(half.client)
  const end = half.proxy.halfOpen()
  await nearEnded
  assert.equal(half.accepted[0]?.destroyed, false)
  const farEnded = closed(half.accepted[0])
  end()
  await farEnded
})

test('a proxy that is shut takes no connection until it is restored, and tries its targets in turn', async (t) => {
  const { proxy } = await echoBehindProxy(t)
  proxy.shut()
  const refused = connect(proxy.port, '127.0.0.1').on('error', () => {})
  await closed(refused)
  proxy.restore()
  const second = await TcpProxy.open([1, proxy.port])
  const client = connect(second.port, '127.0.0.1')
  client.write('by the second way')
  const [heard] = (await once(client, 'data')) as [Buffer]
  assert.equal(heard.toString(), 'by the second way')
  client.destroy()
  second.close()
})
