import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { campusOf } from '../../actors/testing/scenario.ts'
import { group } from '../../actors/testing/sketches.ts'
import { SeatBoard } from '../engine/seat-board.ts'
import { EventHub, type EventTimes, type WatchedService } from './event-hub.ts'
import { EventReader } from './testing/event-reader.ts'
import { TermService } from './testing/term-service.ts'

const times: EventTimes = { coalesceMs: 16, heartbeatMs: 60_000, stalledMs: 60_000, careMs: 10 }
const watch = { department: 1, courses: [], student: undefined }
const at = { course: 10, group: 1 }

/** A hub whose board the test decides upon. */
function open(t: TestContext, changed: Partial<EventTimes> = {}) {
  const campus = campusOf([group('10/1', { capacity: 1000 })])
  const engine = new TermService(campus, () => 0)
  const state: { -readonly [Part in keyof WatchedService]: WatchedService[Part] } = {
    seats: new SeatBoard(campus, 1),
    studentView: (id) => engine.studentView(id),
    status: () => engine.status(),
  }
  const hub = new EventHub(state, () => 0, { ...times, ...changed })
  t.after(() => hub.close())
  const register = (student: number) => {
    const board = state.seats
    assert.ok(board !== undefined)
    board.show(board.seq + 1, [{ type: 'registered', student, ...at }])
  }
  const add = (out: PassThrough, id = 1) =>
    hub.add({ owner: { id, staff: false }, watch: { ...watch, student: id }, out, untilMs: 1 }, undefined)
  return { campus, engine, state, hub, register, add }
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!holds()) {
    assert.ok(performance.now() < deadline, 'it did not come true in 10 s')
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

test('for a client that reads slowly one message waits, and the next one tells all that came meanwhile', async (t) => {
  const { register, add, hub } = open(t)
  const slow = new PassThrough({ highWaterMark: 1 })
  const prompt = new PassThrough()
  const events = new EventReader(prompt)
  add(slow)
  add(prompt, 2)
  await events.next()
  // Told to all but the slow one.
  for (let student = 1; student <= 20; student++) {
    register(student)
    while ((await events.next()).id !== `1.${student}`);
    assert.ok(slow.writableLength + slow.readableLength < 700)
  }
  assert.equal(hub.clientsCut, 0)
  const late = new EventReader(slow)
  const [first, last] = [await late.next(), await late.next()]
  assert.deepEqual([first.event, last.event, last.id], ['resync', 'changes', '1.20'])
  assert.equal(last.seats[0]?.registered_count, 20)
  assert.equal(last.places[0]?.place, 'registered')
  assert.equal(late.waiting, 0)
})

test('a client that does not read at all is cut off, and is nobody’s stream any more', async (t) => {
  const { register, add, hub } = open(t, { stalledMs: 1 })
  const out = new PassThrough({ highWaterMark: 1 })
  add(out)
  register(1)
  await until(() => out.destroyed)
  assert.equal(hub.clientsCut, 1)
  await until(() => hub.size === 0)
  assert.equal(hub.streamsOf({ id: 1, staff: false }), 0)
})

test('a stream that outlives a term begins afresh in the next one', async (t) => {
  const { campus, state, register, add } = open(t)
  const out = new PassThrough()
  const events = new EventReader(out)
  add(out)
  assert.equal((await events.next()).id, '1.0')
  register(1)
  assert.equal((await events.next()).id, '1.1')
  state.seats = undefined
  state.status = () => ({ ...new TermService(campus, () => 0).status(), state: 'recovering' })
  await new Promise((resolve) => setTimeout(resolve, 2 * times.coalesceMs))
  assert.ok(!out.writableEnded)
  state.seats = new SeatBoard(campus, 2)
  const { id, event, seats } = await events.next()
  assert.deepEqual([id, event, seats.length], ['2.0', 'resync', 1])
  register(2)
  assert.deepEqual((await events.next()).id, '2.1')
})

test('what the engine cannot tell now is told when it can', async (t) => {
  const { engine, add, register } = open(t)
  engine.unavailable = 'journal_unavailable'
  const out = new PassThrough()
  const events = new EventReader(out)
  add(out)
  register(1)
  await events.until(() => events.retryMs !== undefined)
  engine.unavailable = undefined
  const { event, seats } = await events.next()
  assert.deepEqual([event, seats[0]?.registered_count], ['resync', 1])
})

test('a stream with nothing to tell shows that it lives', async (t) => {
  const { add } = open(t, { heartbeatMs: 1 })
  const out = new PassThrough()
  const events = new EventReader(out)
  add(out)
  await events.until(() => events.comments >= 1)
})

test('streams that watch the same are told the same, each at its turn', async (t) => {
  const { hub, register } = open(t)
  const readers = Array.from({ length: 30 }, (_, id) => {
    const out = new PassThrough()
    hub.add({ owner: { id, staff: true }, watch, out, untilMs: 1 }, undefined)
    return new EventReader(out)
  })
  for (const events of readers) assert.equal((await events.next()).id, '1.0')
  register(1)
  const told = await Promise.all(readers.map((events) => events.next()))
  for (const one of told) assert.deepEqual(one, told[0])
  assert.equal(hub.messagesWritten, 60)
})
