import { parseArgs } from 'node:util'
import { startPostgres } from '../kit/servers/postgres.ts'
import { createDatabase } from '../kit/servers/provide.ts'
import { startRabbit } from '../kit/servers/rabbit.ts'
import { runCommand, say, wholeNumber } from '../kit/command.ts'
import { type EventsOptions, measureEvents, type SubjectResult, subjects } from './events/run.ts'

const usage = `What open streams of events cost those who enroll: microseconds of CPU of the server for each request, at a fixed
rate, with and without streams; and how long after a decision's reply its event comes.

  node bench/events.ts [options]

  --streams N   open streams (default 5000)
  --rate N      requests a second, each of which changes something that is watched (default 2000)
  --seconds N   of each measurement (default 5)
  --rounds N    how often each is repeated, with and without streams in turn (default 5)
  --apart       hold the streams in a gateway process of their own
  --direct      without a broker: the server writes PostgreSQL by itself
  --about X     places, course or department: what each stream watches besides the student's own places (default: each)
`

interface Arguments extends EventsOptions {
  readonly direct: boolean
}

/** @throws with a line for people */
function readArguments(): Arguments | undefined {
  const { values } = parseArgs({
    options: {
      streams: { type: 'string', default: '5000' },
      rate: { type: 'string', default: '2000' },
      seconds: { type: 'string', default: '5' },
      rounds: { type: 'string', default: '5' },
      about: { type: 'string' },
      direct: { type: 'boolean', default: false },
      apart: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const about = subjects.filter((subject) => values.about === undefined || subject === values.about)
  if (about.length === 0) throw new Error(`--about wants one of ${subjects.join(', ')}`)
  return {
    streams: wholeNumber('streams', values.streams, 1, 50_000),
    rate: wholeNumber('rate', values.rate, 1, 50_000),
    seconds: wholeNumber('seconds', values.seconds, 1, 600),
    rounds: wholeNumber('rounds', values.rounds, 1, 100),
    subjects: about,
    direct: values.direct,
    apart: values.apart,
  }
}

function lineOf(result: SubjectResult, apart: boolean): string {
  const { subject, without, with: under, eventMs } = result
  const more = (ratio: number) => `${ratio >= 1 ? '+' : ''}${(100 * (ratio - 1)).toFixed(1)} %`
  const ms = (value: number) => value.toFixed(1)
  const { messagesPerSecond, bytesPerMessage, cpuPerMessage, bytesPerStream } = result
  return [
    `${subject.padEnd(10)} ${without.cpuPerRequest.toFixed(1)} -> ${under.cpuPerRequest.toFixed(1)} us of CPU a request (median of the rounds ${more(result.ratio.median)}, ${more(result.ratio.least)} to ${more(result.ratio.most)})`,
    `${Math.round(without.requestsPerSecond)} -> ${Math.round(under.requestsPerSecond)} requests a second`,
    `reply p50 ${ms(without.replyMs.p50)} -> ${ms(under.replyMs.p50)} ms, p99 ${ms(without.replyMs.p99)} -> ${ms(under.replyMs.p99)} ms`,
    `${Math.round(messagesPerSecond)} messages a second of ${Math.round(bytesPerMessage)} bytes, ${cpuPerMessage.toFixed(1)} us of CPU each`,
    `event p50 ${ms(eventMs.p50)}, p99 ${ms(eventMs.p99)}, max ${ms(eventMs.max)} ms after the reply (${eventMs.count} seen)`,
    ...(apart
      ? [`the gateway ${without.coresOfHolder.toFixed(2)} -> ${under.coresOfHolder.toFixed(2)} cores`]
      : []),
    `${(bytesPerStream / 1024).toFixed(1)} KiB a stream`,
  ].join('; ')
}

/** @returns the exit status */
async function compareCosts(options: Arguments): Promise<number> {
  const [postgres, rabbit] = await Promise.all([
    startPostgres(),
    options.direct ? undefined : startRabbit(say),
  ])
  try {
    const { url } = await createDatabase(postgres.url)
    const results = await measureEvents({ databaseUrl: url, rabbitAddress: rabbit?.address }, options, say)
    process.stdout.write(
      `${options.streams} streams${options.apart ? ' at a gateway of their own' : ''}, ${options.rate} requests a second, node ${process.version}\n`,
    )
    for (const result of results) process.stdout.write(`${lineOf(result, options.apart)}\n`)
    return 0
  } finally {
    await Promise.all([postgres.remove(), rabbit?.remove()])
  }
}

process.exitCode = await runCommand(usage, readArguments, compareCosts)
