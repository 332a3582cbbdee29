import { decodeNotice, encodeMessage } from '../../src/engine/messages.ts'
import {
  type AcquireProgress,
  type Journal,
  JournalLost,
  type JournalMessage,
  type JournalQueue,
  type JournalTerm,
  MessageReturned,
  type MissingRecords,
  type QueueState,
  type RecordId,
  WrongCampus,
} from '../../src/engine/ports.ts'
import type { SimulatedBroker } from './broker.ts'
import type { BrokerSession } from './broker-parts.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import { describeWait, waitIn } from './wait.ts'

interface AcquireWish {
  readonly signal: AbortSignal
  readonly onProgress: (progress: AcquireProgress, detail: string) => void
  readonly findLoss: () => Promise<string | undefined>
}

export const brokerIdentity = 'simulated broker'

/** The journal's port over the simulated broker: lock and publishing on one connection, as `RabbitJournal` has it. */
export class BrokerJournal implements Journal {
  readonly identity = brokerIdentity
  readonly #broker: SimulatedBroker
  readonly #process: SimulatedProcess
  readonly #settleMs: number
  readonly #window: number

  constructor(
    broker: SimulatedBroker,
    process: SimulatedProcess,
    options: { readonly settleMs: number; readonly window: number },
  ) {
    this.#broker = broker
    this.#process = process
    this.#settleMs = options.settleMs
    this.#window = options.window
  }

