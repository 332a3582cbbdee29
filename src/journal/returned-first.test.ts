import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { test } from 'node:test'
import { Connection } from 'rabbitmq-client'
import { rabbitAddress } from '../../kit/servers/provide.ts'

const methodFrame = 1
const frameHeadBytes = 7
const basicReturn = (60 << 16) | 50
const basicAck = (60 << 16) | 80

/** A proxy that keeps what the broker says. */
async function overhear(address: string) {
  const { hostname, port, username, password } = new URL(address)
  const heard: Buffer[] = []
  const server = createServer((near) => {
    const far = connect({ host: hostname, port: Number(port) })
    far.on('data', (chunk) => heard.push(chunk))
    near.pipe(far).pipe(near)
    for (const socket of [near, far]) socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const own = server.address()
  assert.ok(own !== null && typeof own === 'object')
  return {
    address: `amqp://${username}:${password}@127.0.0.1:${own.port}`,
    close: () => server.close(),
    methods: () => methodsIn(Buffer.concat(heard)),
  }
}

/** The methods of AMQP 0-9-1 in a stream, as class and method number, with how many messages an ack speaks of. */
function methodsIn(stream: Buffer): { method: number; upTo: number }[] {
  const methods: { method: number; upTo: number }[] = []
  for (let at = 0; at + frameHeadBytes < stream.length; ) {
    const size = stream.readUInt32BE(at + 3)
    if (stream[at] === methodFrame) {
      const method = stream.readUInt32BE(at + frameHeadBytes)
      const upTo = method === basicAck ? Number(stream.readBigUInt64BE(at + frameHeadBytes + 4)) : 0
      methods.push({ method, upTo })
    }
    at += frameHeadBytes + size + 1
  }
  return methods
}

/**
 * A confirm alone does not say that a message was kept. What makes it safe to wait for one turn of the event loop and no
 * longer is this order: who has the confirm has the return already, even if the connection breaks right behind it.
 */
test('the broker returns a message that no queue takes before it confirms it', async () => {
  const wire = await overhear(rabbitAddress())
  const connection = new Connection(wire.address)
  const channel = await connection.acquire()
  await channel.confirmSelect()
  const message = { routingKey: 'no such queue', mandatory: true, durable: true }
  await Promise.all(Array.from({ length: 50 }, () => channel.basicPublish(message, Buffer.from('x'))))
  await channel.basicPublish(message, Buffer.from('x'))
  await channel.close()
  await connection.close()
  wire.close()
  let returned = 0
  let confirmed = 0
  for (const { method, upTo } of wire.methods()) {
    if (method === basicReturn) returned++
    if (method !== basicAck) continue
    confirmed = Math.max(confirmed, upTo)
    assert.ok(upTo <= returned, `${upTo} are confirmed, and ${returned} returned`)
  }
  assert.deepEqual({ returned, confirmed }, { returned: 51, confirmed: 51 })
})
