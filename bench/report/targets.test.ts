import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatTargets, judgeTargets } from './targets.ts'

const finding = (scenario: string, subject: string, figures: Record<string, number>) => ({
  scenario,
  subject,
  conditions: {},
  figures,
})

const judged = (findings: Parameters<typeof judgeTargets>[0], text: string) =>
  judgeTargets(findings).find((judgement) => judgement.text.includes(text))

test('a target is met at its limit, missed beyond it, and neither where it was not measured', () => {
  const ratios = (figure: number) => [finding('compare', 'ratios', { throughput_to_transactions: figure })]
  assert.equal(judged(ratios(5), 'random courses')?.isMet, true)
  assert.equal(judged(ratios(4.99), 'random courses')?.isMet, false)
  assert.equal(judged([], 'random courses')?.isMet, undefined)
  const atHalf = [finding('rate', '50% of the maximum', { p99_ms: 15.1 })]
  assert.equal(judged(atHalf, 'half of the maximum')?.isMet, false)
  assert.equal(judged([finding('rate', '80% of the maximum', { p99_ms: 1 })], 'half of')?.isMet, undefined)
})

test('a drain is fast enough by its speed or by how much faster it is than row by row', () => {
  const drained = (perSecond: number, times: number) =>
    judged([finding('drain', 'engine', { records_per_s: perSecond, times_row_by_row: times })], 'drain')
      ?.isMet
  assert.equal(drained(50_000, 3), true)
  assert.equal(drained(30_000, 20), true)
  assert.equal(drained(30_000, 19), false)
})

test('the table says of each target whether it is met', () => {
  const lines = formatTargets(judgeTargets([finding('memory', 'engine', { heap_mb_added: 4.5 })]))
  assert.ok(lines.some((line) => line.includes('| ≤ 4 | 4.5 | **not met** |')))
  assert.ok(lines.some((line) => line.endsWith('| not run |')))
})
