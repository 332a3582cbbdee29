import assert from 'node:assert/strict'
import { once } from 'node:events'
import { PassThrough, Writable } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { eventually } from '../../../kit/eventually.ts'
import { campusOf } from '../../../actors/testing/scenario.ts'
import { group } from '../../../actors/testing/sketches.ts'
import { SeatBoard } from '../../engine/seat-board.ts'
import { EventHub, type EventTimes, type WatchedService } from './event-hub.ts'
import type { Watch } from './event-round.ts'
import { EventReader } from '../testing/event-reader.ts'
import { TermService } from '../testing/term-service.ts'

const times: EventTimes = { coalesceMs: 16, heartbeatMs: 60_000, stalledMs: 60_000, careMs: 10 }
const watch = { department: 1, courses: [], student: undefined }
const ownerOf = (id: number) => ({
  id,
  staff: false,
  department: 1,
  expiresMs: 1,
  session: { beganMs: 0, passwordTag: undefined },
})
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
  const addWatch = (out: Writable, id: number, about: Watch) =>
    hub.add({ owner: ownerOf(id), watch: about, out, end: () => out.end(), untilMs: 1 }, undefined)
  const add = (out: PassThrough, id = 1) => addWatch(out, id, { ...watch, student: id })
  return { campus, engine, state, hub, register, add, addWatch }
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
  await eventually(() => out.destroyed)
  assert.equal(hub.clientsCut, 1)
  await eventually(() => hub.size === 0)
  assert.equal(hub.streamsOf({ id: 1, staff: false }), 0)
})

test('a client that left before its stream began is nobody’s stream', async (t) => {
  const { add, hub } = open(t)
  const out = new PassThrough()
  out.destroy()
  await once(out, 'close')
  add(out)
  assert.equal(hub.size, 0)
  assert.equal(hub.streamsOf({ id: 1, staff: false }), 0)
})

test('a question to the engine that fails is asked again', async (t) => {
  const { state, add } = open(t)
  const { studentView } = state
  state.studentView = async () => {
    state.studentView = studentView
    throw new Error('a bug in one read')
  }
  const out = new PassThrough()
  const events = new EventReader(out)
  add(out)
  assert.equal((await events.next()).event, 'resync')
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
  const { hub, register, addWatch } = open(t)
  const readers = Array.from({ length: 30 }, (_, id) => {
    const out = new PassThrough()
    addWatch(out, id, watch)
    return new EventReader(out)
  })
  for (const events of readers) assert.equal((await events.next()).id, '1.0')
  register(1)
  const told = await Promise.all(readers.map((events) => events.next()))
  for (const one of told) assert.deepEqual(one, told[0])
  assert.equal(hub.messagesWritten, 60)
})

/** Connections that read at once, and keep what they were written as it was. */
function connections(count: number) {
  const written: Buffer[][] = Array.from({ length: count }, () => [])
  const outs = written.map(
    (chunks) => new Writable({ write: (chunk: Buffer, _, done) => (chunks.push(chunk), done()) }),
  )
  const textsOf = (chunks: readonly Buffer[]) => chunks.map((chunk) => chunk.toString())
  const all = (holds: (texts: readonly string[]) => boolean) =>
    eventually(() => written.every((chunks) => holds(textsOf(chunks))))
  return { outs, written, textsOf, all }
}

const isAbout = (id: string) => (text: string) => text.startsWith(`id: ${id}\n`)
const begins = (texts: readonly string[]) => texts.some(isAbout('1.0'))

