import { parseArgs } from 'node:util'
import { formatCluster } from '../chaos/chaos-report.ts'
import { runCluster, type Wiring } from './cluster-run.ts'
import { runCommand, sayWithTime, untilStopped, wholeNumber } from '../../kit/command.ts'
import { NoRabbit } from '../../kit/servers/rabbit.ts'

const usage = `Three RabbitMQ nodes on this machine: any one of them killed, two of them killed, one parted from the others, the
link between two cut, under the load of students who never give up; then every reply is compared with the tables. Exit
status 1 if anything does not hold.

  npm run cluster -- [options]

  --only KIND   applied (each process prefers a node of its own, ENROLLMENT_ACK=applied) or named (all of them through
                one node); both without it
  --seed N      other wishes of the students (default 1)
  --logs DIR    keep what the processes logged
`

const wirings: Readonly<Record<string, Wiring>> = {
  applied: 'any node, ENROLLMENT_ACK=applied',
  named: 'one named node, ENROLLMENT_ACK=confirm',
}

interface Arguments {
  readonly chosen: readonly (readonly [string, Wiring])[]
  readonly seed: number
  readonly logs: string | undefined
}

/** @throws with a line for people */
function readArguments(): Arguments | undefined {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      seed: { type: 'string', default: '1' },
      logs: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const chosen = Object.entries(wirings).filter(([name]) => values.only === undefined || values.only === name)
  if (chosen.length === 0) throw new Error('--only wants applied or named')
  return { chosen, seed: wholeNumber('seed', values.seed, 0, 2 ** 32 - 1), logs: values.logs }
}

const say = sayWithTime()

/** @returns the exit status */
async function cluster({ chosen, seed, logs }: Arguments, signal: AbortSignal): Promise<number> {
  let status = 0
  try {
    for (const [name, wiring] of chosen) {
      const kept = logs === undefined ? undefined : `${logs}/${name}`
      const options = { wiring, seed, students: 60, thinkMs: 600, logs: kept }
      const result = await runCluster(options, { say, signal })
      for (const line of formatCluster(result)) process.stdout.write(`${line}\n`)
      if (!result.checks.every(({ holds }) => holds)) status = 1
    }
    return status
  } catch (error) {
    if (!(error instanceof NoRabbit)) throw error
    say(`NOT RUN: ${error.message}`)
    return 1
  }
}

process.exitCode = await runCommand(usage, readArguments, (given) =>
  untilStopped((signal) => cluster(given, signal)),
)
