import { describeError } from '../engine/describe-error.ts'
import { decodeMessage, ForeignMessage, OtherCampus } from '../engine/messages.ts'
import type {
  BatchTransaction,
  Delivery,
  JournalReader,
  Stray,
  StrayReason,
  TableStore,
} from './batcher-ports.ts'
import type { JournalMessage } from '../engine/ports.ts'

export interface Opened {
  readonly delivery: Delivery
  readonly message: JournalMessage
}

/** A message that this campus has signed and that cannot be read: nothing of ours may be passed over. */
export class NotUnderstood extends Error {
  override readonly name = 'NotUnderstood'
}

export interface IntakeOptions {
  readonly campusId: string
  readonly tables: TableStore
  /** Does it until the database lets it be done; undefined when the channel ended meanwhile. */
  readonly insist: <T>(ask: () => Promise<T>) => Promise<T | undefined>
  /** Called with a line for people when messages were set aside. */
  readonly onSetAside: (detail: string) => void
}

/**
 * What becomes of a delivery before anything in it counts. What this campus has not signed is set aside: a copy is kept, the
 * message is acknowledged, and nobody waits. What it has signed and this program cannot read stops the batcher, until an
 * operator decides that it be taken out (`enrollment journal`).
 */
export class Intake {
  readonly #reader: JournalReader
  readonly #options: IntakeOptions
  /** Taken from the reader and not looked at yet; the first may be one that stops. */
  #unread: readonly Delivery[] = []
  /** Once it is false it stays so. */
  #acceptsUnsigned = true

  constructor(reader: JournalReader, options: IntakeOptions) {
    this.#reader = reader
    this.#options = options
  }

  /** Opens what has arrived, oldest first, up to a message that stops. */
  async take(): Promise<readonly Opened[]> {
    const unread = [...this.#unread, ...this.#reader.takeArrived()]
    const opened: Opened[] = []
    const strays: { delivery: Delivery; stray: Stray }[] = []
    let next = 0
    for (const delivery of unread) {
      const message = await this.#open(delivery)
      if (message === undefined) break
      if ('reason' in message) strays.push({ delivery, stray: message })
      else opened.push(message)
      next++
    }
    this.#unread = unread.slice(next)
    if (strays.length > 0) await this.#setAside(strays)
    return opened
  }

  /** Whether the next message is one that stops. */
  get isStopped(): boolean {
    return this.#unread.length > 0
  }

  /**
   * Goes on behind the message that stops, if an operator has decided so.
   * @throws NotUnderstood otherwise
   */
  async pass(): Promise<void> {
    const [first] = this.#unread
    if (first === undefined) return
    const detail = this.#whyNotUnderstood(first)
    const stuck = { reason: 'not_understood', detail, body: first.body, headers: first.headers } as const
    const mayPass = await this.#options.insist(() =>
      inTransaction(this.#options.tables, (transaction) => transaction.mayPass(stuck)),
    )
    if (mayPass === undefined) return
    if (!mayPass) throw new NotUnderstood(`${detail}; see: enrollment journal --show`)
    this.#reader.acknowledge([first])
    this.#unread = this.#unread.slice(1)
    this.#options.onSetAside(
      `a message of ours was taken out of the queue by decision of an operator: ${detail}`,
    )
  }

  /** Whether a message without a signature may still be one of ours. */
  async acceptsUnsigned(): Promise<boolean> {
    const { tables, insist } = this.#options
    if (this.#acceptsUnsigned) {
      this.#acceptsUnsigned =
        (await insist(() => inTransaction(tables, async (now) => now.acceptsUnsigned))) ?? true
    }
    return this.#acceptsUnsigned
  }

  /** @returns false when the channel ended meanwhile */
  async setAsideUnsigned(delivery: Delivery): Promise<boolean> {
    return await this.#setAside([{ delivery, stray: strayOf(delivery, 'unsigned', 'it has no signature') }])
  }

  /** @returns undefined for one that stops */
  async #open(arrived: Delivery): Promise<Opened | Stray | undefined> {
    const { campusId, insist } = this.#options
    const delivery =
      arrived.origin === 'forged'
        ? ((await insist(() => this.#reader.verifyAgain(arrived))) ?? arrived)
        : arrived
    if (delivery.origin === 'forged') return strayOf(delivery, 'wrongly_signed', 'its signature is not ours')
    if (delivery.origin === 'unsigned' && !(await this.acceptsUnsigned())) {
      return strayOf(delivery, 'unsigned', 'it has no signature')
    }
    try {
      const message = decodeMessage(delivery.body, campusId)
      if (delivery.origin === 'unsigned' && 'records' in message && !(await this.#isKnown(message.leader))) {
        return strayOf(delivery, 'unsigned', 'it has no signature, and its leader never began')
      }
      return { delivery, message }
    } catch (error) {
      if (!(error instanceof ForeignMessage)) throw error
      if (error instanceof OtherCampus) return strayOf(delivery, 'other_campus', error.message)
      if (delivery.origin === 'unsigned') return strayOf(delivery, 'unreadable', error.message)
      return undefined
    }
  }

  /** Whether a leader's marker was judged: of older versions too, none publishes decisions before. */
  async #isKnown(leader: string): Promise<boolean> {
    const { tables, insist } = this.#options
    const judgement = await insist(() => inTransaction(tables, (now) => now.judgementOf(leader)))
    return judgement !== undefined
  }

  #whyNotUnderstood(delivery: Delivery): string {
    try {
      decodeMessage(delivery.body, this.#options.campusId)
      return 'it is understood'
    } catch (error) {
      return describeError(error)
    }
  }

  async #setAside(found: readonly { delivery: Delivery; stray: Stray }[]): Promise<boolean> {
    const { tables, insist, onSetAside } = this.#options
    const strays = found.map(({ stray }) => stray)
    const isDone = await insist(() =>
      inTransaction(tables, async (transaction) => {
        await transaction.setAside(strays)
        return true
      }),
    )
    if (isDone === undefined) return false
    this.#reader.acknowledge(found.map(({ delivery }) => delivery))
    const reasons = [...new Set(strays.map(({ detail }) => detail))]
    const one = strays.length === 1
    onSetAside(
      `${strays.length} message${one ? '' : 's'} in the journal's queue ${one ? 'is' : 'are'} not of this campus and ` +
        `${one ? 'was' : 'were'} set aside: ${reasons.slice(0, 3).join('; ')}; see: enrollment journal --show`,
    )
    return true
  }
}

function strayOf({ body, headers }: Delivery, reason: StrayReason, detail: string): Stray {
  return { reason, detail, body, headers }
}

async function inTransaction<T>(
  tables: TableStore,
  work: (transaction: BatchTransaction) => Promise<T>,
): Promise<T> {
  const transaction = await tables.begin()
  try {
    const result = await work(transaction)
    await transaction.commit()
    return result
  } catch (error) {
    await transaction.rollback()
    throw error
  }
}
