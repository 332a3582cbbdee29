import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, afterEach, before, test } from 'node:test'
import { eventually } from '../kit/eventually.ts'
import type { Outcome } from '../src/engine/service.ts'
import { createCampusDatabase } from '../kit/campus-database.ts'
import {
  add,
  answerOf,
  buildBatcher,
  byStudent,
  drop,
  rabbitJournal,
  type RunningEngine,
  startEngine,
  stateOf,
  untilLeading,
} from '../kit/running-engine.ts'
import { rabbitAddress } from '../kit/servers/provide.ts'
import { startPostgres } from '../kit/servers/postgres.ts'
import { startRabbit } from '../kit/servers/rabbit.ts'

/** A broker of this file's own, for killing. */
let broker: Awaited<ReturnType<typeof startRabbit>>
before(async () => {
  broker = await startRabbit()
})
after(() => broker.remove())

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function campusOn(address: string, changed: Parameters<typeof startEngine>[3] = {}) {
  const campus = `recovery-${randomUUID().slice(0, 8)}`
  const created = await createCampusDatabase({ campus, students: 50 })
  cleanups.push(() => created.remove())
  const startBatcher = () => {
    const batcher = buildBatcher(address, campus, created.database)
    void batcher.run()
    cleanups.push(() => batcher.stop())
    return batcher
  }
  const start = (): RunningEngine => {
    const running = startEngine(created.database, campus, rabbitJournal(address, campus), changed)
    cleanups.push(() => running.engine.stop(500))
    return running
  }
  return { campus, database: created.database, startBatcher, start }
}

