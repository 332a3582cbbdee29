import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readStages, stageFigures } from './stages.ts'

const metricsAt = (commit: string, batches: number) => `
# TYPE enrollment_command_stage_seconds histogram
enrollment_command_stage_seconds_bucket{stage="commit",le="0.1"} 3
enrollment_command_stage_seconds_sum{stage="commit"} ${commit}
enrollment_command_stage_seconds_count{stage="commit"} ${batches * 100}
enrollment_batch_records_sum ${batches * 100}
enrollment_batch_records_count ${batches}
`

test('the mean time of a stage is that of the commands of the run, not of those before', () => {
  const figures = stageFigures(readStages(metricsAt('1e-1', 1)), readStages(metricsAt('0.7', 4)))
  assert.deepEqual(figures, { stage_commit_ms: 2, records_per_message: 100 })
})

test('a stage that saw no command has no mean', () => {
  const same = readStages(metricsAt('0.1', 1))
  assert.deepEqual(stageFigures(same, same), {})
})
