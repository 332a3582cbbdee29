import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, afterEach, test } from 'node:test'
import { Connection } from 'rabbitmq-client'
import type { DecisionRecord } from '../../actors/messages/records.ts'
import { createCampusDatabase, fillCampus, silent } from '../../kit/campus-database.ts'
import { eventually } from '../../kit/eventually.ts'
import { createDatabase, rabbitAddress } from '../../kit/servers/provide.ts'
import { encodeMessage } from '../engine/messages.ts'
import type { BatchMessage, JournalMessage } from '../engine/ports.ts'
import { RabbitJournal } from './rabbit-journal.ts'
import { RabbitSource } from './rabbit-source.ts'
import { Seal } from './seal.ts'
import { nodeRuntime } from '../main/node-runtime.ts'
import { readJournalKeys } from '../store/campus-row.ts'
import { openDatabase } from '../store/database.ts'
import { migrate, readMigrations } from '../store/migrate.ts'
import { BatcherTables } from '../store/table-store.ts'
import { Batcher, type BatcherEvent } from './batcher.ts'

/** Whoever has the password of the broker, and no key of the campus. */
const hand = new Connection(rabbitAddress())
const cleanups: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})
after(() => hand.close())

type Message = JournalMessage | Record<string, unknown> | string
interface Sent {
  readonly headers?: Record<string, unknown>
  readonly contentType?: string
}

/** A database in which a leader of an older version led when it was brought up to date. */
async function upgradedDatabase(campus: string, oldLeader: string) {
  const created = await createDatabase()
  const database = await openDatabase(created.url, { logger: silent })
  const migrations = await readMigrations()
  await migrate(
    database,
    migrations.slice(
      0,
      migrations.findIndex(({ name }) => name.startsWith('0008')),
    ),
  )
  await database.query('INSERT INTO campus (id) VALUES ($1)', [campus])
  await database.query('INSERT INTO leaders (leader, after, term) VALUES ($1, $1, 1)', [oldLeader])
  await database.query('UPDATE journal_position SET leader = $1, term = 1', [oldLeader])
  await migrate(database, migrations)
  await fillCampus(database, 10)
  const remove = async (): Promise<void> => {
    await database.close()
    await created.drop()
  }
  return { database, remove }
}

/** A campus of the test's own in which a leader leads and a batcher reads. */
async function campusWithLeader(oldLeader?: string) {
  const campus = `strangers-${randomUUID().slice(0, 8)}`
  const { database, remove } =
    oldLeader === undefined
      ? await createCampusDatabase({ campus })
      : await upgradedDatabase(campus, oldLeader)
  cleanups.push(remove, async () => await hand.queueDelete({ queue: `${campus}.journal` }))
  const readKeys = () => readJournalKeys(database)
  const url = rabbitAddress()
  const forgedNotices: string[] = []
  const journal = new RabbitJournal({
    url,
    campus,
    readKeys,
    onForgedNotice: (detail) => forgedNotices.push(detail),
    heartbeatSeconds: 5,
    settleMs: 0,
    prefetch: 64,
  })
  const term = await journal.acquire(new AbortController().signal, () => {})
  cleanups.push(() => term.close())
  const events: BatcherEvent[] = []
  const tables = new BatcherTables(database)
  const batcher = new Batcher({
    campusId: campus,
    source: new RabbitSource({ url, campus, readKeys, heartbeatSeconds: 5, prefetch: 64 }),
    tables,
    runtime: nodeRuntime,
    recordsMax: 1000,
    onEvent: (event) => events.push(event),
  })
  cleanups.push(
    () => tables.close(),
    () => batcher.stop(),
  )
  const leader = randomUUID()
  const one = async <T>(sql: string, values: unknown[] = []): Promise<T> => {
    const [row] = await database.query<{ value: T }>(sql, values)
    assert.ok(row)
    return row.value
  }
  return {
    campus,
    term,
    leader,
    database,
    readKeys,
    forgedNotices,
    events,
    one,
    startBatcher: () => void batcher.run(),
    /** The marker is accepted, and leader and batcher go on from there. */
    async begin() {
      void batcher.run()
      const last = await one<string>('SELECT leader AS value FROM journal_position')
      await term.append({ version: 1, campus, start: { leader, after: last } })
      await eventually(() => this.isAt(0))
    },
    async isAt(seq: number): Promise<boolean> {
      return await one('SELECT leader = $1 AND seq = $2 AS value FROM journal_position', [leader, seq])
    },
    batch: (...seqs: number[]) => batch(campus, leader, ...seqs),
    /** Publishes with nothing but the broker's password. */
    async publish(message: Message, { headers = {}, contentType }: Sent = {}, queue = `${campus}.journal`) {
      const publisher = hand.createPublisher({ confirm: true })
      const body = typeof message === 'string' ? Buffer.from(message) : bodyOf(message)
      await publisher.send(
        { routingKey: queue, durable: true, headers, ...(contentType && { contentType }) },
        body,
      )
      await publisher.close()
    },
    /** Publishes as somebody who has the key. */
    async publishSigned(message: Message) {
      const seal = new Seal(campus, readKeys)
      await seal.refresh()
      const body = typeof message === 'string' ? Buffer.from(message) : bodyOf(message)
      await this.publish(body.toString(), { headers: seal.sign('journal', body) })
    },
    async setAside(): Promise<string[]> {
      const rows = await database.query<{ reason: string }>(
        'SELECT reason FROM set_aside_messages ORDER BY id',
      )
      return rows.map(({ reason }) => reason)
    },
    alarms: () => events.flatMap((event) => (event.kind === 'alarm' ? [event.alarm] : [])),
  }
}

