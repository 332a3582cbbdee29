import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DecisionRecord } from '../../actors/messages/records.ts'
import type { CommitLimits } from './commit-options.ts'
import { GroupCommit } from './group-commit.ts'
import type { BatchMessage } from './ports.ts'
import type { Settlement } from './settlement.ts'
import { ManualTerm } from './testing/manual-journal.ts'
import { ManualRuntime, settlePromises } from './testing/manual-runtime.ts'

const leader = '11111111-1111-4111-8111-111111111111'
const limits: CommitLimits = {
  recordsMax: 100,
  bytesMax: 1_000_000,
  batchRecordsMax: 3,
  batchBytesMax: 1_000_000,
  backlogBytesMax: 1_000_000,
  replyDeadlineMs: 1000,
  acknowledge: 'confirm',
}

function setUp(changed: Partial<CommitLimits> = {}) {
  const journal = new ManualTerm()
  const runtime = new ManualRuntime()
  const lost: string[] = []
  const shown: number[] = []
  const commit = new GroupCommit({
    journal,
    campus: 'test',
    leader,
    limits: { ...limits, ...changed },
    runtime,
    onLost: (why) => lost.push(why),
    onReleased: (records) => {
      // Whoever has a reply finds it shown.
      for (const record of records) {
        assert.notEqual(replies.get(record.seq), 'durable')
        shown.push(record.seq)
      }
    },
  })
  let seq = 0
  const replies = new Map<number, Settlement>()
  const decide = (): number => {
    const record: DecisionRecord = {
      seq: ++seq,
      at: 1,
      actor: { role: 'student', id: 1 },
      student: 1,
      legs: [{ do: 'drop', course: 1 }],
      effects: [],
    }
    commit.add(record, { confirmed: () => {} })
    const mine = record.seq
    commit.whenDurable(mine, {
      seq: 0,
      expiresMs: 0,
      settle: (settlement) => void replies.set(mine, settlement),
    })
    return mine
  }
  const sent = (): number[][] =>
    journal.appended.map((message) => (message as BatchMessage).records.map((record) => record.seq))
  return { journal, runtime, commit, decide, replies, lost, sent, shown }
}

test('no reply leaves before the journal has confirmed its record', async () => {
  const { journal, commit, decide, replies } = setUp()
  decide()
  commit.flush()
  await settlePromises()
  assert.equal(replies.size, 0)
  journal.confirm()
  await settlePromises()
  assert.equal(replies.get(1), 'durable')
})

test('what is decided while a batch is in flight forms the next batch, one in flight at a time', async () => {
  const { journal, commit, decide, sent } = setUp()
  decide()
  commit.flush()
  decide()
  decide()
  commit.flush()
  assert.deepEqual(sent(), [[1]])
  journal.confirm()
  await settlePromises()
  assert.deepEqual(sent(), [[1], [2, 3]])
})

test('a batch holds no more records than it may; the rest follows in order', async () => {
  const { journal, commit, decide, sent } = setUp()
  for (let index = 0; index < 7; index++) decide()
  commit.flush()
  for (let index = 0; index < 3; index++) {
    journal.confirm()
    await settlePromises()
  }
  assert.deepEqual(sent(), [[1, 2, 3], [4, 5, 6], [7]])
})

test('when the term is lost every waiting reply is told so, and nothing is sent any more', async () => {
  const { journal, commit, decide, replies, lost, sent } = setUp()
  decide()
  commit.flush()
  decide()
  journal.lose('connection reset')
  await settlePromises()
  assert.deepEqual([...replies.values()], ['lost', 'lost'])
  assert.deepEqual(lost, ['connection reset'])
  commit.flush()
  assert.deepEqual(sent(), [[1]])
})

test('a confirm that is read after the term has ended releases no reply', async () => {
  const { journal, commit, decide, replies } = setUp()
  decide()
  commit.flush()
  journal.confirm()
  journal.lose('the lock was lost')
  await settlePromises()
  assert.equal(replies.get(1), 'lost')
  assert.equal(commit.confirmedSeq, 0)
})

test('a reply that waits past its deadline is late, and its record stays on its way', async () => {
  const { journal, runtime, commit, decide, replies } = setUp()
  decide()
  commit.flush()
  await runtime.advance(999)
  assert.equal(replies.size, 0)
  await runtime.advance(1)
  assert.equal(replies.get(1), 'late')
  journal.confirm()
  await settlePromises()
  assert.equal(commit.confirmedSeq, 1)
})

test('a clock that is set back makes nobody wait longer', async () => {
  const { runtime, commit, decide, replies } = setUp()
  decide()
  commit.flush()
  await runtime.advance(500)
  runtime.setClock(runtime.now() - 3_600_000)
  decide()
  await runtime.advance(500)
  assert.deepEqual([...replies], [[1, 'late']])
  await runtime.advance(500)
  assert.equal(replies.get(2), 'late')
})

test('admission stops at the bound on records and opens again once they are confirmed', async () => {
  const { journal, commit, decide } = setUp({ recordsMax: 2 })
  decide()
  assert.ok(commit.hasRoom)
  decide()
  assert.ok(!commit.hasRoom)
  commit.flush()
  journal.confirm()
  await settlePromises()
  assert.ok(commit.hasRoom)
})

test('admission stops while PostgreSQL is too far behind and opens again when it has caught up', async () => {
  const { journal, commit, decide } = setUp({ backlogBytesMax: 1 })
  decide()
  commit.flush()
  journal.confirm()
  await settlePromises()
  assert.ok(!commit.hasRoom)
  journal.apply({ leader: 'somebody else', seq: 1 })
  assert.ok(!commit.hasRoom, "another leader's position says nothing about ours")
  journal.apply({ leader, seq: 1 })
  assert.ok(commit.hasRoom)
  assert.equal(commit.backlogBytes, 0)
})

