import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type CampusStore,
  JournalLost,
  type JournalQueue,
  type JournalTerm,
  MessageReturned,
  type QueueState,
  type StartMessage,
} from './ports.ts'
import { Takeover } from './takeover.ts'
import { ManualRuntime } from './testing/manual-runtime.ts'

const marker: StartMessage = {
  version: 1,
  campus: 'test',
  start: { leader: '00000000-0000-4000-8000-000000000002', after: '00000000-0000-4000-8000-000000000001' },
}
const body = Buffer.from('marker')
const standing: QueueState = { kind: 'there', ready: 1, consumers: 1 }

/** Publishes a marker, which the queue returns at first so often as told, and finds the queue as told. */
function takeOver(given: { returns: number; state: QueueState; judgement?: 'accepted' }) {
  const runtime = new ManualRuntime()
  let returnsLeft = given.returns
  let restored = 0
  const publish = async (): Promise<Buffer> => {
    if (returnsLeft-- > 0) throw new MessageReturned('no queue took it')
    return body
  }
  const queue: JournalQueue = {
    window: 10,
    inspect: async () => given.state,
    restore: async () => {
      restored++
    },
    appendAgain: async () => void (await publish()),
    onMissing: () => {},
    onBlocked: () => {},
  }
  const journal: JournalTerm = {
    append: publish,
    ended: new Promise(() => {}),
    open: true,
    blocked: false,
    onApplied: () => {},
    queue,
    close: async () => {},
  }
  const takeover = new Takeover({
    journal,
    store: { judgementOf: async () => given.judgement } as unknown as CampusStore,
    runtime,
    confirmMsMax: 1000,
    signal: new AbortController().signal,
    onAlarm: () => {},
    onProgress: () => {},
  })
  return { passed: takeover.pass(marker), runtime, restoredCount: () => restored }
}

test('a marker that was returned is published again while the queue is there', async () => {
  const { passed, runtime } = takeOver({ returns: 2, state: standing, judgement: 'accepted' })
  const judged = passed.then((judgement) => judgement)
  await runtime.advance(10_000)
  assert.equal(await judged, 'accepted')
})

for (const when of ['as its marker is published', 'while its marker waits']) {
  test(`a queue that goes ${when} ends the term: who makes it anew has to ask what it held`, async () => {
    const returns = when === 'while its marker waits' ? 0 : 1
    const { passed, runtime, restoredCount } = takeOver({ returns, state: { kind: 'gone' } })
    const refused = assert.rejects(passed, JournalLost)
    await runtime.advance(10_000)
    await refused
    assert.equal(restoredCount(), 0)
  })
}
