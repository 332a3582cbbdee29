import type { Campus } from '../../actors/campus.ts'
import type { DecisionRecord } from '../../actors/records.ts'
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
  MessageReturned,
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
import { keyLifetimeMs } from './idempotency.ts'
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
  /** Told what somebody should look at, once while it lasts; the engine goes on trying by itself. */
  readonly onAlarm?: (alarm: EngineAlarm, detail: string) => void
  /** Told of every change of state, with a line for people. */
  readonly onState: (state: EngineState, detail: string) => void
}

/** How often the batcher's judgement of a marker is asked for, and how often an unreachable database is. */
const barrierPollMs = { first: 10, most: 250 }
/** After how long a marker that nobody has judged is published again: somebody may have emptied the queue. */
const markerMs = { first: 5000, most: 60_000 }
/** How long a term that has ended may take to write down what it has answered for. */
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
  /** Told when the term ends, for whoever waits for something in it. */
  #cutWaitShort: (why: string) => void = () => {}

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
    // Once, and not by a race at each wait: a promise that lives long keeps every reaction to it.
    void journal.ended.then((why) => {
      if (this.#journalTerm === journal) this.#cutWaitShort(why)
    })
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
      confirmMsMax: limits.replyDeadlineMs,
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
    const { campusId, runtime, store, limits, evenIfAdoptionNeeded } = this.#options
    for (;;) {
      const leader = runtime.uuid()
      this.#enter('recovering', 'waiting for the database')
      const position = await this.#insist(journal, () => store.readPosition())
      const reading = await this.#insist(journal, () => this.#watch.compare())
      const clock = new TermClock(runtime, reading, limits.clockSkewMsMax)
      const seen = this.#seen === undefined ? {} : { seen: this.#seen }
      const start = { leader, after: position.leader, ...seen }
      const marker = { version: 1, campus: campusId, start } as const
      const line = 'waiting for the batcher to write what earlier leaders decided'
      this.#enter('recovering', line)
      const body = await this.#published(journal, () => journal.append(marker))
      this.#enter('recovering', line)
      if ((await this.#barrier(journal, leader, body)) === 'rejected') continue
      this.#enter('recovering', 'loading the campus')
      const loaded: LoadedCampus = await this.#whileOpen(
        journal,
        store.loadCampus(leader, {
          keysSinceMs: clock.nowMs() - keyLifetimeMs,
          keysBytesMax: limits.keysBytesMax,
          ...(evenIfAdoptionNeeded === true && { evenIfAdoptionNeeded }),
        }),
      )
      const aheadMs = this.#watch.leadOf(loaded.position.atMs, clock)
      if (aheadMs > 0) await this.#whileOpen(journal, this.#sleep(aheadMs))
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
        onRefusedRecord: (detail) => this.#options.onAlarm?.('record_refused', detail),
        stages: this.#options.stages,
      })
    }
  }

  /** Publishes a marker until a queue takes it. */
  async #published<T>(journal: JournalTerm, publish: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await this.#confirmed(journal, publish())
      } catch (error) {
        if (!(error instanceof MessageReturned) || journal.queue === undefined) throw error
        this.#enter('recovering', 'the journal queue is gone: making it again')
        await this.#whileOpen(journal, journal.queue.restore())
      }
    }
  }

  /** Ends the term if the journal stays silent: a broker that blocks says so, one that hangs does not. */
  async #confirmed<T>(journal: JournalTerm, sent: Promise<T>): Promise<T> {
    const { runtime, limits, onAlarm = noAlarm } = this.#options
    let cancel = (): void => {}
    const wait = (): void => {
      cancel = runtime.after(limits.replyDeadlineMs, () => {
        if (journal.blocked) return wait()
        const detail = `the journal has not confirmed a marker for ${limits.replyDeadlineMs} ms; the term ends`
        onAlarm('journal_silent', detail)
        void journal.close()
      })
    }
    wait()
    try {
      return await this.#whileOpen(journal, sent)
    } finally {
      cancel()
    }
  }

  async #barrier(
    journal: JournalTerm,
    leader: string,
    marker: Buffer | void,
  ): Promise<'accepted' | 'rejected'> {
    const { runtime, store } = this.#options
    let delayMs = barrierPollMs.first
    let patienceMs = markerMs.first
    let sentAtMs = runtime.elapsed()
    for (;;) {
      const judgement = await this.#insist(journal, () => store.judgementOf(leader))
      if (judgement !== undefined) return judgement
      await this.#whileOpen(journal, this.#sleep(delayMs))
      delayMs = Math.min(delayMs * 2, barrierPollMs.most)
      const { queue } = journal
      if (!marker || queue === undefined || runtime.elapsed() - sentAtMs < patienceMs) continue
      const state = await this.#whileOpen(journal, queue.inspect())
      if (state.kind === 'unfit') throw new JournalLost(`the journal queue is unfit: ${state.detail}`)
      if (state.kind === 'gone' || state.ready === 0) {
        await this.#published(journal, () => queue.appendAgain(marker))
      }
      sentAtMs = runtime.elapsed()
      patienceMs = Math.min(patienceMs * 2, markerMs.most)
    }
  }

  /** Asks the database until it answers; PostgreSQL may be down while a term lasts. */
  async #insist<T>(journal: JournalTerm, ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await this.#whileOpen(journal, ask())
      } catch (error) {
        const isFinal = error instanceof ClockOff || error instanceof WrongCampus
        if (!journal.open || this.#stopping.signal.aborted || isFinal) throw error
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
    const noted = this.#options.store.noteAnswered(this.#seen).catch(() => {
      // Not reachable now; the next marker of this process says so as well.
    })
    await Promise.race([noted, this.#sleep(lastNoteMsMax)])
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
