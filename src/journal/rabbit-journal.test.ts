import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { readKeys } from '../../kit/journal-keys.ts'
import { Connection } from 'rabbitmq-client'
import { eventually } from '../../kit/eventually.ts'
import { rabbitAddress } from '../../kit/servers/provide.ts'
import { TcpProxy } from '../../kit/servers/proxy.ts'
import type { Delivery, JournalReader } from './batcher-ports.ts'
import { JournalLost, MessageReturned, noLeader, type JournalMessage } from '../engine/ports.ts'
import { decodeMessage } from '../engine/messages.ts'
import { journalQueueOf } from './queues.ts'
import { RabbitJournal } from './rabbit-journal.ts'
import { RabbitSession } from './rabbit-session.ts'
import { RabbitSource } from './rabbit-source.ts'

/** A second connection, for doing to the queues what operators and accidents do. */
const hand = new Connection(rabbitAddress())
after(() => hand.close())

function freshCampus(): string {
  return `test-${randomUUID().slice(0, 8)}`
}

function journalOf(campus: string): RabbitJournal {
  return new RabbitJournal({
    url: rabbitAddress(),
    campus,
    readKeys,
    heartbeatSeconds: 5,
    settleMs: 0,
    prefetch: 64,
  })
}

async function acquire(campus: string, progress: string[] = [], signal = new AbortController().signal) {
  return await journalOf(campus).acquire(signal, (kind) => progress.push(kind))
}

async function open(campus: string, prefetch = 100): Promise<JournalReader> {
  const source = new RabbitSource({ url: rabbitAddress(), campus, readKeys, heartbeatSeconds: 5, prefetch })
  return await source.open(new AbortController().signal, () => {})
}

function batch(campus: string, leader: string, ...seqs: number[]): JournalMessage {
  return {
    version: 1,
    campus,
    leader,
    records: seqs.map((seq) => ({
      seq,
      at: 1,
      actor: { role: 'student', id: 1 },
      student: 1,
      legs: [{ do: 'drop', course: 1 }],
      effects: [],
    })),
  }
}

async function take(reader: JournalReader, count: number): Promise<Delivery[]> {
  const taken: Delivery[] = []
  while (taken.length < count) {
    await reader.arrival()
    assert.ok(reader.open, 'the reader ended')
    taken.push(...reader.takeArrived())
  }
  return taken
}

function seqOf(campus: string, delivery: Delivery): number {
  const message = decodeMessage(delivery.body, campus)
  return 'start' in message ? 0 : (message.records[0]?.seq ?? -1)
}

async function removeQueue(campus: string): Promise<void> {
  await hand.queueDelete({ queue: `${campus}.journal` })
}

test('what the journal confirmed is what a batcher reads, in order', async () => {
  const campus = freshCampus()
  const leader = randomUUID()
  const term = await acquire(campus)
  await term.append({ version: 1, campus, start: { leader, after: noLeader } })
  for (let seq = 1; seq <= 20; seq++) await term.append(batch(campus, leader, seq))
  const reader = await open(campus)
  const deliveries = await take(reader, 21)
  assert.deepEqual(
    deliveries.map((delivery) => seqOf(campus, delivery)),
    Array.from({ length: 21 }, (_, index) => index),
  )
  reader.acknowledge(deliveries)
  await reader.close()
  await term.close()
  await removeQueue(campus)
})

test('only one engine holds the lock; when its connection breaks, the standby takes over', async () => {
  const campus = freshCampus()
  const first = await acquire(campus)
  const progress: string[] = []
  const second = acquire(campus, progress)
  const reader = await open(campus)
  while (!progress.includes('standby')) await new Promise((resolve) => setTimeout(resolve, 20))
  await first.close()
  const successor = await second
  assert.ok(successor.open)
  await assert.rejects(first.append(batch(campus, randomUUID(), 1)), JournalLost)
  await successor.close()
  await reader.close()
  await removeQueue(campus)
})

