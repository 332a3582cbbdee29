import { parseArgs } from 'node:util'
import { Coverage } from './coverage.ts'
import { simulate } from './simulate.ts'

/**
 * Runs seeds: `npm run simulate -- --seeds 200` runs 1 to 200, `--seed 17` runs 17 alone, `--seed 17 --seeds 100` runs
 * 17 to 116. `--trace` tells what happens to the processes, `--calm` leaves the faults out.
 */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      trace: { type: 'boolean', default: false },
      calm: { type: 'boolean', default: false },
    },
  })
  const first = Number(values.seed ?? 1)
  const count = Number(values.seeds ?? (values.seed === undefined ? 200 : 1))
  const total = new Coverage()
  const failed: number[] = []
  const begin = performance.now()
  let commands = 0
  let slowestMs = 0
  for (let seed = first; seed < first + count; seed++) {
    const seedBegin = performance.now()
    const result = await simulate({
      seed,
      isCalm: values.calm,
      ...(values.trace && { trace: say }),
    })
    slowestMs = Math.max(slowestMs, performance.now() - seedBegin)
    total.add(result.coverage)
    commands += result.commands
    if (result.failures.length > 0) {
      failed.push(seed)
      say(`seed ${seed} FAILED:\n  ${result.failures.join('\n  ')}`)
      say(`  again: npm run simulate -- --seed ${seed}`)
    }
    if (count === 1) {
      const { journalDigest, tablesDigest, decisions, steps, simulatedMs } = result
      say(`${decisions} decisions, ${steps} steps, ${(simulatedMs / 1000).toFixed(0)} s simulated`)
      say(`journal ${journalDigest}\ntables  ${tablesDigest}`)
    }
  }
  const seconds = (performance.now() - begin) / 1000
  for (const [title, counts] of [
    ['answers', total.answers],
    ['faults', total.faults],
    ['events', total.events],
  ] as const) {
    const sorted = [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1))
    say(`${title}:\n${sorted.map(([name, times]) => `  ${String(times).padStart(9)}  ${name}`).join('\n')}`)
  }
  say(
    `${count} seeds, ${commands} commands, ${failed.length} failed; ${seconds.toFixed(1)} s, slowest ${slowestMs.toFixed(0)} ms`,
  )
  return failed.length === 0 ? 0 : 1
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

process.exitCode = await main()
