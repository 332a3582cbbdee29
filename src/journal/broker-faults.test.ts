import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { readKeys } from '../../kit/journal-keys.ts'
import { Connection } from 'rabbitmq-client'
import { eventually } from '../../kit/eventually.ts'
import { startRabbit } from '../../kit/servers/rabbit.ts'
import { decodeMessage } from '../engine/messages.ts'
import { type JournalMessage, type JournalTerm, JournalLost, noLeader } from '../engine/ports.ts'
import { RabbitJournal } from './rabbit-journal.ts'
import { RabbitSource } from './rabbit-source.ts'

/** A broker of this file's own: it is killed, and its queues are taken away. */
let broker: Awaited<ReturnType<typeof startRabbit>>
before(async () => {
  broker = await startRabbit()
})
after(() => broker.remove())

const never = new AbortController().signal

async function acquire(campus: string, settleMs = 0): Promise<JournalTerm> {
  return await new RabbitJournal({
    url: broker.address,
    campus,
    readKeys,
    heartbeatSeconds: 5,
    settleMs,
    prefetch: 64,
  }).acquire(never, () => {})
}

test('a term ends when its lock is taken away, though the connection lives', async () => {
  const term = await acquire('lock')
  await broker.control('delete_queue', 'lock.leader')
  assert.match(await term.ended, /cancelled/)
  assert.equal(term.open, false)
  await assert.rejects(
    term.append({ version: 1, campus: 'lock', start: { leader: randomUUID(), after: noLeader } }),
  )
})

test('while the broker has an alarm the journal says that it is blocked, and afterwards that it is not', async () => {
  const term = await acquire('alarm')
  await broker.control('set_vm_memory_high_watermark', '0.00001')
  // The broker tells a connection when it next publishes.
  const leader = randomUUID()
  const appended = term.append({ version: 1, campus: 'alarm', start: { leader, after: noLeader } })
  await eventually(() => term.blocked)
  await broker.control('set_vm_memory_high_watermark', '0.6')
  await eventually(() => !term.blocked)
  await appended
  await term.close()
})

test('a killed broker ends the term at once, and the next term finds the journal as it was confirmed', async () => {
  const campus = 'killed'
  const term = await acquire(campus, 3000)
  const confirmed: JournalMessage = { version: 1, campus, start: { leader: randomUUID(), after: noLeader } }
  await term.append(confirmed)
  await broker.kill()
  await term.ended
  await assert.rejects(
    term.append({ version: 1, campus, start: { leader: randomUUID(), after: noLeader } }),
    JournalLost,
  )
  const successor = acquire(campus)
  await broker.start()
  const next = await successor
  const source = new RabbitSource({
    url: broker.address,
    campus,
    readKeys,
    heartbeatSeconds: 5,
    prefetch: 10,
  })
  const reader = await source.open(never, () => {})
  await reader.arrival()
  const [first] = reader.takeArrived()
  assert.ok(first, 'the reader ended before anything arrived')
  assert.deepEqual(decodeMessage(first.body, campus), confirmed)
  await reader.close()
  await next.close()
})

test('a campus begins only when the queue of the replaced system is empty and nobody reads it', async () => {
  const hand = new Connection(broker.address)
  const queue = 'course-enrollment-database-queue'
  const channel = await hand.acquire()
  await channel.queueDeclare({ queue, durable: true })
  await channel.confirmSelect()
  await channel.basicPublish({ routingKey: queue }, 'a row of the replaced system')
  const said: string[] = []
  const journal = new RabbitJournal({
    url: broker.address,
    campus: 'adopted',
    readKeys,
    heartbeatSeconds: 5,
    settleMs: 0,
    prefetch: 64,
  })
  const acquired = journal.acquire(never, (_kind, detail) => said.push(detail))
  await eventually(() => said.some((line) => /holds 1 message and has 0 consumers: let its/.test(line)))
  const written: number[] = []
  const { consumerTag } = await channel.basicConsume({ queue }, (message) => {
    written.push(message.deliveryTag)
    channel.basicAck({ deliveryTag: message.deliveryTag })
  })
  await eventually(() => said.some((line) => /holds 0 messages and has 1 consumer: let its/.test(line)))
  await channel.basicCancel({ consumerTag })
  const term = await acquired
  assert.equal(written.length, 1)
  // From then on it is none of our business.
  await channel.basicPublish({ routingKey: queue }, 'another campus may use it')
  await term.close()
  const again = await journal.acquire(never, () => {})
  await again.close()
  await channel.close()
  await hand.close()
})
