import { parseArgs } from 'node:util'
import { formatTrial } from './overload/report.ts'
import { runTrial, type Setting } from './overload/trial.ts'

const usage = `Much more is asked of the service than it can do, by a schedule that waits for no answer; then every answer is
compared with the tables. Exit status 1 if something does not hold.

  npm run overload -- [options]

  --seconds N   how long each overload lasts (2 to 600; default 60)
  --only NAME   journal or cpu: one of them alone
  --tiny        3 seconds, a few students: whether it works at all
`

export const settings: readonly Setting[] = [
  {
    name: 'journal',
    what: '10 times what a slowed journal can take (100 decisions in a batch, 200 ms each way to the broker)',
    students: 10_000,
    connections: 2000,
    environment: { ENROLLMENT_BATCH_RECORDS_MAX: '100' },
    journalDelayMs: 200,
    senders: 250,
    times: 10,
  },
  {
    name: 'cpu',
    what: '2 times what one core can decide',
    students: 10_000,
    connections: 3000,
    environment: {},
    journalDelayMs: 0,
    senders: 256,
    times: 2,
  },
]

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      only: { type: 'string' },
      tiny: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    return 0
  }
  const say = (line: string) => void process.stderr.write(`${line}\n`)
  let isFine = true
  for (const setting of settings) {
    if (values.only !== undefined && values.only !== setting.name) continue
    const result = await runTrial(setting, { seconds: Number(values.seconds), measureSeconds: 6, say })
    for (const line of formatTrial(result)) process.stdout.write(`${line}\n`)
    isFine &&= result.checks.every(({ holds }) => holds)
  }
  return isFine ? 0 : 1
}

process.exitCode = await main()
