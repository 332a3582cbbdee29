import { parseArgs } from 'node:util'
import { runContest } from './contest.ts'
import { type FloodName, floods } from './flood-process.ts'
import { formatFlood, missedByFlood, runFloods } from './floods.ts'
import { formatContest, formatTrial, missedTargets } from './report.ts'
import { settings } from './settings.ts'
import { runCommand, say, wholeNumber } from '../../kit/command.ts'
import { runTrial, type TrialOptions } from './trial.ts'

const usage = `Much more is asked of the service than it can do, by a schedule that waits for no answer; then every answer is
compared with the tables. Exit status 1 if an answer does not hold; what misses a target of speed is said.

  npm run overload -- [options]

  --seconds N   how long each overload lasts (2 to 600; default 60)
  --only NAME   journal, cpu, contest or floods: one of them alone; not the floods, unless asked for
  --flood NAME  one flood alone (with --only floods)
  --tiny        a few seconds and little memory: whether it works at all
`

interface Arguments {
  readonly seconds: number
  readonly only: string | undefined
  readonly flood: FloodName | undefined
  readonly isTiny: boolean
}

/** @throws with a line for people */
function readArguments(): Arguments | undefined {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string' },
      only: { type: 'string' },
      flood: { type: 'string' },
      tiny: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const seconds = wholeNumber('seconds', values.seconds ?? (values.tiny ? '2' : '60'), 2, 600)
  if (values.only !== undefined && !['journal', 'cpu', 'contest', 'floods'].includes(values.only)) {
    throw new Error('--only wants journal, cpu, contest or floods')
  }
  const flood = (Object.keys(floods) as FloodName[]).find((name) => name === values.flood)
  if (values.flood !== undefined && flood === undefined) {
    throw new Error(`--flood wants one of: ${Object.keys(floods).join(', ')}`)
  }
  return { seconds, only: values.only, flood, isTiny: values.tiny }
}

/** @returns the exit status */
async function overload({ seconds, only, flood, isTiny }: Arguments): Promise<number> {
  const options: TrialOptions = {
    seconds,
    warmUpSeconds: isTiny ? 1 : 8,
    measureSeconds: isTiny ? 2 : 8,
    beforeSeconds: isTiny ? 1 : 3,
    afterwardsSeconds: isTiny ? 2 : 12,
    say,
  }
  const sized = (setting: (typeof settings)[number]) =>
    isTiny ? { ...setting, students: 1000, connections: 1000 } : setting
  let doesHold = true
  const isAsked = (name: string) => only === undefined || only === name
  for (const setting of settings.filter(({ name }) => isAsked(name))) {
    const result = await runTrial(sized(setting), options)
    for (const line of formatTrial(result)) process.stdout.write(`${line}\n`)
    for (const missed of missedTargets(result)) process.stdout.write(`  MISSED  ${missed}\n`)
    doesHold &&= result.checks.every(({ holds }) => holds)
  }
  if (isAsked('contest')) {
    const [journal] = settings
    const result = await runContest(sized(journal), isTiny ? 3 : 20, options)
    for (const line of formatContest(result)) process.stdout.write(`${line}\n`)
    doesHold &&= result.checks.every(({ holds }) => holds)
  }
  if (only === 'floods') {
    const results = await runFloods(flood, options)
    process.stdout.write(`\nfloods beside 100 students who enroll\n${results.map(formatFlood).join('\n')}\n`)
    for (const missed of results.flatMap(missedByFlood)) process.stdout.write(`  MISSED  ${missed}\n`)
  }
  return doesHold ? 0 : 1
}

process.exitCode = await runCommand(usage, readArguments, overload)
