import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Campus } from '../../actors/campus.ts'
import type { StudentProfile } from '../../actors/student.ts'
import type { Command } from '../../actors/messages/commands.ts'
import { Engine } from './engine.ts'
import { keyLifetimeMs } from './key-memory.ts'
import { KeyArchive } from './key-archive.ts'
import { type CampusStore, noLeader, type Position, type StartMessage } from './ports.ts'
import type { TermLimits } from './term.ts'
import { ManualTerm } from './testing/manual-journal.ts'
import { ManualRuntime, settlePromises } from './testing/manual-runtime.ts'

const limits: TermLimits = {
  recordsMax: 100,
  bytesMax: 1_000_000,
  batchRecordsMax: 10,
  batchBytesMax: 1_000_000,
  backlogBytesMax: 1_000_000,
  replyDeadlineMs: 1000,
  acknowledge: 'confirm',
  mailboxes: { perCourse: 10, perStudent: 10 },
  turnBudgetMs: 10,
  catalogReuseMs: 100,
  clockSkewMsMax: 2000,
  keysBytesMax: 64 * 1024 * 1024,
}

/** A database in which every marker is accepted at once. */
function storeOf(campus: () => Campus, runtime: ManualRuntime): CampusStore {
  const position: Position = { leader: noLeader, seq: 0, term: 1, atMs: 0 }
  return {
    readPosition: async () => position,
    noteAnswered: async () => {},
    readClock: async () => runtime.now(),
    readJournalStart: () => Promise.resolve(0),
    judgementOf: async () => 'accepted',
    loadCampus: async (leader) => ({
      campus: campus(),
      position: { ...position, leader },
      keys: new KeyArchive(1_000_000, keyLifetimeMs),
    }),
    loadStudent: async () => undefined,
    findKey: async () => undefined,
  }
}

const one: StudentProfile = {
  id: 1,
  department: 1,
  gender: 'female',
  maxUnits: 20,
  remainingActions: 5,
  windowStartMs: 0,
  windowEndMs: 9_000_000,
}

function campusOfOne(): Campus {
  const campus = new Campus()
  campus.addStudent(one)
  campus.addGroup({
    course: 101,
    group: 1,
    department: 1,
    name: 'Calculus',
    lecturer: 'Ada',
    units: 3,
    capacity: 2,
    reserveCapacity: 0,
    exam: undefined,
    meetings: [],
    genderLock: undefined,
    notes: '',
  })
  return campus
}

const addOne: Command = {
  actor: { role: 'student', id: 1 },
  student: 1,
  legs: [{ do: 'add', course: 101, group: 1, reserve: 'allow' }],
}

interface Given {
  readonly store?: Partial<CampusStore>
  readonly acknowledge?: TermLimits['acknowledge']
  readonly onState?: (state: string, detail: string) => void
  readonly onAlarm?: (alarm: string, detail: string) => void
}

/** An engine over terms of the journal that the test owns, in their order, and a store that it may replace. */
async function startedEngine(terms: readonly ManualTerm[], given: Given = {}) {
  const runtime = new ManualRuntime()
  const left = [...terms]
  const engine = new Engine({
    campusId: 'test',
    journal: { identity: 'manual', acquire: async () => left.shift() ?? new ManualTerm() },
    store: { ...storeOf(campusOfOne, runtime), ...given.store },
    runtime,
    limits: { ...limits, acknowledge: given.acknowledge ?? limits.acknowledge },
    onState: given.onState ?? (() => {}),
    ...(given.onAlarm !== undefined && { onAlarm: given.onAlarm }),
  })
  void engine.run()
  await settlePromises()
  return { engine, runtime }
}

/** The same, leading in its first term; the test sets what the database tells of the position. */
async function leadingEngine(given: Given = {}) {
  const [journal, next] = [new ManualTerm(), new ManualTerm()]
  const database: { position: Position } = { position: { leader: noLeader, seq: 0, term: 1, atMs: 0 } }
  const store = { readPosition: async () => database.position, ...given.store }
  const { engine, runtime } = await startedEngine([journal, next], { ...given, store })
  journal.confirm()
  await settlePromises()
  assert.equal(engine.status().state, 'leading')
  return { engine, runtime, journal, next, database }
}

