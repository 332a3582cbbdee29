import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, afterEach, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { exitStatusOf, verify } from '../src/audit/verify.ts'
import type { Outcome } from '../src/engine/service.ts'
import type { TermLimits } from '../src/engine/term.ts'
import { openAuditReader } from '../src/store/audit-reader.ts'
import type { Database } from '../src/store/database.ts'
import { journalQueueOf } from '../src/journal/queues.ts'
import { Connection } from 'rabbitmq-client'
import { createCampusDatabase } from '../kit/campus-database.ts'
import { eventually } from '../kit/eventually.ts'
import {
  add,
  buildBatcher,
  byStudent,
  drop,
  rabbitJournal,
  type RunningEngine,
  startEngine,
  untilLeading,
} from '../kit/running-engine.ts'
import { TcpProxy } from '../kit/servers/proxy.ts'
import { startRabbit } from '../kit/servers/rabbit.ts'

/** A broker of this file's own, for policies. */
let broker: Awaited<ReturnType<typeof startRabbit>>
before(async () => {
  broker = await startRabbit()
})
after(() => broker.remove())

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

const students = 40

interface Campus {
  readonly campus: string
  readonly database: Database
  readonly running: RunningEngine
  /** Of the leader. */
  readonly alarms: string[]
  readonly startBatcher: () => ReturnType<typeof buildBatcher>
}

async function campusOn(limits: Partial<TermLimits> = {}, serverAddress = broker.address): Promise<Campus> {
  const campus = `accident-${randomUUID().slice(0, 8)}`
  const created = await createCampusDatabase({ campus, students })
  cleanups.push(() => created.remove())
  const { database } = created
  const startBatcher = () => {
    const batcher = buildBatcher(broker.address, campus, database)
    void batcher.run()
    cleanups.push(() => batcher.stop())
    return batcher
  }
  const alarms: string[] = []
  const running = startEngine(database, campus, rabbitJournal(serverAddress, campus), {
    limits,
    onAlarm: (alarm) => alarms.push(alarm),
  })
  cleanups.push(() => running.engine.stop(500))
  return { campus, database, running, alarms, startBatcher }
}

/** Keeps the tables behind, as a session that holds the position's lock does. */
async function holdPosition(database: Database): Promise<() => Promise<void>> {
  const client = await database.connect()
  await client.query('BEGIN; SELECT FROM journal_position FOR UPDATE')
  let isHeld = true
  const letGo = async () => {
    if (!isHeld) return
    isHeld = false
    await client.end()
  }
  cleanups.push(letGo)
  return letGo
}

/** Commands, one after another, each of which is decided, yes or no. */
async function ask({ engine }: RunningEngine, count: number, from = 0): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (let index = from; index < from + count; index++) {
    const student = 1 + (index % students)
    const leg = Math.floor(index / students) % 2 === 0 ? add(102, 1) : drop(102)
    outcomes.push(await engine.submit(byStudent(student, leg)))
  }
  return outcomes
}

function countDecided(outcomes: readonly Outcome[]): number {
  return outcomes.filter(({ kind }) => kind === 'decided').length
}

async function untilApplied({ engine }: RunningEngine): Promise<void> {
  await eventually(() => {
    const { appliedSeq, decidedSeq } = engine.status()
    return decidedSeq > 0 && appliedSeq === decidedSeq
  })
}

/** All that was answered for is in the tables, and nothing twice. */
async function assertKept({ database, running }: Campus, outcomes: readonly Outcome[]): Promise<void> {
  const told = outcomes.flatMap((outcome) => (outcome.kind === 'decided' ? [outcome.record.seq] : []))
  await untilApplied(running)
  const rows = await database.query<{ seq: number }>('SELECT seq FROM decisions ORDER BY seq')
  const kept = new Set(rows.map(({ seq }) => seq))
  const lost = told.filter((seq) => !kept.has(seq))
  assert.deepEqual(lost, [], `${lost.length} of ${told.length} that were acknowledged are lost`)
  assert.equal(running.engine.status().term, 1, 'no term was lost for it')
}

async function policy(campus: string, definition: object): Promise<() => Promise<string>> {
  const name = `p-${campus}`
  await broker.control(
    'set_policy',
    '--apply-to',
    'queues',
    name,
    `^${campus}\\.journal$`,
    JSON.stringify(definition),
  )
  const clear = () => broker.control('clear_policy', name).catch(() => '')
  cleanups.push(clear)
  return clear
}

