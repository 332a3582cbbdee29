import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DecisionRecord } from '../../actors/messages/records.ts'
import type { Histogram } from '../metrics/histogram.ts'
import { CommandStages } from './command-stages.ts'
import { GroupCommit } from './group-commit.ts'
import { ManualTerm } from './testing/manual-journal.ts'
import { ManualRuntime, settlePromises } from './testing/manual-runtime.ts'

const leader = '11111111-1111-4111-8111-111111111111'

function refusal(seq: number): DecisionRecord {
  return {
    seq,
    at: 1,
    actor: { role: 'student', id: 1 },
    legs: [{ do: 'drop', course: 1 }],
    reasons: [{ code: 'not_enrolled' }],
  }
}

function setUp() {
  const journal = new ManualTerm()
  const runtime = new ManualRuntime()
  const stages = new CommandStages()
  const commit = new GroupCommit({
    journal,
    campus: 'test',
    leader,
    limits: {
      recordsMax: 100,
      bytesMax: 1_000_000,
      batchRecordsMax: 100,
      batchBytesMax: 1_000_000,
      backlogBytesMax: 1_000_000,
      replyDeadlineMs: 60_000,
      acknowledge: 'confirm',
    },
    runtime,
    onLost: assert.fail,
    stages,
  })
  const decide = (count: number) => {
    for (let index = 0; index < count; index++)
      commit.add(refusal(commit.decidedSeq + 1), { confirmed: () => {} })
    commit.flush()
  }
  return { journal, runtime, stages, commit, decide }
}

/** The sum and the count of a histogram. */
function measured(histogram: Histogram): { seconds: number; count: number } {
  const seconds = [...histogram.samples('m')].find(({ metricName }) => metricName === 'm_sum')?.value ?? 0
  return { seconds, count: histogram.count }
}

test('the commit of a batch is timed once and counts for each of its decisions', async () => {
  const { journal, runtime, stages, decide } = setUp()
  decide(3)
  await runtime.advance(250)
  journal.confirm()
  await settlePromises()
  assert.deepEqual(measured(stages.commit), { seconds: 0.75, count: 3 })
  assert.deepEqual(measured(stages.batchRecords), { seconds: 3, count: 1 })
  assert.equal(stages.releasedAtMs, runtime.elapsed())
})

test('how long PostgreSQL owes decisions is told while it does, and then counted for each', async () => {
  const { journal, runtime, stages, commit, decide } = setUp()
  decide(2)
  journal.confirm()
  await settlePromises()
  await runtime.advance(500)
  assert.equal(commit.behindMs, 500)
  journal.apply({ leader, seq: 2 })
  assert.equal(commit.behindMs, 0)
  assert.deepEqual(measured(stages.apply), { seconds: 1, count: 2 })
})

test('mailbox and turn are timed for the first command and every sixteenth after it', () => {
  const stages = new CommandStages()
  const sampled = Array.from({ length: 33 }, () => stages.samples())
  assert.deepEqual(
    sampled.flatMap((isSampled, index) => (isSampled ? [index] : [])),
    [0, 16, 32],
  )
})