/** Decides one command that the journal confirms, loses the journal, and publishes the next marker. */
async function seenAfter(acknowledge: 'confirm' | 'applied'): Promise<StartMessage['start']['seen']> {
  const { engine, runtime, journal, next } = await leadingEngine({ acknowledge })
  void engine.submit(addOne)
  await runtime.advance(1)
  journal.confirm()
  await settlePromises()
  journal.lose('cut')
  await runtime.advance(100)
  const [marker] = next.appended
  void engine.stop(0)
  await runtime.advance(1000)
  assert.ok(marker && 'start' in marker)
  return marker.start.seen
}

test('the next marker demands what was answered for: the last record that the journal confirmed', async () => {
  assert.equal((await seenAfter('confirm'))?.seq, 1)
})

test('where replies wait for PostgreSQL, a marker demands no record that was merely confirmed', async () => {
  assert.equal(await seenAfter('applied'), undefined)
})

test('what a term has answered for is written down once PostgreSQL is back, long after that term', async () => {
  const noted: number[] = []
  let isAway = true
  const noteAnswered: CampusStore['noteAnswered'] = async ({ seq }) => {
    if (isAway) throw new Error('connection refused')
    noted.push(seq)
  }
  const { engine, runtime, journal } = await leadingEngine({ store: { noteAnswered } })
  void engine.submit(addOne)
  await runtime.advance(1)
  journal.confirm()
  await settlePromises()
  journal.lose('cut')
  await runtime.advance(60_000)
  isAway = false
  await runtime.advance(1000)
  assert.deepEqual(noted, [1])
  await runtime.advance(5000)
  assert.deepEqual(noted, [1], 'and once')
  void engine.stop(0)
  await runtime.advance(1000)
})

test('what a term has answered for is written down when the process is told to stop', async () => {
  const noted: number[] = []
  const noteAnswered: CampusStore['noteAnswered'] = async ({ seq }) => void noted.push(seq)
  const { engine, runtime, journal } = await leadingEngine({ store: { noteAnswered } })
  void engine.submit(addOne)
  await runtime.advance(1)
  journal.confirm()
  await settlePromises()
  const stopped = engine.stop(0)
  await runtime.advance(2000)
  await stopped
  assert.deepEqual(noted, [1])
})

const anotherLed: Position = { leader: '22222222-2222-4222-8222-222222222222', seq: 3, term: 2, atMs: 0 }

test('a leader that learns from PostgreSQL that another has led since gives up', async () => {
  const { engine, runtime, journal, database } = await leadingEngine({ acknowledge: 'applied' })
  const answer = engine.submit(addOne)
  await runtime.advance(1)
  journal.confirm()
  database.position = anotherLed
  await runtime.advance(1100)
  assert.deepEqual(await answer, { kind: 'unavailable', code: 'outcome_unknown' })
  assert.equal(journal.open, false)
})

test('an engine that waits long for the batcher leaves nothing behind, and gives up when the term ends', async (t) => {
  const journal = new ManualTerm()
  const listening = t.mock.method(journal.ended, 'then')
  const states: string[] = []
  const { runtime } = await startedEngine([journal], {
    store: { judgementOf: async () => undefined },
    onState: (state, detail) => states.push(`${state}: ${detail}`),
  })
  journal.confirm()
  await runtime.advance(60_000)
  assert.match(states.at(-1) ?? '', /waiting for the batcher/)
  const listeners = listening.mock.callCount()
  assert.ok(listeners < 10, `${listeners} wait for the end of the term`)
  journal.lose('cut')
  await settlePromises()
  assert.match(states.at(-1) ?? '', /unreachable: cut/)
})

test('a takeover may last, and the term that follows it stands', async () => {
  const journal = new ManualTerm()
  let judgement: 'accepted' | undefined
  const { engine, runtime } = await startedEngine([journal], {
    store: { judgementOf: async () => judgement },
  })
  journal.confirm()
  await runtime.advance(30_000)
  judgement = 'accepted'
  await runtime.advance(5000)
  assert.equal(engine.status().state, 'leading')
  assert.ok(journal.open)
})

test('a leader that nobody asks for anything learns of another one too, within ten seconds', async () => {
  const { engine, runtime, journal, database } = await leadingEngine()
  database.position = anotherLed
  await runtime.advance(10_000)
  assert.equal(journal.open, false)
  assert.notEqual(engine.status().state, 'leading')
})

