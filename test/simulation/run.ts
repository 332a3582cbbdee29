import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { formatCoverage } from './coverage.ts'
import type { PlanWish } from './fault-plan.ts'
import { missingFrom, seedsForAll } from './required-coverage.ts'
import { runSeeds } from './run-seeds.ts'
import { simulate } from './simulate.ts'

const usage = `Usage: npm run simulate -- [--seeds COUNT] [--seed FIRST] [--jobs PROCESSES] [--trace | --calm]
  --seeds 200          runs seeds 1 to 200
  --seed 17            runs seed 17 alone
  --seed 17 --seeds 9  runs seeds 17 to 25
  --minutes 30         begins no other seed after that; Ctrl-C does the same
  --every 20           runs only every twentieth seed
  --plan JSON          fixes parts of each seed's faults (PlanWish in fault-plan.ts): '{"journal":"direct"}'
  --stop-at PATTERN    begins no other seed once one has failed in words that the regular expression finds
  --trace              tells what happens to the processes of a single seed
  --calm               a single seed without its faults
`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      every: { type: 'string', default: '1' },
      jobs: { type: 'string' },
      plan: { type: 'string', default: '{}' },
      'stop-at': { type: 'string' },
      minutes: { type: 'string', default: '1440' },
      trace: { type: 'boolean', default: false },
      calm: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const first = Number(values.seed ?? 1)
  const count = Number(values.seeds ?? (values.seed === undefined ? 200 : 1))
  const jobs = Number(values.jobs ?? availableParallelism())
  const every = Number(values.every)
  const minutesMax = Number(values.minutes)
  if (
    values.help ||
    ![first, count, every, jobs, minutesMax].every((number) => Number.isSafeInteger(number) && number > 0)
  ) {
    process.stderr.write(usage)
    return values.help ? 0 : 1
  }
  const wish = JSON.parse(values.plan) as PlanWish
  if (count === 1) return await runOne(first, { ...values, wish })
  const begin = performance.now()
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stopping.abort())
  setTimeout(() => stopping.abort(), minutesMax * 60_000).unref()
  const result = await runSeeds({
    first,
    count,
    every,
    wish,
    jobs,
    signal: stopping.signal,
    ...(values['stop-at'] !== undefined && { stopsAt: new RegExp(values['stop-at']) }),
    onProgress: (seeds) => {
      const minutes = ((performance.now() - begin) / 60_000).toFixed(1)
      process.stderr.write(`${seeds} of ${count} seeds after ${minutes} min\n`)
    },
    onFailure: (seed, failures) => say(failureText(seed, failures)),
  })
  if (result.seeds < count && values['stop-at'] === undefined)
    say(`stopped after ${result.seeds} of ${count} seeds`)
  const seconds = (performance.now() - begin) / 1000
  say(formatCoverage(result.coverage))
  say(
    `${result.seeds} seeds, ${result.commands} commands (${result.commandsOfShortest} or more per seed), ` +
      `${result.decisions} decisions, ${result.failures.length} seeds failed; ` +
      `${seconds.toFixed(1)} s, ${(result.cpuMs / result.seeds).toFixed(0)} ms of CPU per seed`,
  )
  const missing = every === 1 && result.seeds >= seedsForAll ? missingFrom(result.coverage) : []
  for (const name of missing) say(`  NEVER TRIED: ${name}`)
  for (const { seed } of result.failures) say(`  failed: npm run simulate -- --seed ${seed}`)
  return result.failures.length + missing.length === 0 ? 0 : 1
}

async function runOne(
  seed: number,
  { trace, calm, wish }: { trace: boolean; calm: boolean; wish: PlanWish },
): Promise<number> {
  const result = await simulate({ seed, wish, isCalm: calm, ...(trace && { trace: say }) })
  const { commands, decisions, steps, simulatedMs, journalDigest, tablesDigest, failures } = result
  say(formatCoverage(result.coverage))
  say(
    `${commands} commands, ${decisions} decisions, ${steps} steps, ${(simulatedMs / 1000).toFixed(0)} s simulated`,
  )
  say(`journal ${journalDigest}\ntables  ${tablesDigest}`)
  if (failures.length > 0) say(failureText(seed, failures))
  return failures.length === 0 ? 0 : 1
}

function failureText(seed: number, failures: readonly string[]): string {
  return `seed ${seed} FAILED:\n  ${failures.join('\n  ')}\n  again: npm run simulate -- --seed ${seed}`
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

process.exitCode = await main()
