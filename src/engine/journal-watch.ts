import type { GroupCommit } from './group-commit.ts'
import {
  type CampusStore,
  type JournalQueue,
  type JournalTerm,
  MessageReturned,
  type MissingRecords,
  type Position,
  type QueueState,
  type Runtime,
  WrongCampus,
} from './ports.ts'

/**
 * `clock`: nobody may lead by this machine's clock. `future`: the tables hold decisions of a time to come. `not_storable`:
 * PostgreSQL refuses to write a decision. `record_refused`: the batcher would refuse the record of one; it was not taken. `journal_gap`: confirmed messages are gone. `journal_silent`: nothing is confirmed.
 * `database_went_back`: PostgreSQL holds less than it did.
 */
export const alarmsOfEngine = [
  'clock',
  'future',
  'not_storable',
  'record_refused',
  'journal_gap',
  'journal_silent',
  'database_went_back',
] as const
export type EngineAlarm = (typeof alarmsOfEngine)[number]

export interface JournalWatchOptions {
  readonly leader: string
  /** Number of the term. */
  readonly term: number
  readonly commit: GroupCommit
  readonly journal: JournalTerm
  readonly store: CampusStore
  readonly runtime: Runtime
  /** How long a message may wait for its confirm, milliseconds. */
  readonly confirmMsMax: number
  readonly onLost: (why: string) => void
  readonly onAlarm: (alarm: EngineAlarm, detail: string) => void
  /** Called with what keeps the leader from answering; with undefined when nothing does. */
  readonly onTrouble: (detail: string | undefined) => void
}

const tickMs = 250
/** PostgreSQL's position is asked for every so many ticks while it is behind, and when it is not. */
const positionTicks = { behind: 4, idle: 40 }
/** So many looks at the queue in a row must find too little in it. */
const looksForGap = 2
/** PostgreSQL may stand still for so long beside an empty queue before the leader sends again what it has not applied. */
const standstillMs = { first: 5000, most: 60_000 }
/** How long a look at the queue waits for PostgreSQL's position. */
const positionMsMax = 300
const mendMs = { first: 500, most: 5000 }

type StandingQueue = Extract<QueueState, { kind: 'there' }>

/** What the journal is known to lack. */
interface Gap {
  detail: string
  /** It is closed once this record is applied; 0: once the queue holds enough. */
  upTo: number
  isMending: boolean
  nextMs: number
  delayMs: number
}

/**
 * Watches, for one term, that what the journal has confirmed reaches PostgreSQL. What an operator or a policy took out of
 * the queue, or a database that went back has forgotten, is sent again under the same numbers; meanwhile nothing is
 * answered for.
 */
export class JournalWatch {
  readonly #options: JournalWatchOptions
  readonly #queue: JournalQueue | undefined
  #cancel: () => void = () => {}
  #ticks = 0
  #asking: Promise<void> | undefined
  /** When PostgreSQL last answered, by the steady clock. */
  #answeredAtMs = 0
  #isLooking = false
  #sending: Promise<void> = Promise.resolve()
  #looksInVain = 0
  #gap: Gap | undefined
  #blocked: string | undefined
  #unblockedAtMs = 0
  /** The newest record that was written down as answered for. */
  #notedSeq = 0
  /** That was confirmed when PostgreSQL was asked last. */
  #confirmedBefore = 0
  #still: { seq: number; sinceMs: number; patienceMs: number }

  constructor(options: JournalWatchOptions) {
    this.#options = options
    const { journal, runtime } = options
    this.#queue = journal.queue
    this.#unblockedAtMs = runtime.elapsed()
    this.#still = { seq: 0, sinceMs: runtime.elapsed(), patienceMs: standstillMs.first }
    this.#queue?.onMissing((missing) => this.#hearMissing(missing))
    this.#queue?.onBlocked((reason) => this.#hearBlocked(reason))
    this.#later()
  }

  stop(): void {
    this.#cancel()
  }

