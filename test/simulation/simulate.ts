import { createHash } from 'node:crypto'
import { auditRun } from './audit-run.ts'
import { directIdentity } from '../../src/journal/direct-journal.ts'
import { BatcherHost } from './batcher-host.ts'
import { brokerIdentity } from './broker-journal.ts'
import { drawBlueprint } from './blueprint.ts'
import { SimulatedBroker } from './broker.ts'
import { Chaos } from './chaos.ts'
import { Client, type ClientParts, type Person } from './clients.ts'
import { CommandDraw } from './command-draw.ts'
import { Coverage } from './coverage.ts'
import { SimulatedDatabase } from './database.ts'
import { Director } from './director.ts'
import { EngineHost } from './engine-host.ts'
import { calmly, drawFaultPlan, type PlanWish } from './fault-plan.ts'
import { History } from './history.ts'
import { drawLimits } from './limits.ts'
import { Network } from './network.ts'
import { Operator } from './operator.ts'
import { QueueAccidents } from './queue-accidents.ts'
import { Random } from './random.ts'
import { Scheduler } from './scheduler.ts'
import type { SimulatedProcess, World } from './simulated-process.ts'
import { tablesLines } from './state-text.ts'
import { type Blueprint, Tables } from './tables.ts'

export interface RunOptions {
  readonly seed: number
  readonly wish?: PlanWish | undefined
  /** Without a fault. */
  readonly isCalm?: boolean
  /** Called with everything that happens to the processes, for looking into one seed. */
  readonly trace?: (line: string) => void
}

export interface RunResult {
  readonly seed: number
  /** Empty: every promise held. */
  readonly failures: readonly string[]
  readonly coverage: Coverage
  readonly commands: number
  readonly decisions: number
  readonly steps: number
  readonly simulatedMs: number
  /** Of everything that entered the broker's queue (the direct journal: the decisions); of the tables in the end. */
  readonly journalDigest: string
  readonly tablesDigest: string
}

/** 2026-09-01 07:00 UTC, the morning of a registration day. */
const epochMs = 1_788_246_000_000
/** So long after the last fault, everything must be answered and everybody agree. */
const healingMs = 900_000
/** So long do faults last at most. */
const askingMs = 600_000
/** In every run. */
export const commandsMin = 2000
const intentsPerStudent = 44
const intentsPerStaff = 85
const staffCount = 4

/** One run of the world: everything in it follows from the seed. */
export async function simulate(options: RunOptions): Promise<RunResult> {
  return await new Simulation(options).run()
}

class Simulation {
  readonly #seed: number
  readonly #coverage = new Coverage()
  readonly #history = new History()
  readonly #scheduler = new Scheduler()
  readonly #database: SimulatedDatabase
  readonly #broker: SimulatedBroker | undefined
  readonly #engines: readonly EngineHost[]
  readonly #batchers: readonly BatcherHost[]
  readonly #clients: readonly Client[]
  #operator: Operator | undefined
  /** Where the end of the queue is lost for good, nobody accepts it. */
  #accidents: QueueAccidents | undefined
  readonly #director: Director
  readonly #blueprint: Blueprint
  /** Who must see the world end is given more to do. */
  readonly #patience: number
  readonly #thinkMs: number
  readonly #trace: (line: string) => void
  readonly #failures: string[] = []
  /** Of a gap or a lost end of the journal. */
  #alarms = 0

