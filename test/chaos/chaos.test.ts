import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatChaos } from './chaos-report.ts'
import { runChaos } from './chaos-run.ts'

test('whatever is killed, suspended or cut off, nothing that a student was told is lost, doubled or void', async (t) => {
  const stopping = new AbortController()
  t.after(() => stopping.abort(new Error('the test is over')))
  const result = await runChaos(
    {
      seconds: 60,
      eventsMax: 40,
      seed: 7,
      students: 60,
      thinkMs: 500,
      ack: 'confirm',
      areLongOnesAllowed: false,
      logs: undefined,
    },
    { say: () => {}, signal: stopping.signal },
  )
  const report = formatChaos(result)
  t.diagnostic(report.join('\n'))
  assert.deepEqual(
    result.checks.flatMap(({ claim, faults }) => faults.map((fault) => `${claim}: ${fault}`)),
    [],
  )
  assert.deepEqual([result.lost, result.duplicated, result.voidButAcknowledged], [0, 0, 0])
  assert.ok(result.acknowledged > 0, 'students were told something')
  assert.ok(result.killCount > 0, 'something was killed')
})