describe('an operator’s hand in the journal’s queue, while PostgreSQL is behind', () => {
  /** Each drops messages that were confirmed. */
  const accidents: Readonly<Record<string, (campus: string) => Promise<unknown>>> = {
    purge: (campus) => broker.control('purge_queue', `${campus}.journal`),
    deletion: (campus) => broker.control('delete_queue', `${campus}.journal`),
    'max-length': (campus) => policy(campus, { 'max-length': 5 }),
    'message-ttl': (campus) => policy(campus, { 'message-ttl': 300 }),
  }
  for (const [name, happens] of Object.entries(accidents)) {
    for (const isBatcherThere of [true, false]) {
      test(`${name} loses nothing, ${isBatcherThere ? 'with' : 'without'} a batcher`, async () => {
        const scene = await campusOn()
        const { running, campus, database } = scene
        const batcher = scene.startBatcher()
        await untilLeading(running)
        const outcomes = await ask(running, 10)
        if (!isBatcherThere) await batcher.stop()
        const letGo = isBatcherThere ? await holdPosition(database) : () => Promise.resolve()
        outcomes.push(...(await ask(running, 150, 10)))
        assert.equal(countDecided(outcomes), 160)
        await happens(campus)
        for (const untilMs = performance.now() + 2000; performance.now() < untilMs; ) {
          outcomes.push(...(await ask(running, 1, outcomes.length)))
          await sleep(10)
        }
        await letGo()
        if (!isBatcherThere) scene.startBatcher()
        await assertKept(scene, outcomes)
      })
    }
  }

  test('expires loses nothing when the queue goes for want of a batcher', async () => {
    const scene = await campusOn()
    const { running, campus } = scene
    const batcher = scene.startBatcher()
    await untilLeading(running)
    const outcomes = await ask(running, 10)
    await batcher.stop()
    outcomes.push(...(await ask(running, 30, 10)))
    await policy(campus, { expires: 200 })
    await sleep(1500)
    outcomes.push(...(await ask(running, 30, 40)))
    await broker.control('clear_policy', `p-${campus}`)
    scene.startBatcher()
    await assertKept(scene, outcomes)
  })

  test('nothing is acknowledged a second after the journal cannot hold it any more, until it can', async () => {
    const scene = await campusOn({ replyDeadlineMs: 1000 })
    const { running, campus, database } = scene
    scene.startBatcher()
    await untilLeading(running)
    const letGo = await holdPosition(database)
    const first = await ask(running, 150)
    await policy(campus, { 'max-length': 5 })
    await sleep(1000)
    const refused = await ask(running, 20, 150)
    assert.equal(countDecided(refused), 0)
    assert.match(running.engine.status().detail, /messages are gone from the journal queue/)
    assert.equal(running.engine.refusal(), 'journal_unavailable')
    await letGo()
    await eventually(() => running.engine.refusal() === undefined)
    const again = await ask(running, 20, 170)
    assert.equal(countDecided(again), 20)
    await assertKept(scene, [...first, ...refused, ...again])
  })
})

/** What a standby that is seconds behind, or a restore, takes along. */
const tables = [
  'journal_position',
  'leaders',
  'decisions',
  'students',
  'courses',
  'enrolled_courses',
  'answered_records',
  'early_records',
]

async function copyTables(database: Database): Promise<void> {
  await database.transaction(async (client) => {
    await client.query('SELECT FROM journal_position FOR UPDATE; CREATE SCHEMA before')
    for (const table of tables) await client.query(`CREATE TABLE before.${table} AS TABLE ${table}`)
  })
}

async function goBack(database: Database): Promise<void> {
  await database.transaction(async (client) => {
    await client.query(
      'SET LOCAL session_replication_role = replica; SELECT FROM journal_position FOR UPDATE',
    )
    for (const table of tables)
      await client.query(`DELETE FROM ${table}; INSERT INTO ${table} SELECT * FROM before.${table}`)
  })
}

