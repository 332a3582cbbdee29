import { setTimeout as sleep } from 'node:timers/promises'
import { runCli } from '../../kit/load/cli-process.ts'
import { HttpClient } from '../../kit/load/http-client.ts'
import { Check } from '../stress/audit/check.ts'
import { type StressCampus, stressCampus, writeCampusFiles } from '../stress/campus.ts'
import { StaffClient, StudentClient } from '../stress/clients.ts'
import { StressDatabase } from '../stress/database.ts'
import type { Answer, Evidence, Tables } from '../stress/history.ts'
import { readEverything } from '../stress/last-reads.ts'
import { logIn } from '../stress/login.ts'
import { Sender, type Wanted } from '../stress/sender.ts'
import { Random } from '../../src/registry/random.ts'
import type { Keeper } from '../../kit/servers/keeper.ts'
import { Deployment } from './deployment.ts'
import { FollowingClient } from './following-client.ts'
import { judge, type Verdict } from './verdict.ts'
import { readVoids } from './void-records.ts'

export interface TownOptions {
  readonly students: number
  /** Mean time between a student's requests, milliseconds. */
  readonly thinkMs: number
  readonly seed: number
  readonly databaseUrl: string
  readonly brokerAddress: string
  readonly brokerPorts: readonly (readonly number[])[]
  readonly environment: Readonly<Record<string, string>>
  readonly keeper: Keeper
  readonly say: (line: string) => void
}

/** A request without an answer for this long is given up, and sent again elsewhere. */
const answerTimeoutMs = 8000
const healTimeoutMs = 180_000
/** Clients go on for so long after everything is mended. */
const afterwardsMs = 3000

/** Thinks before every command, as people do; so the audit can hold all of a long run. */
class PacedSender extends Sender {
  readonly #random: Random
  readonly #thinkMs: number
  readonly #isOver: () => boolean

  constructor(http: FollowingClient, options: { random: Random; thinkMs: number; isOver: () => boolean }) {
    super(http)
    this.#random = options.random
    this.#thinkMs = options.thinkMs
    this.#isOver = options.isOver
  }

