import type { DecisionRecord } from '../../actors/messages/records.ts'
import { Backlog, type Batch, emptyBatch, firstOf } from './backlog.ts'
import type { CommandStages } from './command-stages.ts'
import type { CommitLimits, CommitOptions } from './commit-options.ts'
import { approximateBytes } from './record-size.ts'
import { describeError } from './describe-error.ts'
import { JournalPace } from './journal-pace.ts'
import {
  type BatchMessage,
  type JournalTerm,
  MessageReturned,
  type RecordId,
  RecordRefused,
  type Runtime,
} from './ports.ts'
import { ReplyGate } from './reply-gate.ts'
import type { Confirmable, Waiter } from './settlement.ts'

/**
 * Share of the reply's deadline that a command may be expected to wait for the journal. The rest is for a journal that
 * gets slower meanwhile: a queue that it cannot empty in time makes everybody late, and nobody is served.
 */
const waitShare = 0.02
const appliedBytesKept = 64 * 1024 * 1024

/**
 * Makes one leader's decisions durable in batches: records decided while one batch is being confirmed form
 * the next. One batch is in flight at a time, so order is simple; nothing waits for a timer, a batch leaves
 * as soon as the one before is confirmed.
 */
export class GroupCommit {
  readonly #journal: JournalTerm
  readonly #campus: string
  readonly #leader: string
  readonly #limits: CommitLimits
  readonly #runtime: Runtime
  readonly #onLost: (why: string) => void
  readonly #onReturned: () => void
  readonly #onRefused: (record: DecisionRecord, why: string) => void
  readonly #stages: CommandStages | undefined
  readonly #gate: ReplyGate
  readonly #backlog: Backlog
  #next: Batch = emptyBatch()
  #flying: Batch | undefined
  /** When the message that waits for its confirm was sent, by the steady clock. */
  #sentAtMs: number | undefined
  /** Called when the batch that flies has landed. */
  #onLanded: (() => void) | undefined
  #isSendingAgain = false
  readonly #pace = new JournalPace()
  #waitingBatches: Batch[] = []
  #pendingRecords = 0
  #pendingBytes = 0
  #lost = false

  constructor(options: CommitOptions) {
    this.#journal = options.journal
    this.#campus = options.campus
    this.#leader = options.leader
    this.#limits = options.limits
    this.#runtime = options.runtime
    this.#onLost = options.onLost
    this.#backlog = new Backlog(options.limits.appliedBytesKept ?? appliedBytesKept)
    this.#onReturned = options.onReturned ?? (() => {})
    this.#onRefused = options.onRefused ?? (() => {})
    this.#stages = options.stages
    const { journal, runtime, limits, stages, onReleased = () => {} } = options
    this.#gate = new ReplyGate({ journal, runtime, limits, stages, onReleased })
    options.journal.onApplied((applied) => this.noteApplied(applied))
  }

  get decidedSeq(): number {
    return this.#gate.decidedSeq
  }

  get confirmedSeq(): number {
    return this.#gate.confirmedSeq
  }

  get appliedSeq(): number {
    return this.#gate.appliedSeq
  }

  get pendingRecords(): number {
    return this.#pendingRecords
  }

  /** Bytes confirmed that PostgreSQL is not known to have applied. */
  get backlogBytes(): number {
    return this.#backlog.bytes
  }

  /** How many batches are confirmed and not known to be applied. */
  get unappliedBatches(): number {
    return this.#backlog.count
  }

  /** How many batches were confirmed. */
  get sentBatches(): number {
    return this.#backlog.added
  }

  /** How long a message has waited for its confirm, milliseconds; 0 when none does. */
  get unconfirmedMs(): number {
    return this.#sentAtMs === undefined ? 0 : this.#runtime.elapsed() - this.#sentAtMs
  }

  /** How long PostgreSQL has owed us the oldest confirmed decision, milliseconds; 0 when it owes none. */
  get behindMs(): number {
    const sinceMs = this.#stages && this.#backlog.oldest?.confirmedAtMs
    return sinceMs === undefined ? 0 : this.#runtime.elapsed() - sinceMs
  }

  /** Whether another command may be admitted now. */
  get hasRoom(): boolean {
    return (
      this.#pendingRecords < this.#limits.recordsMax &&
      this.#pendingBytes < this.#limits.bytesMax &&
      this.#backlog.bytes < this.#limits.backlogBytesMax &&
      !this.#isTooSlow
    )
  }

