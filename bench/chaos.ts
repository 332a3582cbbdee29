import { parseArgs } from 'node:util'
import { formatChaos } from '../test/chaos/chaos-report.ts'
import { type ChaosOptions, runChaos } from '../test/chaos/chaos-run.ts'

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
  const whole = (name: string, text: string, least: number, most: number): number => {
    const number = Number(text)
    if (/^\d+$/.test(text) && number >= least && number <= most) return number
    throw new Error(`--${name} wants a whole number from ${least} to ${most}`)
  }
  const { ack } = values
  if (ack !== 'confirm' && ack !== 'applied') throw new Error('--ack wants confirm or applied')
  return {
    seconds: whole('minutes', values.minutes, 1, 50) * 60,
    eventsMax: whole('events', values.events, 0, 1_000_000),
    seed: whole('seed', values.seed, 0, 2 ** 32 - 1),
    students: whole('students', values.students, 1, 1000),
    thinkMs: whole('think', values.think, 0, 60_000),
    ack,
    areLongOnesAllowed: Number(values.minutes) >= 10,
    logs: values.logs,
  }
}

/** @returns the exit status */
async function main(): Promise<number> {
  let options: ChaosOptions | undefined
  try {
    options = readArguments()
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    return 2
  }
  if (options === undefined) {
    process.stdout.write(usage)
    return 0
  }
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // The second one does not wait: what was started ends with this process all the same.
    process.on(signal, () => (stopping.signal.aborted ? process.exit(130) : stopping.abort(signal)))
  }
  const say = (line: string) => void process.stderr.write(`${line}\n`)
  try {
    const result = await runChaos(options, { say, signal: stopping.signal })
    for (const line of formatChaos(result)) process.stdout.write(`${line}\n`)
    return result.checks.every(({ holds }) => holds) ? 0 : 1
  } catch (error) {
    if (!stopping.signal.aborted) throw error
    say('stopped')
    return 130
  }
}

process.exitCode = await main()
