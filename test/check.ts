import { spawn } from 'node:child_process'
import { join } from 'node:path'

/** What a change must pass before it is shared. `--fast` leaves out what takes longer than a look. */
const root = join(import.meta.dirname, '..')
const tool = (name: string) => join(root, 'node_modules', name)
const steps: { name: string; args: string[]; isSlow?: boolean }[] = [
  { name: 'types', args: [tool('typescript/bin/tsc')] },
  { name: 'types of the pages', args: [tool('typescript/bin/tsc'), '-p', 'src/pages'] },
  { name: 'types of their tests', args: [tool('typescript/bin/tsc'), '-p', 'test/pages'] },
  { name: 'format', args: [tool('@biomejs/biome/bin/biome'), 'format', '.'] },
  { name: 'lint', args: [tool('oxlint/bin/oxlint'), '--deny-warnings'] },
  { name: 'dead exports', args: [tool('knip/bin/knip.js')] },
  { name: 'unit tests', args: [join(import.meta.dirname, 'run.ts'), '--unit'] },
  {
    name: 'simulation',
    args: [join(import.meta.dirname, 'simulation/run.ts'), '--seeds', '5'],
    isSlow: true,
  },
  {
    name: 'benchmarks, tiny',
    args: [join(import.meta.dirname, '../bench/bench.ts'), 'all', '--tiny'],
    isSlow: true,
  },
  {
    name: 'overload, tiny',
    args: [join(import.meta.dirname, './overload/run.ts'), '--only', 'journal', '--tiny'],
    isSlow: true,
  },
]

function run(args: string[]): Promise<boolean> {
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code === 0))
  })
}

const isFast = process.argv.includes('--fast')
const failed: string[] = []
let passed = 0
for (const step of steps) {
  if (isFast && step.isSlow) continue
  const begin = performance.now()
  process.stdout.write(`\n${step.name}:\n`)
  const isPassed = await run(step.args)
  if (isPassed) passed++
  else failed.push(step.name)
  const seconds = ((performance.now() - begin) / 1000).toFixed(1)
  process.stdout.write(`${step.name} ${isPassed ? 'passed' : 'FAILED'} after ${seconds} s\n`)
}
if (failed.length > 0) process.stdout.write(`\nFailed: ${failed.join(', ')}\n`)
process.stdout.write(`\ncheck: ${passed} passed, ${failed.length} failed\n`)
process.exitCode = failed.length === 0 ? 0 : 1