function bodyOf(message: JournalMessage | Record<string, unknown>): Buffer {
  const isOurs = 'records' in message || 'start' in message
  return isOurs ? encodeMessage(message as JournalMessage) : Buffer.from(JSON.stringify(message))
}

function batch(campus: string, leader: string, ...seqs: number[]): BatchMessage {
  return { version: 1, campus, leader, records: seqs.map((seq) => refusal(seq)) }
}

function refusal(seq: number): DecisionRecord {
  return {
    seq,
    at: 1,
    actor: { role: 'student', id: 1 },
    student: 1,
    legs: [{ do: 'drop', course: 101 }],
    reasons: [{ code: 'not_enrolled', leg: 0, course: 101 }],
  }
}

function byStaff(seq: number): DecisionRecord {
  return {
    seq,
    at: 1,
    actor: { role: 'staff', id: 1 },
    legs: [{ do: 'set_capacity', course: 101, group: 1, capacity: 99 }],
    effects: [{ type: 'capacity_changed', course: 101, group: 1, capacity: 99 }],
  }
}

test('what somebody else publishes to the queue is set aside with an alarm, and the campus goes on', async () => {
  const at = await campusWithLeader()
  await at.begin()
  await at.term.append(at.batch(1))
  await at.publish('one line of text')
  await at.publish('')
  await at.publish('one line of text', { contentType: 'text/plain' })
  await at.publish('{"some": ["json"]}', { contentType: 'application/json' })
  await at.publish(batch('somewhere-else', at.leader, 2))
  await at.publish(at.batch(2), { headers: { 'enrollment-signature': 'nobody.AAAA' } })
  await at.publish(at.batch(2), {
    headers: { 'enrollment-signature': 5, 'a\0b': 'c\0d', deep: { er: [1n, null] } },
  })
  await at.term.append(at.batch(2))
  await eventually(() => at.isAt(2))
  await eventually(async () => (await at.setAside()).length === 7)
  assert.deepEqual(await at.setAside(), [
    ...Array<string>(5).fill('unsigned'),
    'wrongly_signed',
    'wrongly_signed',
  ])
  assert.deepEqual([...new Set(at.alarms())], ['set_aside'])
  const body = await at.one<Buffer>('SELECT body AS value FROM set_aside_messages ORDER BY id LIMIT 1')
  assert.equal(body.toString(), 'one line of text')
})

