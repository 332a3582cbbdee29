import type { Campus } from '../../../actors/campus.ts'
import type { Command } from '../../../actors/messages/commands.ts'
import type { JournalMessage } from '../../engine/ports.ts'
import type { SeatBoard } from '../../engine/seat-board.ts'
import {
  type Asker,
  type CatalogQuestion,
  type CatalogView,
  type DryRunOutcome,
  type EngineStatus,
  type EnrollmentService,
  type Outcome,
  type ReadOutcome,
  type RosterView,
  type StudentView,
  type SubmitOptions,
  type Unavailable,
  refusalIn,
} from '../../engine/service.ts'
import { keyLifetimeMs } from '../../engine/key-memory.ts'
import { KeyArchive } from '../../engine/key-archive.ts'
import { Term } from '../../engine/term.ts'
import { ManualTerm } from '../../engine/testing/manual-journal.ts'
import { rosterSnapshot, studentSnapshot } from '../../engine/views.ts'

/** Confirms at once, unless the test holds confirms back. */
class PromptJournal extends ManualTerm {
  held = false

  override async append(message: JournalMessage): Promise<void> {
    if (this.held) return await super.append(message)
    this.appended.push(message)
  }
}

const leader = '00000000-0000-4000-8000-000000000001'

/** The engine's own term over a campus in memory, without a lock, a broker or a database around it. */
export class TermService implements EnrollmentService {
  readonly journal = new PromptJournal()
  readonly term: Term
  /** What the engine is made to say instead of an answer. */
  unavailable: Unavailable['code'] | undefined
  /** Commands of this service throw: a bug. */
  broken = false
  state: EngineStatus = {
    state: 'leading',
    detail: 'leading term 1',
    term: 1,
    decidedSeq: 0,
    confirmedSeq: 0,
    appliedSeq: 0,
    pendingRecords: 0,
    backlogBytes: 0,
    behindMs: 0,
    mailboxDepth: 0,
    journalBlocked: false,
    isFull: false,
  }

  constructor(campus: Campus, now: () => number) {
    this.term = new Term({
      leader,
      campusId: 'test',
      loaded: {
        campus,
        position: { leader, seq: 0, term: 1, atMs: 0 },
        keys: new KeyArchive(1_000_000, keyLifetimeMs),
      },
      clock: { nowMs: now, trouble: undefined },
      journal: this.journal,
      store: {
        readClock: () => Promise.reject(new Error('not asked for in a term')),
        readPosition: () => Promise.reject(new Error('not asked for in a term')),
        readJournalStart: () => Promise.resolve(0),
        judgementOf: () => Promise.resolve(undefined),
        loadCampus: () => Promise.reject(new Error('not asked for in a term')),
        loadStudent: () => Promise.resolve(undefined),
        noteAnswered: () => Promise.resolve(),
        findKey: () => Promise.resolve(undefined),
      },
      runtime: {
        now,
        elapsed: () => performance.now(),
        uuid: () => leader,
        defer: (task) => void setImmediate(task),
        after: (delayMs, task) => {
          const timer = setTimeout(task, delayMs).unref()
          return () => clearTimeout(timer)
        },
      },
      limits: {
        recordsMax: 1000,
        bytesMax: 1_000_000,
        batchRecordsMax: 100,
        batchBytesMax: 100_000,
        backlogBytesMax: 10_000_000,
        replyDeadlineMs: 10_000,
        acknowledge: 'confirm',
        mailboxes: { perCourse: 100, perStudent: 100 },
        turnBudgetMs: 10,
        catalogReuseMs: 100,
        clockSkewMsMax: 2000,
        keysBytesMax: 64 * 1024 * 1024,
      },
      onLost: () => {},
    })
  }

  async submit(command: Command, options: SubmitOptions = {}): Promise<Outcome> {
    if (this.broken) throw new Error('a bug')
    return this.#refusal() ?? (await this.term.submit(command, options))
  }

  deliver(command: Command, options: SubmitOptions, asker: Asker): void {
    this.submit(command, options).then(
      (outcome) => asker.settle(outcome),
      (bug: unknown) => asker.fail(bug),
    )
  }

  async dryRun(command: Command): Promise<DryRunOutcome> {
    return this.#refusal() ?? (await this.term.dryRun(command))
  }

  async studentView(id: number): Promise<ReadOutcome<StudentView | undefined>> {
    return this.#refusal() ?? (await this.term.read((campus) => studentSnapshot(campus, id)))
  }

  catalog(question: CatalogQuestion): Promise<ReadOutcome<CatalogView>> {
    return Promise.resolve(this.#refusal() ?? this.term.catalog(question))
  }

  async roster(course: number, group: number): Promise<ReadOutcome<RosterView | undefined>> {
    return this.#refusal() ?? (await this.term.read((campus) => rosterSnapshot(campus, course, group)))
  }

  get seats(): SeatBoard | undefined {
    return this.unavailable === undefined ? this.term.seats : undefined
  }

  status(): EngineStatus {
    return this.state
  }

  refusal(): Unavailable['code'] | undefined {
    return refusalIn(this.state.state)
  }

  #refusal(): Unavailable | undefined {
    return this.unavailable === undefined ? undefined : { kind: 'unavailable', code: this.unavailable }
  }
}
