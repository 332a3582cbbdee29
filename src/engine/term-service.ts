import type { Command } from '../../actors/messages/commands.ts'
import type { SeatBoard } from './seat-board.ts'
import type {
  Asker,
  CatalogQuestion,
  CatalogView,
  DryRunOutcome,
  EngineStatus,
  EnrollmentService,
  Outcome,
  ReadOutcome,
  RosterView,
  StudentView,
  SubmitOptions,
  Unavailable,
  UnavailableCode,
} from './service.ts'
import type { Term } from './term.ts'
import { rosterSnapshot, studentSnapshot } from './views.ts'

/** Asks the present term, if there is one. */
export abstract class TermService implements EnrollmentService {
  /** The one that is led. */
  protected abstract readonly term: Term | undefined
  protected abstract unavailable(): Unavailable
  abstract status(): EngineStatus
  abstract refusal(): UnavailableCode | undefined

  submit(command: Command, options: SubmitOptions = {}): Promise<Outcome> {
    return this.term?.submit(command, options) ?? Promise.resolve(this.unavailable())
  }

  /** As `submit`, for callers who answer many commands in one go: `asker` may be told before this returns. */
  deliver(command: Command, options: SubmitOptions, asker: Asker): void {
    const term = this.term
    if (term === undefined) asker.settle(this.unavailable())
    else term.deliver(command, options, asker)
  }

  async dryRun(command: Command): Promise<DryRunOutcome> {
    return (await this.term?.dryRun(command)) ?? this.unavailable()
  }

  async studentView(id: number): Promise<ReadOutcome<StudentView | undefined>> {
    // The same term throughout: the next one does not know whom this one has learnt of.
    const term = this.term
    if (term === undefined) return this.unavailable()
    return (await term.knowStudent(id)) ?? (await term.read((campus) => studentSnapshot(campus, id)))
  }

  catalog(question: CatalogQuestion): Promise<ReadOutcome<CatalogView>> {
    return Promise.resolve(this.term?.catalog(question) ?? this.unavailable())
  }

  async roster(course: number, group: number): Promise<ReadOutcome<RosterView | undefined>> {
    const shown = await this.term?.read((campus) => rosterSnapshot(campus, course, group))
    return shown ?? this.unavailable()
  }

  get seats(): SeatBoard | undefined {
    return this.term?.seats
  }
}