  override async carryOut(wanted: Wanted, token: string): Promise<Answer> {
    await sleep(this.#random.integer(0, 2 * this.#thinkMs))
    if (this.#isOver()) return { kind: 'turned_away', code: 'too late' }
    return await super.carryOut(wanted, token)
  }
}

/**
 * A campus whose students and staff go on with what they do, whatever becomes of the processes that serve them; and
 * the audit of all that they were told.
 */
export class ChaosFixture {
  readonly deployment: Deployment
  readonly http: FollowingClient
  readonly #options: TownOptions
  readonly #campus: StressCampus
  readonly #before: Tables
  readonly #sender: PacedSender
  readonly #tokens: { students: Map<number, string>; staff: Map<number, string> }
  readonly #clients: Promise<unknown>
  #isOver = false

  private constructor(
    options: TownOptions,
    built: {
      deployment: Deployment
      http: FollowingClient
      campus: StressCampus
      before: Tables
      tokens: { students: Map<number, string>; staff: Map<number, string> }
      random: Random
    },
  ) {
    this.#options = options
    this.deployment = built.deployment
    this.http = built.http
    this.#campus = built.campus
    this.#before = built.before
    this.#tokens = built.tokens
    const isOver = () => this.#isOver
    const { random } = built
    this.#sender = new PacedSender(built.http, { random: drawn(random), thinkMs: options.thinkMs, isOver })
    // Without a key nobody can ask again, and what a suspended server decides late has no client any more.
    const shared = { campus: built.campus, sender: this.#sender, isOver, unkeyedShare: 0 }
    const clients = [
      ...[...built.tokens.students].map(
        ([id, token]) => new StudentClient({ ...shared, id, token, random: drawn(random) }),
      ),
      ...[...built.tokens.staff].map(
        ([id, token]) => new StaffClient({ ...shared, id, token, random: drawn(random) }),
      ),
    ]
    this.#clients = Promise.all(clients.map((client) => client.run()))
  }

  /** Loads a campus into an empty database, starts the processes, logs everybody in, and lets them begin. */
  static async open(options: TownOptions): Promise<ChaosFixture> {
    const { students, seed, databaseUrl, keeper, say } = options
    const random = new Random(seed)
    const campus = stressCampus(random, students)
    const campusId = `chaos-${process.pid}`
    const environment = {
      ENROLLMENT_STUDENT_RATE: '1000000/s',
      ENROLLMENT_STUDENT_BURST: '1000000',
      ENROLLMENT_STAFF_RATE: '1000000/s',
      ENROLLMENT_METRICS_FOR_CLIENTS: 'yes',
      ENROLLMENT_SHUTDOWN: '5s',
      ...options.environment,
    }
    const files = await writeCampusFiles(campus, keeper.directory)
    const loaded = await runCli(['load', ...files], {
      DATABASE_URL: databaseUrl,
      ENROLLMENT_CAMPUS: campusId,
      ...environment,
    })
    if (loaded.ending !== 0) throw new Error(`enrollment load ended with ${loaded.ending}:\n${loaded.errors}`)
    const database = await StressDatabase.open(databaseUrl)
    await database.hold(campus.held)
    const before = await database.tables()
    await database.close()

    const deployment = await Deployment.start({ ...options, campus: campusId, environment })
    if (!(await deployment.watch.untilLed(healTimeoutMs))) {
      throw new Error(`nobody leads:\n${deployment.lastWords()}`)
    }
    const http = new FollowingClient(deployment.serverPorts, {
      host: '127.0.0.1',
      connectionsMax: 2 * (students + campus.staff.length),
      timeoutMs: answerTimeoutMs,
    })
    const ids = campus.students.slice(0, students).map(({ id }) => id)
    const tokens = {
      students: await logIn(http, ids, { staff: false }),
      staff: await logIn(
        http,
        campus.staff.map(({ id }) => id),
        { staff: true },
      ),
    }
    say(`${tokens.students.size} students and ${tokens.staff.size} staff are logged in`)
    return new ChaosFixture(options, { deployment, http, campus, before, tokens, random })
  }

  /** How many commands were carried out so far. */
  get commandCount(): number {
    return this.#sender.commands.length
  }

  /** Replies so far that tell of a decision, yes or no. */
  get decidedReplies(): number {
    const decided = /^(200|204|409 (?!idempotency_in_flight))/
    return [...this.#sender.replies].reduce(
      (sum, [label, count]) => sum + (decided.test(label) ? count : 0),
      0,
    )
  }

  /** How many replies there were of each status and code. */
  get replies(): ReadonlyMap<string, number> {
    return this.#sender.replies
  }

  /**
   * Once everything is mended: sees that it goes on by itself, lets the clients finish, stops the processes, and
   * compares what everybody was told with the tables, with what the service shows, and with `enrollment verify`.
   */
  async judge(): Promise<Verdict & { readonly voids: number; readonly verification: string }> {
    const { deployment } = this
    const { databaseUrl, say } = this.#options
    const healed = new Check(
      'everything healed by itself: somebody leads, and the tables hold all that was decided',
    )
    const begunMs = performance.now()
    const isLed = await deployment.watch.untilLed(healTimeoutMs)
    await sleep(afterwardsMs)
    this.#isOver = true
    this.#sender.giveUpAt(performance.now() + healTimeoutMs)
    await this.#clients
    const database = await StressDatabase.open(databaseUrl)
    try {
      const isWritten = isLed && (await this.#untilWritten(database))
      healed.expect(isWritten, () => `not within ${healTimeoutMs / 1000} s:\n${deployment.lastWords()}`)
      say(`healed after ${((performance.now() - begunMs) / 1000).toFixed(1)} s; comparing`)
      const last = await this.#readEverything()
      const [decisions, after] = [await database.decisions(), await database.tables()]
      const leftovers = await database.leftovers()
      const voids = await readVoids(databaseUrl)
      this.http.close()
      const stopped = await deployment.stop()
      const evidence: Evidence = {
        before: this.#before,
        decisions,
        after,
        commands: this.#sender.commands,
        reads: this.#sender.reads,
        lastReads: last.reads,
        lastGroups: last.groups,
      }
      const verified = await runCli(['verify'], { DATABASE_URL: databaseUrl })
      const agreed = new Check('enrollment verify agrees, and no effect found no row')
      agreed.expect(verified.ending === 0, () => `it ended with ${verified.ending}: ${verified.output}`)
      agreed.expect(leftovers.orphans === 0, () => `${leftovers.orphans} effects found no row`)
      const ended = new Check('no process ended unasked, and each stopped cleanly when it was told to')
      const { unasked, unclean } = deployment.endings
      for (const ending of [...unasked, ...unclean]) ended.expect(false, () => ending)
      for (const ending of stopped) ended.expect(ending === 0, () => `at the end, one ended with ${ending}`)
      const verdict = judge(evidence, voids)
      return {
        ...verdict,
        checks: [healed, ...verdict.checks, this.#sender.promised, agreed, ended],
        voids: voids.length,
        verification: verified.output.trim(),
      }
    } finally {
      await database.close()
    }
  }

  async #readEverything(): ReturnType<typeof readEverything> {
    const port = this.deployment.serverPorts[this.deployment.watch.leader ?? 0] ?? 0
    const http = new HttpClient({ host: '127.0.0.1', port, connectionsMax: 4, timeoutMs: 20_000 })
    try {
      return await readEverything(new Sender(http), this.#campus, this.#tokens)
    } finally {
      http.close()
    }
  }

  /** Whether the tables hold every decision of the leader before too long. */
  async #untilWritten(database: StressDatabase): Promise<boolean> {
    const deadline = performance.now() + healTimeoutMs
    while (performance.now() < deadline) {
      const standing = this.deployment.watch.standing
      const { term, seq } = await database.position()
      const isQuiet = standing !== undefined && standing.decidedSeq === standing.confirmedSeq
      if (isQuiet && standing.term === term && standing.decidedSeq === seq) return true
      await sleep(100)
    }
    return false
  }
}

function drawn(random: Random): Random {
  return new Random(random.integer(0, 2 ** 32 - 1))
}