describe('a database that goes back', () => {
  for (const isAsked of [true, false]) {
    test(`within a term gets again what it lacks, ${isAsked ? 'while' : 'though no'} commands come`, async () => {
      const scene = await campusOn()
      const { running, database, alarms } = scene
      scene.startBatcher()
      await untilLeading(running)
      const outcomes = await ask(running, 10)
      await untilApplied(running)
      await copyTables(database)
      outcomes.push(...(await ask(running, 60, 10)))
      await untilApplied(running)
      await goBack(database)
      await eventually(async () => {
        if (isAsked) outcomes.push(...(await ask(running, 1, outcomes.length)))
        return alarms.includes('database_went_back')
      })
      await eventually(() => running.engine.refusal() === undefined)
      outcomes.push(...(await ask(running, 10, outcomes.length)))
      await assertKept(scene, outcomes)
      const reader = await openAuditReader(database)
      cleanups.push(() => reader.close())
      assert.equal(exitStatusOf(await verify(reader)), 0)
    })
  }

  for (const where of ['before what the leader keeps', 'before the term']) {
    test(`to a state ${where} ends the term, and what was acknowledged is written down as lost`, async () => {
      const scene = await campusOn({ appliedBytesKept: 0 })
      const { running, database, alarms } = scene
      if (where === 'before the term') await copyTables(database)
      const batcher = scene.startBatcher()
      await untilLeading(running)
      await ask(running, 10)
      await untilApplied(running)
      if (where !== 'before the term') await copyTables(database)
      await ask(running, 10, 10)
      await untilApplied(running)
      await batcher.stop()
      await goBack(database)
      await eventually(() => alarms.includes('database_went_back'))
      const noted = async () => {
        const [row] = await database.query<{ seq: number; isLost: boolean }>(
          'SELECT seq, lost_at IS NOT NULL AS "isLost" FROM answered_records',
        )
        return row
      }
      await eventually(async () => (await noted())?.seq === 20)
      scene.startBatcher()
      await eventually(async () => (await noted())?.isLost === true)
      assert.notEqual(running.engine.status().state, 'leading')
      assert.equal(running.states.filter((state) => state === 'leading').length, 1)
    })
  }
})

describe('a broker that gives no confirms', () => {
  test('by an alarm: the backlog is written and acknowledged all the same, and people are told why', async () => {
    const scene = await campusOn({ acknowledge: 'applied', replyDeadlineMs: 120_000 })
    const { running, database } = scene
    scene.startBatcher()
    await untilLeading(running)
    const letGo = await holdPosition(database)
    const asked = Array.from({ length: 30 }, async (_, index) => ask(running, 1, index))
    await eventually(() => running.engine.status().confirmedSeq === 30)
    await broker.control('set_vm_memory_high_watermark', '0.00001')
    cleanups.push(() => broker.control('set_vm_memory_high_watermark', '0.6'))
    await eventually(() => /takes no messages: .*memory/.test(running.engine.status().detail))
    assert.equal(running.engine.refusal(), 'journal_unavailable')
    await letGo()
    assert.equal(countDecided((await Promise.all(asked)).flat()), 30)
    assert.equal(running.engine.status().journalBlocked, true)
    assert.equal(countDecided(await ask(running, 1, 30)), 0)

    await broker.control('set_vm_memory_high_watermark', '0.6')
    await eventually(() => running.engine.refusal() === undefined)
    assert.equal(running.details.at(-1), 'leading term 1')
    const again = await ask(running, 10, 30)
    assert.equal(countDecided(again), 10)
    await assertKept(scene, again)
  })

  for (const held of ['answers', 'everything'] as const) {
    test(`in silence (${held} held): the term ends at the reply’s deadline, and another begins`, async () => {
      const { proxy, url } = await TcpProxy.inFrontOf(broker.address)
      cleanups.push(async () => proxy.close())
      const scene = await campusOn({ replyDeadlineMs: 1000 }, url)
      const { running, database, alarms } = scene
      scene.startBatcher()
      await untilLeading(running)
      const first = await ask(running, 10)
      proxy.hold(held)
      const [silent] = await ask(running, 1, 10)
      assert.notEqual(silent?.kind, 'decided')
      await eventually(() => alarms.includes('journal_silent'))
      await eventually(() => running.engine.refusal() !== undefined)
      assert.equal(countDecided(await ask(running, 1, 11)), 0)
      proxy.restore()
      await eventually(() => running.states.filter((state) => state === 'leading').length === 2)
      const again = await ask(running, 10, 12)
      assert.equal(countDecided(again), 10)
      await untilApplied(running)
      const rows = await database.query<{ term: number }>('SELECT term FROM decisions')
      const count = (wanted: number) => rows.filter(({ term }) => term === wanted).length
      assert.ok(count(1) >= countDecided(first))
      assert.equal(count(2), 10)
    })
  }

  test('because the marker was purged: it is published again', async () => {
    const scene = await campusOn()
    const { running, campus } = scene
    await eventually(() => /waiting for the batcher/.test(running.engine.status().detail))
    await purged(campus)
    scene.startBatcher()
    await untilLeading(running)
    const outcomes = await ask(running, 5)
    assert.equal(countDecided(outcomes), 5)
    await assertKept(scene, outcomes)
  })
})

/** The queue’s first message, once it is there. */
async function purged(campus: string): Promise<void> {
  const hand = new Connection(broker.address)
  cleanups.push(() => hand.close())
  const queue = journalQueueOf(campus)
  await eventually(async () => (await hand.queuePurge({ queue })).messageCount === 1)
}
