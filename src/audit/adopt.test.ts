import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AdoptLeg } from '../../actors/messages/commands.ts'
import type { DecisionRecord } from '../../actors/messages/records.ts'
import { group } from '../../actors/testing/sketches.ts'
import type { EngineState, EngineStatus, Outcome } from '../engine/service.ts'
import { AdoptionFailed, type AdoptionPlan, applyAdoption, planAdoption } from './adopt.ts'
import { formatAdoptionPlan } from './format-adoption.ts'
import { Ledger } from './testing/ledger.ts'

const duplicate = { kind: 'duplicate', text: 'student 7 is in course 101 group 1 twice' }
const unusable = { kind: 'unusable', text: 'course 9 group 1: a negative capacity' }
const surplus = { student: 7, group: 1, rows: [12, 15] }

function adoption(course: number, ...duplicates: AdoptLeg['duplicates'][number][]): AdoptLeg {
  return { do: 'adopt', course, duplicates }
}

/** Of 101/1: student 7 in a seat that is told twice more; 8 in both groups; 102/1 holds more than it may. */
function leftBehind(): Ledger {
  const ledger = new Ledger(
    group('101/1', { capacity: 2, registered: [8, 7], queue: [9] }),
    group('101/2', { capacity: 1, registered: [3], queue: [8] }),
    group('102/1', { capacity: 1, registered: [1, 2] }),
    group('103/1', { capacity: 1, registered: [1, 2] }),
  )
  ledger.rows.places.push(
    { student: 7, course: 101, group: 1, order: undefined },
    { student: 7, course: 101, group: 1, order: 88 },
  )
  return ledger
}

async function planned(): Promise<AdoptionPlan> {
  return await planAdoption([duplicate], [adoption(101, surplus), adoption(102)], leftBehind().tables)
}

describe('what adoption would do is told before it is done', () => {
  test('row by row, with how to go on', async () => {
    assert.deepEqual(formatAdoptionPlan(await planned()), [
      'found: student 7 is in course 101 group 1 twice',
      'would be done: course 101 group 1: student 7 keeps one row, rows 12, 15 removed',
      'would be done: course 101 group 2: student 8 leaves, and keeps the place in another group',
      'would be done: course 102 group 1: grows to 2 seats',
      '3 changes in 2 courses; nothing was changed now. To do it: enrollment adopt --apply',
    ])
  })

  test('and only what was found, when it is done at once', async () => {
    assert.deepEqual(formatAdoptionPlan(await planned(), { applying: true }), [
      'found: student 7 is in course 101 group 1 twice',
    ])
  })

  test('a seat counts before an older reserve place, an older seat before a younger one', async () => {
    const ledger = new Ledger(group('101/1'), group('101/2', { registered: [7] }), group('101/3'))
    ledger.rows.places.unshift({ student: 7, course: 101, group: 1, order: 1 })
    ledger.rows.places.push({ student: 7, course: 101, group: 3, order: undefined })
    const plan = await planAdoption([duplicate], [adoption(101)], ledger.tables)
    assert.deepEqual(plan.courses[0]?.effects, [
      { type: 'left', student: 7, course: 101, group: 3 },
      { type: 'left', student: 7, course: 101, group: 1 },
    ])
  })

  test('who waits beside a free seat moves up', async () => {
    const ledger = new Ledger(group('101/1', { capacity: 2, registered: [1], queue: [5, 6] }))
    const plan = await planAdoption([duplicate], [adoption(101)], ledger.tables)
    assert.deepEqual(formatAdoptionPlan(plan).slice(1), [
      'would be done: course 101 group 1: student 5 moves up from the queue to a seat',
      '1 change in 1 course; nothing was changed now. To do it: enrollment adopt --apply',
    ])
  })

  test('tables in order need nothing', async () => {
    const plan = await planAdoption([], [], leftBehind().tables)
    assert.deepEqual(formatAdoptionPlan(plan), [
      'nothing to adopt: the tables hold nothing that decisions could not lead to',
    ])
  })

  test('a row that nobody can use comes first, and is for people to correct', async () => {
    const plan = await planAdoption([unusable, duplicate], [adoption(101, surplus)], leftBehind().tables)
    assert.deepEqual(formatAdoptionPlan(plan), [
      'found: course 9 group 1: a negative capacity',
      'found: student 7 is in course 101 group 1 twice',
      'nothing can be adopted before the unusable rows are corrected by hand',
    ])
  })
})