test('streams with the same filter are written the same bytes, but those that hear of a place of their own', async (t) => {
  const { register, addWatch } = open(t)
  const { outs, written, textsOf, all } = connections(600)
  for (const [id, out] of outs.entries()) addWatch(out, id, { ...watch, student: id })
  await all(begins)
  register(7)
  await all((texts) => texts.some(isAbout('1.1')))
  const told = written.map((chunks) => chunks.filter((chunk) => isAbout('1.1')(chunk.toString())))
  assert.ok(told.every((chunks) => chunks.length === 1))
  const shared = new Set(told.filter((_, id) => id !== 7).flat())
  assert.equal(shared.size, 1)
  assert.match(textsOf(told[7] ?? []).join(''), /"seats":\[\{.*"places":\[\{"course_id":10/)
})

test('thousands are not told all at once: between some and the next it is others’ turn', async (t) => {
  const { register, addWatch } = open(t)
  const { outs, all } = connections(2000)
  for (const [id, out] of outs.entries()) addWatch(out, id, watch)
  await all(begins)
  const turns: number[] = []
  let inTurn = 0
  for (const out of outs) {
    t.mock.method(out, 'write', function (this: Writable, ...args: Parameters<Writable['write']>) {
      if (inTurn++ === 0) process.nextTick(() => (turns.push(inTurn), (inTurn = 0)))
      return Writable.prototype.write.apply(this, args)
    })
  }
  register(1)
  await all((texts) => texts.some(isAbout('1.1')))
  assert.equal(
    turns.reduce((total, count) => total + count, 0),
    2000,
  )
  assert.ok(Math.max(...turns) <= 256, `${Math.max(...turns)} at once`)
})

test('what comes while a round is being told is told by the next, once to each', async (t) => {
  const { register, addWatch } = open(t)
  const { outs, textsOf, written, all } = connections(1000)
  for (const [id, out] of outs.entries()) addWatch(out, id, watch)
  await all(begins)
  let left = 30
  const registerInEveryTurn = () => {
    if (left-- > 0) register(left)
    if (left > 0) setImmediate(registerInEveryTurn)
  }
  registerInEveryTurn()
  await all((texts) => texts.some(isAbout('1.30')))
  for (const chunks of written) {
    const ids = textsOf(chunks).map((text) => /^id: 1\.(\d+)\n/.exec(text)?.[1])
    const told = ids.filter((id) => id !== undefined).map(Number)
    assert.deepEqual(
      told,
      [...new Set(told)].toSorted((a, b) => a - b),
    )
    assert.match(textsOf(chunks).at(-1) ?? '', /"registered_count":30/)
  }
})

test('a term that ends while its last changes are being told is not heard of after the next one began', async (t) => {
  const { campus, state, register, addWatch } = open(t)
  const { outs, textsOf, written, all } = connections(2000)
  for (const [id, out] of outs.entries()) addWatch(out, id, watch)
  await all(begins)
  const next = new SeatBoard(campus, 2)
  for (const out of outs.filter((_, id) => id === 0 || id === 1999)) {
    t.mock.method(
      out,
      'write',
      (...args: Parameters<Writable['write']>) => {
        // Whichever of the two is told first, most are not told yet.
        if (state.seats !== next) {
          state.seats = next
          next.show(1, [{ type: 'registered', student: 1, ...at }])
        }
        return Writable.prototype.write.apply(out, args)
      },
      { times: 1 },
    )
  }
  register(1)
  await all((texts) => texts.some((text) => isAbout('2.1')(text) && text.includes('event: resync')))
  for (const chunks of written) assert.ok(textsOf(chunks).at(-1)?.startsWith('id: 2.1\n'))
  const told = written.filter((chunks) => textsOf(chunks).some(isAbout('1.1'))).length
  assert.ok(told > 0 && told < 2000, `${told} were told`)
})

test('who comes back is told of a place that changed in the middle of the round they heard last', async (t) => {
  const { state, register, addWatch } = open(t)
  const { outs, textsOf, written, all } = connections(600)
  for (const [id, out] of outs.entries()) addWatch(out, id, { ...watch, student: id })
  await all(begins)
  // Whose place changed last is told first.
  const first = outs.at(-1)
  assert.ok(first !== undefined)
  t.mock.method(
    first,
    'write',
    (...args: Parameters<Writable['write']>) => {
      setImmediate(() => state.seats?.show(601, [{ type: 'left', student: 0, ...at }]))
      return Writable.prototype.write.apply(first, args)
    },
    { times: 1 },
  )
  for (let student = 0; student < 600; student++) register(student)
  await all((texts) => texts.some(isAbout('1.601')))
  const told = textsOf(written[0] ?? []).find(isAbout('1.601'))
  assert.match(told ?? '', /"change":"left"/)
})
