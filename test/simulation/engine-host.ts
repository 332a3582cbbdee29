import { writeBatches, writeMarker } from '../../src/journal/write.ts'
import { Engine } from '../../src/engine/engine.ts'
import { type Journal, WrongCampus } from '../../src/engine/ports.ts'
import type { TermLimits } from '../../src/engine/term.ts'
import { DirectJournal, directIdentity } from '../../src/journal/direct-journal.ts'
import { campusId, type SimulatedBroker } from './broker.ts'
import { BrokerJournal } from './broker-journal.ts'
import type { SimulatedDatabase } from './database.ts'
import { SimulatedCampusStore, trySimulatedLock } from './database-stores.ts'
import type { Random } from './random.ts'
import { SimulatedProcess, type World } from './simulated-process.ts'

const pingIntervalMs = 5000
const settleMs = 5000

/** A machine that runs an engine, one incarnation after another. */
export class EngineHost {
  readonly name: string
  process: SimulatedProcess
  engine: Engine
  /** Clients that wait for an answer of the present incarnation. */
  readonly waiting = new Set<() => void>()
  readonly #parts: EngineParts
  /** How far this machine's clock is off. */
  clockOffsetMs = 0
  /** Its process has been told to end in good order. */
  isStopping = false
  /** Another journal feeds the database by now: the process has ended with a line for people. */
  onMisconfigured: () => void = () => {}
  #incarnations = 0

  constructor(name: string, parts: EngineParts) {
    this.name = name
    this.#parts = parts
    this.process = this.#newProcess()
    this.engine = this.#start()
  }

  get limits(): TermLimits {
    return this.#parts.limits
  }

  #newProcess(): SimulatedProcess {
    const { world, ids } = this.#parts
    return new SimulatedProcess(world, 'engine', `${this.name}.${++this.#incarnations}`, {
      ids,
      clockOffsetMs: () => this.clockOffsetMs,
    })
  }

  #start(): Engine {
    const { database, limits, onState, ids } = this.#parts
    const { process } = this
    const journal = this.#journal(process)
    const engine = new Engine({
      campusId,
      journal,
      store: new SimulatedCampusStore(database, process, ids, journal.identity),
      runtime: process.runtime,
      limits,
      onState: (state, detail) => onState(process, state, detail),
    })
    engine.run().catch((error: unknown) => {
      onState(process, 'failed', String(error))
      if (error instanceof WrongCampus) this.onMisconfigured()
    })
    return engine
  }

  #journal(process: SimulatedProcess): Journal {
    const { broker, database, journal, window } = this.#parts
    if (broker !== undefined && journal() === 'broker')
      return new BrokerJournal(broker, process, { settleMs, window })
    return new DirectJournal({
      campus: campusId,
      tryLock: () =>
        trySimulatedLock(database, process, { journal: directIdentity, idleTimeoutMs: 3 * pingIntervalMs }),
      writeBatch: (tables, message) => writeBatches(tables, [message]),
      isRefusal: () => false,
      writeMarker,
      pingIntervalMs,
      runtime: process.runtime,
    })
  }

  kill(): void {
    this.process.crash()
    const { scheduler, timing } = this.#parts.world
    for (const onReset of this.waiting) scheduler.after(timing.between(0, 5), onReset)
    this.waiting.clear()
  }

  restart(): void {
    if (this.process.isAlive) this.kill()
    this.isStopping = false
    this.process = this.#newProcess()
    this.engine = this.#start()
  }
}

export interface EngineParts {
  readonly world: World
  /** Undefined: there is none. */
  readonly broker: SimulatedBroker | undefined
  /** What this machine is configured for when a process starts. */
  readonly journal: () => 'broker' | 'direct'
  readonly database: SimulatedDatabase
  readonly limits: TermLimits
  /** Messages that a batcher may have in hand. */
  readonly window: number
  readonly ids: Random
  readonly onState: (process: SimulatedProcess, state: string, detail: string) => void
}
