import type { BatcherHost } from './batcher-host.ts'
import type { SimulatedBroker } from './broker.ts'
import { soundBroker } from './broker-parts.ts'
import { noChaos, type Chaos } from './chaos.ts'
import type { Client } from './clients.ts'
import type { Coverage } from './coverage.ts'
import type { SimulatedDatabase } from './database.ts'
import type { EngineHost } from './engine-host.ts'
import { type FaultPlan, isQueueStroke, type Stroke } from './fault-plan.ts'
import type { History } from './history.ts'
import type { Network } from './network.ts'
import type { Operator } from './operator.ts'
import type { QueueAccidents } from './queue-accidents.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { Blueprint } from './tables.ts'

export interface Cast {
  readonly scheduler: Scheduler
  readonly random: Random
  readonly plan: FaultPlan
  readonly coverage: Coverage
  readonly chaos: Chaos
  readonly network: Network
  readonly blueprint: Blueprint
  readonly broker: SimulatedBroker | undefined
  readonly database: SimulatedDatabase
  readonly engines: readonly EngineHost[]
  readonly batchers: readonly BatcherHost[]
  readonly clients: readonly Client[]
  /** Where the journal is switched. */
  readonly operator: Operator | undefined
  readonly accidents: QueueAccidents | undefined
  readonly history: History
  /** How many commands there must be before anything that ends the run. */
  readonly commandsMin: number
}

const hourMs = 3_600_000
const stopGraceMs = 3000
const rushersMax = 80

/** Lets things go wrong, stroke by stroke, as the plan has it; and puts everything right in the end. */
export class Director {
  readonly #cast: Cast
  readonly #rushes: Promise<void>[] = []
  #isOver = false
  /** From here on nothing heals by itself, and nobody may pretend that it does. */
  isLosingTail = false

  constructor(cast: Cast) {
    this.#cast = cast
    const { chaos, plan, broker, network } = cast
    chaos.onCrash = (process) => this.#kill(process)
    chaos.onSuspend = (process) => this.#suspend(process, this.#cast.random.exponential(3000))
    chaos.mayCrash = (process) => cast.accidents?.isNeeded(process) !== true
    chaos.rates = plan.chaos
    if (broker !== undefined) broker.rates = plan.broker
    network.lossRate = plan.replyLossRate
    for (const host of [...cast.engines, ...cast.batchers]) {
      host.onMisconfigured = () => this.#kill(host.process)
    }
    this.#strikeLater()
    if (plan.losesTail) this.#loseTailLater()
    for (const latecomer of cast.blueprint.latecomers) {
      cast.scheduler.after(cast.random.between(0, 30_000), () => cast.database.tables.addStudent(latecomer))
    }
  }

  /** All rushes that were begun. */
  async rushes(): Promise<void> {
    await Promise.all(this.#rushes)
  }

  #strikeLater(): void {
    const { scheduler, random, plan } = this.#cast
    if (plan.strokeEveryMs === Infinity) return
    scheduler.after(random.exponential(plan.strokeEveryMs), () => {
      if (this.#isOver) return
      this.#strike(this.#drawStroke())
      this.#strikeLater()
    })
  }

  #drawStroke(): Stroke {
    const { random, plan } = this.#cast
    const total = [...plan.weights.values()].reduce((sum, weight) => sum + weight, 0)
    let draw = random.next() * total
    for (const [stroke, weight] of plan.weights) {
      draw -= weight
      if (draw <= 0) return stroke
    }
    return 'rush on a hot course'
  }

