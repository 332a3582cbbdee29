import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, afterEach, before, test } from 'node:test'
import { readKeys } from '../../kit/journal-keys.ts'
import { eventually } from '../../kit/eventually.ts'
import type { DecisionRecord } from '../../actors/messages/records.ts'
import { createCampusDatabase, type CampusDatabase } from '../../kit/campus-database.ts'
import { rabbitAddress } from '../../kit/servers/provide.ts'
import { startPostgres } from '../../kit/servers/postgres.ts'
import type { TableStore } from './batcher-ports.ts'
import { type JournalMessage, type JournalTerm, noLeader } from '../engine/ports.ts'
import { RabbitJournal } from './rabbit-journal.ts'
import { RabbitSource } from './rabbit-source.ts'
import { nodeRuntime } from '../main/node-runtime.ts'
import { BatcherTables } from '../store/table-store.ts'
import { Connection } from 'rabbitmq-client'
import { Batcher, type BatcherEvent } from './batcher.ts'
import { writeMarker } from './write.ts'

/** A second connection, for putting into the queue what no engine of ours would. */
const hand = new Connection(rabbitAddress())
const shared: { database?: CampusDatabase } = {}
const cleanups: (() => Promise<unknown>)[] = []

before(async () => {
  shared.database = await createCampusDatabase({ campus: 'shared' })
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})
after(async () => {
  await shared.database?.remove()
  await hand.close()
})

function db(): CampusDatabase {
  assert.ok(shared.database)
  return shared.database
}

async function lead(campus: string): Promise<JournalTerm> {
  const journal = new RabbitJournal({
    url: rabbitAddress(),
    campus,
    readKeys,
    heartbeatSeconds: 5,
    settleMs: 0,
    prefetch: 64,
  })
  const term = await journal.acquire(new AbortController().signal, () => {})
  cleanups.push(() => term.close())
  return term
}

function sourceOf(campus: string, prefetch = 100): RabbitSource {
  return new RabbitSource({ url: rabbitAddress(), campus, readKeys, heartbeatSeconds: 5, prefetch })
}

function startBatcher(
  campus: string,
  tables: TableStore,
  prefetch?: number,
): { batcher: Batcher; events: BatcherEvent[] } {
  const events: BatcherEvent[] = []
  const batcher = new Batcher({
    campusId: campus,
    source: sourceOf(campus, prefetch),
    tables,
    runtime: nodeRuntime,
    recordsMax: 10,
    onEvent: (event) => events.push(event),
  })
  void batcher.run()
  cleanups.push(() => batcher.stop())
  return { batcher, events }
}

