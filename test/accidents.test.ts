import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, afterEach, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Outcome } from '../src/engine/service.ts'
import type { Database } from '../src/store/database.ts'
import { createCampusDatabase } from './fixtures/campus-database.ts'
import { eventually } from './fixtures/eventually.ts'
import {
  add,
  buildBatcher,
  byStudent,
  drop,
  rabbitJournal,
  type RunningEngine,
  startEngine,
  untilLeading,
} from './fixtures/running-engine.ts'
import { startRabbit } from './servers/rabbit.ts'

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
  readonly startBatcher: () => ReturnType<typeof buildBatcher>
}

async function campusOn(options: Parameters<typeof startEngine>[3] = {}): Promise<Campus> {
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
  const running = startEngine(database, campus, rabbitJournal(broker.address, campus), options)
  cleanups.push(() => running.engine.stop(500))
  return { campus, database, running, startBatcher }
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

/** All that was answered for is in the tables, and nothing twice. */
async function assertKept({ database, running }: Campus, outcomes: readonly Outcome[]): Promise<void> {
  const told = outcomes.flatMap((outcome) => (outcome.kind === 'decided' ? [outcome.record.seq] : []))
  await eventually(() => {
    const { appliedSeq, decidedSeq } = running.engine.status()
    return decidedSeq > 0 && appliedSeq === decidedSeq
  })
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
    const scene = await campusOn({ limits: { replyDeadlineMs: 1000 } })
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