test('an answer about a former term, come late, leaves the present one alone', async () => {
  let ask: () => Promise<Position> = async () => ({ leader: noLeader, seq: 0, term: 1, atMs: 0 })
  const { engine, runtime, journal, next } = await leadingEngine({ store: { readPosition: () => ask() } })
  let answer: (position: Position) => void = () => {}
  ask = () => new Promise((resolve) => (answer = resolve))
  await runtime.advance(10_000)
  journal.lose('cut')
  ask = async () => anotherLed
  await runtime.advance(100)
  next.confirm()
  await runtime.advance(100)
  assert.equal(engine.status().state, 'leading')
  answer(anotherLed)
  await runtime.advance(100)
  assert.equal(engine.status().state, 'leading')
  assert.ok(engine.campus)
})

test('a student whom one term has learnt of is not said to be unknown because the next one has begun', async () => {
  let answer: (profile: StudentProfile) => void = () => {}
  const { engine, runtime, journal, next } = await leadingEngine({
    store: { loadStudent: () => new Promise((resolve) => (answer = resolve)) },
  })
  const view = engine.studentView(2)
  await settlePromises()
  journal.lose('cut')
  await runtime.advance(100)
  next.confirm()
  await runtime.advance(100)
  assert.equal(engine.status().state, 'leading')
  answer({ ...one, id: 2 })
  assert.deepEqual(await view, { kind: 'unavailable', code: 'recovering' })
})

test('a grant that is missing is told with what gives it, and asked for less and less often', async () => {
  const lines: string[] = []
  let loads = 0
  const denied = Object.assign(new Error('permission denied for table decisions'), { code: '42501' })
  const terms = Array.from({ length: 100 }, () => new ManualTerm())
  for (const term of terms) term.append = async () => {}
  const { engine, runtime } = await startedEngine(terms, {
    store: {
      loadCampus: async () => {
        loads++
        throw denied
      },
    },
    onState: (state, detail) => lines.push(`${state}: ${detail}`),
  })
  await runtime.advance(60_000)
  assert.ok(loads < 20, `${loads} times in a minute`)
  assert.ok(
    lines.includes(
      'unreachable: permission denied for table decisions; give this role what it needs: psql -f schema/grants.sql, see docs/security.md',
    ),
  )
  void engine.stop(0)
  await runtime.advance(10_000)
})

test('a decision that the batcher would refuse fails that one request: nothing is published, nothing has changed', async () => {
  const refused: string[] = []
  const campus = campusOfOne()
  // No loader lets such a row through: this is about the last line of defence.
  campus.addStudent({ ...one, id: 2, windowStartMs: -1 })
  const loadCampus: CampusStore['loadCampus'] = async (leader) => ({
    campus,
    position: { leader, seq: 0, term: 1, atMs: 0 },
    keys: new KeyArchive(1_000_000, keyLifetimeMs),
  })
  const { engine, runtime, journal } = await leadingEngine({
    store: { loadCampus },
    onAlarm: (alarm, detail) => refused.push(`${alarm}: ${detail}`),
  })
  const actor = { role: 'staff', id: 7, department: 1, campusWide: false } as const
  const key = { key: 'k', requestHash: 'h', request: 'r-1' }
  const change: Command = { actor, student: 2, legs: [{ do: 'change_student', windowEndMs: 5_000_000 }] }
  for (let time = 0; time < 2; time++) {
    const answer = engine.submit(change, key)
    await runtime.advance(1)
    assert.deepEqual(await answer, { kind: 'failed', code: 'internal' }, 'and the key is free again')
  }
  assert.equal(refused.length, 2)
  assert.match(
    refused[0] ?? '',
    /^record_refused: .*staff 7 about student 2 .*change_student.*\(request r-1\): \/effects\/0\/windowStartMs/,
  )
  assert.equal(journal.appended.length, 1, 'the marker alone')
  assert.equal(campus.student(2).window.endMs, one.windowEndMs)
  const next = engine.submit(addOne)
  await runtime.advance(1)
  journal.confirm()
  const outcome = await next
  assert.ok(outcome.kind === 'decided')
  assert.equal(outcome.record.seq, 1, 'no number is missing')
})
