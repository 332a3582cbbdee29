import { parseArgs } from 'node:util'
import { formatCluster } from '../test/chaos/chaos-report.ts'
import { runCluster, type Wiring } from '../test/chaos/cluster-run.ts'
import { NoRabbit } from '../test/servers/rabbit.ts'

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

/** @returns the exit status */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      seed: { type: 'string', default: '1' },
      logs: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const chosen = Object.entries(wirings).filter(([name]) => values.only === undefined || values.only === name)
  if (values.help || chosen.length === 0 || !/^\d+$/.test(values.seed)) {
    process.stdout.write(usage)
    return values.help ? 0 : 2
  }
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // The second one does not wait: what was started ends with this process all the same.
    process.on(signal, () => (stopping.signal.aborted ? process.exit(130) : stopping.abort(signal)))
  }
  const begunMs = performance.now()
  const say = (line: string) =>
    void process.stderr.write(`${((performance.now() - begunMs) / 1000).toFixed(1).padStart(6)} s  ${line}\n`)
  let status = 0
  try {
    for (const [name, wiring] of chosen) {
      const logs = values.logs === undefined ? undefined : `${values.logs}/${name}`
      const options = { wiring, seed: Number(values.seed), students: 60, thinkMs: 600, logs }
      const result = await runCluster(options, { say, signal: stopping.signal })
      for (const line of formatCluster(result)) process.stdout.write(`${line}\n`)
      if (!result.checks.every(({ holds }) => holds)) status = 1
    }
    return status
  } catch (error) {
    if (error instanceof NoRabbit) {
      say(`NOT RUN: ${error.message}`)
      return 1
    }
    if (!stopping.signal.aborted) throw error
    say('stopped')
    return 130
  }
}

process.exitCode = await main()
