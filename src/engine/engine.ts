import type { Campus } from '../../actors/campus.ts'
import type { Command } from '../../actors/commands.ts'
import { ClockWatch } from './clock-watch.ts'
import type { CommandStages } from './command-stages.ts'
import { describeError } from './describe-error.ts'
import {
  type AcquireProgress,
  AdoptionNeeded,
  type CampusStore,
  type Journal,
  JournalLost,
  type JournalTerm,
  type LoadedCampus,
  type RecordId,
  type Runtime,
} from './ports.ts'
import {
  type Asker,
  type CatalogQuestion,
  type CatalogView,
  type DryRunOutcome,
  type EngineState,
  type EngineStatus,
  type EnrollmentService,
  type Outcome,
  type ReadOutcome,
  type RosterView,
  type StudentView,
  type SubmitOptions,
  type Unavailable,
  type UnavailableCode,
  refusalIn,
} from './service.ts'
import { keyLifetimeMs } from './idempotency.ts'
import type { SeatBoard } from './seat-board.ts'
import { Term, type TermLimits } from './term.ts'
import { ClockOff, clockPeriodMs, TermClock } from './term-clock.ts'
import { rosterSnapshot, studentSnapshot } from './views.ts'

export interface EngineOptions {
  readonly campusId: string
  readonly journal: Journal
  readonly store: CampusStore
  readonly runtime: Runtime
  readonly limits: TermLimits
  /** Where the time of commands goes is measured into these; without them it is not measured. */
  readonly stages?: CommandStages
  /** Serve although the tables need adoption; for the adoption itself. */
  readonly evenIfAdoptionNeeded?: boolean
  /** Told what somebody should look at, once while it lasts; the engine goes on trying by itself. */
  readonly onAlarm?: (alarm: EngineAlarm, detail: string) => void
  /** Told of every change of state, with a line for people. */
  readonly onState: (state: EngineState, detail: string) => void
}

/** `clock`: nobody may lead by this machine's clock. `future`: the tables hold decisions of a time to come. */
export type EngineAlarm = 'clock' | 'future'

/** How often the batcher's judgement of a marker is asked for, and how often an unreachable database is. */
const barrierPollMs = { first: 10, most: 250 }
/** How often PostgreSQL's position is asked for while it is known to be behind. */
const positionPollMs = 1000
/** While it is not known to be behind, only every so many-th time. */
const idlePositionPolls = 10

/**
 * Leads, or waits to lead. Start, takeover by a standby and the return of a lost broker are one procedure:
 * acquire the lock, publish a start marker, wait until the batcher has judged it (then everything that any
 * earlier leader got confirmed is in PostgreSQL), load, serve. Whatever ends a term, all memory of it is
 * dropped and the procedure begins again.
 *
 *     starting -> unreachable | standby -> recovering -> leading -> (term ends) -> starting … -> stopped
 */
export class Engine implements EnrollmentService {
  readonly #options: EngineOptions
  readonly #stopping = new AbortController()
  readonly #watch: ClockWatch
  #state: EngineState = 'starting'
  #detail = ''
  #term: Term | undefined
  #journalTerm: JournalTerm | undefined
  /** Of the present term. */
  #clock: TermClock | undefined
  /**
   * The last record that this process may have answered for: the next marker demands it of the tables. Where
   * replies wait for PostgreSQL, one that was merely confirmed may be void, and nothing is lost with it.
   */
  #seen: RecordId | undefined
  #running: Promise<void> | undefined
  /** Told when the term ends, for whoever waits for something in it. */
  #cutWaitShort: (why: string) => void = () => {}

