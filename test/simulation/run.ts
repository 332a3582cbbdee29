import { simulate } from './simulate.ts'

const seed = Number(process.argv[2] ?? 1)
const isCalm = process.argv.includes('--calm')
const isTraced = process.argv.includes('--trace')
const begin = performance.now()
const result = await simulate({
  seed,
  isCalm,
  ...(isTraced && { trace: (line: string) => process.stdout.write(`${line}\n`) }),
})
const { coverage, ...rest } = result
process.stdout.write(`${JSON.stringify(rest, undefined, 1)}\n`)
for (const counts of [coverage.answers, coverage.faults, coverage.events])
  process.stdout.write(`${JSON.stringify(Object.fromEntries(counts), undefined, 1)}\n`)
process.stdout.write(`${(performance.now() - begin).toFixed(0)} ms\n`)
