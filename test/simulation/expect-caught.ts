import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { simulateWith } from './plant-bug.ts'
import { type PlantedBug, plantedBugs } from './planted-bugs.ts'

/**
 * The auditor audited: each of these bugs would break a promise, and none may go unnoticed. In several test files,
 * because each file has its time limit.
 */
export function expectCaught(chosen: (bug: PlantedBug) => boolean): void {
  describe('the simulation catches a program that', { concurrency: 2 }, () => {
    for (const bug of plantedBugs.filter(chosen)) {
      test(bug.does, async () => {
        const output = await simulateWith(bug)
        const failed = output.matchAll(/^seed \d+ FAILED:\n([\s\S]*?)\n {2}again: npm run simulate/gm)
        const told = [...failed].map(([, failures = '']) => failures)
        assert.ok(told.length > 0, `no seed failed:\n${output.slice(-2000)}`)
        assert.match(told.at(-1) ?? '', bug.toldAs)
      })
    }
  })
}
