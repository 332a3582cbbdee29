import { parseArgs } from 'node:util'
import { startPostgres } from '../../kit/servers/postgres.ts'
import { createDatabase } from '../../kit/servers/provide.ts'
import { startRabbit } from '../../kit/servers/rabbit.ts'
import { runCommand, say, untilStopped, wholeNumber } from '../../kit/command.ts'
import { formatReport } from './report.ts'
import { runStress, type StressOptions } from './stress-run.ts'

const usage = `Hundreds of clients against a few hot courses over HTTP, on a real server and batcher, PostgreSQL and RabbitMQ of
its own; then every reply is compared with the tables. Exit status 1 if anything does not hold.

  npm run stress -- [options]

  --clients N   students who act at the same time (1 to 2000; default 300)
  --seconds N   for how long (1 to 600; default 20)
  --seed N      another campus and other wishes (default 1)
  --direct      without a broker: the server writes PostgreSQL by itself
  --kill        SIGKILL the batcher and the server once, in the middle
  --tiny        30 clients for 2 seconds
`

interface Arguments extends StressOptions {
  readonly direct: boolean
}

/** @throws with a line for people */
function readArguments(): Arguments | undefined {
  const { values } = parseArgs({
    options: {
      clients: { type: 'string' },
      seconds: { type: 'string' },
      seed: { type: 'string', default: '1' },
      direct: { type: 'boolean', default: false },
      kill: { type: 'boolean', default: false },
      tiny: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  return {
    clients: wholeNumber('clients', values.clients ?? (values.tiny ? '30' : '300'), 1, 2000),
    seconds: wholeNumber('seconds', values.seconds ?? (values.tiny ? '2' : '20'), 1, 600),
    seed: wholeNumber('seed', values.seed, 0, 2 ** 32 - 1),
    direct: values.direct,
    kill: values.kill,
  }
}

/** @returns the exit status */
async function stress(options: Arguments, signal: AbortSignal): Promise<number> {
  say(`${options.clients} clients, ${options.seconds} s, seed ${options.seed}: starting servers`)
  const [postgres, rabbit] = await Promise.all([
    startPostgres(),
    options.direct ? undefined : startRabbit(say),
  ])
  try {
    signal.throwIfAborted()
    const database = await createDatabase(postgres.url)
    const servers = { databaseUrl: database.url, rabbitAddress: rabbit?.address }
    const result = await runStress(options, servers, { say, signal })
    for (const line of formatReport(result)) process.stdout.write(`${line}\n`)
    return result.checks.every(({ holds }) => holds) ? 0 : 1
  } finally {
    await Promise.all([postgres.remove(), rabbit?.remove()])
  }
}

process.exitCode = await runCommand(usage, readArguments, (options) =>
  untilStopped((signal) => stress(options, signal)),
)