async function retry(running: RunningEngine, student: number, key: string): Promise<Outcome> {
  for (;;) {
    const outcome = await running.engine.submit(byStudent(student, add(102, 1)), { key, requestHash: 'h' })
    if (outcome.kind === 'decided') return outcome
    assert.ok(
      [
        'recovering',
        'journal_unavailable',
        'not_leading',
        'outcome_unknown',
        'idempotency_in_flight',
      ].includes(answerOf(outcome)),
      answerOf(outcome),
    )
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

test('when the broker is killed in the middle, it heals by itself, and a repeated key is decided once', async () => {
  const { database, startBatcher, start } = await campusOn(broker.address)
  startBatcher()
  const running = start()
  await untilLeading(running)
  // The queue is young; a broker killed within its first second would lose it.
  await new Promise((resolve) => setTimeout(resolve, 2500))
  const students = Array.from({ length: 40 }, (_, index) => index + 1)
  const first = students.map((student) =>
    running.engine.submit(byStudent(student, add(102, 1)), { key: `k${student}`, requestHash: 'h' }),
  )
  await broker.kill()
  const answers = (await Promise.all(first)).map(answerOf)
  assert.ok(
    answers.every((answer) => ['yes', 'course_full', 'outcome_unknown', 'recovering'].includes(answer)),
  )
  await broker.start()
  const decided = await Promise.all(students.map((student) => retry(running, student, `k${student}`)))
  answers.forEach((answer, index) => {
    const again = decided[index]
    assert.ok(again)
    if (answer === 'yes' || answer === 'course_full') assert.equal(answerOf(again), answer)
  })
  await eventually(async () => {
    const [row] = await database.query<{ count: number }>('SELECT count(*) AS count FROM decisions')
    return Number(row?.count) >= 40
  })
  const [row] = await database.query<{ decisions: number; seats: number; voids: number }>(
    `SELECT (SELECT count(*) FROM decisions) AS decisions, (SELECT count(*) FROM void_records) AS voids,
       (SELECT count(*) FROM enrolled_courses WHERE NOT reserved) AS seats`,
  )
  assert.deepEqual([Number(row?.decisions), Number(row?.seats), Number(row?.voids)], [40, 30, 0])
})

test('without the broker commands are refused for sure, with a reason, and the engine leads again when it is back', async () => {
  const { startBatcher, start } = await campusOn(broker.address)
  startBatcher()
  const running = start()
  await untilLeading(running)
  await running.engine.submit(byStudent(1, add(102, 1)))
  await new Promise((resolve) => setTimeout(resolve, 2500))
  const stateBefore = stateOf(running)
  await broker.stop()
  await eventually(() => running.engine.status().state === 'unreachable')
  assert.equal(answerOf(await running.engine.submit(byStudent(2, add(102, 1)))), 'journal_unavailable')
  await broker.start()
  await untilLeading(running)
  assert.equal(stateOf(running), stateBefore)
  assert.equal(running.engine.status().term, 2)
})

test('with PostgreSQL gone students are still served, and the tables catch up when it is back', async () => {
  const postgres = await startPostgres()
  cleanups.push(() => postgres.remove())
  const campus = `recovery-${randomUUID().slice(0, 8)}`
  const { database, remove } = await createCampusDatabase({ campus, students: 50, serverUrl: postgres.url })
  cleanups.push(remove)
  const batcher = buildBatcher(rabbitAddress(), campus, database)
  void batcher.run()
  cleanups.push(() => batcher.stop())
  const running = startEngine(database, campus, rabbitJournal(rabbitAddress(), campus))
  cleanups.push(() => running.engine.stop(500))
  await untilLeading(running)
  await postgres.kill()
  for (let student = 1; student <= 40; student++) {
    assert.match(answerOf(await running.engine.submit(byStudent(student, add(102, 1)))), /yes|course_full/)
  }
  assert.equal(running.engine.status().appliedSeq, 0)
  await postgres.start()
  await eventually(() => running.engine.status().appliedSeq === 40)
  const [row] = await database.query<{ seats: number }>(
    'SELECT count(*) AS seats FROM enrolled_courses WHERE NOT reserved',
  )
  assert.equal(Number(row?.seats), 30)
})

test('an engine that died before its barrier leaves the way free for the next, and none of its marker', async () => {
  const { database, startBatcher, start } = await campusOn(rabbitAddress())
  for (let life = 0; life < 3; life++) {
    const doomed = start()
    await eventually(() => doomed.engine.status().detail.includes('batcher'))
    await doomed.engine.stop(0)
  }
  startBatcher()
  const running = start()
  await untilLeading(running)
  assert.equal(answerOf(await running.engine.submit(byStudent(1, add(102, 1)))), 'yes')
  const [row] = await database.query<{ accepted: number; rejected: number }>(
    `SELECT count(*) FILTER (WHERE term IS NOT NULL) AS accepted, count(*) FILTER (WHERE term IS NULL) AS rejected
     FROM leaders`,
  )
  assert.equal(Number(row?.accepted) + Number(row?.rejected) >= 4, true)
})

test('an engine stopped dead at any moment of its work is followed by one that knows all that was acknowledged', async () => {
  const { startBatcher, start } = await campusOn(rabbitAddress())
  startBatcher()
  const acknowledged = new Set<number>()
  for (let life = 0; life < 6; life++) {
    const running = start()
    await untilLeading(running)
    for (const student of acknowledged) {
      const view = await running.engine.studentView(student)
      assert.ok(view.kind === 'shown' && view.view?.places.length === 1, `student ${student} in life ${life}`)
    }
    const students = [1, 2, 3, 4].map((offset) => life * 4 + offset)
    const asked = students.map(async (student) => {
      const outcome = await running.engine.submit(byStudent(student, add(102, 1)))
      if (answerOf(outcome) === 'yes') acknowledged.add(student)
    })
    // Later in each life: before the batch leaves, while it is being confirmed, after. However slow the machine is, the
    // last but one is stopped when all is acknowledged, and the last shows it.
    if (life === 4) await Promise.all(asked)
    else for (let turn = 0; turn < life * 2; turn++) await new Promise((resolve) => setImmediate(resolve))
    await running.engine.stop(0)
    await Promise.all(asked)
  }
  assert.ok(acknowledged.size >= 4)
})

test('told to wait for PostgreSQL, no reply leaves before the decision is in the tables', async () => {
  const { database, startBatcher, start } = await campusOn(rabbitAddress(), {
    limits: { acknowledge: 'applied', replyDeadlineMs: 700 },
  })
  const batcher = startBatcher()
  const running = start()
  await untilLeading(running)
  assert.equal(answerOf(await running.engine.submit(byStudent(1, add(102, 1)))), 'yes')
  const [row] = await database.query<{ count: number }>('SELECT count(*) AS count FROM enrolled_courses')
  assert.equal(Number(row?.count), 1)
  await batcher.stop()
  const keyed = { key: 'k', requestHash: 'h' }
  assert.equal(answerOf(await running.engine.submit(byStudent(2, add(102, 1)), keyed)), 'outcome_unknown')
  assert.equal(
    answerOf(await running.engine.submit(byStudent(2, add(102, 1)), keyed)),
    'idempotency_in_flight',
    'its record is still on its way',
  )
  startBatcher()
  await eventually(
    async () => answerOf(await running.engine.submit(byStudent(2, add(102, 1)), keyed)) === 'yes',
  )
  assert.equal(answerOf(await running.engine.submit(byStudent(2, drop(102)))), 'yes')
})

test('when PostgreSQL falls too far behind, admission stops for sure until it has caught up', async () => {
  const { startBatcher, start } = await campusOn(rabbitAddress(), { limits: { backlogBytesMax: 1000 } })
  const batcher = startBatcher()
  const running = start()
  await untilLeading(running)
  await batcher.stop()
  let answer = 'yes'
  let student = 0
  while (answer === 'yes') answer = answerOf(await running.engine.submit(byStudent(++student, add(102, 1))))
  assert.equal(answer, 'busy')
  assert.ok(student > 1)
  startBatcher()
  await eventually(
    async () => answerOf(await running.engine.submit(byStudent(student, add(102, 1)))) === 'yes',
  )
})

test('while the broker has an alarm, commands are refused for sure', async () => {
  const { startBatcher, start } = await campusOn(broker.address, { limits: { replyDeadlineMs: 60_000 } })
  startBatcher()
  const running = start()
  await untilLeading(running)
  await broker.control('set_vm_memory_high_watermark', '0.00001')
  const first = running.engine.submit(byStudent(1, add(102, 1)))
  await eventually(() => running.engine.status().journalBlocked)
  assert.equal(answerOf(await running.engine.submit(byStudent(2, add(102, 1)))), 'journal_unavailable')
  await broker.control('set_vm_memory_high_watermark', '0.6')
  assert.equal(answerOf(await first), 'yes')
  await eventually(async () => answerOf(await running.engine.submit(byStudent(2, add(102, 1)))) === 'yes')
})
