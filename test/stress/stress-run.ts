import { tmpdir } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { Random } from '../../src/registry/random.ts'
import { Keeper } from '../../kit/servers/keeper.ts'
import { type CliResult, type Ending, runCli } from '../../kit/load/cli-process.ts'
import { HttpClient } from '../../kit/load/http-client.ts'
import { Service } from '../../kit/load/service.ts'
import { audit } from './audit/audit.ts'
import { Check } from './audit/check.ts'
import { type StressCampus, stressCampus, writeCampusFiles } from './campus.ts'
import { StaffClient, StudentClient } from './clients.ts'
import { StressDatabase } from './database.ts'
import type { Decision, Evidence } from './history.ts'
import { readEverything } from './last-reads.ts'
import { logIn } from './login.ts'
import { Sender } from './sender.ts'

export interface StressOptions {
  /** Students who act at the same time. */
  readonly clients: number
  /** How long they do. */
  readonly seconds: number
  /** The campus and what each client draws depend on it; how their requests interleave does not. */
  readonly seed: number
  /** SIGKILL batcher and server once each, and start them again. */
  readonly kill: boolean
}

/** Both are used as they are: an empty database, and the broker that carries the journal (none = the direct one). */
export interface StressServers {
  readonly databaseUrl: string
  readonly rabbitAddress: string | undefined
}

export interface StressHost {
  /** Called with how far it is. */
  readonly say: (line: string) => void
  /** Ends the run, and what it started, early. */
  readonly signal: AbortSignal
}

export interface StressResult {
  readonly checks: readonly Check[]
  readonly sender: Sender
  readonly decisions: readonly Decision[]
  readonly promotions: number
  /** Commands without an answer that were decided all the same. */
  readonly unknownButDecided: number
  /** How long clients acted, in seconds, and how long the tables took to hold all of it afterwards. */
  readonly seconds: number
  readonly behindMs: number
  /** What `enrollment verify` printed. */
  readonly verification: string
  /** Log lines of warning and above, of all processes. */
  readonly warnings: number
}

const giveUpAfterMs = 30_000
const progressMs = 5000
const writtenTimeoutMs = 60_000

/**
 * Hundreds of clients against a few hot courses, over HTTP, on real processes; then everything that they were told is
 * compared with what the database holds.
 * @throws if it could not be carried out; what does not hold is in the result
 */
export async function runStress(
  options: StressOptions,
  servers: StressServers,
  host: StressHost,
): Promise<StressResult> {
  const keeper = new Keeper('stress', tmpdir())
  const database = await StressDatabase.open(servers.databaseUrl)
  const aborted = new Promise<never>((_resolve, reject) => {
    host.signal.addEventListener('abort', () => reject(host.signal.reason), { once: true })
  })
  try {
    return await Promise.race([aborted, runOn(options, servers, { ...host, keeper, database })])
  } finally {
    // Whatever still runs ends with the keeper.
    await keeper.release()
    await database.close()
  }
}

interface Fixture extends StressHost {
  readonly keeper: Keeper
  readonly database: StressDatabase
}

async function runOn(options: StressOptions, servers: StressServers, scene: Fixture): Promise<StressResult> {
  const { say, keeper, database } = scene
  const random = new Random(options.seed)
  const campus = stressCampus(random, options.clients)
  const environment = environmentFor(options)
  const campusId = `stress-${process.pid}-${Math.floor(performance.now())}`
  await load(campus, servers, { keeper, environment, campusId })
  await database.hold(campus.held)
  const before = await database.tables()

  const service = await Service.start({ ...servers, campus: campusId, environment, keeper })
  await service.untilReady()
  const http = new HttpClient({
    host: service.host,
    port: service.port,
    connectionsMax: options.clients + campus.staff.length,
    timeoutMs: 20_000,
  })
  const studentIds = campus.students.slice(0, options.clients).map(({ id }) => id)
  const students = await logIn(http, studentIds, { staff: false })
  const staffIds = campus.staff.map(({ id }) => id)
  const staff = await logIn(http, staffIds, { staff: true })
  await http.connect({ method: 'GET', path: '/healthz' })
  say(`${students.size} students and ${staff.size} staff are logged in; ${options.seconds} s begin`)

  const sender = new Sender(http)
  const begunMs = performance.now()
  const overMs = begunMs + options.seconds * 1000
  sender.giveUpAt(overMs + giveUpAfterMs)
  scene.signal.addEventListener('abort', () => sender.giveUpAt(0), { once: true })
  const isOver = () => scene.signal.aborted || performance.now() >= overMs
  const shared = { campus, sender, isOver, unkeyedShare: options.kill ? 0.1 : 0.3 }
  const clients = [
    ...[...students].map(([id, token]) => new StudentClient({ ...shared, id, token, random: drawn(random) })),
    ...[...staff].map(([id, token]) => new StaffClient({ ...shared, id, token, random: drawn(random) })),
  ]
  const ticking = setInterval(() => say(progress(sender, begunMs)), progressMs)
  try {
    await Promise.all([
      ...clients.map((client) => client.run()),
      options.kill ? killEach(service, options.seconds * 1000, scene) : undefined,
    ])
  } finally {
    clearInterval(ticking)
  }
  const seconds = (performance.now() - begunMs) / 1000
  say(`${progress(sender, begunMs)}; waiting for the tables`)

  const behindMs = await untilWritten(service, database)
  const last = await readEverything(sender, campus, { students, staff })
  const [decisions, after] = [await database.decisions(), await database.tables()]
  const leftovers = await database.leftovers()
  http.close()
  const endings = await service.stop()
  const verified = await runCli(['verify'], service.environment)
  const evidence: Evidence = {
    before,
    decisions,
    after,
    commands: sender.commands,
    reads: sender.reads,
    lastReads: last.reads,
    lastGroups: last.groups,
  }
  const { checks, promotions, unknownButDecided } = audit(evidence)
  return {
    checks: [...checks, sender.promised, judgeOperation(endings, leftovers), judgeVerification(verified)],
    sender,
    decisions,
    promotions,
    unknownButDecided,
    seconds,
    behindMs,
    verification: verified.output.trim(),
    warnings: service.processes.reduce((sum, process) => sum + process.countLogged(40), 0),
  }
}

