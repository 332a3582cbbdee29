import { describeError } from '../engine/describe-error.ts'
import type { JournalReader, JournalSource, TableStore } from './batcher-ports.ts'
import type { MissingRecords, Position, Runtime } from '../engine/ports.ts'
import { LostTail, WrongCampus } from '../engine/ports.ts'
import { type Arrived, chunkOf, type Held, inOrderOfSeq, isFull, timesOf } from './arrived.ts'
import { Gap, gapPatienceMs } from './gap.ts'
import { Intake, NotUnderstood } from './intake.ts'
import { StoppableWait } from './stoppable-wait.ts'
import {
  JournalGap,
  keepEarly,
  type KeepReport,
  recordEarlyLost,
  recordLoss,
  rejectMarker,
  UnknownLeader,
  type WriteReport,
  writeBatches,
  writeMarker,
} from './write.ts'

export interface BatcherOptions {
  readonly campusId: string
  readonly source: JournalSource
  readonly tables: TableStore
  readonly runtime: Runtime
  /** Records that one transaction takes at most, unless a single message has more. */
  readonly recordsMax: number
  readonly onEvent: (event: BatcherEvent) => void
}

/** `alarm`: somebody should look; the batcher goes on trying by itself. */
export type BatcherEvent =
  | { readonly kind: 'waiting'; readonly detail: string }
  | { readonly kind: 'consuming' }
  /** A transaction is tried, however often; when its records were decided, in the messages' order. */
  | { readonly kind: 'writing'; readonly oldestAt: number; readonly newestAt: number }
  | { readonly kind: 'wrote'; readonly applied: number; readonly duplicates: number; readonly voids: number }
  | { readonly kind: 'marker'; readonly leader: string; readonly judgement: string }
  | { readonly kind: 'alarm'; readonly alarm: BatcherAlarm; readonly detail: string }
  | { readonly kind: 'stopped' }

export type BatcherAlarm =
  | 'changed_duplicate'
  | 'foreign_message'
  | 'set_aside'
  | 'gap'
  | 'lost_tail'
  | 'unknown_leader'
  | 'void_records'
  | 'database'
  | 'database_went_back'

/** What trying again cannot cure. */
const notOfTheDatabase = [LostTail, JournalGap, UnknownLeader, WrongCampus]
const retryMs = { first: 100, most: 5000 }
/**
 * How long a consumer has been the active one before it judges a marker. Brokers have been seen to hand a
 * queue over before what the last consumer had out was back in it, and then even a count of 0 says nothing.
 */
const settleMs = 250

/**
 * Carries the journal into the tables: takes whatever has arrived, writes it in one transaction, and only then acknowledges
 * it. Whatever goes wrong, it closes the channel, which returns the rest to the queue in order, and begins again.
 *
 * A leader's marker is held back until everything that was in the queue is written: messages that another
 * batcher held come back behind it, and were confirmed before it.
 */
export class Batcher {
  readonly #options: BatcherOptions
  readonly #stopping = new AbortController()
  readonly #wait: StoppableWait
  #running: Promise<void> | undefined
  /** Called when the reader ends, for who waits for the database. */
  #cutPauseShort: () => void = () => {}
  #gap: Gap | undefined
  /** The tables' position as this batcher left it. */
  #position: Position | undefined

  constructor(options: BatcherOptions) {
    this.#options = options
    this.#wait = new StoppableWait(options.runtime, this.#stopping.signal)
  }

  /**
   * Runs until `stop`. Never rejects for what a broker or a database does.
   * @throws WrongCampus if the database is another campus by now, another journal feeds it, or it is a copy
   */
  async run(): Promise<void> {
    this.#running ??= this.#runReaders()
    await this.#running
  }

  async #runReaders(): Promise<void> {
    const { source, onEvent } = this.#options
    let delayMs = retryMs.first
    while (!this.#stopping.signal.aborted) {
      let progressed = false
      let reader: JournalReader | undefined
      try {
        reader = await source.open(this.#stopping.signal, (detail) => onEvent({ kind: 'waiting', detail }))
        onEvent({ kind: 'consuming' })
        // Once, and not by a race at each pause: a promise that lives long keeps every reaction to it.
        void reader.ended.then(() => this.#cutPauseShort())
        await this.#consume(reader, () => {
          progressed = true
        })
      } catch (error) {
        if (this.#stopping.signal.aborted) break
        if (error instanceof WrongCampus) throw error
        this.#report(error)
      } finally {
        await reader?.close()
      }
      delayMs = progressed ? retryMs.first : Math.min(delayMs * 2, retryMs.most)
      await this.#wait.within(delayMs)
    }
    onEvent({ kind: 'stopped' })
  }