  constructor(options: EngineOptions) {
    this.#options = options
    this.#watch = new ClockWatch({
      runtime: options.runtime,
      store: options.store,
      skewMsMax: options.limits.clockSkewMsMax,
      onAlarm: (detail) => options.onAlarm?.('clock', detail),
    })
  }

  /**
   * Runs terms until `stop`.
   * @throws AdoptionNeeded if the tables hold what cannot be served
   */
  async run(): Promise<void> {
    this.#running ??= this.#runTerms()
    await this.#running
  }

  async #runTerms(): Promise<void> {
    const stopWatching = this.#watch.start(() => this.#clocked())
    while (!this.#stopping.signal.aborted) {
      this.#enter('starting', 'connecting to the journal')
      try {
        await this.#runTerm()
        await this.#sleep(barrierPollMs.first)
      } catch (error) {
        if (this.#stopping.signal.aborted) break
        if (error instanceof AdoptionNeeded) throw error
        if (error instanceof ClockOff) await this.#untilClocksAgree(error)
        else {
          this.#enter('unreachable', describeError(error))
          await this.#sleep(barrierPollMs.most)
        }
      }
    }
    stopWatching()
    this.#enter('stopped', 'stopped')
  }

  /** Somebody else may lead meanwhile: the lock is free. */
  async #untilClocksAgree({ message }: ClockOff): Promise<void> {
    this.#enter('standby', message)
    let isOff = true
    while (isOff && !this.#stopping.signal.aborted) {
      await this.#sleep(clockPeriodMs.look)
      isOff = await this.#watch.compare().then(
        () => false,
        () => true,
      )
    }
  }

  #clocked() {
    const [clock, journal] = [this.#clock, this.#journalTerm]
    if (this.#term === undefined || clock === undefined || journal === undefined) return undefined
    return { clock, end: (why: string) => this.#loseTerm(journal, why) }
  }

  async #runTerm(): Promise<void> {
    const signal = this.#stopping.signal
    const journal = await this.#options.journal.acquire(signal, (progress, detail) => {
      this.#enter(stateOf(progress), detail)
    })
    this.#journalTerm = journal
    // Once, and not by a race at each wait: a promise that lives long keeps every reaction to it.
    void journal.ended.then((why) => {
      if (this.#journalTerm === journal) this.#cutWaitShort(why)
    })
    try {
      // `stop` may have come while the lock was on its way, too late for it to be refused.
      signal.throwIfAborted()
      const term = await this.#takeOver(journal)
      this.#term = term
      this.#enter('leading', `leading term ${term.number}`)
      const stopPolling = this.#followPosition(term, journal)
      const why = await journal.ended
      stopPolling()
      if (!signal.aborted) this.#enter('recovering', why)
    } finally {
      this.#dropTerm()
      await journal.close()
      this.#journalTerm = undefined
    }
  }

  /** Marker, barrier, load. Rejects when the term ends meanwhile. */
  async #takeOver(journal: JournalTerm): Promise<Term> {
    const { campusId, runtime, store, limits, evenIfAdoptionNeeded } = this.#options
    for (;;) {
      const leader = runtime.uuid()
      this.#enter('recovering', 'waiting for the database')
      const position = await this.#insist(journal, () => store.readPosition())
      const reading = await this.#insist(journal, () => this.#watch.compare())
      const clock = new TermClock(runtime, reading, limits.clockSkewMsMax)
      const seen = this.#seen === undefined ? {} : { seen: this.#seen }
      const start = { leader, after: position.leader, ...seen }
      await journal.append({ version: 1, campus: campusId, start })
      this.#enter('recovering', 'waiting for the batcher to write what earlier leaders decided')
      if ((await this.#barrier(journal, leader)) === 'rejected') continue
      this.#enter('recovering', 'loading the campus')
      const loaded: LoadedCampus = await this.#whileOpen(
        journal,
        store.loadCampus(leader, {
          keysSinceMs: clock.nowMs() - keyLifetimeMs,
          ...(evenIfAdoptionNeeded === true && { evenIfAdoptionNeeded }),
        }),
      )
      await this.#catchUp(journal, loaded.position.atMs - clock.nowMs())
      this.#clock = clock
      return new Term({
        leader,
        campusId,
        loaded,
        clock,
        journal,
        store,
        runtime,
        limits,
        onLost: (why) => this.#loseTerm(journal, why),
        stages: this.#options.stages,
      })
    }
  }

  /**
   * Waits until it is as late as the newest decision on record, which may have been made by a clock a little ahead. A
   * decision of a far future is not waited for: its clock was wrong.
   */
  async #catchUp(journal: JournalTerm, behindMs: number): Promise<void> {
    const { limits, onAlarm } = this.#options
    if (behindMs > limits.clockSkewMsMax) {
      const dated = new Date(this.#options.runtime.now() + behindMs).toISOString()
      onAlarm?.(
        'future',
        `the newest decision on record is of ${dated}, which is yet to come: a clock was wrong. Windows are judged by the right time; decisions are dated ${dated} until then`,
      )
    } else if (behindMs > 0) await this.#whileOpen(journal, this.#sleep(behindMs))
  }

  async #barrier(journal: JournalTerm, leader: string): Promise<'accepted' | 'rejected'> {
    let delayMs = barrierPollMs.first
    for (;;) {
      const judgement = await this.#insist(journal, () => this.#options.store.judgementOf(leader))
      if (judgement !== undefined) return judgement
      await this.#whileOpen(journal, this.#sleep(delayMs))
      delayMs = Math.min(delayMs * 2, barrierPollMs.most)
    }
  }

  /** Asks the database until it answers; PostgreSQL may be down while a term lasts. */
  async #insist<T>(journal: JournalTerm, ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await this.#whileOpen(journal, ask())
      } catch (error) {
        if (!journal.open || this.#stopping.signal.aborted || error instanceof ClockOff) throw error
        this.#enter('recovering', `waiting for the database: ${describeError(error)}`)
        await this.#whileOpen(journal, this.#sleep(barrierPollMs.most))
      }
    }
  }

  /** Waits for one thing at a time, and rejects when the term ends. */
  async #whileOpen<T>(journal: JournalTerm, work: Promise<T>): Promise<T> {
    if (!journal.open) throw new JournalLost(await journal.ended)
    return await new Promise<T>((resolve, reject) => {
      this.#cutWaitShort = (why) => reject(new JournalLost(why))
      work.then(resolve, reject)
    })
  }

  #loseTerm(journal: JournalTerm, why: string): void {
    // The database may answer a question of an earlier term; the one that runs now is none of its business.
    if (journal !== this.#journalTerm) return
    this.#enter('recovering', why)
    this.#dropTerm()
    void journal.close()
  }

  #dropTerm(): void {
    const term = this.#term
    if (term === undefined) return
    this.#term = undefined
    const { acknowledgedSeq } = term.commit
    if (acknowledgedSeq > 0) this.#seen = { leader: term.leader, seq: acknowledgedSeq }
    term.close()
  }

  /**
   * The batcher's notices may be lost: while PostgreSQL is thought to be behind, it is asked. It may answer
   * that another engine leads by now (a broker's cluster that fell apart gave its lock to both): then what is
   * decided here is void, whatever this side of the cluster confirms.
   */
  #followPosition(term: Term, journal: JournalTerm): () => void {
    const { runtime, store } = this.#options
    let cancel = (): void => {}
    let polls = 0
    const poll = async (): Promise<void> => {
      // A leader without commands has nothing to wait for, and would not hear that it was deposed.
      const isIdlePoll = ++polls % idlePositionPolls === 0
      if (isIdlePoll || term.commit.appliedSeq < term.commit.confirmedSeq) {
        try {
          const position = await store.readPosition()
          if (position.term > term.number) this.#loseTerm(journal, 'another engine has led since')
          else term.commit.noteApplied(position)
        } catch {
          // Not reachable now; the bound on the backlog holds all the same.
        }
      }
      if (journal.open) cancel = runtime.after(positionPollMs, () => void poll())
    }
    cancel = runtime.after(positionPollMs, () => void poll())
    return () => cancel()
  }

  /**
   * Stops for good: admits nothing more, waits until what is decided is durable, gives the lock up.
   * @param graceMs how long durability is waited for; what is not durable then is answered `outcome_unknown`
   */
  async stop(graceMs: number): Promise<void> {
    const finished = this.#term?.finish() ?? Promise.resolve()
    let cancel = (): void => {}
    const graceOver = new Promise<void>((resolve) => {
      cancel = this.#options.runtime.after(graceMs, resolve)
    })
    await Promise.race([finished, graceOver])
    cancel()
    this.#stopping.abort(new JournalLost('stopped'))
    await this.#journalTerm?.close()
    await this.#running?.catch(() => {})
  }

  submit(command: Command, options: SubmitOptions = {}): Promise<Outcome> {
    return this.#term?.submit(command, options) ?? Promise.resolve(this.#unavailable())
  }

  /** As `submit`, for callers who answer many commands in one go: `asker` may be told before this returns. */
  deliver(command: Command, options: SubmitOptions, asker: Asker): void {
    const term = this.#term
    if (term === undefined) asker.settle(this.#unavailable())
    else term.deliver(command, options, asker)
  }

  async dryRun(command: Command): Promise<DryRunOutcome> {
    return (await this.#term?.dryRun(command)) ?? this.#unavailable()
  }

  async studentView(id: number): Promise<ReadOutcome<StudentView | undefined>> {
    // The same term throughout: the next one does not know whom this one has learnt of.
    const term = this.#term
    if (term === undefined) return this.#unavailable()
    return (await term.knowStudent(id)) ?? (await term.read((campus) => studentSnapshot(campus, id)))
  }

  catalog(question: CatalogQuestion): Promise<ReadOutcome<CatalogView>> {
    return Promise.resolve(this.#term?.catalog(question) ?? this.#unavailable())
  }

  async roster(course: number, group: number): Promise<ReadOutcome<RosterView | undefined>> {
    const shown = await this.#term?.read((campus) => rosterSnapshot(campus, course, group))
    return shown ?? this.#unavailable()
  }

  get seats(): SeatBoard | undefined {
    return this.#term?.seats
  }

  #unavailable(): Unavailable {
    // A term may have ended before its state says so.
    return { kind: 'unavailable', code: refusalIn(this.#state) ?? 'recovering' }
  }

  refusal(): UnavailableCode | undefined {
    return this.#term === undefined ? this.#unavailable().code : undefined
  }

  status(): EngineStatus {
    const term = this.#term
    return {
      state: this.#state,
      detail: this.#detail,
      term: term?.number ?? 0,
      decidedSeq: term?.commit.decidedSeq ?? 0,
      confirmedSeq: term?.commit.confirmedSeq ?? 0,
      appliedSeq: term?.commit.appliedSeq ?? 0,
      pendingRecords: term?.commit.pendingRecords ?? 0,
      backlogBytes: term?.commit.backlogBytes ?? 0,
      behindMs: term?.commit.behindMs ?? 0,
      mailboxDepth: term?.mailboxDepth ?? 0,
      journalBlocked: this.#journalTerm?.blocked ?? false,
      isFull: term !== undefined && !term.commit.hasRoom,
    }
  }

  /** The campus as this leader holds it, for tools that compare; undefined while it does not lead. */
  get campus(): Campus | undefined {
    return this.#term?.campus
  }

  #enter(state: EngineState, detail: string): void {
    if (state === this.#state && detail === this.#detail) return
    this.#state = state
    this.#detail = detail
    this.#options.onState(state, detail)
  }

  async #sleep(delayMs: number): Promise<void> {
    await new Promise<void>((resolve) => this.#options.runtime.after(delayMs, resolve))
  }
}

function stateOf(progress: AcquireProgress): EngineState {
  if (progress === 'settling') return 'recovering'
  return progress
}