test('a message that no queue takes is not taken for kept, though the broker confirms it; the same term makes the queue again', async () => {
  const campus = freshCampus()
  const term = await acquire(campus)
  await removeQueue(campus)
  await assert.rejects(term.append(batch(campus, randomUUID(), 1)), MessageReturned)
  assert.deepEqual(await term.queue?.inspect(), { kind: 'gone' })
  await term.queue?.restore()
  await term.append(batch(campus, randomUUID(), 1))
  assert.deepEqual(await term.queue?.inspect(), { kind: 'there', ready: 1, consumers: 0 })
  await term.close()
  await removeQueue(campus)
})

test('a queue that is deleted and made anew at once, again and again, gives all that it takes', async (t) => {
  const campus = freshCampus()
  const leader = randomUUID()
  const term = await acquire(campus)
  t.after(() => term.close())
  for (let seq = 1; seq <= 12; seq += 2) {
    const reader = await open(campus)
    t.after(() => reader.close())
    await term.append(batch(campus, leader, seq))
    reader.acknowledge(await take(reader, 1))
    await removeQueue(campus)
    await term.queue?.restore()
    // Brokers before 4.0 may keep a consumer that gets nothing any more.
    await eventually(() => !reader.open)
    await term.append(batch(campus, leader, seq + 1))
    const next = await open(campus)
    const [taken] = await take(next, 1)
    assert.equal(taken && seqOf(campus, taken), seq + 1)
    await next.close()
  }
  await removeQueue(campus)
})

test('a classic queue, or one that is not durable, in the journal’s place is noticed and replaced', async () => {
  const campus = freshCampus()
  const term = await acquire(campus)
  const wrongQueues = [
    { durable: true, arguments: { 'x-queue-type': 'classic' } },
    { durable: false, autoDelete: true },
  ] as const
  for (const wrong of wrongQueues) {
    await removeQueue(campus)
    await hand.queueDeclare({ queue: journalQueueOf(campus), ...wrong })
    await eventually(async () => {
      const state = await term.queue?.inspect()
      return state?.kind === 'unfit' && /PRECONDITION_FAILED/.test(state.detail)
    })
    await term.queue?.restore()
    assert.equal((await term.queue?.inspect())?.kind, 'there')
  }
  await term.close()
  await removeQueue(campus)
})

test('messages that were not acknowledged come back in order when the channel closes', async () => {
  const campus = freshCampus()
  const leader = randomUUID()
  const term = await acquire(campus)
  for (let seq = 1; seq <= 10; seq++) await term.append(batch(campus, leader, seq))
  const first = await open(campus)
  const taken = await take(first, 10)
  first.acknowledge(taken.slice(0, 3))
  const second = await open(campus)
  await first.close()
  const returned = await take(second, 7)
  assert.deepEqual(
    returned.map((delivery) => seqOf(campus, delivery)),
    [4, 5, 6, 7, 8, 9, 10],
  )
  second.acknowledge(returned)
  await second.close()
  await term.close()
  await removeQueue(campus)
})

test('a message that is held back keeps its place while later ones are acknowledged', async () => {
  const campus = freshCampus()
  const leader = randomUUID()
  const term = await acquire(campus)
  for (let seq = 1; seq <= 5; seq++) await term.append(batch(campus, leader, seq))
  const first = await open(campus)
  const taken = await take(first, 5)
  first.acknowledge(taken.filter((delivery) => seqOf(campus, delivery) !== 2))
  assert.equal(await first.countReady(), 0)
  await first.close()
  const second = await open(campus)
  const returned = await take(second, 1)
  assert.deepEqual(
    returned.map((delivery) => seqOf(campus, delivery)),
    [2],
  )
  second.acknowledge(returned)
  await second.close()
  await term.close()
  await removeQueue(campus)
})