  /**
   * Whether a record that came now would wait for too long, as fast as the journal is now. One batch may always
   * gather while another is in flight, so that the journal never waits.
   */
  get #isTooSlow(): boolean {
    const isNextFull = this.#next.records.length >= this.#limits.batchRecordsMax
    const batchesBefore = this.#waitingBatches.length + (isNextFull ? 1 : 0)
    if (batchesBefore === 0) return false
    const waitMs = this.#pace.waitMs(this.#runtime.elapsed(), batchesBefore)
    return waitMs > this.#limits.replyDeadlineMs * waitShare
  }

  /**
   * Takes a record, whose `seq` is the next, into the batch that leaves next.
   * @param whose told when the journal has it
   */
  add(record: DecisionRecord, whose: Confirmable): void {
    if (record.seq !== this.#gate.decidedSeq + 1)
      throw new Error(`record ${record.seq} after ${this.#gate.decidedSeq}`)
    const bytes = approximateBytes(record)
    if (
      this.#next.records.length >= this.#limits.batchRecordsMax ||
      (this.#next.records.length > 0 && this.#next.bytes + bytes > this.#limits.batchBytesMax)
    ) {
      this.#waitingBatches.push(this.#next)
      this.#next = emptyBatch()
    }
    if (this.#next.records.length === 0) this.#next.decidedAtMs = this.#measuredMs()
    this.#next.records.push(record)
    this.#next.awaited.push(whose)
    this.#next.bytes += bytes
    this.#pendingRecords++
    this.#pendingBytes += bytes
    this.#gate.decidedSeq = record.seq
  }

  /** Sends what is waiting, unless a batch is in flight: then its confirm sends it. */
  flush(): void {
    if (this.#flying !== undefined || this.#isSendingAgain || this.#lost) return
    const batch = this.#waitingBatches.shift() ?? this.#next
    if (batch.records.length === 0) return
    if (batch === this.#next) this.#next = emptyBatch()
    this.#flying = batch
    this.#sentAtMs = this.#runtime.elapsed()
    this.#pace.begin(this.#sentAtMs)
    const message: BatchMessage = {
      version: 1,
      campus: this.#campus,
      leader: this.#leader,
      records: batch.records,
    }
    this.#journal.append(message).then(
      (body) => this.#confirmed(batch, body),
      (error: unknown) => {
        if (error instanceof RecordRefused) this.#refused(batch, error)
        else if (error instanceof MessageReturned) this.#returned(batch)
        else this.abandon(describeError(error))
      },
    )
  }

  /** What precedes the refused record is durable; nothing else that was decided is anywhere. */
  #refused(batch: Batch, { seq, message }: RecordRefused): void {
    if (this.#lost) return
    const index = batch.records.findIndex((record) => record.seq === seq)
    const record = batch.records[index]
    const whose = batch.awaited[index]
    if (record === undefined) throw new Error(`the journal refused record ${seq}, which it was not given`)
    this.#onRefused(record, message)
    if (whose?.mayBeRefused !== true) {
      // Nothing else is sent: memory rests on what the tables will not have.
      this.#next = emptyBatch()
      this.#waitingBatches = []
      if (index > 0) this.#confirmed(firstOf(batch, index))
      this.#gate.settleAll((waiter) =>
        waiter.seq < seq ? 'durable' : waiter.seq === seq ? 'refused' : 'undone',
      )
      this.abandon(`PostgreSQL refuses record ${seq}: ${message}`)
      return
    }
    this.#land()
    this.#pendingRecords--
    this.#pendingBytes -= batch.bytes
    this.#gate.decidedSeq = seq - 1
    // Whoever reads waits for what is shown to be durable, and the refused record is not in it.
    this.#gate.settleAll((waiter) => ((waiter as unknown) === whose ? 'refused' : 'durable'))
    whose.refused?.()
  }

  /** Nothing leaves before it until it was sent again. */
  #returned(batch: Batch): void {
    if (this.#lost) return
    this.#land()
    this.#waitingBatches.unshift(batch)
    this.#isSendingAgain = true
    this.#onReturned()
  }

  #land(): void {
    this.#flying = undefined
    this.#sentAtMs = undefined
    this.#pace.end(this.#runtime.elapsed())
    this.#onLanded?.()
  }

  #confirmed(batch: Batch, body?: Buffer | void): void {
    if (this.#lost) return
    if (!this.#journal.open) {
      this.abandon('the term ended before its confirm was seen')
      return
    }
    this.#land()
    this.#pendingRecords -= batch.records.length
    this.#pendingBytes -= batch.bytes
    this.#gate.confirmedSeq += batch.records.length
    const confirmedAtMs = this.#measuredMs()
    this.#stages?.noteConfirmed(batch.records.length, confirmedAtMs - batch.decidedAtMs)
    const { records, bytes } = batch
    const seq = this.#gate.confirmedSeq
    this.#backlog.add({
      first: seq - records.length + 1,
      seq,
      records: records.length,
      bytes,
      confirmedAtMs,
      body: body ?? undefined,
    })
    if (seq <= this.#gate.appliedSeq) this.#backlog.noteApplied(this.#gate.appliedSeq, () => {})
    // The next batch goes out before the replies to this one are written: the journal is the bottleneck.
    this.flush()
    this.#gate.add(batch.records)
    for (const whose of batch.awaited) whose.confirmed()
    this.#gate.release()
  }

  /** PostgreSQL is known to have applied everything up to this record. */
  noteApplied({ leader, seq }: RecordId): void {
    if (leader !== this.#leader || seq <= this.#gate.appliedSeq) return
    this.#gate.appliedSeq = seq
    const nowMs = this.#measuredMs()
    this.#backlog.noteApplied(seq, ({ confirmedAtMs, records }) => {
      this.#stages?.apply.observe((nowMs - confirmedAtMs) / 1000, records)
    })
    this.#gate.release()
  }

  /** Whether answers are held back. */
  get isHeld(): boolean {
    return this.#gate.isHeld
  }

  /** Answers for nothing more that is not answered for yet, until `release` is called: the journal lacks something. */
  hold(): void {
    this.#gate.hold()
  }

  release(): void {
    this.#gate.unhold()
  }

  /**
   * PostgreSQL holds records up to `seq` only, although it had applied more.
   * @returns false when what it lacks is not kept any more
   */
  goBackTo(seq: number): boolean {
    this.#gate.noteGoingBack()
    this.#gate.appliedSeq = seq
    return this.#backlog.goBackTo(seq)
  }

  /**
   * Sends batches again that hold records from `first` to `last`, before anything else is sent.
   * @param append rejects when it must be tried again, all of it
   */
  async sendAgain(first: number, last: number, append: (body: Buffer) => Promise<void>): Promise<void> {
    this.#isSendingAgain = true
    if (this.#flying !== undefined) {
      await new Promise<void>((resolve) => {
        this.#onLanded = resolve
      })
      this.#onLanded = undefined
    }
    for (const body of this.#backlog.bodiesOf(first, last)) {
      if (this.#lost) return
      this.#sentAtMs = this.#runtime.elapsed()
      await append(body).finally(() => {
        this.#sentAtMs = undefined
      })
    }
    this.#isSendingAgain = false
    this.flush()
  }

  /** Newest record that may have been answered for. */
  get acknowledgedSeq(): number {
    return this.#gate.acknowledgedSeq
  }

  /** Whether the reply to this record may leave, or has left. */
  isReleased(seq: number): boolean {
    return seq <= this.#gate.releasedSeq
  }

  /**
   * Settles `waiter` once everything up to `seq` is durable, at once if it is; waiters in the order of calls.
   */
  whenDurable(seq: number, waiter: Waiter): void {
    this.#gate.whenDurable(seq, waiter)
  }

  #measuredMs(): number {
    return this.#stages === undefined ? 0 : this.#runtime.elapsed()
  }

  /** Resolves when the reply to every decision may leave, or the term has ended. */
  async drained(): Promise<void> {
    await this.#gate.drained()
  }

  /** Ends the term from within: what was not sent yet never will be. */
  abandon(why: string): void {
    if (this.#lost) return
    this.close()
    this.#onLost(why)
  }

  /** Ends it: whoever still waits is told `lost`. */
  close(): void {
    if (this.#lost) return
    this.#lost = true
    this.#onLanded?.()
    this.#gate.close()
  }
}