  #strike(stroke: Stroke): void {
    const { random, coverage, broker, database, engines, batchers, scheduler } = this.#cast
    const engine = random.pick(engines)
    const batcher = batchers.length === 0 ? undefined : random.pick(batchers)
    if (isQueueStroke(stroke)) {
      if (this.#cast.accidents?.strike(stroke, (process) => this.#kill(process)) === true)
        coverage.fault(stroke)
      return
    }
    switch (stroke) {
      case 'engine killed':
        this.#kill(engine.process)
        break
      case 'engine suspended':
        this.#suspend(
          engine.process,
          random.chance(0.3) ? random.between(9000, 40_000) : random.between(20, 2000),
        )
        break
      case 'engine stopped in good order':
        this.#stopEngine(engine)
        break
      case 'engine’s connections cut':
        broker?.cutSessionsOf(engine.process)
        if (broker === undefined || random.chance(0.3)) database.cutSessionsOf(engine.process)
        break
      case 'database restarted':
        database.restart(random.chance(0.05) ? 60_000 : random.between(50, 2000))
        break
      case 'clock jumped an hour':
        this.#jump([-hourMs, hourMs])
        break
      case 'clock jumped within bounds':
        this.#jump([-1500, -300, 300, 1500])
        break
      case 'database’s clock jumped':
        // Never as far as an engine’s: two clocks that are wrong alike agree, and then nobody can know.
        database.clockOffsetMs = random.pick([-2 * hourMs, -700, 700])
        scheduler.after(random.between(500, 8000), () => {
          database.clockOffsetMs = 0
        })
        break
      case 'rush on a hot course':
        this.#rush()
        break
      case 'journal switched':
        // Covered once it is done.
        this.#cast.operator?.switchJournal(
          (process) => this.#kill(process),
          () => this.#isOver,
        )
        return
      case 'batcher killed':
      case 'batcher suspended':
      case 'batcher stopped in good order':
      case 'batcher’s connections cut':
      case 'leader and batcher fall together':
        if (batcher === undefined) return
        this.#strikeBatcher(batcher, stroke)
        break
      case 'broker restarted':
        if (broker === undefined) return
        broker.restart(random.between(50, 3000))
        break
      case 'broker blocks publishers':
        if (broker === undefined) return
        broker.block(true)
        scheduler.after(random.between(50, 4000), () => broker.block(false))
        break
    }
    coverage.fault(stroke)
  }

  #strikeBatcher(batcher: BatcherHost, stroke: Stroke): void {
    const { random, broker, database } = this.#cast
    if (stroke === 'leader and batcher fall together') this.#fallTogether()
    else if (stroke === 'batcher killed') this.#kill(batcher.process)
    else if (stroke === 'batcher suspended') {
      this.#suspend(
        batcher.process,
        random.chance(0.2) ? random.between(9000, 70_000) : random.between(20, 2000),
      )
    } else if (stroke === 'batcher’s connections cut') {
      if (random.chance(0.5)) broker?.cutSessionsOf(batcher.process)
      else database.cutSessionsOf(batcher.process)
    } else void this.#stopBatcher(batcher)
  }

  /**
   * What the batchers have in hand, the next leader's marker among it or behind it, returns when they fall; or
   * when one of them falls and the other is there at once.
   */
  #fallTogether(): void {
    const { random, engines, batchers, scheduler } = this.#cast
    const survivor = random.chance(0.5) ? random.pick(batchers) : undefined
    for (const { process } of batchers) process.suspend()
    scheduler.after(random.chance(0.5) ? random.between(0, 30) : random.between(20, 300), () => {
      if (this.#isOver) return
      for (const { engine, process } of engines) if (engine.campus) this.#kill(process)
    })
    scheduler.after(random.between(600, 4000), () => {
      // Then everybody has been woken, or started anew.
      if (this.#isOver) return
      survivor?.process.wake()
      for (const host of batchers) if (host !== survivor) this.#kill(host.process)
    })
  }

  #hostOf(process: SimulatedProcess): EngineHost | BatcherHost | undefined {
    return [...this.#cast.engines, ...this.#cast.batchers].find((host) => host.process === process)
  }

  #kill(process: SimulatedProcess): void {
    const host = this.#hostOf(process)
    if (host === undefined || !process.isAlive) return
    if (this.#cast.accidents?.isNeeded(process) === true) return
    host.kill()
    this.#restartLater(host, process)
  }

  #restartLater(host: EngineHost | BatcherHost, process: SimulatedProcess): void {
    const { scheduler, random } = this.#cast
    scheduler.after(random.between(20, 2000), () => {
      if (host.process !== process || (this.#isOver && this.isLosingTail)) return
      if (this.#cast.operator?.mayStart(host) ?? true) host.restart()
    })
  }

  #suspend(process: SimulatedProcess, forMs: number): void {
    if (!process.isRunning) return
    const isLeading = this.#cast.engines.some((host) => host.process === process && host.engine.campus)
    process.suspend()
    this.#cast.scheduler.after(forMs, () => {
      const isDeposed = [...process.links].some((link) => !link.serverOpen)
      if (isLeading && isDeposed && process.isAlive) {
        this.#cast.coverage.fault(`suspended holder of the ${this.#cast.plan.journal} lock woke without it`)
      }
      process.wake()
    })
  }

  #stopEngine(host: EngineHost): void {
    const { process, engine } = host
    if (!process.isRunning || this.#cast.accidents?.isNeeded(process) === true) return
    host.isStopping = true
    void engine.stop(stopGraceMs).then(() => {
      if (host.process !== process) return
      host.kill()
      this.#restartLater(host, process)
    })
  }

  async #stopBatcher(host: BatcherHost): Promise<void> {
    const { process, batcher } = host
    if (!process.isRunning) return
    await batcher.stop()
    if (host.process !== process) return
    host.kill()
    this.#restartLater(host, process)
  }

  /** Until somebody, or the network's time, sets it right. */
  #jump(choices: readonly number[]): void {
    const { random, engines, batchers, scheduler } = this.#cast
    const everyone = random.chance(0.3)
    const chosen = random.pick([...engines, ...batchers])
    const jumpMs = random.pick(choices)
    for (const host of [...engines, ...batchers]) {
      if (!everyone && host !== chosen) continue
      host.clockOffsetMs = jumpMs
      scheduler.after(random.between(500, 8000), () => {
        host.clockOffsetMs = 0
      })
    }
  }

  #rush(): void {
    if (this.#rushes.length <= rushersMax) this.#rushNow()
  }

  #rushNow(): void {
    const { random, clients } = this.#cast
    for (const client of random.shuffled(clients).slice(0, 12)) {
      this.#rushes.push(client.rush(random.integer(1, 4)))
    }
  }

  /**
   * Once there is a leader and its batchers lag: the broker forgets messages that it has confirmed. Only that
   * leader can notice, so the other engine stays away.
   */
  #loseTailLater(): void {
    const { scheduler, random, engines, batchers, broker, database } = this.#cast
    scheduler.after(random.between(200, 3000), () => {
      if (this.#cast.history.intents < this.#cast.commandsMin) {
        this.#loseTailLater()
        return
      }
      // Not one that was deposed and has not heard of it: what is lost, it never knew.
      const { term } = database.tables.position
      const leader = engines.find(
        ({ engine, process }) => process.isRunning && engine.campus && engine.status().term === term,
      )
      if (leader === undefined || broker === undefined) {
        this.#loseTailLater()
        return
      }
      this.#endFaults()
      this.isLosingTail = true
      for (const host of [...engines, ...batchers]) if (host !== leader) host.kill()
      this.#loseTailOf(leader, broker)
    })
  }

  #loseTailOf(leader: EngineHost, broker: SimulatedBroker): void {
    const { scheduler, random, coverage, engines, batchers, database, history } = this.#cast
    scheduler.after(50, () => {
      // What befell the leader before may show only now; without a batcher there is no other.
      if (leader.engine.campus === undefined) {
        this.isLosingTail = false
        for (const host of [...engines, ...batchers]) if (host !== leader) host.restart()
        this.#loseTailLater()
        return
      }
      const missed = history.answeredRequests()
      for (const { record } of database.tables.decisions) missed.delete(record.request)
      const isLost =
        broker.queue.count >= 3 &&
        broker.loseTail(random.integer(2, broker.queue.count - 1), (request) => missed.has(request))
      if (!isLost) {
        this.#rushNow()
        this.#loseTailOf(leader, broker)
        return
      }
      coverage.fault('end of the queue lost')
      // Then it cannot be written down, and the leader's next marker alone says so.
      if (random.chance(0.5)) database.restart(random.between(1500, 4000))
      // Before the leader can see it: it would send again what is gone.
      broker.restart(100)
      for (const host of batchers) host.restart()
    })
  }

  /** No more faults; what is dead or suspended runs again. */
  heal(): void {
    this.#endFaults()
    this.#cast.accidents?.lift()
    const { engines, batchers } = this.#cast
    for (const { process } of [...engines, ...batchers]) process.wake()
  }

  #endFaults(): void {
    this.#isOver = true
    const { chaos, network, broker } = this.#cast
    chaos.rates = noChaos
    network.lossRate = 0
    if (broker !== undefined) broker.rates = soundBroker
  }
}