test('told to wait for PostgreSQL, a confirm alone releases nothing', async () => {
  const { journal, commit, decide, replies } = setUp({ acknowledge: 'applied' })
  decide()
  commit.flush()
  journal.confirm()
  await settlePromises()
  assert.equal(replies.size, 0)
  journal.apply({ leader, seq: 1 })
  assert.equal(replies.get(1), 'durable')
})

test("PostgreSQL's notice may overtake the confirm; the reply waits for both", async () => {
  const { journal, commit, decide, replies } = setUp({ acknowledge: 'applied' })
  decide()
  commit.flush()
  journal.apply({ leader, seq: 1 })
  assert.equal(replies.size, 0)
  journal.confirm()
  await settlePromises()
  assert.equal(replies.get(1), 'durable')
  assert.equal(commit.backlogBytes, 0)
})

test('a clean stop waits until everything decided is confirmed', async () => {
  const { journal, commit, decide } = setUp()
  for (let index = 0; index < 4; index++) decide()
  commit.flush()
  let drained = false
  const done = commit.drained().then(() => {
    drained = true
  })
  journal.confirm()
  await settlePromises()
  assert.ok(!drained)
  journal.confirm()
  await done
  assert.equal(commit.confirmedSeq, 4)
})

test('told to wait for PostgreSQL, a clean stop waits for it too', async () => {
  const { journal, commit, decide, replies } = setUp({ acknowledge: 'applied' })
  decide()
  commit.flush()
  let drained = false
  const done = commit.drained().then(() => {
    drained = true
  })
  journal.confirm()
  await settlePromises()
  assert.ok(!drained)
  journal.apply({ leader, seq: 1 })
  await done
  assert.equal(replies.get(1), 'durable')
})

test('a decision is shown to those who watch when its reply may leave, not before', async () => {
  for (const acknowledge of ['confirm', 'applied'] as const) {
    const { journal, commit, decide, shown } = setUp({ acknowledge })
    decide()
    decide()
    commit.flush()
    decide()
    await settlePromises()
    assert.deepEqual(shown, [])
    journal.confirm()
    await settlePromises()
    assert.deepEqual(shown, acknowledge === 'confirm' ? [1, 2] : [])
    journal.confirm()
    await settlePromises()
    journal.apply({ leader, seq: 2 })
    assert.deepEqual(shown, acknowledge === 'confirm' ? [1, 2, 3] : [1, 2])
    journal.apply({ leader, seq: 3 })
    assert.deepEqual(shown, [1, 2, 3])
  }
})

test('what was not confirmed when the term was lost is shown to nobody', async () => {
  const { journal, commit, decide, shown } = setUp()
  decide()
  commit.flush()
  journal.lose('cut')
  await settlePromises()
  assert.deepEqual(shown, [])
})

test('no more is taken in than the journal, as slow as it is, makes durable in time', async () => {
  const { journal, runtime, commit, decide } = setUp({ replyDeadlineMs: 10_000 })
  for (let index = 0; index < 3; index++) decide()
  commit.flush()
  await runtime.advance(400)
  journal.confirm()
  await settlePromises()
  for (let index = 0; index < 3; index++) decide()
  commit.flush()
  for (let index = 0; index < 3; index++) {
    assert.ok(commit.hasRoom, 'a batch may gather while another one is on its way')
    decide()
  }
  assert.ok(!commit.hasRoom, 'one more would wait for three flights of 400 ms')
  journal.confirm()
  await settlePromises()
  assert.ok(commit.hasRoom)
})

test('a journal that is fast lets many batches wait', () => {
  const { commit, decide } = setUp()
  decide()
  commit.flush()
  for (let index = 0; index < 60; index++) {
    assert.ok(commit.hasRoom)
    decide()
  }
})

test('a journal that stops answering is noticed while its batch is on its way', async () => {
  const { runtime, commit, decide } = setUp({ replyDeadlineMs: 10_000 })
  for (let index = 0; index < 4; index++) decide()
  commit.flush()
  for (let index = 0; index < 3; index++) decide()
  assert.ok(commit.hasRoom)
  await runtime.advance(600)
  assert.ok(!commit.hasRoom)
})

test('the replies of a large batch leave in several goes, in order, and none is forgotten', async () => {
  const { journal, runtime, commit, decide, replies } = setUp({ batchRecordsMax: 1000, recordsMax: 1000 })
  for (let index = 0; index < 900; index++) decide()
  commit.flush()
  journal.confirm()
  await settlePromises()
  assert.ok(replies.size > 0 && replies.size < 900, `${replies.size} at once`)
  const drained = commit.drained()
  await runtime.advance(0)
  await drained
  assert.deepEqual(
    [...replies.keys()],
    Array.from({ length: 900 }, (_, index) => index + 1),
  )
})

test('replies do not fall further and further behind, however many are decided in a round of the loop', async (t) => {
  const { journal, runtime, commit, decide, replies } = setUp({
    recordsMax: 100_000,
    bytesMax: 100_000_000,
    batchRecordsMax: 1000,
  })
  const deferred: (() => void)[] = []
  t.mock.method(runtime, 'defer', (task: () => void) => deferred.push(task))
  let newest = 0
  for (let round = 0; round < 60; round++) {
    for (let index = 0; index < 1000; index++) newest = decide()
    commit.flush()
    journal.confirm()
    await settlePromises()
    deferred.shift()?.()
  }
  const behind = newest - replies.size
  assert.ok(behind < 8000, `${behind} confirmed decisions are not answered`)
})
