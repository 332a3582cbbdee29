import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { CampusClient } from './campus-client.ts'

/** A server that gives these answers, one after another. */
async function answering(t: TestContext, answers: readonly ((reply: ServerResponse) => void)[]) {
  const left = [...answers]
  const server = createServer((_request, reply) => left.shift()?.(reply)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  t.after(() => server.closeAllConnections())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const page = (status: number) => (reply: ServerResponse) =>
  reply.writeHead(status, { 'content-type': 'text/html' }).end('<h1>sorry</h1>')
const json = (body: object) => (reply: ServerResponse) =>
  reply.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))

test('a proxy that does not reach the campus is waited for like a campus that does not answer', async (t) => {
  const nothing = (reply: ServerResponse) => reply.writeHead(504).end()
  const url = await answering(t, [
    page(502),
    nothing,
    json({ token: 'x' }),
    json({ students: [], next: null, up_to_date: true }),
  ])
  assert.deepEqual(await new CampusClient(url, 'x', t.signal).students(), [])
})

test('what is no campus is said to be none', async (t) => {
  const url = await answering(t, [page(404)])
  await assert.rejects(new CampusClient(url, 'x', t.signal).students(), {
    name: 'CommandFailed',
    message: `${url} answers 404, and not as a campus does: correct --url`,
  })
})
