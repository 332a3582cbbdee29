import type { Campus } from '../../actors/campus.ts'
import type { DecisionRecord } from '../../actors/messages/records.ts'
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
  WrongCampus,
} from './ports.ts'
import {
  type EngineState,
  type EngineStatus,
  type Unavailable,
  type UnavailableCode,
  refusalIn,
} from './service.ts'
import { type EngineAlarm, JournalWatch } from './journal-watch.ts'
import { keyLifetimeMs } from './key-memory.ts'
import { barrierPollMs, Takeover } from './takeover.ts'
import { carefulMs, Term, type TermLimits } from './term.ts'
import { ClockOff, TermClock } from './term-clock.ts'
import { TermService } from './term-service.ts'
import { noProgress } from './views.ts'

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
  /** Called with what somebody should look at, once while it lasts; the engine goes on trying by itself. */
  readonly onAlarm?: (alarm: EngineAlarm, detail: string) => void
  /** Called for every change of state, with a line for people. */
  readonly onState: (state: EngineState, detail: string) => void
}

/** The end of a term waits so long for its last answers to be written down; if that fails, so long until the next try. */
const lastNoteMsMax = 1000
/** Between terms that could not begin: doubled each time, until one is led. */
const againMs = { first: 250, most: 5000 }

/**
 * Leads, or waits to lead. Start, takeover by a standby and the return of a lost broker are one procedure:
 * acquire the lock, publish a start marker, wait until the batcher has judged it (then everything that any
 * earlier leader got confirmed is in PostgreSQL), load, serve. Whatever ends a term, all memory of it is
 * dropped and the procedure begins again.
 *
 *     starting -> unreachable | standby -> recovering -> leading -> (term ends) -> starting … -> stopped
 */
export class Engine extends TermService {
  readonly #options: EngineOptions
  readonly #stopping = new AbortController()
  readonly #watch: ClockWatch
  #state: EngineState = 'starting'
  #detail = ''
  protected term: Term | undefined
  #journalTerm: JournalTerm | undefined
  #journalWatch: JournalWatch | undefined
  /** What keeps the leader from answering, for people. */
  #trouble: string | undefined
  #againMs = againMs.first
  /** When PostgreSQL refused a decision last, by the steady clock. */
  #refusedAtMs = -Infinity
  /** Of the present term. */
  #clock: TermClock | undefined
  /**
   * The last record that this process may have answered for: the next marker demands it of the tables. Where
   * replies wait for PostgreSQL, one that was merely confirmed may be void, and nothing is lost with it.
   */
  #seen: RecordId | undefined
  #running: Promise<void> | undefined

