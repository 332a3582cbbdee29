import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { test } from 'node:test'
import { formatCoverage } from './coverage.ts'
import { missingFrom, seedsForAll } from './required-coverage.ts'
import { runSeeds } from './run-seeds.ts'
import { commandsMin, simulate } from './simulate.ts'

// Seeds with RabbitMQ's rules, with the direct journal, and with a broker that loses the end of its queue.
for (const seed of [2, 3, 7]) {
  test(`seed ${seed} writes the same journal, byte for byte, whenever it is run`, async () => {
    const first = await simulate({ seed })
    const second = await simulate({ seed })
    assert.equal(second.journalDigest, first.journalDigest)
    assert.equal(second.tablesDigest, first.tablesDigest)
    assert.equal(second.steps, first.steps)
    assert.notEqual((await simulate({ seed: seed + 20 })).journalDigest, first.journalDigest)
  })
}

test('two hundred registration days with everything that can go wrong break no promise', async () => {
  const result = await runSeeds({
    first: 1,
    count: seedsForAll,
    jobs: availableParallelism(),
    onProgress: (seeds) => process.stderr.write(`${seeds} of ${seedsForAll} seeds\n`),
    onFailure: (seed, failures) =>
      process.stderr.write(`seed ${seed}: ${failures[0]}; again: npm run simulate -- --seed ${seed}\n`),
  })
  assert.deepEqual(result.failures, [])
  assert.equal(result.seeds, seedsForAll)
  assert.ok(result.commandsOfShortest >= commandsMin, `a seed has ${result.commandsOfShortest} commands only`)
  assert.deepEqual(missingFrom(result.coverage), [], formatCoverage(result.coverage))
})