  async #consume(reader: JournalReader, onProgress: () => void): Promise<void> {
    /** Markers, until everything else is written; and messages that came before the one that they follow. */
    const held: Held[] = []
    let early: readonly Arrived[] = []
    let earlySinceMs = 0
    /** When whatever the consumer before this one had out has surely returned; known from the first message on. */
    let settledAtMs: number | undefined
    this.#gap = undefined
    const intake = new Intake(reader, {
      ...this.#options,
      insist: (ask) => this.#insist(reader, ask),
      onSetAside: (detail) => this.#alarm('set_aside', detail),
    })
    while (reader.open && !this.#stopping.signal.aborted) {
      const arrived = await this.#read(intake, held)
      if (arrived.length + held.length > 0) settledAtMs ??= this.#options.runtime.elapsed() + settleMs
      const unsettledMs = (settledAtMs ?? 0) - this.#options.runtime.elapsed()
      if (arrived.length > 0) {
        const left = await this.#writeAll(reader, inOrderOfSeq([...early, ...arrived]))
        const isProgress = left.length < early.length + arrived.length
        if (isProgress) onProgress()
        if (isProgress || early.length === 0) earlySinceMs = this.#options.runtime.elapsed()
        early = this.#gap === undefined ? left : await this.#keep(reader, left)
      } else if (intake.isStopped) {
        await intake.pass()
      } else if (this.#gap !== undefined && (!isFull(reader, held, early) || this.#isGapHopeless)) {
        await this.#waitInGap(reader, intake, held)
      } else if (held[0] !== undefined && (early.length === 0 || isFull(reader, held, early))) {
        if (unsettledMs > 0) {
          await this.#wait.within(unsettledMs, reader.arrival())
          continue
        }
        const ready = await this.#wait.orStopped(reader.countReady())
        // Something may have arrived while the broker was asked; then it goes first.
        if (reader.arrivedCount > 0 || !reader.open || this.#stopping.signal.aborted) continue
        const isLast = ready === 0 && early.length === 0
        // Leaders that are rejected publish new markers without end: they must not hide that something is missing.
        const isOverdue = this.#options.runtime.elapsed() > earlySinceMs + gapPatienceMs
        if (early.length > 0 && isOverdue) early = await this.#keep(reader, early)
        else if (isLast || isFull(reader, held, early)) {
          if (!(await this.#judge(reader, intake, held, isLast && this.#gap === undefined))) return
          onProgress()
        } else if (ready === undefined) {
          await this.#wait.within(retryMs.first, reader.arrival())
        } else {
          await this.#wait.orStopped(reader.arrival())
        }
      } else if (early.length > 0) {
        await this.#wait.within(gapPatienceMs, reader.arrival())
        const isMissing = reader.arrivedCount === 0 && !this.#stopping.signal.aborted && reader.open
        if (isMissing) early = await this.#keep(reader, early)
      } else {
        await this.#wait.orStopped(reader.arrival())
      }
    }
  }

  /** Takes what has arrived: markers to the held ones, batches to be written. */
  async #read(intake: Intake, held: Held[]): Promise<Arrived[]> {
    const arrived: Arrived[] = []
    for (const { delivery, message } of await intake.take()) {
      if ('start' in message) held.push({ delivery, message })
      else arrived.push({ delivery, message })
    }
    return arrived
  }

  /**
   * Keeps what came too early in the tables, which makes room for what is missing, and asks the leader for that.
   * @returns what could not be kept before the channel ended
   */
  async #keep(reader: JournalReader, early: readonly Arrived[]): Promise<readonly Arrived[]> {
    const messages = early.map(({ message }) => message)
    const kept = await this.#insist(reader, () => keepEarly(this.#options.tables, messages))
    if (kept === undefined) return early
    this.#tellOf(kept)
    reader.acknowledge(early.map(({ delivery }) => delivery))
    this.#hearOfGap(reader, kept.missing)
    return []
  }