function batch(campus: string, leader: string, ...seqs: number[]): JournalMessage {
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

async function freshCampus(): Promise<{ campus: string; tables: BatcherTables; position: Position }> {
  const campus = `batcher-${randomUUID().slice(0, 8)}`
  const tables = new BatcherTables(db().database)
  cleanups.push(
    async () => await hand.queueDelete({ queue: `${campus}.journal` }),
    () => tables.close(),
  )
  const [row] = await db().database.query<{ leader: string }>('SELECT leader FROM journal_position')
  return { campus, tables, position: { leader: row?.leader ?? noLeader } }
}

interface Position {
  readonly leader: string
}

async function isAt(leader: string, seq: number): Promise<boolean> {
  const rows = await db().database.query<object>(
    'SELECT 1 FROM journal_position WHERE leader = $1 AND seq = $2',
    [leader, seq],
  )
  return rows.length === 1
}

async function ready(campus: string): Promise<number> {
  return (await hand.queueDeclare({ queue: `${campus}.journal`, passive: true })).messageCount
}

/** The tables as they are seen by a batcher that is suspended just before it would write. */
function suspended(tables: TableStore): { tables: TableStore; reached: Promise<void>; resume: () => void } {
  let resume = (): void => {}
  let reach = (): void => {}
  const resumed = new Promise<void>((resolve) => {
    resume = resolve
  })
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  const begin = async () => {
    reach()
    await resumed
    return await tables.begin()
  }
  return { tables: { begin }, reached, resume }
}

test('decisions travel from the journal into the tables, and are acknowledged only then', async () => {
  const { campus, tables, position } = await freshCampus()
  const term = await lead(campus)
  const { events } = startBatcher(campus, tables)
  const leader = randomUUID()
  await term.append({ version: 1, campus, start: { leader, after: position.leader } })
  await eventually(() => isAt(leader, 0))
  for (let seq = 1; seq <= 25; seq++) await term.append(batch(campus, leader, seq))
  await eventually(() => isAt(leader, 25))
  assert.equal(await ready(campus), 0)
  assert.ok(!events.some((event) => event.kind === 'alarm'))
})

test("what a lost batcher held, though it returns behind the next leader's marker, is written before it", async () => {
  const { campus, tables, position } = await freshCampus()
  const first = await lead(campus)
  const stuck = suspended(tables)
  const { batcher: lost } = startBatcher(campus, stuck.tables)
  const old = randomUUID()
  await writeMarker(tables, { version: 1, campus, start: { leader: old, after: position.leader } })
  for (let seq = 1; seq <= 30; seq++) await first.append(batch(campus, old, seq))
  await stuck.reached
  // The old leader goes, the new one asks to lead: its marker is in the queue behind what the batcher holds.
  await first.close()
  const second = await lead(campus)
  const next = randomUUID()
  await second.append({
    version: 1,
    campus,
    start: { leader: next, after: old, seen: { leader: old, seq: 30 } },
  })
  const other = new BatcherTables(db().database)
  cleanups.push(() => other.close())
  const { events } = startBatcher(campus, other)
  const stopped = lost.stop()
  stuck.resume()
  await stopped
  await eventually(() => isAt(next, 0))
  const [voids] = await db().database.query<{ count: number }>(
    'SELECT count(*) AS count FROM void_records WHERE leader = $1',
    [old],
  )
  assert.equal(Number(voids?.count), 0)
  const [applied] = await db().database.query<{ count: number }>(
    'SELECT count(*) AS count FROM decisions JOIN leaders USING (term) WHERE leader = $1',
    [old],
  )
  assert.equal(Number(applied?.count), 30)
  assert.ok(events.some((event) => event.kind === 'marker' && event.judgement === 'accepted'))
})

test('records that arrive out of order are written in order; a missing one is waited for, with an alarm', async () => {
  const { campus, tables, position } = await freshCampus()
  const term = await lead(campus)
  const leader = randomUUID()
  await writeMarker(tables, { version: 1, campus, start: { leader, after: position.leader } })
  const { events } = startBatcher(campus, tables)
  await term.append(batch(campus, leader, 1))
  await term.append(batch(campus, leader, 4, 5))
  await eventually(() => events.some((event) => event.kind === 'alarm' && event.alarm === 'gap'))
  assert.ok(await isAt(leader, 1))
  await term.append(batch(campus, leader, 2, 3))
  await eventually(() => isAt(leader, 5))
})

test('with PostgreSQL gone the batcher waits, and loses nothing when it is back', async () => {
  const postgres = await startPostgres()
  cleanups.push(() => postgres.remove())
  const campus = `batcher-${randomUUID().slice(0, 8)}`
  const { database, remove } = await createCampusDatabase({ campus, serverUrl: postgres.url })
  cleanups.push(remove)
  const tables = new BatcherTables(database)
  cleanups.push(
    async () => await hand.queueDelete({ queue: `${campus}.journal` }),
    () => tables.close(),
  )
  const term = await lead(campus)
  const leader = randomUUID()
  await writeMarker(tables, { version: 1, campus, start: { leader, after: noLeader } })
  const { events } = startBatcher(campus, tables)
  await term.append(batch(campus, leader, 1))
  await postgres.kill()
  for (let seq = 2; seq <= 40; seq++) await term.append(batch(campus, leader, seq))
  await eventually(() => events.some((event) => event.kind === 'alarm' && event.alarm === 'database'))
  await postgres.start()
  await eventually(async () => {
    const rows = await database
      .query<{ seq: number }>('SELECT seq FROM journal_position WHERE leader = $1', [leader])
      .catch(() => [])
    return rows[0]?.seq === 40
  })
  const [row] = await database.query<{ count: number }>('SELECT count(*) AS count FROM decisions')
  assert.equal(Number(row?.count), 40)
})

test('leaders that died before they led do not stand in the way, however many they are', async () => {
  const { campus, tables, position } = await freshCampus()
  const term = await lead(campus)
  const died = Array.from({ length: 7 }, () => randomUUID())
  for (const leader of died) {
    await term.append({ version: 1, campus, start: { leader, after: position.leader } })
  }
  startBatcher(campus, tables, 3)
  await eventually(async () => {
    const judged = await db().database.query<object>('SELECT 1 FROM leaders WHERE leader = ANY($1)', [died])
    return judged.length === died.length
  })
  const [row] = await db().database.query<{ leader: string }>('SELECT leader FROM journal_position')
  const last = randomUUID()
  await term.append({ version: 1, campus, start: { leader: last, after: row?.leader ?? noLeader } })
  await eventually(() => isAt(last, 0))
  await term.append(batch(campus, last, 1))
  await eventually(() => isAt(last, 1))
})

test('no leader begins while another one’s marker says that the end of the journal is lost', async () => {
  const { campus, tables, position } = await freshCampus()
  const term = await lead(campus)
  const [forgetful, witness] = [randomUUID(), randomUUID()]
  const seen = { leader: randomUUID(), seq: 61 }
  await term.append({ version: 1, campus, start: { leader: forgetful, after: position.leader } })
  await term.append({ version: 1, campus, start: { leader: witness, after: position.leader, seen } })
  const { events } = startBatcher(campus, tables)
  await eventually(() => events.some((event) => event.kind === 'alarm' && event.alarm === 'lost_tail'))
  assert.ok(!events.some((event) => event.kind === 'marker'), 'a marker was judged')
  assert.ok(!(await isAt(forgetful, 0)))
})
