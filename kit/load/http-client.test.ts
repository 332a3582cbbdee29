import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { HttpClient, NoReply } from './http-client.ts'

async function serve(t: TestContext, answer: Parameters<typeof createServer>[1]): Promise<HttpClient> {
  const server = createServer({}, answer)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  const client = new HttpClient({ host: '127.0.0.1', port, connectionsMax: 2, timeoutMs: 200 })
  t.after(() => {
    client.close()
    server.closeAllConnections()
    server.close()
  })
  return client
}

test('requests go out one after another over the same connection, with token and body', async (t) => {
  const ports = new Set<number | undefined>()
  const client = await serve(t, (request, response) => {
    ports.add(request.socket.remotePort)
    let body = ''
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString()
    })
    request.on('end', () => {
      response.writeHead(201, { 'x-seen': request.headers.authorization ?? '' }).end(body)
    })
  })
  for (const round of [1, 2, 3]) {
    const reply = await client.send({ method: 'POST', path: '/', token: 't', body: { round, name: 'ä' } })
    assert.equal(reply.status, 201)
    assert.equal(reply.headers['x-seen'], 'Bearer t')
    assert.deepEqual(JSON.parse(reply.body), { round, name: 'ä' })
    assert.ok(reply.receivedMs >= reply.sentMs)
  }
  assert.equal(ports.size, 1)
})

test('all connections are open before the load begins', async (t) => {
  const ports = new Set<number | undefined>()
  const client = await serve(t, (request, response) => {
    ports.add(request.socket.remotePort)
    response.end()
  })
  await client.connect({ method: 'GET', path: '/' })
  assert.equal(ports.size, 2)
  await Promise.all([1, 2].map(() => client.send({ method: 'GET', path: '/' })))
  assert.equal(ports.size, 2)
})

test('a request whose connection is refused never left; one that is cut or left waiting may have', async (t) => {
  const cut = await serve(t, (request) => request.socket.destroy())
  await assert.rejects(cut.send({ method: 'GET', path: '/' }), { name: 'NoReply', neverLeft: false })
  const silent = await serve(t, () => {})
  await assert.rejects(silent.send({ method: 'GET', path: '/' }), { name: 'NoReply', neverLeft: false })
  const nobody = new HttpClient({ host: '127.0.0.1', port: 1, connectionsMax: 1, timeoutMs: 200 })
  t.after(() => nobody.close())
  await assert.rejects(nobody.send({ method: 'GET', path: '/' }), (error) => {
    assert.ok(error instanceof NoReply)
    return error.neverLeft
  })
})
