import type { BrokerSession } from './broker-parts.ts'
import type { BrokerQueue, Entry, JournalEntry } from './broker-queue.ts'
import type { Coverage } from './coverage.ts'

interface Consumer {
  readonly session: BrokerSession
  readonly prefetch: number
  readonly unacknowledged: Map<number, Entry>
  nextTag: number
  readonly receive: (entry: JournalEntry, tag: number) => void
}

/** Who consumes the journal's queue, one at a time, and what is out with them. */
export class BrokerConsumers {
  #all: Consumer[] = []
  /** Order of the newest batch that went out. */
  #newestBatchOut = 0
  readonly #queue: BrokerQueue
  readonly #coverage: Coverage

  constructor(queue: BrokerQueue, coverage: Coverage) {
    this.#queue = queue
    this.#coverage = coverage
  }

  get count(): number {
    return this.#all.length
  }

  /** What was taken from the queue and is not acknowledged. */
  get out(): readonly Entry[] {
    return this.#all.flatMap(({ unacknowledged }) => [...unacknowledged.values()])
  }

  /** For people: what is with whom. */
  describe(): string {
    const one = ({ session, unacknowledged }: Consumer) =>
      `${session.link.process.name} ${unacknowledged.size}`
    return this.#all.map(one).join(', ')
  }

  add(session: BrokerSession, prefetch: number, receive: Consumer['receive']): void {
    this.#all.push({ session, prefetch, unacknowledged: new Map(), nextTag: 1, receive })
    this.handOut()
  }

  /** @returns what was out with it, in the order of the queue; undefined if it did not consume */
  remove(session: BrokerSession): readonly Entry[] | undefined {
    const gone = this.#all.filter((consumer) => consumer.session === session)
    if (gone.length === 0) return undefined
    this.#all = this.#all.filter((consumer) => consumer.session !== session)
    return gone
      .flatMap((consumer) => [...consumer.unacknowledged.values()])
      .toSorted((a, b) => a.order - b.order)
  }

  /** The queue was deleted: each is told, and what was with it is gone as well. */
  cancel(): void {
    for (const consumer of this.#all.splice(0)) {
      consumer.unacknowledged.clear()
      consumer.session.link.endByServer('the broker cancelled the consumer')
    }
  }

  /** One consumer at a time: the first that came. */
  handOut(): void {
    const active = this.#all[0]
    if (active === undefined) return
    while (active.unacknowledged.size < active.prefetch) {
      const entry = this.#queue.take()
      if (entry === undefined) return
      if (entry.isMarker && entry.order < this.#newestBatchOut) {
        this.#coverage.fault('marker delivered again behind records that follow it')
      }
      if (!entry.isMarker) this.#newestBatchOut = Math.max(this.#newestBatchOut, entry.order)
      const tag = active.nextTag++
      active.unacknowledged.set(tag, entry)
      active.receive(entry, tag)
    }
  }

  acknowledge(session: BrokerSession, tags: readonly number[]): void {
    const consumer = this.#all.find((candidate) => candidate.session === session)
    for (const tag of tags) consumer?.unacknowledged.delete(tag)
    this.handOut()
  }
}
