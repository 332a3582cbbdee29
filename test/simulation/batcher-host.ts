import { Batcher, type BatcherEvent } from '../../src/batcher/batcher.ts'
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
      tables: new SimulatedTableStore(database, process),
      runtime: process.runtime,
      recordsMax,
      onEvent: (event) => onEvent(process, event),
    })
    void batcher.run()
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
