import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Progress } from './progress.ts'

function record(options: { isTTY: boolean; columns?: number; total?: number }) {
  const written: string[] = []
  const clock = { ms: 0 }
  const out = {
    isTTY: options.isTTY,
    columns: options.columns ?? 100,
    write: (text: string) => written.push(text),
  }
  const progress = new Progress(out, {
    label: 'Students',
    total: options.total ?? 100_000,
    unit: 'rows',
    now: () => clock.ms,
  })
  const at = (ms: number, done: number) => {
    clock.ms = ms
    progress.update(done)
  }
  return { written, clock, progress, at }
}

test('on a terminal one line is drawn over itself, ten times a second at most', () => {
  const { written, clock, progress, at } = record({ isTTY: true })
  for (let ms = 0; ms <= 1000; ms += 10) at(ms, ms * 10)
  assert.equal(written.length, 10)
  for (const line of written) assert.match(line, /^\r[^\r\n]{99}$/)
  assert.match(written[9] ?? '', /^\rStudents \[## {22}\] 10%, 10,000 of 100,000 rows, about 9 s left +$/)
  clock.ms = 1500
  progress.finish()
  assert.match(written[10] ?? '', /^\rStudents: 10,000 rows in 1.5 s +\n$/)
})

test('a line never wraps on a narrow terminal', () => {
  const { written, at } = record({ isTTY: true, columns: 20 })
  at(200, 50_000)
  assert.equal(written[0]?.length, 20)
})

test('in a log it is a line every few seconds, without control characters', () => {
  const { written, clock, progress, at } = record({ isTTY: false })
  for (let ms = 0; ms <= 300_000; ms += 100) at(ms, Math.floor(ms / 30))
  assert.equal(written.length, 60)
  assert.equal(written[0], 'Students: 0%, 166 of 100,000 rows, about 51 min left\n')
  clock.ms = 301_000
  progress.finish()
  assert.equal(written.at(-1), 'Students: 10,000 rows in 301.0 s\n')
})

test('a task that is over at once, or that has nothing to do, leaves one line', () => {
  for (const isTTY of [true, false]) {
    const { written, progress, at } = record({ isTTY, total: 0 })
    at(200, 0)
    progress.finish()
    assert.match(written.at(-1)?.trim() ?? '', /^Students: 0 rows in 0.2 s$/)
    assert.equal(written.length, isTTY ? 2 : 1)
  }
})