  constructor({ seed, wish, isCalm, trace }: RunOptions) {
    this.#seed = seed
    this.#trace = trace ?? (() => {})
    const random = (name: string) => new Random(seed, name)
    const chaos = new Chaos(random('chaos'), this.#coverage)
    const world: World = { scheduler: this.#scheduler, chaos, timing: random('timing'), epochMs }
    const drawn = drawFaultPlan(random('plan'), seed, wish)
    const plan = isCalm === true ? calmly(drawn) : drawn
    this.#patience = plan.losesTail ? 1.5 : 1
    this.#thinkMs = plan.thinkMs
    this.#blueprint = drawBlueprint(random('blueprint'), epochMs)
    this.#database = new SimulatedDatabase(
      world,
      new Tables(this.#blueprint),
      this.#coverage,
      plan.databaseSyncMs,
    )
    this.#broker =
      plan.journal === 'broker' || plan.switchesJournal
        ? new SimulatedBroker(world, random('broker'), this.#coverage, plan.brokerSyncMs)
        : undefined
    const network = new Network(this.#scheduler, random('network'), this.#coverage)
    // Where records are missing for good, a window that markers can fill beside them shows more.
    const window = random('prefetch').pick(plan.losesTail ? [2, 2, 3, 10] : [1, 2, 3, 10, 30, 100])
    this.#engines = ['east', 'west'].map(
      (name) =>
        new EngineHost(name, {
          world,
          broker: this.#broker,
          database: this.#database,
          journal: () => this.#operator?.configured ?? plan.journal,
          limits: drawLimits(random(`limits of ${name}`), plan.acknowledge),
          window,
          ids: random(`ids of ${name}`),
          onState: (process, state, detail) => {
            if (state === 'leading') network.noteLeader()
            if (detail.startsWith('lost_tail')) this.#accidents?.hearLoss()
            this.#log(process, `${state}: ${detail}`)
          },
        }),
    )
    this.#batchers = this.#startBatchers(world, random, window)
    this.#database.tables.journal = plan.journal === 'broker' ? brokerIdentity : directIdentity
    if (plan.switchesJournal && this.#broker !== undefined) {
      this.#operator = new Operator(
        {
          world,
          scheduler: this.#scheduler,
          random: random('operator'),
          coverage: this.#coverage,
          broker: this.#broker,
          database: this.#database,
          engines: this.#engines,
          batchers: this.#batchers,
        },
        plan.journal,
      )
      if (plan.journal === 'direct') for (const batcher of this.#batchers) batcher.kill()
    }
    if (this.#broker !== undefined && !plan.losesTail) {
      this.#accidents = new QueueAccidents({
        scheduler: this.#scheduler,
        random: random('accidents'),
        coverage: this.#coverage,
        broker: this.#broker,
        database: this.#database,
        engines: this.#engines,
        batchers: this.#batchers,
      })
    }
    this.#clients = this.#people(random('people'), network)
    this.#director = new Director({
      scheduler: this.#scheduler,
      random: random('director'),
      plan,
      coverage: this.#coverage,
      chaos,
      network,
      blueprint: this.#blueprint,
      broker: this.#broker,
      database: this.#database,
      engines: this.#engines,
      batchers: this.#batchers,
      clients: this.#clients,
      operator: this.#operator,
      accidents: this.#accidents,
      history: this.#history,
      commandsMin,
    })
  }

  #startBatchers(world: World, random: (name: string) => Random, prefetch: number): BatcherHost[] {
    const broker = this.#broker
    if (broker === undefined) return []
    return ['north', 'south'].map(
      (name) =>
        new BatcherHost(name, {
          world,
          broker,
          database: this.#database,
          prefetch,
          recordsMax: random('records').integer(4, 40),
          ids: random(`ids of ${name}`),
          onEvent: (process, event) => {
            if (event.kind === 'alarm' && (event.alarm === 'gap' || event.alarm === 'lost_tail'))
              this.#alarms++
            if (event.kind === 'alarm' && event.alarm === 'lost_tail') this.#accidents?.hearLoss()
            this.#coverage.event(`batcher: ${event.kind === 'alarm' ? event.alarm : event.kind}`)
            this.#log(process, JSON.stringify(event))
          },
        }),
    )
  }

  #people(random: Random, network: Network): Client[] {
    const { students, latecomers } = this.#blueprint
    const parts: ClientParts = {
      scheduler: this.#scheduler,
      random,
      draw: new CommandDraw(this.#blueprint, random, epochMs),
      network,
      history: this.#history,
      coverage: this.#coverage,
      database: this.#database,
      hosts: this.#engines,
    }
    const people: Person[] = [...students, ...latecomers].map(({ id }) => ({ role: 'student', id }))
    for (let id = 1; id <= staffCount; id++) people.push({ role: 'staff', id, department: 1 + (id % 3) })
    return people.map((person) => new Client(parts, person))
  }

  #log(process: SimulatedProcess, line: string): void {
    this.#trace(`${this.#scheduler.nowMs.toFixed(1).padStart(10)} ${process.name} ${line}`)
  }

  async run(): Promise<RunResult> {
    let isAsked = false
    let isAnswered = false
    const work = Promise.all(
      this.#clients.map((client, index) =>
        client.run(
          (index < this.#clients.length - staffCount ? intentsPerStudent : intentsPerStaff) * this.#patience,
          this.#thinkMs,
        ),
      ),
    ).then(async () => {
      isAsked = true
      await this.#director.rushes()
      isAnswered = true
    })
    void work
    await this.#scheduler.runUntil(
      () =>
        (isAsked && !this.#director.isLosingTail) ||
        this.#broker?.lostRequests !== undefined ||
        this.#scheduler.nowMs > askingMs,
    )
    if (this.#broker?.lostRequests === undefined) await this.#heal(() => isAnswered)
    else await this.#watchLostTail()
    return this.#result()
  }

  async #heal(isAnswered: () => boolean): Promise<void> {
    this.#director.heal()
    const deadlineMs = this.#scheduler.nowMs + healingMs
    const isOverdue = (): boolean => this.#scheduler.nowMs > deadlineMs
    for (let takeovers = 2; ; takeovers--) {
      await this.#scheduler.runUntil(() => (isAnswered() && this.#isSettled()) || isOverdue())
      if (isOverdue() || takeovers === 0 || this.#accidents?.mayHideLoss() !== true) break
      // A standby that has led, or the tables, may know of a loss that whoever leads next has to tell of.
      this.#engines.find(({ engine }) => engine.campus)?.restart()
    }
    if (!isAnswered()) this.#failures.push(`somebody still waits for an answer: ${this.#describe()}`)
    else if (!this.#isSettled()) this.#failures.push(`it does not heal by itself: ${this.#describe()}`)
  }

  /** What was confirmed is gone: somebody must say so, and nothing may go on as if it were not. */
  async #watchLostTail(): Promise<void> {
    const alarmsBefore = this.#alarms
    const deadlineMs = this.#scheduler.nowMs + healingMs
    await this.#scheduler.runUntil(() => this.#alarms > alarmsBefore || this.#scheduler.nowMs > deadlineMs)
    if (this.#alarms === alarmsBefore) {
      this.#failures.push('the end of the journal was lost and nobody said so')
      return
    }
    const { term } = this.#database.tables.position
    const decided = this.#database.tables.decisions.length
    const alarmsAtFirst = this.#alarms
    const untilMs = this.#scheduler.nowMs + 30_000
    await this.#scheduler.runUntil(() => this.#scheduler.nowMs > untilMs)
    if (this.#alarms === alarmsAtFirst) {
      this.#failures.push('the end of the journal was lost and nobody says so any more')
    }
    // What is older than the loss may still be on its way into the tables.
    const { decisions, position } = this.#database.tables
    const lost = this.#broker?.lostRequests
    const goesOn = decisions.slice(decided).some(({ record }) => lost?.has(record.request ?? ''))
    if (goesOn || position.term !== term) {
      this.#failures.push('decisions went on after the end of the journal was lost')
    }
  }

  /** One engine leads, and all that was confirmed is in the tables. */
  #isSettled(): boolean {
    const leaders = this.#engines.filter(({ engine, process }) => process.isAlive && engine.campus)
    const [leader] = leaders
    if (leader === undefined || leaders.length > 1) return false
    const { pendingRecords, confirmedSeq, term } = leader.engine.status()
    const { position } = this.#database.tables
    return (
      pendingRecords === 0 &&
      position.seq === confirmedSeq &&
      position.term === term &&
      (this.#broker?.isDrained ?? true)
    )
  }

  #describe(): string {
    const engines = this.#engines.map(({ name, engine }) => `${name} ${engine.status().state}`)
    return `${engines.join(', ')}; position ${JSON.stringify(this.#database.tables.position)}; ${this.#broker?.describe() ?? ''}`
  }

  #result(): RunResult {
    const leader = this.#engines.find(({ engine, process }) => process.isAlive && engine.campus)
    const { tables } = this.#database
    const failures = [
      ...this.#failures,
      ...auditRun({
        blueprint: this.#blueprint,
        history: this.#history,
        tables,
        epochMs,
        memory: leader?.engine.campus,
        lost: this.#broker?.lostRequests ?? this.#accidents?.lostRequests() ?? new Set(),
        isOpenEnd: this.#broker?.lostRequests !== undefined,
      }),
    ]
    return {
      seed: this.#seed,
      failures,
      coverage: this.#coverage,
      commands: this.#history.intents,
      decisions: tables.decisions.length,
      steps: this.#scheduler.steps,
      simulatedMs: this.#scheduler.nowMs,
      journalDigest: this.#broker?.journalDigest() ?? digestOf(JSON.stringify(tables.decisions)),
      tablesDigest: digestOf(tablesLines(tables).join('\n')),
    }
  }
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
