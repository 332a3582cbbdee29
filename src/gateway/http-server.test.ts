import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { test } from 'node:test'
import { student } from '../../actors/testing/sketches.ts'
import { defaultHttpLimits } from './limits.ts'
import { GatewayFixture } from './testing/gateway-fixture.ts'

async function statusOver(socket: Socket): Promise<string> {
  socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  return chunk.toString('latin1').slice(9, 12)
}

test('beyond the bound a connection is closed at once, and those that are open go on', async (t) => {
  const fixture = new GatewayFixture([student(1)], { http: { ...defaultHttpLimits, connectionsMax: 2 } })
  await fixture.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = fixture.app.server.address() as AddressInfo
  const sockets: Socket[] = []
  t.after(async () => {
    for (const socket of sockets) socket.destroy()
    await fixture.app.close()
  })
  const dial = () => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.on('error', () => {})
    sockets.push(socket)
    return socket
  }
  const [first, second] = [dial(), dial()]
  assert.deepEqual([await statusOver(first), await statusOver(second)], ['200', '200'])
  await once(dial(), 'close')
  assert.equal(await statusOver(first), '200')
  const { text } = await fixture.send(undefined, 'GET /metrics')
  assert.match(text, /^http_connections 2$/m)
  assert.match(text, /^http_connections_refused_total 1$/m)
  first.destroy()
  await once(first, 'close')
  for (;;) {
    const next = dial()
    const served = await Promise.race([statusOver(next), once(next, 'close').then(() => 'closed')])
    if (served === '200') break
  }
})
