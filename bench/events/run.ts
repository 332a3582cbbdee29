import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../src/embedded/cluster.ts'
import { Keeper } from '../../kit/servers/keeper.ts'
import { CliProcess } from '../../kit/load/cli-process.ts'
import { HttpClient } from '../../kit/load/http-client.ts'
import { Latencies } from '../../kit/load/latencies.ts'
import { Service } from '../../kit/load/service.ts'
import { courseCount, departmentCount, departmentOf, fillCampus, jwtSecret } from './campus.ts'
import { type Acknowledged, Traffic } from './traffic.ts'
import { Watchers, type WatcherReport } from './watchers.ts'

/** What streams watch besides the student's own places. */
export const subjects = ['places', 'course', 'department'] as const
export type Subject = (typeof subjects)[number]

export interface EventsOptions {
  readonly streams: number
  /** Requests a second. */
  readonly rate: number
  /** Of each measurement. */
  readonly seconds: number
  /** How often each is repeated, with streams and without in turn. */
  readonly rounds: number
  readonly subjects: readonly Subject[]
  /** Hold the streams in a gateway of their own; those who enroll come to the engine's process. */
  readonly apart: boolean
}

/** An empty database, and the broker that carries the journal (none = the direct one). */
export interface EventsServers {
  readonly databaseUrl: string
  readonly rabbitAddress: string | undefined
}

/** Times in milliseconds, CPU in microseconds. */
export interface Measured {
  readonly requestsPerSecond: number
  /** Of the process that decides. */
  readonly cpuPerRequest: number
  /** Of the process that holds the streams, while requests came: 1 = one core. */
  readonly coresOfHolder: number
  readonly replyMs: { readonly p50: number; readonly p99: number }
}

export interface SubjectResult {
  readonly subject: Subject
  readonly without: Measured
  readonly with: Measured
  /** CPU of the process that decides for each request: with streams, compared with the same round without. */
  readonly ratio: { readonly median: number; readonly least: number; readonly most: number }
  readonly messagesPerSecond: number
  readonly bytesPerMessage: number
  /** CPU of the process that holds the streams, above what it uses without any. */
  readonly cpuPerMessage: number
  /** From the reply of a decision to its event. */
  readonly eventMs: {
    readonly count: number
    readonly p50: number
    readonly p99: number
    readonly max: number
  }
  /** Memory of the process that holds the streams. */
  readonly bytesPerStream: number
}

/** Students who act; their own places are watched too. */
const activeStudents = 1000
const samples = 100
const settleMs = 1000

/**
 * What open streams cost those who enroll: CPU of the server for each request, at a fixed rate of requests, with and
 * without streams.
 */
export async function measureEvents(
  servers: EventsServers,
  options: EventsOptions,
  say: (line: string) => void,
): Promise<SubjectResult[]> {
  const keeper = new Keeper('events', tmpdir())
  const core = `unix://${join(keeper.directory, 'core.sock')}`
  try {
    await fillCampus(servers.databaseUrl, Math.max(options.streams, activeStudents))
    const service = await Service.start({
      ...servers,
      campus: `events-${process.pid}`,
      environment: {
        JWT_SECRET: jwtSecret,
        ENROLLMENT_STUDENT_RATE: '1000000/s',
        ENROLLMENT_STUDENT_BURST: '1000000',
        ENROLLMENT_EVENT_STREAMS_MAX: '100000',
        ENROLLMENT_LOG_LEVEL: 'warn',
        ENROLLMENT_CORE_LISTEN: core,
      },
      keeper,
    })
    await service.untilReady()
    const streamPort = options.apart ? await startGateway(service, core, keeper) : service.port
    const traffic = new Traffic(service.port, activeStudents)
    const gauges = new Gauges(service.port)
    const holder = new Gauges(streamPort)
    await traffic.connect()
    say('warming up')
    await traffic.run(options.rate, Math.min(5, options.seconds))
    const results: SubjectResult[] = []
    for (const subject of options.subjects) {
      say(`${options.streams} streams about ${subject}`)
      results.push(await measureSubject(subject, options, { streamPort, traffic, gauges, holder }))
    }
    if (traffic.failures > 0) throw new Error(`${traffic.failures} requests failed`)
    gauges.close()
    holder.close()
    traffic.close()
    await service.stop()
    return results
  } finally {
    await keeper.release()
  }
}

/** @returns its port, once it serves */
async function startGateway(service: Service, core: string, keeper: Keeper): Promise<number> {
  const port = await freePort()
  const own = { CORE_ADDRESS: core, LISTEN_ADDRESS: `127.0.0.1:${port}` }
  const gateway = new CliProcess('gateway', { ...service.environment, ...own }, keeper)
  for (;;) {
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined)
    await ready?.arrayBuffer()
    if (ready?.status === 200) return port
    if (!gateway.isRunning) throw new Error(`the gateway ended:\n${gateway.lastWords()}`)
    await sleep(50)
  }
}

interface Fixture {
  readonly streamPort: number
  readonly traffic: Traffic
  /** Of the process that decides. */
  readonly gauges: Gauges
  /** Of the process that holds the streams; the same one, unless they are held apart. */
  readonly holder: Gauges
}

