import { directIdentity } from '../../src/journal/direct-journal.ts'
import type { BatcherHost } from './batcher-host.ts'
import { brokerIdentity } from './broker-journal.ts'
import type { BrokerSession } from './broker-parts.ts'
import type { SimulatedBroker } from './broker.ts'
import type { Coverage } from './coverage.ts'
import type { SimulatedDatabase } from './database.ts'
import type { EngineHost } from './engine-host.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import { SimulatedProcess, type World } from './simulated-process.ts'

export interface OperatorParts {
  readonly world: World
  readonly scheduler: Scheduler
  readonly random: Random
  readonly coverage: Coverage
  readonly broker: SimulatedBroker
  readonly database: SimulatedDatabase
  readonly engines: readonly EngineHost[]
  readonly batchers: readonly BatcherHost[]
}

const patienceMs = 20_000
const pollMs = 20
/** What a consumer that is gone had out is back in the queue by then. */
const settleMs = 250

/**
 * Somebody who switches the journal by the book: stops the servers, lets a batcher drain the queue, stops it, and asks for
 * the switch, which is refused while anybody leads or the queue holds anything. Not every process hears of it in time.
 */
export class Operator {
  /** What processes are configured for that start now. */
  configured: 'broker' | 'direct'
  readonly #parts: OperatorParts
  #isSwitching = false
  #isDrained = false
  #session: BrokerSession | undefined

  constructor(parts: OperatorParts, configured: 'broker' | 'direct') {
    this.#parts = parts
    this.configured = configured
    parts.database.tables.journal = this.#identity
  }

  get #identity(): string {
    return this.configured === 'broker' ? brokerIdentity : directIdentity
  }

  /** Whether a process of this kind may be started again now. */
  mayStart(host: EngineHost | BatcherHost): boolean {
    if (host.process.kind === 'engine') return !this.#isSwitching
    return this.configured === 'broker' && !this.#isDrained
  }

  /** @param isOver then it is given up, unless it is done */
  switchJournal(kill: (process: SimulatedProcess) => void, isOver: () => boolean): void {
    if (this.#isSwitching) return
    const { scheduler, random, coverage, engines } = this.#parts
    if (!this.#mayBeSwitched()) coverage.event('journal switch refused')
    this.#isSwitching = true
    for (const { process } of engines) {
      // One that is suspended wakes when another journal feeds the database.
      if (random.chance(0.6)) kill(process)
      else if (process.isRunning) {
        process.suspend()
        scheduler.after(random.between(5000, 40_000), () => process.wake())
      }
    }
    this.#poll(kill, isOver, scheduler.nowMs + patienceMs)
  }

  #poll(kill: (process: SimulatedProcess) => void, isOver: () => boolean, untilMs: number): void {
    const { scheduler, batchers, broker, coverage } = this.#parts
    const isBroker = this.configured === 'broker'
    if (isOver() || scheduler.nowMs > untilMs) {
      this.#finish()
    } else if (isBroker && !this.#isDrained && this.#holdsLock() && broker.isDrained) {
      this.#isDrained = true
      for (const { process } of batchers) kill(process)
      scheduler.after(settleMs, () => this.#poll(kill, isOver, untilMs))
    } else if ((!isBroker || this.#isDrained) && this.#mayBeSwitched()) {
      const { tables } = this.#parts.database
      this.configured = isBroker ? 'direct' : 'broker'
      tables.journal = this.#identity
      tables.journalStart = tables.position.term
      coverage.fault('journal switched')
      this.#finish()
    } else scheduler.after(pollMs, () => this.#poll(kill, isOver, untilMs))
  }

  /** As `enrollment migrate --switch-journal` asks: the lock is free, and the queue itself says that it is empty. */
  #mayBeSwitched(): boolean {
    const { broker, database } = this.#parts
    if (this.configured === 'direct') return database.isQuiet
    return this.#holdsLock() && broker.isQuiet && database.isQuiet
  }

  #holdsLock(): boolean {
    const { broker, world, random } = this.#parts
    if (!broker.isUp) return false
    if (this.#session?.link.serverOpen !== true) {
      const process = new SimulatedProcess(world, 'engine', 'operator', {
        ids: random,
        clockOffsetMs: () => 0,
      })
      this.#session = broker.connect(process)
    }
    return broker.tryLock(this.#session)
  }

  #finish(): void {
    this.#isSwitching = false
    this.#isDrained = false
    this.#session?.link.endByClient()
    this.#session = undefined
    for (const host of [...this.#parts.engines, ...this.#parts.batchers]) {
      if (!host.process.isAlive && this.mayStart(host)) host.restart()
    }
  }
}
