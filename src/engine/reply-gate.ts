import type { DecisionRecord } from '../../actors/messages/records.ts'
import type { CommandStages } from './command-stages.ts'
import type { CommitLimits } from './commit-options.ts'
import type { JournalTerm, Runtime } from './ports.ts'
import { type Settlement, type Waiter, Waiters } from './settlement.ts'

interface GateOptions {
  readonly journal: JournalTerm
  readonly runtime: Runtime
  readonly limits: Pick<CommitLimits, 'replyDeadlineMs' | 'acknowledge'>
  /** Called with decisions, in order, when they may be shown: just before their replies leave. */
  readonly onReleased: (records: readonly DecisionRecord[]) => void
  readonly stages: CommandStages | undefined
}

/** Holds replies back until what they rest on is durable, and lets them leave in the order of the decisions. */
export class ReplyGate {
  readonly #options: GateOptions
  readonly #acknowledge: CommitLimits['acknowledge']
  readonly #waiters: Waiters
  /** Batches that are confirmed and whose replies may not leave yet. */
  readonly #unreleased: (readonly DecisionRecord[])[] = []
  /** How far the term is: `GroupCommit` moves these on. */
  decidedSeq = 0
  confirmedSeq = 0
  appliedSeq = 0
  /** No record that is newer is answered for. */
  #heldSeq = Number.POSITIVE_INFINITY
  /** Newest record that was answered for before PostgreSQL went back. */
  #answeredSeq = 0
  #isReleasing = false
  #idle: (() => void)[] = []
  #closed = false

  constructor(options: GateOptions) {
    this.#options = options
    this.#acknowledge = options.limits.acknowledge
    this.#waiters = new Waiters(options.runtime, options.limits.replyDeadlineMs)
  }

  /** Newest record whose reply may leave. */
  get releasedSeq(): number {
    const safeSeq =
      this.#acknowledge === 'applied' ? Math.min(this.confirmedSeq, this.appliedSeq) : this.confirmedSeq
    return Math.min(safeSeq, this.#heldSeq)
  }

  /** Newest record that may have been answered for. */
  get acknowledgedSeq(): number {
    return Math.max(this.#answeredSeq, this.releasedSeq)
  }

  get isHeld(): boolean {
    return this.#heldSeq !== Number.POSITIVE_INFINITY
  }

  /** See `GroupCommit.hold`. */
  hold(): void {
    this.#heldSeq = this.releasedSeq
  }

  /** Ends `hold`. */
  unhold(): void {
    this.#heldSeq = Number.POSITIVE_INFINITY
    this.release()
  }

  /** To be called before `appliedSeq` goes back: what was answered for stays answered for. */
  noteGoingBack(): void {
    this.#answeredSeq = this.acknowledgedSeq
  }

  /** A batch is confirmed: it is shown when its replies leave. */
  add(records: readonly DecisionRecord[]): void {
    this.#unreleased.push(records)
  }

  /** See `GroupCommit.whenDurable`. */
  whenDurable(seq: number, waiter: Waiter): void {
    if (this.#closed || !this.#options.journal.open) {
      waiter.settle('lost')
      return
    }
    if (seq <= this.releasedSeq) {
      waiter.settle('durable')
      return
    }
    this.#waiters.add(seq, waiter)
  }

  /** A large batch's replies leave in several goes; all of them only while the term is open. */
  release(): void {
    if (this.#isReleasing) return
    this.#settleSome()
  }

  #settleSome(): void {
    const { journal, stages, runtime, onReleased } = this.#options
    this.#isReleasing = false
    if (!journal.open) return
    if (stages !== undefined) stages.releasedAtMs = runtime.elapsed()
    const released = this.releasedSeq
    while ((this.#unreleased[0]?.at(-1)?.seq ?? Number.POSITIVE_INFINITY) <= released) {
      onReleased(this.#unreleased.shift() ?? [])
    }
    if (this.#waiters.settleSome(released)) {
      this.#isReleasing = true
      runtime.defer(() => this.#settleSome())
      return
    }
    if (released === this.decidedSeq) for (const idle of this.#idle.splice(0)) idle()
  }

  /** Settles everybody who waits, at once. */
  settleAll(how: (waiter: Waiter) => Settlement): void {
    this.#waiters.settleAll(how)
  }

  /** Resolves when the reply to every decision may leave, or the term has ended. */
  async drained(): Promise<void> {
    if (this.#closed || (this.releasedSeq === this.decidedSeq && !this.#isReleasing)) return
    await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  /** The term has ended: who waits is told `lost`. */
  close(): void {
    this.#closed = true
    this.#waiters.settleAll(() => 'lost')
    for (const idle of this.#idle.splice(0)) idle()
  }
}
