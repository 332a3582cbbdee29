import { parseArgs } from 'node:util'
import { describeMachine, readCommit } from './measure/machine.ts'
import { type Finding, record, type RunContext } from './report/entry.ts'
import { formatContext, formatFinding } from './report/format.ts'
import { formatTargets, judgeTargets } from './report/targets.ts'
import { canonical } from './scenarios/canonical.ts'
import { catalog } from './scenarios/catalog.ts'
import { curves } from './scenarios/curves.ts'
import { decide } from './scenarios/decide.ts'
import { drain } from './scenarios/drain.ts'
import { memory } from './scenarios/memory.ts'
import { oneCore } from './scenarios/one-core.ts'
import { recover } from './scenarios/recover.ts'
import { hotCourse } from './scenarios/hot-course.ts'
import { loginStorm } from './scenarios/login-storm.ts'
import { rate } from './scenarios/rate.ts'
import { compare } from './scenarios/compare.ts'
import { gateway } from './scenarios/gateway.ts'
import { sustained } from './scenarios/sustained.ts'
import { type Ground, startGround } from './site/ground.ts'

interface Scenario {
  readonly summary: string
  run(ground: Ground): Promise<Finding[]>
}

const scenarios: Readonly<Record<string, Scenario>> = {
  canonical: {
    summary: '1,000 students log in, wait for one another, and ask for 7 random courses of 1,500 each',
    run: canonical,
  },
  sustained: { summary: 'as much as 256 connections carry, for 20 s after a warm-up', run: sustained },
  gateway: { summary: 'the same through gateways in processes of their own, CPU by tier', run: gateway },
  rate: { summary: 'at 50% and 80% of the maximum, come what may: latencies', run: rate },
  'hot-course': {
    summary: '10,000 students want one course of 40 seats and 5 reserve places',
    run: hotCourse,
  },
  'login-storm': { summary: 'enrollment while others log in as fast as they can', run: loginStorm },
  catalog: { summary: 'lists of departments polled by everyone while seats change', run: catalog },
  drain: { summary: 'a backlog of 1,000,000 records, and what row by row would take', run: drain },
  recover: { summary: 'from SIGKILL to serving, with 1,000, 50,000 and 1,000,000 students', run: recover },
  memory: { summary: 'what a campus adds to the heap of an idle server', run: memory },
  'one-core': { summary: 'every part on one CPU, the load on another', run: oneCore },
  decide: { summary: 'the actors alone: decide and evolve, mailbox and dispatch', run: decide },
  curves: { summary: 'what a request costs with more connections, courses, backlog', run: curves },
  compare: { summary: 'the same beside what people would use instead', run: compare },
}

const usage = `Load on a real server and batcher, with a PostgreSQL and a RabbitMQ of its own. Every run appends its figures to
bench/results, with commit, seed and machine.

  npm run bench -- [scenario …] [options]

Scenarios (canonical, unless told):
${Object.entries(scenarios)
  .map(([name, { summary }]) => `  ${name.padEnd(12)} ${summary}`)
  .join('\n')}
  ${'all'.padEnd(12)} every one of them

Options:
  --seed N     other wishes of the students (default 1)
  --tiny       so small that it only shows that everything works; nothing is recorded
  --no-record  append nothing to bench/results
`

interface Arguments {
  readonly names: readonly string[]
  readonly seed: number
  readonly isTiny: boolean
  readonly isRecorded: boolean
  /** Whether the figures are held against the targets. */
  readonly isJudged: boolean
}

/** @throws with a line for people */
function readArguments(): Arguments | undefined {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seed: { type: 'string', default: '1' },
      tiny: { type: 'boolean', default: false },
      'no-record': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const unknown = positionals.find((name) => name !== 'all' && !Object.hasOwn(scenarios, name))
  if (unknown !== undefined) throw new Error(`there is no scenario ${unknown}`)
  if (!/^\d{1,9}$/.test(values.seed)) throw new Error('--seed wants a whole number')
  const names = positionals.length === 0 ? ['canonical'] : positionals
  return {
    names: names.includes('all') ? Object.keys(scenarios) : names,
    seed: Number(values.seed),
    isTiny: values.tiny,
    isRecorded: !values.tiny && !values['no-record'],
    isJudged: names.includes('all'),
  }
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`)
}

async function runScenarios({ names, seed, isTiny, isRecorded, isJudged }: Arguments): Promise<void> {
  const begunMs = performance.now()
  const say = (line: string) =>
    void process.stderr.write(`${((performance.now() - begunMs) / 1000).toFixed(1).padStart(6)} s  ${line}\n`)
  const ground = await startGround({ seed, isTiny, say })
  try {
    const machine = await describeMachine({
      databaseUrl: ground.postgresUrl,
      rabbitAddress: ground.rabbitAddress,
    })
    const context: RunContext = {
      at: new Date().toISOString(),
      commit: readCommit(),
      seed,
      isTiny,
      machine,
    }
    print(formatContext(context))
    const all: Finding[] = []
    for (const name of names) {
      say(name)
      const findings = (await scenarios[name]?.run(ground)) ?? []
      for (const finding of findings) print(['', ...formatFinding(finding)])
      if (isRecorded) record(context, findings)
      all.push(...findings)
    }
    if (isJudged) print(['', ...formatTargets(judgeTargets(all))])
  } finally {
    await ground.remove()
  }
}

/** @returns the exit status */
async function main(): Promise<number> {
  let wanted: Arguments | undefined
  try {
    wanted = readArguments()
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    return 2
  }
  if (wanted === undefined) {
    process.stdout.write(usage)
    return 0
  }
  // What was started ends with this process, however it ends.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  await runScenarios(wanted)
  return 0
}

process.exitCode = await main()
