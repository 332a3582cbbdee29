import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { canonical } from '../bench/scenarios/canonical.ts'
import { sustained } from '../bench/scenarios/sustained.ts'
import { endWhenToldTo, runCommand, sayWithTime } from '../kit/command.ts'
import type { Finding } from '../bench/report/entry.ts'
import { formatFinding } from '../bench/report/format.ts'
import { type Servers, startServers } from '../bench/deployment/servers.ts'

const tools = {
  doctor: 'event loop, CPU, memory and handles over time, with a diagnosis',
  flame: 'where the CPU time goes',
  bubbleprof: 'what asynchronous work waits for; ten times slower, so on a very small load',
  heapprofiler: 'what allocates memory',
} as const

const scenarios: Readonly<Record<string, (ground: Servers) => Promise<Finding[]>>> = { sustained, canonical }

const usage = `Runs the real server under clinic and a scenario of the benchmark, on a PostgreSQL and a RabbitMQ of its own. The report
is a page in profiling/out; no browser is opened. The figures that are printed are those of a server that is watched.

  npm run profile -- <tool> [scenario] [--tiny]

Tools:
${Object.entries(tools)
  .map(([name, summary]) => `  ${name.padEnd(13)} ${summary}`)
  .join('\n')}
Scenarios: ${Object.keys(scenarios).join(', ')} (the first, unless told)
`

const root = join(import.meta.dirname, '..')
const folder = join(root, 'profiling')
const out = join(folder, 'out')

interface Arguments {
  readonly tool: keyof typeof tools
  readonly scenario: string
  readonly isTiny: boolean
}

/** @throws with a line for people */
function readArguments(): Arguments | undefined {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { tiny: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  })
  if (values.help) return undefined
  const [tool = '', scenario = 'sustained', ...more] = positionals
  if (!Object.hasOwn(tools, tool)) {
    throw new Error(`say which tool: ${Object.keys(tools).join(', ')}`)
  }
  if (!Object.hasOwn(scenarios, scenario) || more.length > 0) {
    throw new Error(`there is no scenario ${[scenario, ...more].join(' ')}`)
  }
  return { tool: tool as keyof typeof tools, scenario, isTiny: values.tiny || tool === 'bubbleprof' }
}

/**
 * clinic is not among the packages of the program: 150 MB that nobody needs who runs it.
 * @throws if npm cannot install it
 */
async function installClinic(say: (line: string) => void): Promise<string> {
  const program = join(folder, 'node_modules/clinic/bin.js')
  const installedAtMs = changedAtMs(join(folder, 'node_modules/.package-lock.json'))
  if (installedAtMs >= changedAtMs(join(folder, 'package-lock.json')) && existsSync(program)) return program
  say('installing clinic into profiling/node_modules (npm ci; about 150 MB)')
  const npm = spawn('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: folder,
    stdio: ['ignore', 2, 2],
  })
  const status = await new Promise((resolve, reject) => {
    npm.once('error', reject)
    npm.once('exit', resolve)
  })
  if (status !== 0) throw new Error(`npm ci in profiling failed with status ${String(status)}`)
  return program
}

function changedAtMs(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

async function profile({ tool, scenario, isTiny }: Arguments): Promise<void> {
  const say = sayWithTime()
  const clinic = await installClinic(say)
  mkdirSync(out, { recursive: true })
  const before = new Set(readdirSync(out))
  const ground = await startServers({ seed: 1, isTiny, say })
  const watcher = join(import.meta.dirname, 'under-clinic.ts')
  const prefix = [process.execPath, watcher, clinic, tool, out]
  try {
    say(`${scenario} under clinic ${tool}; its page is drawn when the server has stopped`)
    const findings = await scenarios[scenario]?.({ ...ground, launch: { server: { prefix } } })
    for (const finding of findings ?? []) process.stdout.write(`${formatFinding(finding).join('\n')}\n`)
  } finally {
    await ground.remove()
  }
  const made = readdirSync(out).filter((name) => !before.has(name))
  const pages = made.filter((name) => name.endsWith('.html'))
  // What the page was drawn from: hundreds of megabytes, and all of it is in the page.
  for (const name of made) if (!pages.includes(name)) rmSync(join(out, name), { recursive: true })
  if (pages.length === 0) throw new Error(`clinic ${tool} left no page in ${out}`)
  for (const page of pages) process.stdout.write(`${join(out, page)}\n`)
}

process.exitCode = await runCommand(usage, readArguments, async (wanted) => {
  endWhenToldTo()
  await profile(wanted)
  return 0
})