test('one batcher consumes, the other stands by until the first is gone', async () => {
  const campus = freshCampus()
  const leader = randomUUID()
  const term = await acquire(campus)
  const first = await open(campus, 2)
  const second = await open(campus, 2)
  for (let seq = 1; seq <= 4; seq++) await term.append(batch(campus, leader, seq))
  await take(first, 2)
  assert.equal(await second.countReady(), 2, 'two wait behind the window')
  assert.equal(second.arrivedCount, 0)
  await first.close()
  assert.deepEqual(
    (await take(second, 2)).map((delivery) => seqOf(campus, delivery)),
    [1, 2],
  )
  await second.close()
  await term.close()
  await removeQueue(campus)
})

test("the engine hears of a batcher's progress", async () => {
  const campus = freshCampus()
  const leader = randomUUID()
  const term = await acquire(campus)
  const heard = new Promise((resolve) => term.onApplied(resolve))
  const reader = await open(campus)
  reader.announceApplied({ leader, seq: 42 })
  assert.deepEqual(await heard, { leader, seq: 42 })
  await reader.close()
  await term.close()
  await removeQueue(campus)
})

test('a batcher that comes before the first leader waits for the journal to be made', async () => {
  const campus = freshCampus()
  const waiting: string[] = []
  const source = new RabbitSource({
    url: rabbitAddress(),
    campus,
    readKeys,
    heartbeatSeconds: 5,
    prefetch: 10,
  })
  const opening = source.open(new AbortController().signal, (line) => waiting.push(line))
  while (waiting.length === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  assert.match(waiting[0] ?? '', /waiting for the journal queue/)
  const term = await acquire(campus)
  const reader = await opening
  await reader.close()
  await term.close()
  await removeQueue(campus)
})

test('waiting for a broker that is not there ends when it is told to', async () => {
  const stop = new AbortController()
  const journal = new RabbitJournal({
    url: 'amqp://127.0.0.1:1',
    campus: 'test-x',
    readKeys,
    heartbeatSeconds: 5,
    settleMs: 0,
    prefetch: 64,
  })
  const progress: string[] = []
  const acquiring = journal.acquire(stop.signal, (kind, detail) => {
    progress.push(`${kind}: ${detail}`)
    stop.abort(new Error('stopped'))
  })
  await assert.rejects(acquiring, /stopped/)
  assert.match(progress[0] ?? '', /^unreachable: waiting for RabbitMQ: .*ECONNREFUSED/)
})

/** What each asks the broker for, again and again: for the lock; whether there is a queue. */
const askers = {
  server: (url: string, campus: string, signal: AbortSignal, onRefused: () => void) =>
    new RabbitJournal({ url, campus, readKeys, heartbeatSeconds: 30, settleMs: 0, prefetch: 64 }).acquire(
      signal,
      onRefused,
    ),
  batcher: (url: string, _: string, signal: AbortSignal, onRefused: () => void) =>
    new RabbitSource({ url, campus: freshCampus(), readKeys, heartbeatSeconds: 30, prefetch: 10 }).open(
      signal,
      onRefused,
    ),
}

for (const [name, ask] of Object.entries(askers)) {
  for (const stage of ['connects', 'asks'] as const) {
    test(`a stop cuts a ${name} short that ${stage} while the broker is silent`, async (t) => {
      const { proxy, url } = await TcpProxy.inFrontOf(rabbitAddress())
      t.after(() => proxy.close())
      const campus = freshCampus()
      const leader = await acquire(campus)
      const asked = t.mock.method(RabbitSession.prototype, 'spareChannel').mock
      let isSilent = stage === 'connects'
      if (isSilent) proxy.hold()
      const stop = new AbortController()
      const waiting = ask(url, campus, stop.signal, () => {
        proxy.hold()
        isSilent = true
        asked.resetCalls()
      })
      const refused = assert.rejects(waiting, /told to stop/)
      const isWaiting = () => (stage === 'connects' ? proxy.connectionCount : asked.callCount()) === 1
      await eventually(() => isSilent && isWaiting())
      const began = performance.now()
      stop.abort(new Error('told to stop'))
      await refused
      assert.ok(performance.now() - began < 5000)
      await leader.close()
      await removeQueue(campus)
    })
  }
}
