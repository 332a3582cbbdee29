import { encodeNotice } from '../../src/engine/messages.ts'
import type { Delivery, JournalReader, JournalSource } from '../../src/journal/batcher-ports.ts'
import type { MissingRecords, RecordId } from '../../src/engine/ports.ts'
import type { SimulatedBroker } from './broker.ts'
import type { BrokerSession } from './broker-parts.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import { describeWait, waitIn } from './wait.ts'

/** The batcher's way to the simulated broker: one connection per reader, as `RabbitSource` has it. */
export class BrokerSource implements JournalSource {
  readonly #broker: SimulatedBroker
  readonly #process: SimulatedProcess
  readonly #prefetch: number

  constructor(broker: SimulatedBroker, process: SimulatedProcess, prefetch: number) {
    this.#broker = broker
    this.#process = process
    this.#prefetch = prefetch
  }

  async open(signal: AbortSignal, onWaiting: (detail: string) => void): Promise<JournalReader> {
    for (;;) {
      signal.throwIfAborted()
      let session: BrokerSession | undefined
      try {
        await waitIn(this.#process, 1, signal)
        if (!this.#broker.isUp) throw new Error('connection refused')
        session = this.#broker.connect(this.#process)
        while (
          !(await session.link.call<boolean>('exists', (reply) => reply(this.#broker.queue.isDeclared)))
        ) {
          onWaiting('waiting for the journal queue')
          await waitIn(this.#process, 200, signal)
        }
        return new BrokerReader(this.#broker, session, this.#prefetch)
      } catch (error) {
        session?.link.endByClient()
        signal.throwIfAborted()
        onWaiting(describeWait(error))
        await waitIn(this.#process, 500, signal)
      }
    }
  }
}

class BrokerReader implements JournalReader {
  readonly ended: Promise<string>
  readonly window: number
  readonly #broker: SimulatedBroker
  readonly #session: BrokerSession
  #end: (why: string) => void = () => {}
  #arrived: Delivery[] = []
  #wake: (() => void) | undefined

  constructor(broker: SimulatedBroker, session: BrokerSession, prefetch: number) {
    this.#broker = broker
    this.#session = session
    this.window = prefetch
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
    session.link.onClientEnd = (why) => this.#end(why)
    if (!session.link.clientOpen) this.#end('the connection was lost')
    session.link.send('consume', () =>
      broker.consume(session, prefetch, ({ body }, tag) =>
        session.link.deliver('delivery', () => {
          this.#arrived.push({ body, headers: {}, origin: 'ours', tag })
          this.#wake?.()
        }),
      ),
    )
  }

  get open(): boolean {
    return this.#session.link.clientOpen
  }

  takeArrived(): readonly Delivery[] {
    const taken = this.#arrived
    this.#arrived = []
    return taken
  }

  get arrivedCount(): number {
    return this.#arrived.length
  }

  async arrival(): Promise<void> {
    if (this.#arrived.length > 0 || !this.open) return
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    await Promise.race([woken, this.ended])
  }

  async countReady(): Promise<number | undefined> {
    return await this.#session.link.call<number | undefined>('count', (reply) =>
      reply(this.#broker.tellReady()),
    )
  }

  acknowledge(deliveries: readonly Delivery[]): void {
    const tags = deliveries.map(({ tag }) => tag)
    if (tags.length > 0) this.#session.link.send('ack', () => this.#broker.acknowledge(this.#session, tags))
  }

  async verifyAgain(delivery: Delivery): Promise<Delivery> {
    return await Promise.resolve(delivery)
  }

  announceApplied(applied: RecordId): void {
    this.#notify(applied)
  }

  announceMissing(missing: MissingRecords): void {
    this.#notify(missing)
  }

  #notify(notice: RecordId | MissingRecords): void {
    this.#session.link.send('notice', () => this.#broker.notify(encodeNotice(notice)))
  }

  async close(): Promise<void> {
    this.#session.link.endByClient()
    await this.ended
  }
}
