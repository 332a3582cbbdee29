import { parseArgs } from 'node:util'
import { formatChaos } from './chaos-report.ts'
import { type ChaosOptions, runChaos } from './chaos-run.ts'
import { runCommand, say, untilStopped, wholeNumber } from '../../kit/command.ts'

const usage = `Two servers, two batchers, RabbitMQ and PostgreSQL, real processes all of them, killed, suspended, cut off and
started again under the load of students who never give up; then every reply is compared with the tables. Exit status 1
if anything does not hold.

  npm run chaos -- [options]

  --minutes N   for how long things break (1 to 50; default 5)
  --events N    at most so many faults
  --seed N      other faults in another order (default 1)
  --students N  who act at the same time (1 to 1000; default 200)
  --think N     mean milliseconds between two commands of a student (0 to 60000; default 600)
  --ack KIND    ENROLLMENT_ACK: confirm or applied (default confirm)
  --logs DIR    keep what the processes logged
`

/** @throws with a line for people */
function readArguments(): ChaosOptions | undefined {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '5' },
      events: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: '1' },
      students: { type: 'string', default: '200' },
      think: { type: 'string', default: '600' },
      ack: { type: 'string', default: 'confirm' },
      logs: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const { ack } = values
  if (ack !== 'confirm' && ack !== 'applied') throw new Error('--ack wants confirm or applied')
  return {
    seconds: wholeNumber('minutes', values.minutes, 1, 50) * 60,
    eventsMax: wholeNumber('events', values.events, 0, 1_000_000),
    seed: wholeNumber('seed', values.seed, 0, 2 ** 32 - 1),
    students: wholeNumber('students', values.students, 1, 1000),
    thinkMs: wholeNumber('think', values.think, 0, 60_000),
    ack,
    areLongOnesAllowed: Number(values.minutes) >= 10,
    logs: values.logs,
  }
}

process.exitCode = await runCommand(usage, readArguments, (options) =>
  untilStopped(async (signal) => {
    const result = await runChaos(options, { say, signal })
    for (const line of formatChaos(result)) process.stdout.write(`${line}\n`)
    return result.checks.every(({ holds }) => holds) ? 0 : 1
  }),
)
