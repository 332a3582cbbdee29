import assert from 'node:assert/strict'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { ConnectionPool } from './connection-pool.ts'
import { requestText } from './wire-client.ts'

test('two connections are kept; a request that finds none opens one, and a body that nobody reads ends one', async (t) => {
  let expected = 0
  let status = 204
  const held: ServerResponse[] = []
  const server = createServer((_request, response) => {
    if (held.push(response) < expected) return
    for (const one of held.splice(0)) {
      if (status === 204) one.writeHead(status).end()
      else one.writeHead(status, { 'content-length': 3 }).end('why')
    }
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const pool = new ConnectionPool('127.0.0.1', (server.address() as AddressInfo).port, 2)
  t.after(() => {
    pool.close()
    server.closeAllConnections()
    server.close()
  })
  /** @returns how many connections were opened for so many requests at once */
  const sendAtOnce = async (count: number): Promise<number> => {
    const before = pool.opened
    expected = count
    const request = requestText({ method: 'GET', path: '/' })
    const replies = await Promise.all(Array.from({ length: count }, () => pool.send(request)))
    assert.ok(replies.every((reply) => reply?.status === status))
    return pool.opened - before
  }
  assert.equal(await sendAtOnce(3), 3)
  assert.equal(await sendAtOnce(2), 0)
  assert.equal(await sendAtOnce(3), 1)
  status = 409
  assert.equal(await sendAtOnce(2), 0)
  assert.equal(await sendAtOnce(2), 2)
})