  #tellOf({ voids, changed }: Pick<KeepReport, 'voids' | 'changed'>): void {
    if (voids > 0)
      this.#alarm('void_records', `${voids} records of a deposed leader are void; none was acknowledged`)
    for (const detail of changed) this.#alarm('changed_duplicate', detail)
  }

  #hearOfGap(reader: JournalReader, missing: MissingRecords | undefined): void {
    if (missing === undefined) {
      this.#gap = undefined
      return
    }
    const nowMs = this.#options.runtime.elapsed()
    this.#gap ??= new Gap(nowMs)
    if (!this.#gap.isDue(nowMs)) return
    this.#alarm('gap', new JournalGap(missing).message)
    reader.announceMissing(missing)
  }

  /** Markers that are rejected and published again, without end, must not hide it. */
  get #isGapHopeless(): boolean {
    return this.#gap?.isHopeless(this.#options.runtime.elapsed()) === true
  }

  /** The leader sends again what is missing, if it lives; if another one is about to begin, it does not. */
  async #waitInGap(reader: JournalReader, intake: Intake, held: Held[]): Promise<void> {
    const { runtime, tables } = this.#options
    const gap = this.#gap
    if (gap === undefined) return
    await this.#wait.within(gap.untilDueMs(runtime.elapsed()), reader.arrival())
    if (reader.arrivedCount > 0 || !reader.open || this.#stopping.signal.aborted) return
    if (held[0] !== undefined && this.#isGapHopeless) {
      await this.#insist(reader, () => recordEarlyLost(tables))
      // Says so, since the tables do.
      await this.#judge(reader, intake, held, true)
    }
    await this.#keep(reader, [])
  }

  /** @returns the messages that come too early */
  async #writeAll(reader: JournalReader, arrived: readonly Arrived[]): Promise<readonly Arrived[]> {
    let rest = arrived
    let isMore = false
    while ((rest.length > 0 || isMore) && reader.open && !this.#stopping.signal.aborted) {
      const chunk = chunkOf(rest, this.#options.recordsMax)
      if (chunk.length > 0) this.#options.onEvent({ kind: 'writing', ...timesOf(chunk) })
      const report = await this.#insist(reader, () =>
        writeBatches(
          this.#options.tables,
          chunk.map(({ message }) => message),
        ),
      )
      if (report === undefined) return rest
      const { applied, duplicates, voids, messagesDone, position } = report
      await this.#compare(reader, report)
      reader.acknowledge(chunk.slice(0, messagesDone).map(({ delivery }) => delivery))
      if (position.seq > 0) reader.announceApplied(position)
      this.#options.onEvent({ kind: 'wrote', applied, duplicates, voids })
      this.#tellOf(report)
      rest = rest.slice(messagesDone)
      isMore = report.isMoreEarly
      if (messagesDone < chunk.length && !isMore) return rest
    }
    return rest
  }

  /** PostgreSQL may have gone back, to an older copy of it: what this batcher saw applied is lost unless it comes again. */
  async #compare(
    reader: JournalReader,
    { before, position, isMoreEarly, hasEarly }: WriteReport,
  ): Promise<void> {
    const last = this.#position
    this.#position = position
    if (hasEarly && !isMoreEarly) await this.#keep(reader, [])
    else if (!isMoreEarly) this.#gap = undefined
    if (last === undefined || before.term > last.term) return
    if (before.leader === last.leader && before.seq >= last.seq) return
    this.#alarm(
      'database_went_back',
      `PostgreSQL is at term ${before.term} record ${before.seq}, although this batcher had written term ${last.term} record ${last.seq}`,
    )
    await this.#insist(reader, () => recordLoss(this.#options.tables, { leader: last.leader, seq: last.seq }))
  }

  /**
   * Judges the first marker in hand.
   * @param isLast markers are all that is left; otherwise it is rejected, which is safe before that
   * @returns false when the channel ended or the batcher stops before it was judged
   */
  async #judge(reader: JournalReader, intake: Intake, held: Held[], isLast: boolean): Promise<boolean> {
    const { tables } = this.#options
    const [first, ...others] = held
    if (first === undefined) return true
    const { delivery, message } = first
    const unsigned = delivery.origin === 'unsigned'
    if (unsigned && !(await intake.acceptsUnsigned())) {
      held.shift()
      return await intake.setAsideUnsigned(delivery)
    }
    const proof = { signedWith: delivery.signedWith, unsigned }
    const waiting = others.map((other) => other.message)
    let judgement: string | undefined
    try {
      judgement = await this.#insist<string>(reader, () =>
        isLast ? writeMarker(tables, message, waiting, proof) : rejectMarker(tables, message, proof),
      )
    } catch (error) {
      if (!(error instanceof JournalGap)) throw error
      this.#hearOfGap(reader, error.missing)
      return true
    }
    if (judgement === undefined) return false
    held.shift()
    reader.acknowledge([delivery])
    reader.announceApplied({ leader: message.start.leader, seq: 0 })
    this.#options.onEvent({ kind: 'marker', leader: message.start.leader, judgement })
    return true
  }

  /**
   * Does it until the database lets it be done: writing twice is harmless, not writing is not an answer.
   * @returns undefined when the channel ended or the batcher stops meanwhile
   */
  async #insist<T>(reader: JournalReader, write: () => Promise<T>): Promise<T | undefined> {
    let delayMs = retryMs.first
    while (reader.open && !this.#stopping.signal.aborted) {
      try {
        return await write()
      } catch (error) {
        if (notOfTheDatabase.some((kind) => error instanceof kind)) throw error
        this.#alarm('database', `cannot write to the database: ${describeError(error)}`)
        const ended = new Promise<void>((resolve) => {
          this.#cutPauseShort = resolve
        })
        if (reader.open) await this.#wait.within(delayMs, ended)
        delayMs = Math.min(delayMs * 2, retryMs.most)
      }
    }
    return undefined
  }

  #report(error: unknown): void {
    const detail = describeError(error)
    if (error instanceof NotUnderstood) this.#alarm('foreign_message', detail)
    else if (error instanceof LostTail) this.#alarm('lost_tail', detail)
    else if (error instanceof UnknownLeader) this.#alarm('unknown_leader', detail)
    else this.#options.onEvent({ kind: 'waiting', detail })
  }

  #alarm(alarm: BatcherAlarm, detail: string): void {
    this.#options.onEvent({ kind: 'alarm', alarm, detail })
  }

  /** Finishes the transaction at hand, acknowledges what is written and closes the channel. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('stopped'))
    await this.#running
  }
}