  async acquire(
    signal: AbortSignal,
    onProgress: (progress: AcquireProgress, detail: string) => void,
    findLoss: () => Promise<string | undefined> = () => Promise.resolve(undefined),
  ): Promise<JournalTerm> {
    for (;;) {
      signal.throwIfAborted()
      let session: BrokerSession | undefined
      try {
        await waitIn(this.#process, 1, signal)
        if (!this.#broker.isUp) throw new Error('connection refused')
        session = this.#broker.connect(this.#process)
        return await this.#acquireOn(session, { signal, onProgress, findLoss })
      } catch (error) {
        session?.link.endByClient()
        signal.throwIfAborted()
        onProgress('unreachable', describeWait(error))
        await waitIn(this.#process, 500, signal)
      }
    }
  }

  async #acquireOn(session: BrokerSession, wish: AcquireWish): Promise<JournalTerm> {
    const { link } = session
    const { signal, onProgress } = wish
    while (!(await link.call<boolean>('lock', (reply) => reply(this.#broker.tryLock(session))))) {
      onProgress('standby', 'another engine leads')
      await waitIn(this.#process, 500, signal)
    }
    const isThere = await this.#findQueue(session, wish)
    const term = new BrokerTerm(this.#broker, session, { window: this.#window, settleMs: this.#settleMs })
    if (!isThere) {
      await link.call<boolean>('declare', (reply) => reply(this.#broker.declareQueue()))
      onProgress('settling', 'the journal queue is new')
      await waitIn(this.#process, this.#settleMs, signal)
    }
    if (!term.open) throw new JournalLost('the connection was lost')
    return term
  }

  /**
   * Waits while the queue is missing and must not be made anew.
   * @returns whether it exists
   */
  async #findQueue({ link }: BrokerSession, { signal, onProgress, findLoss }: AcquireWish): Promise<boolean> {
    while (!(await link.call<boolean>('exists', (reply) => reply(this.#broker.queue.isDeclared)))) {
      try {
        const loss = await findLoss()
        if (loss === undefined) return false
        onProgress('lost', `lost_tail: ${loss}`)
      } catch (error) {
        if (error instanceof WrongCampus) throw error
        onProgress('settling', `waiting for the database: ${describeWait(error)}`)
      }
      await waitIn(this.#process, 500, signal)
    }
    return true
  }
}

class BrokerTerm implements JournalTerm, JournalQueue {
  readonly ended: Promise<string>
  blocked = false
  readonly #broker: SimulatedBroker
  readonly #session: BrokerSession
  #open = true
  #isReturned = false
  #end: (why: string) => void = () => {}
  readonly window: number
  readonly #settleMs: number
  #onApplied: (applied: RecordId) => void = () => {}
  #onMissing: (missing: MissingRecords) => void = () => {}
  #onBlocked: (reason: string | undefined) => void = () => {}

  constructor(
    broker: SimulatedBroker,
    session: BrokerSession,
    options: { readonly window: number; readonly settleMs: number },
  ) {
    this.#broker = broker
    this.#session = session
    this.window = options.window
    this.#settleMs = options.settleMs
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
    session.link.onClientEnd = (why) => this.#finish(why)
    session.onBlocked = (isBlocked) => {
      this.blocked = isBlocked
      this.#onBlocked(isBlocked ? 'low on disk' : undefined)
    }
    session.onNotice = (body) => session.link.deliver('applied notice', () => this.#hear(body))
    if (!session.link.clientOpen) this.#finish('the connection was lost')
  }

  get open(): boolean {
    return this.#open
  }

  get queue(): JournalQueue {
    return this
  }

  async append(message: JournalMessage): Promise<Buffer> {
    const body = encodeMessage(message)
    await this.#append('start' in message ? 'publish marker' : 'publish', body)
    return body
  }

  async appendAgain(body: Buffer): Promise<void> {
    await this.#append('publish again', body)
  }

  async inspect(): Promise<QueueState> {
    return await this.#session.link.call<QueueState>('inspect', (reply) => reply(this.#broker.inspect()))
  }

  async restore(): Promise<void> {
    const { link } = this.#session
    const isNew = await link.call<boolean>('declare', (reply) => reply(this.#broker.declareQueue()))
    if (isNew) await waitIn(link.process, this.#settleMs)
  }

  onMissing(listener: (missing: MissingRecords) => void): void {
    this.#onMissing = listener
  }

  onBlocked(listener: (reason: string | undefined) => void): void {
    this.#onBlocked = listener
    if (this.blocked) listener('low on disk')
  }

  async #append(label: string, body: Buffer): Promise<void> {
    if (!this.#open) throw new JournalLost('the term has ended')
    this.#isReturned = false
    try {
      await this.#publish(label, body)
    } catch (cause) {
      this.#finish(describeWait(cause))
      throw new JournalLost(describeWait(cause), { cause })
    }
    // The client tells of a confirm at once, and of the return that came before it when this turn of the event loop is over.
    await this.#nextTurn()
    if (!this.#open) throw new JournalLost('the term ended as its message was confirmed')
    if (this.#isReturned) throw new MessageReturned('no queue took it')
  }

  async #publish(label: string, body: Buffer): Promise<void> {
    const { link } = this.#session
    let isKept = false
    let isReturned = false
    const confirmed = link.call<void>(label, (reply, fail) =>
      this.#broker.publish(this.#session, body, {
        confirm: () => {
          isKept = true
          reply()
        },
        nack: () => fail('the broker refused the message'),
        returnAndConfirm: () => {
          link.deliver('returned', () => {
            isReturned = true
          })
          reply()
        },
      }),
    )
    try {
      await confirmed
    } catch (error) {
      if (isKept) this.#broker.noteLostConfirm()
      throw error
    }
    if (!isReturned) return
    link.process.schedule(0, 'told of the return', () => {
      this.#isReturned = true
    })
  }

  async #nextTurn(): Promise<void> {
    await new Promise<void>((resolve) => this.#session.link.process.runtime.defer(resolve))
  }

  onApplied(listener: (applied: RecordId) => void): void {
    this.#onApplied = listener
  }

  #hear(body: Buffer): void {
    const notice = decodeNotice(body)
    if (notice === undefined || !this.#open) return
    if ('upTo' in notice) this.#onMissing(notice)
    else this.#onApplied(notice)
  }

  #finish(why: string): void {
    if (!this.#open) return
    this.#open = false
    this.#session.link.endByClient()
    this.#end(why)
  }

  async close(): Promise<void> {
    this.#finish('closed')
    await this.ended
  }
}
