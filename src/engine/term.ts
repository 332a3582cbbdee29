import type { Campus } from '../../actors/campus.ts'
import { type Command, coursesOf } from '../../actors/messages/commands.ts'
import { decide } from '../../actors/rules/decide.ts'
import { type MailboxBounds, Dispatcher } from '../../actors/dispatcher.ts'
import type { Ticket } from '../../actors/mailbox.ts'
import type { DecisionRecord, Rejection } from '../../actors/messages/records.ts'
import { Catalogs } from './catalogs.ts'
import type { CommandStages } from './command-stages.ts'
import type { CommitLimits } from './commit-options.ts'
import { GroupCommit } from './group-commit.ts'
import { KeyMemory } from './key-memory.ts'
import { KeyedAdmission } from './keyed-admission.ts'
import type { CampusStore, JournalTerm, LoadedCampus, Runtime } from './ports.ts'
import { SeatBoard } from './seat-board.ts'
import type { TermClock } from './term-clock.ts'
import type {
  Asker,
  CatalogQuestion,
  CatalogView,
  DryRunOutcome,
  EngineStatus,
  Outcome,
  ReadOutcome,
  SubmitOptions,
  Unavailable,
} from './service.ts'
import { PendingCommand, rejectedBy } from './pending-command.ts'
import { faultOfRecord } from './record-check.ts'
import { applyRecord, takeTurn, type TurnTime } from '../../actors/turn.ts'
import type { Settlement } from './settlement.ts'
import type { Snapshot } from './views.ts'

export interface TermLimits extends CommitLimits {
  readonly mailboxes: MailboxBounds
  /** How long turns may go on before the event loop is given back, milliseconds. */
  readonly turnBudgetMs: number
  /** How long a catalog may be shown although a seat in it has changed, milliseconds. */
  readonly catalogReuseMs: number
  /** What the keys of the last 24 hours may take in memory, bytes. */
  readonly keysBytesMax: number
  /** How far this machine's clock and PostgreSQL's may be apart, milliseconds. */
  readonly clockSkewMsMax: number
}

/** For how long after a record that PostgreSQL refused decisions go one at a time, milliseconds. */
export const carefulMs = 60_000

const busy: Unavailable = { kind: 'unavailable', code: 'busy' }
const recovering: Unavailable = { kind: 'unavailable', code: 'recovering' }
const journalUnavailable: Unavailable = { kind: 'unavailable', code: 'journal_unavailable' }

/**
 * One leader's reign: the campus in memory, decided upon by this process alone, from the moment it was
 * loaded until the journal ends the term. Then all of it is dropped; the next term loads anew.
 *
 * A command goes: admission (key, room, mailboxes) -> its turn (decide, evolve, one record) -> group commit
 * -> reply. Only admission may wait (for PostgreSQL, about a key or a new student); a turn never does.
 */
export class Term {
  readonly campus: Campus
  readonly number: number
  readonly commit: GroupCommit
  /** What confirmed decisions made of the seats: for those who watch. */
  readonly seats: SeatBoard
  readonly leader: string
  readonly #journal: JournalTerm
  readonly #store: CampusStore
  readonly #runtime: Runtime
  readonly #limits: TermLimits
  readonly #stages: CommandStages | undefined
  readonly #onRefusedRecord: (detail: string) => void
  readonly #dispatcher: Dispatcher<PendingCommand>
  readonly #keys: KeyMemory
  readonly #keyed: KeyedAdmission
  readonly #catalogs: Catalogs
  readonly #clock: Pick<TermClock, 'nowMs' | 'trouble'>
  #lastAt: number
  #pumping = false
  /** Until then, one decision at a time, and it changes memory only once PostgreSQL has it. By the steady clock. */
  #carefulUntilMs: number
  #awaitsOne = false
  #admitting = true