async function measureSubject(
  subject: Subject,
  options: EventsOptions,
  scene: Fixture,
): Promise<SubjectResult> {
  const { streamPort, holder } = scene
  const runs: Record<'without' | 'with', Run[]> = { without: [], with: [] }
  const events = new Latencies()
  let messages = 0
  let bytes = 0
  let bytesPerStream = 0
  for (let round = 0; round < options.rounds; round++) {
    runs.without.push(await measure(options, scene))
    const before = await holder.read('process_resident_memory_bytes')
    const filters = Array.from({ length: options.streams }, (_, index) => filterOf(subject, index))
    const watchers = await Watchers.open({ port: streamPort, first: 1, filters, samples })
    bytesPerStream = ((await holder.read('process_resident_memory_bytes')) - before) / options.streams
    await sleep(settleMs)
    await watchers.report()
    const run = await measure(options, scene)
    await sleep(settleMs)
    const report = await watchers.report()
    runs.with.push(run)
    messages += report.messages
    bytes += report.bytes
    noteDelays(events, subject, report, run.acknowledged)
    await watchers.close()
    await sleep(settleMs)
  }
  const without = meanOf(runs.without)
  const under = meanOf(runs.with)
  const seconds = runs.with.reduce((total, run) => total + run.seconds, 0)
  // What the requests themselves cost the process is no part of it, if it is the same.
  const usCausedPerSecond = options.apart
    ? 1e6 * (under.coresOfHolder - without.coresOfHolder)
    : (under.cpuPerRequest - without.cpuPerRequest) * under.requestsPerSecond
  return {
    subject,
    without,
    with: under,
    ratio: ratioOf(runs.without, runs.with),
    messagesPerSecond: messages / seconds,
    bytesPerMessage: bytes / messages,
    cpuPerMessage: (usCausedPerSecond * seconds) / messages,
    eventMs: {
      count: events.count,
      p50: events.quantile(0.5),
      p99: events.quantile(0.99),
      max: events.quantile(1),
    },
    bytesPerStream,
  }
}

interface Run {
  readonly cpuUs: number
  readonly holderCpuUs: number
  readonly latencies: Latencies
  readonly requests: number
  readonly seconds: number
  readonly acknowledged: readonly Acknowledged[]
}

async function measure({ rate, seconds }: EventsOptions, { traffic, gauges, holder }: Fixture): Promise<Run> {
  traffic.latencies.clear()
  const cpuSeconds = async () =>
    await Promise.all([gauges, holder].map((of) => of.read('process_cpu_seconds_total')))
  const [before = 0, holderBefore = 0] = await cpuSeconds()
  const begunMs = performance.now()
  const requests = await traffic.run(rate, seconds)
  const tookSeconds = (performance.now() - begunMs) / 1000
  const [after = 0, holderAfter = 0] = await cpuSeconds()
  return {
    cpuUs: 1e6 * (after - before),
    holderCpuUs: 1e6 * (holderAfter - holderBefore),
    requests,
    seconds: tookSeconds,
    latencies: traffic.latencies.copy(),
    acknowledged: [...traffic.acknowledged],
  }
}

function meanOf(runs: readonly Run[]): Measured {
  const sum = (read: (run: Run) => number) => runs.reduce((total, run) => total + read(run), 0)
  return {
    requestsPerSecond: sum(({ requests }) => requests) / sum(({ seconds }) => seconds),
    cpuPerRequest: sum(({ cpuUs }) => cpuUs) / sum(({ requests }) => requests),
    coresOfHolder: sum(({ holderCpuUs }) => holderCpuUs) / 1e6 / sum(({ seconds }) => seconds),
    replyMs: {
      p50: sum(({ latencies }) => latencies.quantile(0.5)) / runs.length,
      p99: sum(({ latencies }) => latencies.quantile(0.99)) / runs.length,
    },
  }
}

/** Of neighbours in time: what else the machine does is much the same for both. */
function ratioOf(without: readonly Run[], under: readonly Run[]): SubjectResult['ratio'] {
  const perRequest = ({ cpuUs, requests }: Run) => cpuUs / requests
  const ratios = without
    .flatMap((run, index) =>
      under.slice(index, index + 1).map((other) => perRequest(other) / perRequest(run)),
    )
    .toSorted((a, b) => a - b)
  const at = (index: number) => ratios[index] ?? Number.NaN
  const last = ratios.length - 1
  return {
    median: (at(Math.floor(last / 2)) + at(Math.ceil(last / 2))) / 2,
    least: at(0),
    most: at(last),
  }
}

function filterOf(subject: Subject, index: number): string {
  if (subject === 'places') return '?places=own'
  if (subject === 'course') return `?places=own&course_id=${1 + (index % courseCount)}`
  return `?places=own&department=${1 + (index % departmentCount)}`
}

/** For each decision that a sampled stream must tell of: how long after the reply it did. */
function noteDelays(
  delays: Latencies,
  subject: Subject,
  { heard }: WatcherReport,
  acknowledged: readonly Acknowledged[],
): void {
  for (const { index, events } of heard) {
    const isTold = ({ student, course }: Acknowledged) =>
      student === index + 1 ||
      (subject === 'course' && course === 1 + (index % courseCount)) ||
      (subject === 'department' && departmentOf(course) === 1 + (index % departmentCount))
    let next = 0
    for (const { seq, atMs } of acknowledged.filter(isTold).toSorted((a, b) => a.seq - b.seq)) {
      while ((events[next]?.[0] ?? Number.POSITIVE_INFINITY) < seq) next++
      const event = events[next]
      if (event === undefined) throw new Error(`decision ${seq} was told to no stream`)
      delays.add(Math.max(0, event[1] - atMs))
    }
  }
}

class Gauges {
  readonly #http: HttpClient

  constructor(port: number) {
    this.#http = new HttpClient({ host: '127.0.0.1', port, connectionsMax: 1, timeoutMs: 30_000 })
  }

  async read(name: string): Promise<number> {
    const { body } = await this.#http.send({ method: 'GET', path: '/metrics' })
    const [, value] = new RegExp(`^${name} (.+)$`, 'm').exec(body) ?? []
    if (value === undefined) throw new Error(`the server shows no ${name}`)
    return Number(value)
  }

  close(): void {
    this.#http.close()
  }
}