test('a forged record of the known leader, with the next number, is not applied; the honest one is', async () => {
  const at = await campusWithLeader()
  await at.begin()
  await at.publish({ version: 1, campus: at.campus, leader: at.leader, records: [byStaff(1)] })
  await at.term.append(at.batch(1))
  await eventually(() => at.isAt(1))
  await eventually(async () => (await at.setAside()).length === 1)
  assert.equal(
    await at.one('SELECT capacity AS value FROM courses WHERE course_id = 101 AND group_id = 1'),
    2,
  )
  assert.equal(await at.one('SELECT actor_role AS value FROM decisions'), 'student')
  assert.deepEqual(at.alarms(), ['set_aside'])
})

test('a record of the same number with another content is told of, also when it is signed', async () => {
  const at = await campusWithLeader()
  await at.begin()
  await at.term.append(at.batch(1))
  await eventually(() => at.isAt(1))
  await at.publishSigned({ version: 1, campus: at.campus, leader: at.leader, records: [byStaff(1)] })
  await at.publishSigned(at.batch(1))
  await at.term.append(at.batch(2))
  await eventually(() => at.isAt(2))
  assert.deepEqual(await at.setAside(), ['changed_duplicate'])
  assert.deepEqual(at.alarms(), ['changed_duplicate'])
  assert.equal(await at.one('SELECT count(*) AS value FROM decisions'), 2)
})

test('a forged marker makes nothing void', async () => {
  const at = await campusWithLeader()
  await at.begin()
  await at.term.append(at.batch(1))
  await at.publish({ version: 1, campus: at.campus, start: { leader: randomUUID(), after: at.leader } })
  for (let seq = 2; seq <= 30; seq++) await at.term.append(at.batch(seq))
  await eventually(() => at.isAt(30))
  await eventually(async () => (await at.setAside()).length === 1)
  assert.equal(await at.one('SELECT count(*) AS value FROM void_records'), 0)
  assert.equal(await at.one('SELECT count(*) AS value FROM leaders'), 1)
  assert.deepEqual(at.alarms(), ['set_aside'])
})

test('a notice that no batcher of the campus has sent is ignored, with an alarm', async () => {
  const at = await campusWithLeader()
  const heard: number[] = []
  at.term.onApplied(({ seq }) => heard.push(seq))
  await at.publish(`${at.leader} 77`, {}, `${at.campus}.leader`)
  await eventually(() => at.forgedNotices.length === 1)
  await at.begin()
  await at.term.append(at.batch(1))
  await eventually(() => heard.includes(1))
  assert.ok(!heard.includes(77))
})

test('a message of ours that is not understood stops the batcher, behind what came before it, until an operator decides', async () => {
  const at = await campusWithLeader()
  await at.begin()
  await at.term.append(at.batch(1))
  await at.publishSigned({ version: 2, campus: at.campus, news: true })
  await at.term.append(at.batch(2))
  await eventually(() => at.alarms().filter((alarm) => alarm === 'foreign_message').length > 1)
  assert.ok(await at.isAt(1), 'what came before it is written, what comes after it is not')
  assert.deepEqual(await at.setAside(), ['not_understood'])
  await at.database.query(
    "UPDATE set_aside_messages SET decided_by = 'an operator', decided_at = now(), note = 'a test'",
  )
  await eventually(() => at.isAt(2))
})

test('messages that older versions left in the queue are read, and forged ones no more once a leader has signed', async () => {
  const old = randomUUID()
  const at = await campusWithLeader(old)
  for (let seq = 1; seq <= 5; seq++) await at.publish(batch(at.campus, old, seq))
  // A leader of the older version that began, and one that published its marker only.
  const older = randomUUID()
  await at.publish({ version: 1, campus: at.campus, start: { leader: older, after: old } })
  await at.publish(batch(at.campus, randomUUID(), 1))
  at.startBatcher()
  await eventually(() => at.one<boolean>('SELECT leader = $1 AS value FROM journal_position', [older]))
  assert.equal(await at.one('SELECT count(*) AS value FROM decisions'), 5)
  await at.publish(batch(at.campus, older, 1))
  await at.begin()
  await at.publish(at.batch(1))
  await at.term.append(at.batch(1))
  await eventually(() => at.isAt(1))
  await eventually(async () => (await at.setAside()).length === 2)
  assert.equal(await at.one('SELECT count(*) AS value FROM decisions'), 7)
  assert.deepEqual(at.alarms(), ['set_aside', 'set_aside'])
})