  constructor(options: {
    leader: string
    campusId: string
    loaded: LoadedCampus
    clock: Pick<TermClock, 'nowMs' | 'trouble'>
    journal: JournalTerm
    store: CampusStore
    runtime: Runtime
    limits: TermLimits
    onLost: (why: string) => void
    onReturned?: () => void
    /** Called with a decision that PostgreSQL refuses to write. */
    onRefused?: (record: DecisionRecord, why: string) => void
    /** PostgreSQL refused one not long ago: begin carefully. */
    isCareful?: boolean
    /** Called with why a decision was not taken: the batcher would refuse its record. */
    onRefusedRecord?: ((detail: string) => void) | undefined
    stages?: CommandStages | undefined
  }) {
    const { loaded, runtime, limits } = options
    this.campus = loaded.campus
    this.number = loaded.position.term
    this.leader = options.leader
    this.#clock = options.clock
    this.#lastAt = loaded.position.atMs
    this.#journal = options.journal
    this.#store = options.store
    this.#runtime = runtime
    this.#limits = limits
    this.#stages = options.stages
    this.#onRefusedRecord = options.onRefusedRecord ?? (() => {})
    this.#dispatcher = new Dispatcher(limits.mailboxes)
    this.#keys = new KeyMemory(loaded.keys)
    this.#keyed = new KeyedAdmission({
      keys: this.#keys,
      store: options.store,
      nowMs: () => this.#clock.nowMs(),
      isReleased: (seq) => this.commit.isReleased(seq),
    })
    this.seats = new SeatBoard(loaded.campus, this.number)
    this.#catalogs = new Catalogs(this.seats, options.leader.slice(0, 8), limits.catalogReuseMs)
    this.#carefulUntilMs = options.isCareful === true ? runtime.elapsed() + carefulMs : 0
    this.commit = new GroupCommit({
      journal: options.journal,
      campus: options.campusId,
      leader: options.leader,
      limits,
      runtime,
      onLost: options.onLost,
      onReturned: options.onReturned,
      onRefused: (record, why) => {
        this.#carefulUntilMs = runtime.elapsed() + carefulMs
        options.onRefused?.(record, why)
      },
      onReleased: (records) => {
        for (const { seq, effects } of records) this.seats.show(seq, effects)
      },
      stages: options.stages,
    })
  }

  progress(): Omit<EngineStatus, 'state' | 'detail' | 'journalBlocked'> {
    const { commit } = this
    const { decidedSeq, confirmedSeq, appliedSeq, pendingRecords, backlogBytes, behindMs } = commit
    const own = { term: this.number, mailboxDepth: this.#dispatcher.depth, isFull: !commit.hasRoom }
    return { ...own, decidedSeq, confirmedSeq, appliedSeq, pendingRecords, backlogBytes, behindMs }
  }

  submit(command: Command, options: SubmitOptions): Promise<Outcome> {
    return new Promise((settle, fail) => this.deliver(command, options, { settle, fail }))
  }

  /**
   * As `submit`, without a promise where none is needed: the common case, no key and a known student, is admitted
   * before this returns, and settled as its reply is released.
   */
  deliver(command: Command, options: SubmitOptions, asker: Asker): void {
    if (options.key === undefined && this.#knows(command)) return this.#post(command, options, asker)
    this.#admitWithCare(command, options).then(
      (outcome) => asker.settle(outcome),
      (bug: unknown) => asker.fail(bug),
    )
  }

  /** Asks PostgreSQL first about a key that memory cannot hold, and about a student who is not in it. */
  async #admitWithCare(command: Command, options: SubmitOptions): Promise<Outcome> {
    const { key } = options
    const refusal = this.#closedTo()
    if (refusal !== undefined) return refusal
    if (key === undefined) return await this.#admit(command, options)
    return await this.#keyed.run(command, key, options.requestHash ?? '', () => this.#admit(command, options))
  }

  async #admit(command: Command, options: SubmitOptions): Promise<Outcome> {
    const unknownStudent = await this.knowStudent(command.student)
    if (unknownStudent !== undefined) return unknownStudent
    return await new Promise((settle, fail) => this.#post(command, options, { settle, fail }))
  }

  #post(command: Command, options: SubmitOptions, asker: Asker): void {
    const refusal = this.#closedTo() ?? (this.commit.hasRoom ? undefined : busy)
    if (refusal !== undefined) return asker.settle(refusal)
    const courses = coursesOf(command.legs)
    const postedAtMs = this.#stages?.samples() === true ? this.#runtime.elapsed() : undefined
    const pending = new PendingCommand(this.#dispatcher, command, options, asker, postedAtMs)
    pending.ticket = this.#dispatcher.post(pending, courses, command.student)
    if (pending.ticket === undefined) asker.settle(busy)
    else this.#schedule()
  }

  #knows({ student }: Command): boolean {
    return student === undefined || this.campus.students.has(student)
  }

  #closedTo(): Unavailable | undefined {
    if (!this.#journal.open) return recovering
    if (!this.#admitting) return { kind: 'unavailable', code: 'not_leading' }
    return this.#journal.blocked || this.commit.isHeld ? journalUnavailable : undefined
  }

  /**
   * A student who was added to the tables while the engine ran is loaded when first seen.
   * @returns why it could not be found out whether there is such a student
   */
  async knowStudent(id: number | undefined): Promise<Unavailable | undefined> {
    if (id === undefined || this.campus.students.has(id)) return undefined
    try {
      const profile = await this.#store.loadStudent(id)
      if (profile !== undefined && !this.campus.students.has(id)) this.campus.addStudent(profile)
      return undefined
    } catch {
      return journalUnavailable
    }
  }

  #schedule(): void {
    if (this.#pumping) return
    this.#pumping = true
    this.#runtime.defer(() => this.#pump())
  }

  /** Everything that arrived in one round of the event loop is decided in one go and leaves as one batch. */
  #pump(): void {
    this.#pumping = false
    if (!this.#journal.open || this.#awaitsOne) return
    const { trouble } = this.#clock
    if (trouble !== undefined) return this.commit.abandon(trouble)
    const nowMs = this.#runtime.elapsed()
    const untilMs = nowMs + this.#limits.turnBudgetMs
    const isCareful = nowMs < this.#carefulUntilMs
    try {
      this.#dispatcher.run(
        (ticket) => this.#turn(ticket, isCareful),
        () => this.#awaitsOne || this.#runtime.elapsed() >= untilMs,
        isCareful ? 1 : undefined,
      )
    } catch (bug) {
      // Memory may be half changed: nothing that rests on it may leave.
      this.commit.abandon(`a turn failed: ${bug instanceof Error ? (bug.stack ?? bug.message) : String(bug)}`)
      return
    }
    this.commit.flush()
    if (this.#dispatcher.depth > 0 && !this.#awaitsOne) this.#schedule()
  }

  #turn(ticket: Ticket<PendingCommand>, isCareful: boolean): void {
    const pending = ticket.item
    const { command, options, postedAtMs, asker } = pending
    const startedAtMs = postedAtMs === undefined ? 0 : this.#runtime.elapsed()
    const times = this.#times()
    let record: DecisionRecord | Rejection
    try {
      record = takeTurn(this.campus, command, options, this.commit.decidedSeq + 1, times)
    } catch (bug) {
      // Nothing has changed, so nobody else need suffer for it.
      this.#dispatcher.release(ticket)
      asker.fail(bug)
      return
    }
    if ('rejection' in record) return pending.turnAway(rejectedBy(record))
    const fault = faultOfRecord(record)
    if (fault !== undefined) {
      this.#onRefusedRecord(fault)
      return pending.turnAway({ kind: 'failed', code: 'internal' })
    }
    this.#lastAt = record.at
    pending.record = record
    if (isCareful) this.#awaitWriting(pending, record)
    this.commit.add(record, pending)
    this.commit.whenDurable(record.seq, pending)
    if (!isCareful) this.#take(record)
    if (postedAtMs !== undefined) this.#stages?.noteTurn(postedAtMs, startedAtMs, this.#runtime.elapsed())
  }

  #awaitWriting(pending: PendingCommand, record: DecisionRecord): void {
    this.#awaitsOne = true
    pending.onWritten = (isWritten) => {
      this.#awaitsOne = false
      if (isWritten) this.#take(record)
      else if (record.key !== undefined) this.#keys.release(record.actor, record.key)
      if (this.#dispatcher.depth > 0) this.#schedule()
    }
  }

  /** What was decided changes memory: later turns see it. */
  #take(record: DecisionRecord): void {
    applyRecord(this.campus, record)
    if (record.key !== undefined) this.#keys.settle(record.actor, record.key, record, this.commit.appliedSeq)
  }

  /**
   * `at` never goes backwards, and the clock may have been moved back by a millisecond. Where the tables hold decisions of
   * the future (a clock was wrong once), decisions are dated like the last of them, and windows are judged by the clock.
   */
  #times(): TurnTime {
    const nowMs = this.#clock.nowMs()
    const at = Math.max(nowMs, this.#lastAt)
    return { at, judgedMs: at - nowMs > 1 ? nowMs : at }
  }

  /** Judges without deciding. The answer waits for what it rests on to be durable. */
  async dryRun(command: Command): Promise<DryRunOutcome> {
    const refusal = this.#closedTo() ?? (await this.knowStudent(command.student))
    if (refusal !== undefined) return refusal
    const verdict = decide(this.campus, command, this.#times().judgedMs)
    if ('rejection' in verdict) return rejectedBy(verdict)
    const settlement = await this.#durable(this.commit.decidedSeq)
    return settlement === 'durable' ? { kind: 'judged', verdict } : journalUnavailable
  }

  /** Shows what `take` finds, once every decision in it is durable. */
  async read<View>(take: (campus: Campus) => Snapshot<View>): Promise<ReadOutcome<View>> {
    if (!this.#journal.open) return recovering
    const { view, touchedBy } = take(this.campus)
    const settlement = await this.#durable(touchedBy)
    return settlement === 'durable' ? { kind: 'shown', view } : journalUnavailable
  }

  /** A department's groups as confirmed decisions left them: there is nothing to wait for. */
  catalog(question: CatalogQuestion): ReadOutcome<CatalogView> {
    if (!this.#journal.open) return recovering
    const { reader } = question
    const ownSeq = reader === undefined ? undefined : (this.campus.students.get(reader)?.touchedBy ?? 0)
    const view = this.#catalogs.show(question, ownSeq, this.#runtime.elapsed())
    const isUnknown = !this.campus.departments.has(question.department)
    return { kind: 'shown', view: isUnknown ? { ...view, isUnknown } : view }
  }

  async #durable(seq: number): Promise<Settlement> {
    return await new Promise((settle) => this.commit.whenDurable(seq, { seq, expiresMs: 0, settle }))
  }

  /** Admits nothing more; resolves when all that was admitted is decided and durable. */
  async finish(): Promise<void> {
    this.#admitting = false
    while (this.#journal.open && this.#dispatcher.depth > 0) {
      await new Promise<void>((resolve) => this.#runtime.defer(resolve))
    }
    await this.commit.drained()
  }

  /** The term has ended: whoever waits is told so, and nobody is answered from this memory again. */
  close(): void {
    this.#admitting = false
    this.commit.close()
    for (const { asker } of this.#dispatcher.drain()) asker.settle(recovering)
  }
}