  constructor(options: EngineOptions) {
    super()
    this.#options = options
    this.#watch = new ClockWatch({
      runtime: options.runtime,
      store: options.store,
      skewMsMax: options.limits.clockSkewMsMax,
      onAlarm: (alarm, detail) => options.onAlarm?.(alarm, detail),
    })
  }

  /**
   * Runs terms until `stop`.
   * @throws AdoptionNeeded if the tables hold what cannot be served
   * @throws WrongCampus if the database is another campus by now, another journal feeds it, or it is a copy
   */
  async run(): Promise<void> {
    this.#running ??= this.#watch.during(
      () => this.#clocked(),
      () => this.#runTerms(),
    )
    await this.#running
  }

  async #runTerms(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#enter('starting', 'connecting to the journal')
      try {
        await this.#runTerm()
        await this.#sleep(barrierPollMs.first)
      } catch (error) {
        if (this.#stopping.signal.aborted) break
        if (error instanceof AdoptionNeeded || error instanceof WrongCampus) throw error
        if (error instanceof ClockOff) {
          // Somebody else may lead meanwhile: the lock is free.
          this.#enter('standby', error.message)
          await this.#watch.untilAgreed(this.#stopping.signal)
        } else {
          this.#enter('unreachable', describeError(error))
          await this.#sleep(this.#againMs)
          this.#againMs = Math.min(2 * this.#againMs, againMs.most)
        }
      }
    }
    this.#enter('stopped', 'stopped')
  }

  #clocked() {
    const [clock, journal] = [this.#clock, this.#journalTerm]
    if (this.term === undefined || clock === undefined || journal === undefined) return undefined
    return { clock, end: (why: string) => this.#loseTerm(journal, why) }
  }

  async #runTerm(): Promise<void> {
    const signal = this.#stopping.signal
    const journal = await this.#options.journal.acquire(
      signal,
      (progress, detail) => this.#enter(stateOf(progress), detail),
      () => this.#findLoss(),
    )
    this.#journalTerm = journal
    try {
      // `stop` may have come while the lock was on its way, too late for it to be refused.
      signal.throwIfAborted()
      const term = await this.#takeOver(journal)
      this.term = term
      this.#againMs = againMs.first
      this.#enter('leading', leadingLine(term))
      this.#journalWatch = this.#watchOver(term, journal)
      const why = await journal.ended
      if (!signal.aborted) this.#enter('recovering', why)
    } finally {
      const note = this.#dropTerm()
      await journal.close()
      await note
      this.#journalTerm = undefined
    }
  }

  #watchOver(term: Term, journal: JournalTerm): JournalWatch {
    const { store, runtime, limits, onAlarm = noAlarm } = this.#options
    return new JournalWatch({
      leader: term.leader,
      term: term.number,
      commit: term.commit,
      journal,
      store,
      runtime,
      confirmMsMax: limits.confirmMsMax ?? limits.replyDeadlineMs,
      onLost: (why) => this.#loseTerm(journal, why),
      onAlarm,
      onTrouble: (detail) => {
        this.#trouble = detail
        this.#enter('leading', detail ?? leadingLine(term))
      },
    })
  }

  /**
   * Whether a queue that is missing took decisions along. Nothing was in it before the first term that came through it;
   * and what this process answered for, if it led last, may be in the tables to the end.
   */
  async #findLoss(): Promise<string | undefined> {
    const { store } = this.#options
    const [{ leader, term, seq }, journalStart] = await Promise.all([
      store.readPosition(),
      store.readJournalStart(),
    ])
    const seen = this.#seen
    const isAllApplied = seen !== undefined && seen.leader === leader && seq >= seen.seq
    if (term <= journalStart || isAllApplied) return undefined
    return `what it held behind record ${seq} of term ${term}, which PostgreSQL has, is lost with it`
  }

  /** Marker, barrier, load. Rejects when the term ends meanwhile. */
  async #takeOver(journal: JournalTerm): Promise<Term> {
    const { campusId, runtime, store, limits, evenIfAdoptionNeeded, onAlarm = noAlarm } = this.#options
    const takeover = new Takeover({
      journal,
      store,
      runtime,
      confirmMsMax: limits.confirmMsMax ?? limits.replyDeadlineMs,
      signal: this.#stopping.signal,
      onAlarm,
      onProgress: (detail) => this.#enter('recovering', detail),
    })
    for (;;) {
      const leader = runtime.uuid()
      this.#enter('recovering', 'waiting for the database')
      const position = await takeover.insist(() => store.readPosition())
      const reading = await takeover.insist(() => this.#watch.compare())
      const seen = this.#seen === undefined ? {} : { seen: this.#seen }
      const start = { leader, after: position.leader, ...seen }
      if ((await takeover.pass({ version: 1, campus: campusId, start })) === 'rejected') continue
      this.#enter('recovering', 'loading the campus')
      const loaded: LoadedCampus = await takeover.whileOpen(
        store.loadCampus(leader, {
          keysSinceMs: reading.theirsMs - keyLifetimeMs,
          keysBytesMax: limits.keysBytesMax,
          ...(evenIfAdoptionNeeded === true && { evenIfAdoptionNeeded }),
        }),
      )
      // However long that took, the term's clock begins now: nobody has looked at it meanwhile.
      const clock = new TermClock(
        runtime,
        await takeover.insist(() => this.#watch.compare()),
        limits.clockSkewMsMax,
      )
      const aheadMs = this.#watch.leadOf(loaded.position.atMs, clock)
      if (aheadMs > 0) await takeover.sleep(aheadMs)
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
        onReturned: () => this.#journalWatch?.noteReturned(),
        onRefused: (record, why) => this.#noteRefused(record, why),
        isCareful: runtime.elapsed() - this.#refusedAtMs < carefulMs,
        onRefusedRecord: (detail) => onAlarm('record_refused', detail),
        stages: this.#options.stages,
      })
    }
  }

  #noteRefused({ actor, student, legs, seq }: DecisionRecord, why: string): void {
    this.#refusedAtMs = this.#options.runtime.elapsed()
    const who = `${actor.role} ${actor.id}${student === undefined ? '' : ` for student ${student}`}`
    this.#options.onAlarm?.(
      'not_storable',
      `PostgreSQL refuses to write decision ${seq} by ${who}, ${JSON.stringify(legs)}: ${why}`,
    )
  }

  #loseTerm(journal: JournalTerm, why: string): void {
    // The database may answer a question of an earlier term; the one that runs now is none of its business.
    if (journal !== this.#journalTerm) return
    this.#enter('recovering', why)
    void this.#dropTerm()
    void journal.close()
  }

  /** @returns what resolves when it is written down what the term has answered for and PostgreSQL lacks, or cannot be */
  async #dropTerm(): Promise<void> {
    const term = this.term
    if (term === undefined) return
    this.term = undefined
    this.#trouble = undefined
    this.#journalWatch?.stop()
    const { acknowledgedSeq, appliedSeq } = term.commit
    if (acknowledgedSeq > 0) this.#seen = { leader: term.leader, seq: acknowledgedSeq }
    term.close()
    if (acknowledgedSeq <= appliedSeq || this.#seen === undefined) return
    await Promise.race([this.#noteAnswered(this.#seen), this.#sleep(lastNoteMsMax)])
  }

  /** Writes it down as soon as PostgreSQL can be reached: until then, whoever else leads knows nothing of it. */
  async #noteAnswered(seen: RecordId): Promise<void> {
    // Once in any case: a term also ends because the process is told to stop.
    do {
      try {
        return await this.#options.store.noteAnswered(seen)
      } catch {
        await this.#sleep(lastNoteMsMax)
      }
    } while (this.#seen === seen && !this.#stopping.signal.aborted)
  }

  /**
   * Stops for good: admits nothing more, waits until what is decided is durable, gives the lock up.
   * @param graceMs how long durability is waited for; what is not durable then is answered `outcome_unknown`
   */
  async stop(graceMs: number): Promise<void> {
    const finished = this.term?.finish() ?? Promise.resolve()
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

  protected unavailable(): Unavailable {
    // A term may have ended before its state says so.
    return { kind: 'unavailable', code: refusalIn(this.#state) ?? 'recovering' }
  }

  refusal(): UnavailableCode | undefined {
    if (this.term === undefined) return this.unavailable().code
    return this.#trouble === undefined ? undefined : 'journal_unavailable'
  }

  status(): EngineStatus {
    return {
      state: this.#state,
      detail: this.#detail,
      journalBlocked: this.#journalTerm?.blocked ?? false,
      ...(this.term?.progress() ?? noProgress),
    }
  }

  /** The campus as this leader holds it, for tools that compare; undefined while it does not lead. */
  get campus(): Campus | undefined {
    return this.term?.campus
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

const noAlarm = (): void => {}

function leadingLine({ number }: Term): string {
  return `leading term ${number}`
}

function stateOf(progress: AcquireProgress): EngineState {
  if (progress === 'settling') return 'recovering'
  return progress === 'lost' ? 'unreachable' : progress
}