  #later(): void {
    this.#cancel = this.#options.runtime.after(tickMs, () => {
      if (!this.#options.journal.open) return
      this.#tick()
      this.#later()
    })
  }

  #tick(): void {
    const { commit, runtime } = this.#options
    this.#ticks++
    this.#checkConfirm()
    const isBehind = commit.appliedSeq < commit.confirmedSeq
    if (isBehind || this.#gap !== undefined) void this.#look()
    const every = isBehind ? positionTicks.behind : positionTicks.idle
    if (this.#ticks % every === 0) {
      void this.#askPosition()
      if (!isBehind) void this.#look()
    }
    this.#closeGap()
    if (this.#gap !== undefined && runtime.elapsed() >= this.#gap.nextMs) void this.#mend(this.#gap)
  }

  /** A broker that blocks says so; one that hangs does not. */
  #checkConfirm(): void {
    const { commit, journal, runtime, confirmMsMax, onAlarm, onLost } = this.#options
    if (journal.blocked) {
      this.#unblockedAtMs = runtime.elapsed()
      return
    }
    const waitedMs = Math.min(commit.unconfirmedMs, runtime.elapsed() - this.#unblockedAtMs)
    if (waitedMs <= confirmMsMax) return
    const detail = `the journal has not confirmed a message for ${Math.round(waitedMs)} ms; the term ends`
    onAlarm('journal_silent', detail)
    onLost(detail)
  }

  #hearBlocked(reason: string | undefined): void {
    this.#blocked = reason
    this.#unblockedAtMs = this.#options.runtime.elapsed()
    this.#tell()
  }

  #tell(): void {
    const blocked = this.#blocked === undefined ? undefined : `the broker takes no messages: ${this.#blocked}`
    this.#options.onTrouble(this.#gap?.detail ?? blocked)
  }

  #hearMissing({ applied, upTo }: MissingRecords): void {
    const { commit, leader } = this.#options
    if (applied.leader !== leader) return
    commit.noteApplied(applied)
    if (upTo <= commit.appliedSeq || upTo > commit.confirmedSeq) return
    this.#open(`records ${commit.appliedSeq + 1} to ${upTo} are missing from the journal`, upTo)
  }

  /** No queue took a message. */
  noteReturned(): void {
    this.#open('the journal queue is gone', 0)
  }

  #open(what: string, upTo: number): void {
    const { commit, onAlarm, runtime } = this.#options
    const detail = `${what}; they are sent again, and nothing is acknowledged before they are there`
    if (this.#gap === undefined) {
      this.#gap = { detail, upTo, isMending: false, nextMs: 0, delayMs: mendMs.first }
      if (!commit.isHeld) commit.hold()
      onAlarm('journal_gap', detail)
    } else {
      this.#gap.detail = detail
      this.#gap.upTo = Math.max(this.#gap.upTo, upTo)
    }
    this.#looksInVain = looksForGap
    this.#tell()
    if (runtime.elapsed() >= this.#gap.nextMs) void this.#mend(this.#gap)
  }

  #closeGap(): void {
    const { commit } = this.#options
    const gap = this.#gap
    if (gap === undefined || gap.isMending || this.#looksInVain > 0 || commit.appliedSeq < gap.upTo) return
    this.#gap = undefined
    commit.release()
    this.#tell()
  }

  /** Sends again what PostgreSQL has not applied: all of it, or what a batcher said that it lacks. */
  async #mend(gap: Gap): Promise<void> {
    const { commit, runtime } = this.#options
    const queue = this.#queue
    if (gap.isMending || queue === undefined) return
    gap.isMending = true
    try {
      const state = await queue.inspect()
      if (state.kind !== 'there') await queue.restore()
      const isCounted = state.kind !== 'there' || gap.upTo === 0
      await this.#sendAgain(queue, isCounted ? commit.confirmedSeq : gap.upTo)
      await this.#judge(queue)
    } catch (error) {
      // A term that is lost ends by itself; a queue that is gone again is made again.
      if (!(error instanceof MessageReturned)) this.#looksInVain = looksForGap
    }
    gap.isMending = false
    gap.nextMs = runtime.elapsed() + gap.delayMs
    gap.delayMs = Math.min(gap.delayMs * 2, mendMs.most)
    this.#closeGap()
  }

  /** One after another: one message is under way at a time. */
  async #sendAgain(queue: JournalQueue, upTo: number): Promise<void> {
    const { commit } = this.#options
    const sent = this.#sending.then(() =>
      commit.sendAgain(commit.appliedSeq + 1, upTo, (body) => queue.appendAgain(body)),
    )
    this.#sending = sent.catch(() => {})
    await sent
  }

  /** Counts what is in the queue, for a batcher that is not there, or lags, cannot say what it lacks. */
  async #look(): Promise<void> {
    const queue = this.#queue
    if (queue === undefined || this.#isLooking || this.#gap?.isMending === true) return
    this.#isLooking = true
    try {
      await this.#judge(queue)
    } catch {
      // The term ends if the connection has; otherwise it is asked again.
    } finally {
      this.#isLooking = false
    }
  }

  async #judge(queue: JournalQueue): Promise<void> {
    const { sentBatches } = this.#options.commit
    const state = await queue.inspect()
    if (state.kind === 'gone') return this.#open('the journal queue was deleted', 0)
    if (state.kind === 'unfit') return this.#open(`the journal queue is unfit: ${state.detail}`, 0)
    if (this.#lackingIn(queue, state, sentBatches) > 0) {
      // A notice that is late looks the same; what was acknowledged is in PostgreSQL.
      await this.#learnPosition()
      const lacking = this.#lackingIn(queue, state, sentBatches)
      if (lacking > 0) {
        if (++this.#looksInVain < looksForGap) return
        return this.#open(`at least ${lacking} messages are gone from the journal queue`, 0)
      }
    }
    this.#looksInVain = 0
    this.#checkStandstill(queue, state)
  }

  /** How many of the batches that were sent when the queue was looked at, and are not applied, cannot be in it. */
  #lackingIn({ window }: JournalQueue, { ready, consumers }: StandingQueue, sentBefore: number): number {
    const { commit } = this.#options
    const unapplied = commit.unappliedBatches - (commit.sentBatches - sentBefore)
    return unapplied - ready - (consumers > 0 ? window : 0)
  }

  async #learnPosition(): Promise<void> {
    const { runtime } = this.#options
    let cancel = (): void => {}
    const over = new Promise<void>((resolve) => {
      cancel = runtime.after(positionMsMax, resolve)
    })
    const known = (this.#asking ?? Promise.resolve()).then(() => this.#askPosition())
    await Promise.race([known, over])
    cancel()
  }

  /** What a consumer took and nobody writes: sent again it is a duplicate at worst. */
  #checkStandstill(queue: JournalQueue, { ready, consumers }: StandingQueue): void {
    const { commit, runtime } = this.#options
    const { seq, sinceMs, patienceMs } = this.#still
    const nowMs = runtime.elapsed()
    if (commit.appliedSeq !== seq || commit.unappliedBatches === 0) {
      this.#still = { seq: commit.appliedSeq, sinceMs: nowMs, patienceMs: standstillMs.first }
      return
    }
    const isStill = nowMs - sinceMs > patienceMs && this.#answeredAtMs > sinceMs
    if (!isStill || ready > 0 || consumers === 0 || this.#gap !== undefined) return
    this.#still = { seq, sinceMs: nowMs, patienceMs: Math.min(patienceMs * 2, standstillMs.most) }
    this.#sendAgain(queue, commit.confirmedSeq).catch((error: unknown) => {
      if (error instanceof MessageReturned) this.noteReturned()
    })
  }

  /**
   * A batcher's notices may be lost: while PostgreSQL is thought to be behind, it is asked. It may answer
   * that another engine leads by now (a broker's cluster that fell apart gave its lock to both): then what is
   * decided here is void, whatever this side of the cluster confirms.
   */
  #askPosition(): Promise<void> {
    this.#asking ??= this.#readPosition().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  async #readPosition(): Promise<void> {
    const { commit, journal, runtime, store } = this.#options
    const appliedBefore = commit.appliedSeq
    try {
      const position = await store.readPosition()
      this.#answeredAtMs = runtime.elapsed()
      if (journal.open) this.#hearPosition(position, appliedBefore)
      await this.#noteAnswered()
    } catch (error) {
      // Otherwise not reachable now; the bound on the backlog holds all the same.
      if (error instanceof WrongCampus) this.#options.onLost(error.message)
    }
  }

  #hearPosition(position: Position, appliedBefore: number): void {
    const { commit, leader, term, onLost, onAlarm } = this.#options
    if (position.term > term) return onLost('another engine has led since')
    const where = `PostgreSQL went back to term ${position.term} record ${position.seq}, after it had term ${term} record ${appliedBefore}`
    const isOwn = position.leader === leader
    if (isOwn && position.seq >= appliedBefore) return commit.noteApplied(position)
    onAlarm('database_went_back', where)
    if (!commit.isHeld) commit.hold()
    const isKept = commit.goBackTo(isOwn ? position.seq : 0)
    if (!isOwn) return onLost(where)
    if (!isKept) return onLost(`${where}; what it lacks is not kept any more`)
    this.#open(where, appliedBefore)
  }

  /** For leaders after this one, should everybody end who knows. */
  async #noteAnswered(): Promise<void> {
    const { commit, store, leader } = this.#options
    const confirmedBefore = this.#confirmedBefore
    this.#confirmedBefore = commit.confirmedSeq
    const seq = commit.acknowledgedSeq
    if (commit.appliedSeq >= confirmedBefore || seq <= commit.appliedSeq || seq === this.#notedSeq) return
    await store.noteAnswered({ leader, seq })
    this.#notedSeq = seq
  }
}
