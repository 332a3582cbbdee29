import type { BatcherHost } from './batcher-host.ts'
import { batchIn } from './broker-parts.ts'
import type { Entry } from './broker-queue.ts'
import { campusId, type SimulatedBroker } from './broker.ts'
import type { Coverage } from './coverage.ts'
import type { SimulatedDatabase } from './database.ts'
import type { EngineHost } from './engine-host.ts'
import type { QueueStroke } from './fault-plan.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import type { SimulatedProcess } from './simulated-process.ts'

export interface QueueAccidentsParts {
  readonly scheduler: Scheduler
  readonly random: Random
  readonly coverage: Coverage
  readonly broker: SimulatedBroker
  readonly database: SimulatedDatabase
  readonly engines: readonly EngineHost[]
  readonly batchers: readonly BatcherHost[]
}

/**
 * What operators and policies do to the journal's queue, and the person who accepts what is lost with it once somebody has
 * said so. A loss that nobody can know of is not made: an engine that alone knows what it has answered for lives on, or
 * has written it down.
 */
export class QueueAccidents {
  readonly #parts: QueueAccidentsParts
  /** Dropped, and maybe neither in the tables nor known to be lost. */
  #open: Entry[] = []
  #seen = 0
  #isPolicySet = false
  #isHeard = false

  constructor(parts: QueueAccidentsParts) {
    this.#parts = parts
  }

  /**
   * Whether this process must live on: a message of its own was dropped that it alone can send again or tell of, or may be
   * at any moment.
   */
  isNeeded(process: SimulatedProcess): boolean {
    if (process.kind !== 'engine') return false
    return this.#isPolicySet || this.#unsettled().some(({ by }) => by === process)
  }

  mayHideLoss(): boolean {
    return this.#unsettled().length > 0 || this.#parts.database.tables.missingAnswered().length > 0
  }

  #unsettled(): readonly Entry[] {
    const { dropped } = this.#parts.broker.queue
    this.#open.push(...dropped.slice(this.#seen))
    this.#seen = dropped.length
    this.#open = this.#open.filter((entry) => !this.#isSettled(entry))
    return this.#open
  }

  #isSettled({ body }: Entry): boolean {
    const { tables } = this.#parts.database
    const batch = batchIn(body, campusId)
    if (batch === undefined) return true
    const { leader, records } = batch
    return (
      records.every(({ seq }) => tables.isApplied({ leader, seq })) ||
      this.#firstAccepted(leader) !== undefined
    )
  }

  /** Of the leader, the newest record that the tables had when its loss was accepted; undefined if it was not. */
  #firstAccepted(leader: string): number | undefined {
    const { acceptedLosses, lostWithQueue } = this.#parts.database.tables
    if (acceptedLosses.has(leader)) return 0
    return lostWithQueue.find((position) => position.leader === leader)?.seq
  }

  /** @returns whether it was done */
  strike(stroke: QueueStroke, kill: (process: SimulatedProcess) => void): boolean {
    const { scheduler, random, broker, engines } = this.#parts
    const leader = engines.find(({ engine }) => engine.campus !== undefined)
    if (!broker.queue.isDeclared || engines.some(({ isStopping }) => isStopping)) return false
    if (stroke === 'leader and queue fall together') {
      if (leader === undefined || this.isNeeded(leader.process)) return false
      this.#fallTogether(() => kill(leader.process))
      return true
    }
    if (stroke === 'journal queue deleted') {
      broker.delete()
      return true
    }
    if (!broker.unacknowledged.every((entry) => this.#isKnownOf(entry))) return false
    if (stroke === 'journal queue purged') {
      broker.queue.purge()
      return true
    }
    this.#isPolicySet = true
    if (stroke === 'policy limits the queue’s length') broker.queue.limitLength(random.integer(0, 4))
    else broker.queue.limitAge(random.between(0, 300))
    scheduler.after(random.between(100, 6000), () => this.lift())
    return true
  }

  /** At once, or while the next leader waits for what its forerunner has left in the queue. */
  #fallTogether(killLeader: () => void): void {
    const { scheduler, random, broker, batchers } = this.#parts
    const afterMs = random.chance(0.5) ? 0 : random.between(0, 3000)
    if (random.chance(0.7)) {
      for (const { process } of batchers) {
        process.suspend()
        scheduler.after(afterMs + random.between(0, 500), () => process.wake())
      }
    }
    scheduler.after(random.between(0, 100), () => {
      killLeader()
      scheduler.after(afterMs, () => broker.delete())
    })
  }

  lift(): void {
    this.#parts.broker.queue.lift()
    this.#isPolicySet = false
  }

  /** Whether its loss would come to light: its author lives, or it is written down as answered for. */
  #isKnownOf({ by, body }: Entry): boolean {
    const batch = batchIn(body, campusId)
    if (by.isAlive || batch === undefined) return true
    const { tables } = this.#parts.database
    const { leader, records } = batch
    const noted = tables.answered.get(leader) ?? 0
    return records.every(({ seq }) => seq <= noted || tables.isApplied({ leader, seq }))
  }

  /** Somebody has said that the end of the journal is lost: a person looks into it, and accepts it. */
  hearLoss(): void {
    const { scheduler, random, broker, database, coverage } = this.#parts
    if (this.#isHeard) return
    this.#isHeard = true
    scheduler.after(random.between(300, 6000), () => {
      this.#isHeard = false
      const { position, journalStart } = database.tables
      database.tables.acceptLosses(!broker.queue.isDeclared && position.term > journalStart)
      coverage.event('loss accepted')
    })
  }

  /** Requests whose decisions a person has accepted to be lost: those that were dropped, and what followed on them. */
  lostRequests(): ReadonlySet<string> {
    const { broker, database } = this.#parts
    const firstLost = new Map<string, number>()
    for (const { body } of broker.queue.dropped) {
      const { leader, records } = batchIn(body, campusId) ?? { leader: '', records: [] }
      const accepted = this.#firstAccepted(leader)
      if (accepted === undefined) continue
      for (const { seq } of records) {
        if (seq <= accepted || database.tables.isApplied({ leader, seq })) continue
        firstLost.set(leader, Math.min(seq, firstLost.get(leader) ?? seq))
      }
    }
    if (firstLost.size === 0) return new Set()
    const lost = broker.sent.flatMap((body) => {
      const { leader, records } = batchIn(body, campusId) ?? { leader: '', records: [] }
      const first = firstLost.get(leader)
      return first === undefined ? [] : records.filter(({ seq }) => seq >= first)
    })
    return new Set(lost.map(({ request }) => request))
  }
}
