import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { requestText, WireConnection } from './wire-client.ts'

async function serve(t: TestContext, answer: RequestListener): Promise<WireConnection> {
  const server = createServer({}, answer)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const connection = new WireConnection('127.0.0.1', (server.address() as AddressInfo).port)
  t.after(() => {
    connection.close()
    server.closeAllConnections()
    server.close()
  })
  return connection
}

const look = requestText({ method: 'GET', path: '/' })

test('requests go out one after another over one connection, with token and body', async (t) => {
  const ports = new Set<number | undefined>()
  const connection = await serve(t, (request, response) => {
    ports.add(request.socket.remotePort)
    let body = ''
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString()
    })
    request.on('end', () => {
      const text = `${request.method} ${request.url} ${request.headers.authorization} ${body}`
      response.writeHead(200, { 'content-length': text.length }).end(text)
    })
  })
  for (const round of [1, 2]) {
    const request = requestText({ method: 'PUT', path: '/seat', token: 't', body: `{"round":${round}}` })
    const reply = await connection.send(request, 'body')
    assert.deepEqual([reply?.status, reply?.body], [200, `PUT /seat Bearer t {"round":${round}}`])
  }
  assert.equal(ports.size, 1)
})

test('a large reply is read to its end, and the next one begins after it', async (t) => {
  const large = 'x'.repeat(300_000)
  let asked = 0
  const connection = await serve(t, (_request, response) => {
    const text = ++asked === 1 ? large : 'small'
    response.writeHead(200, { etag: `"${asked}"`, 'content-length': text.length }).end(text)
  })
  assert.equal((await connection.send(look, 'body'))?.body, large)
  assert.equal((await connection.send(look, 'body'))?.body, 'small')
  assert.equal((await connection.send(look, 'etag'))?.etag, '"3"')
})

test('a refusal tells its code, and a reply without a body is complete at once', async (t) => {
  let asked = 0
  const connection = await serve(t, (_request, response) => {
    const refusal = JSON.stringify({ title: 'Full', code: 'course_full' })
    if (++asked === 1) response.writeHead(409, { 'content-length': refusal.length }).end(refusal)
    else response.writeHead(204).end()
  })
  assert.equal((await connection.send(look))?.code, 'course_full')
  assert.equal((await connection.send(look))?.status, 204)
})

test('a connection that is cut has no reply, and the next request opens another', async (t) => {
  let asked = 0
  const connection = await serve(t, (request, response) => {
    if (++asked === 1) request.socket.destroy()
    else response.writeHead(204).end()
  })
  assert.equal(await connection.send(look), undefined)
  assert.equal((await connection.send(look))?.status, 204)
})
