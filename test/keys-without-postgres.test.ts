import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { afterEach, test } from 'node:test'
import { openDatabase } from '../src/store/database.ts'
import { createCampusDatabase, silent } from '../kit/campus-database.ts'
import { eventually } from '../kit/eventually.ts'
import {
  add,
  answerOf,
  buildBatcher,
  byStudent,
  rabbitJournal,
  startEngine,
  untilLeading,
} from '../kit/running-engine.ts'
import { rabbitAddress } from '../kit/servers/provide.ts'
import { TcpProxy } from '../kit/servers/proxy.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

const students = Array.from({ length: 30 }, (_, index) => index + 1)

test('with PostgreSQL away in a second term, keys are answered, old ones and new ones', async () => {
  const campus = `keys-${randomUUID().slice(0, 8)}`
  const { database, url: databaseUrl, remove } = await createCampusDatabase({ campus, students: 30 })
  cleanups.push(remove)
  const { proxy, url } = await TcpProxy.inFrontOf(databaseUrl)
  cleanups.push(async () => proxy.close())
  const throughProxy = await openDatabase(url, { logger: silent })
  cleanups.push(() => throughProxy.close())
  const batcher = buildBatcher(rabbitAddress(), campus, throughProxy)
  void batcher.run()
  cleanups.push(() => batcher.stop())
  const start = async () => {
    const running = startEngine(throughProxy, campus, rabbitJournal(rabbitAddress(), campus))
    cleanups.push(() => running.engine.stop(1000))
    await untilLeading(running)
    return running.engine
  }
  const first = await start()
  await database.query('UPDATE courses SET capacity = 40, reserve_capacity = 0')
  const keyed = (key: string) => ({ key, requestHash: key })
  const decided = await Promise.all(
    students.map((id) => first.submit(byStudent(id, add(102, 1)), keyed(`first-${id}`))),
  )
  await first.stop(5000)
  const second = await start()
  proxy.shut()
  proxy.cut()
  await eventually(() => proxy.connectionCount === 0)
  const again = await Promise.all(
    students.map((id) => second.submit(byStudent(id, add(102, 1)), keyed(`first-${id}`))),
  )
  assert.deepEqual(
    again,
    decided.map((outcome) => ({ ...outcome, replayed: true })),
  )
  const fresh = await Promise.all(
    students.map((id) => second.submit(byStudent(id, add(102, 1)), keyed(`second-${id}`))),
  )
  assert.deepEqual(
    fresh.map(answerOf),
    students.map(() => 'already_enrolled'),
  )
})
