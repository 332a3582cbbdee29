import { Batcher, type BatcherEvent } from '../../src/journal/batcher.ts'
import { WrongCampus } from '../../src/engine/ports.ts'
import { brokerIdentity } from './broker-journal.ts'
import { campusId, type SimulatedBroker } from './broker.ts'
import { BrokerSource } from './broker-source.ts'
import type { SimulatedDatabase } from './database.ts'
import { SimulatedTableStore } from './database-stores.ts'
import type { Random } from './random.ts'
import { SimulatedProcess, type World } from './simulated-process.ts'

/** A machine that runs a batcher, one incarnation after another. */
export class BatcherHost {
  readonly name: string
  process: SimulatedProcess
  batcher: Batcher
  readonly #parts: BatcherParts
  /** How far this machine's clock is off. */
  clockOffsetMs = 0
  /** Another journal feeds the database by now: the process has ended with a line for people. */
  onMisconfigured: () => void = () => {}
  #incarnations = 0

  constructor(name: string, parts: BatcherParts) {
    this.name = name
    this.#parts = parts
    this.process = this.#newProcess()
    this.batcher = this.#start()
  }

  #newProcess(): SimulatedProcess {
    const { world, ids } = this.#parts
    return new SimulatedProcess(world, 'batcher', `${this.name}.${++this.#incarnations}`, {
      ids,
      clockOffsetMs: () => this.clockOffsetMs,
    })
  }

  #start(): Batcher {
    const { broker, database, prefetch, recordsMax, onEvent } = this.#parts
    const { process } = this
    const batcher = new Batcher({
      campusId,
      source: new BrokerSource(broker, process, prefetch),
      tables: new SimulatedTableStore(database, process, brokerIdentity),
      runtime: process.runtime,
      recordsMax,
      onEvent: (event) => onEvent(process, event),
    })
    batcher.run().catch((error: unknown) => {
      if (!(error instanceof WrongCampus)) throw error
      this.onMisconfigured()
    })
    return batcher
  }

  kill(): void {
    this.process.crash()
  }

  restart(): void {
    this.process.crash()
    this.process = this.#newProcess()
    this.batcher = this.#start()
  }
}

export interface BatcherParts {
  readonly world: World
  readonly broker: SimulatedBroker
  readonly database: SimulatedDatabase
  readonly prefetch: number
  readonly recordsMax: number
  readonly ids: Random
  readonly onEvent: (process: SimulatedProcess, event: BatcherEvent) => void
}