/** So that limits per student do not limit the load, and the bound of a hot course's mailbox is met now and then. */
function environmentFor({ clients }: StressOptions): Readonly<Record<string, string>> {
  return {
    ENROLLMENT_STUDENT_RATE: '1000000/s',
    ENROLLMENT_STUDENT_BURST: '1000000',
    ENROLLMENT_STAFF_RATE: '1000000/s',
    ENROLLMENT_MAILBOX_MAX: String(Math.max(16, Math.floor(clients / 4))),
    // The broker is not killed here: its queue needs no time to settle.
    ENROLLMENT_QUEUE_SETTLE: '0s',
  }
}

function drawn(random: Random): Random {
  return new Random(random.integer(0, 2 ** 32 - 1))
}

function progress(sender: Sender, begunMs: number): string {
  const seconds = (performance.now() - begunMs) / 1000
  const count = sender.commands.length
  return `${seconds.toFixed(0).padStart(3)} s: ${count.toLocaleString('en')} commands, ${Math.round(count / seconds).toLocaleString('en')}/s`
}

async function load(
  campus: StressCampus,
  { databaseUrl }: StressServers,
  to: { keeper: Keeper; environment: Readonly<Record<string, string>>; campusId: string },
): Promise<void> {
  const files = await writeCampusFiles(campus, to.keeper.directory)
  const { ending, errors } = await runCli(['load', ...files], {
    DATABASE_URL: databaseUrl,
    ENROLLMENT_CAMPUS: to.campusId,
    ...to.environment,
  })
  if (ending !== 0) throw new Error(`enrollment load ended with ${ending}:\n${errors}`)
}

/** The batcher at two fifths of the time, the server at three. */
async function killEach(service: Service, durationMs: number, { say, signal }: StressHost): Promise<void> {
  const pause = (share: number) => sleep(durationMs * share, undefined, { signal })
  await pause(0.4)
  await service.killBatcher()
  say('batcher killed')
  await pause(0.05)
  service.restartBatcher()
  say('batcher started again')
  await pause(0.15)
  await service.killServer()
  say('server killed')
  service.restartServer()
  const begun = performance.now()
  await service.untilReady()
  say(`server leads again after ${Math.round(performance.now() - begun)} ms`)
}

/**
 * Resolves when the tables hold every decision of the server.
 * @returns how long that took, in milliseconds
 */
async function untilWritten(service: Service, database: StressDatabase): Promise<number> {
  const begun = performance.now()
  for (;;) {
    const { term, decidedSeq, confirmedSeq } = await service.progress()
    const position = await database.position()
    if (decidedSeq === confirmedSeq && position.term === term && position.seq === decidedSeq) {
      return performance.now() - begun
    }
    if (performance.now() - begun > writtenTimeoutMs) {
      const [server, batcher] = service.processes
      throw new Error(
        `the tables are at ${position.term}.${position.seq}, the server at ${term}.${decidedSeq}:\n` +
          `${server?.lastWords()}\n${batcher?.lastWords() ?? ''}`,
      )
    }
    await sleep(20)
  }
}

function judgeOperation(
  endings: readonly Ending[],
  leftovers: { readonly voids: number; readonly orphans: number },
): Check {
  const check = new Check('the processes stop cleanly, and no decision was void or found no row')
  check.expect(
    endings.every((ending) => ending === 0),
    () => `the processes ended with ${endings.join(' and ')}`,
  )
  check.expect(leftovers.voids === 0, () => `${leftovers.voids} void records`)
  check.expect(leftovers.orphans === 0, () => `${leftovers.orphans} effects found no row`)
  return check
}

function judgeVerification({ ending, output, errors }: CliResult): Check {
  const check = new Check('enrollment verify agrees')
  check.expect(ending === 0, () => `it ended with ${ending}:\n${output}${errors}`)
  return check
}