describe('adoption is decided course by course', () => {
  test('and is over once the tables have all of it', async () => {
    const engine = new ScriptedEngine(['decided', 'decided'])
    const done = await applied(engine)
    assert.deepEqual(done.progress, ['101: 1 of 2', '102: 2 of 2'])
    assert.ok(engine.askedBehind > 0, 'it waited for the tables')
  })

  test('a lost term is waited out, and the same request repeated', async () => {
    const engine = new ScriptedEngine(['outcome_unknown', 'recovering', 'in_flight', 'decided', 'decided'])
    const done = await applied(engine)
    assert.deepEqual(done.progress, ['101: 1 of 2', '102: 2 of 2'])
    assert.deepEqual(engine.keys, [
      'adopt-run-101',
      'adopt-run-101',
      'adopt-run-101',
      'adopt-run-101',
      'adopt-run-102',
    ])
    assert.deepEqual(done.waits, [], 'a moment is not worth a line')
  })

  test('a longer wait is told once, with its reason', async () => {
    const engine = new ScriptedEngine([...Array<Answer>(25).fill('recovering'), 'decided', 'decided'])
    assert.deepEqual((await applied(engine)).waits, [
      'waiting to lead',
      'waiting for the database to have it all',
    ])
  })

  test('a course that is turned away ends it', async () => {
    await assert.rejects(applied(new ScriptedEngine(['no_such_course'])), AdoptionFailed)
  })

  test('an engine that stopped ends it', async () => {
    const engine = new ScriptedEngine(['recovering'])
    engine.state = 'stopped'
    await assert.rejects(applied(engine), /the engine has stopped/)
  })

  test('the person who started it may end it', async () => {
    const engine = new ScriptedEngine(Array.from({ length: 10_000 }, () => 'recovering' as const))
    await assert.rejects(applied(engine, AbortSignal.abort(new Error('interrupted'))), /interrupted/)
  })

  test('it does not begin while rows must be corrected by hand', async () => {
    const engine = new ScriptedEngine([])
    const plan = await planAdoption([unusable], [adoption(101)], leftBehind().tables)
    const options = optionsOf(new AbortController().signal)
    await assert.rejects(applyAdoption(engine, plan, options), /by hand/)
    assert.deepEqual(engine.keys, [])
  })
})

type Answer = 'decided' | 'in_flight' | 'no_such_course' | 'outcome_unknown' | 'recovering'

/** An engine in whose life everything that may go wrong goes wrong when the test says so. */
class ScriptedEngine {
  readonly keys: (string | undefined)[] = []
  state: EngineState = 'leading'
  /** How often it was asked while the tables were behind. */
  askedBehind = 0
  readonly #answers: Answer[]
  #decided = 0

  constructor(answers: readonly Answer[]) {
    this.#answers = [...answers]
  }

  async submit(_command: object, options: { readonly key?: string } = {}): Promise<Outcome> {
    this.keys.push(options.key)
    const answer = this.#answers.shift()
    switch (answer) {
      case 'decided': {
        const record: DecisionRecord = {
          seq: ++this.#decided,
          at: 0,
          actor: { role: 'operator', id: 0 },
          legs: [],
          effects: [],
        }
        return { kind: 'decided', record, replayed: false }
      }
      case 'in_flight':
        return { kind: 'key_refused', code: 'idempotency_in_flight' }
      case 'no_such_course':
        return { kind: 'rejected', code: 'no_such_course' }
      case 'outcome_unknown':
      case 'recovering':
        return { kind: 'unavailable', code: answer }
      case undefined:
        throw new Error('nobody expected this request')
    }
  }

  status(): EngineStatus {
    const isBehind = this.#decided > 0 && this.#answers.length === 0 && this.askedBehind++ < 2
    return {
      state: this.state,
      detail: '',
      term: 1,
      decidedSeq: this.#decided,
      confirmedSeq: this.#decided,
      appliedSeq: isBehind ? this.#decided - 1 : this.#decided,
      pendingRecords: 0,
      backlogBytes: 0,
      behindMs: 0,
      mailboxDepth: 0,
      journalBlocked: false,
      isFull: false,
    }
  }
}

function optionsOf(signal: AbortSignal): Parameters<typeof applyAdoption>[2] & {
  readonly progress: string[]
  readonly waits: string[]
} {
  const progress: string[] = []
  const waits: string[] = []
  return {
    runId: 'run',
    signal,
    onProgress: ({ course, done, total }) => progress.push(`${course}: ${done} of ${total}`),
    onWaiting: (why) => waits.push(why),
    progress,
    waits,
  }
}

async function applied(
  engine: ScriptedEngine,
  signal = new AbortController().signal,
): Promise<{ progress: string[]; waits: string[] }> {
  const options = optionsOf(signal)
  await applyAdoption(engine, await planned(), options)
  return options
}
