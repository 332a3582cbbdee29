import type { Command } from '../../actors/messages/commands.ts'
import type { SeatBoard } from '../engine/seat-board.ts'
import type {
  DryRunOutcome,
  EngineState,
  EngineStatus,
  EnrollmentService,
  CatalogQuestion,
  CatalogView,
  Outcome,
  ReadOutcome,
  RosterView,
  StudentView,
  SubmitOptions,
  Unavailable,
  UnavailableCode,
} from '../engine/service.ts'
import type { Callable } from './calls.ts'
import type { CoreAddress, LinkLog } from './core-listener.ts'
import { EngineLink, type EngineLinkOptions } from './engine-link.ts'

export interface RemoteEngineOptions extends Omit<EngineLinkOptions, 'onChange'> {
  readonly addresses: readonly CoreAddress[]
  readonly log: LinkLog
}

const away: EngineStatus = {
  state: 'unreachable',
  detail: 'no engine can be reached',
  term: 0,
  decidedSeq: 0,
  confirmedSeq: 0,
  appliedSeq: 0,
  behindMs: 0,
  pendingRecords: 0,
  backlogBytes: 0,
  mailboxDepth: 0,
  journalBlocked: false,
  isFull: false,
}

/** Which engine tells most about what is waited for, if none leads. */
const mostTelling: readonly EngineState[] = [
  'leading',
  'recovering',
  'unreachable',
  'starting',
  'standby',
  'stopped',
]

/**
 * The engines of a campus as one service, in another process: every request goes to the one that leads. It holds
 * nothing but the requests that wait for their answers and a copy of the leader's board of seats.
 */
export class RemoteEngine implements EnrollmentService {
  readonly #links: readonly EngineLink[]
  readonly #log: LinkLog
  readonly #told = new Map<EngineLink, string>()
  #leader: EngineLink | undefined

  constructor({ addresses, log, ...options }: RemoteEngineOptions) {
    this.#log = log
    this.#links = addresses.map(
      (address) => new EngineLink(address, { ...options, onChange: (link) => this.#follow(link) }),
    )
  }

  #follow(changed: EngineLink): void {
    // Two may say that they lead, while the older one has not noticed yet that it no longer does.
    const leading = this.#links.filter((link) => link.leads)
    this.#leader = leading.toSorted((a, b) => (b.status?.term ?? 0) - (a.status?.term ?? 0))[0]
    const { status, detail } = changed
    const told = status === undefined ? `away: ${detail}` : `${status.state}: ${status.detail}`
    if (this.#told.get(changed) === told) return
    this.#told.set(changed, told)
    this.#log(status === undefined ? 'warn' : 'info', `engine at ${inWords(changed.address)} ${told}`)
  }

  submit(command: Command, options: SubmitOptions = {}): Promise<Outcome> {
    return this.#leader?.submit(command, options) ?? Promise.resolve(this.#unavailable())
  }

  async #call<Answer>(method: Callable, ...args: readonly unknown[]): Promise<Answer | Unavailable> {
    const answer = await this.#leader?.call(method, ...args)
    return answer === undefined ? this.#unavailable() : (answer as Answer)
  }

  dryRun(command: Command): Promise<DryRunOutcome> {
    return this.#call<DryRunOutcome>('dryRun', command)
  }

  studentView(id: number): Promise<ReadOutcome<StudentView | undefined>> {
    return this.#call<ReadOutcome<StudentView | undefined>>('studentView', id)
  }

  catalog(question: CatalogQuestion): Promise<ReadOutcome<CatalogView>> {
    return this.#call<ReadOutcome<CatalogView>>('catalog', question)
  }

  roster(course: number, group: number): Promise<ReadOutcome<RosterView | undefined>> {
    return this.#call<ReadOutcome<RosterView | undefined>>('roster', course, group)
  }

  /** A copy of the leader's board. */
  get seats(): SeatBoard | undefined {
    return this.#leader?.seats
  }

  #unavailable(): Unavailable {
    const { state } = this.status()
    if (state === 'recovering') return { kind: 'unavailable', code: 'recovering' }
    const isJournalAway = state === 'unreachable' && this.#links.some(({ status }) => status !== undefined)
    return { kind: 'unavailable', code: isJournalAway ? 'journal_unavailable' : 'not_leading' }
  }

  refusal(): UnavailableCode | undefined {
    return this.#leader === undefined ? this.#unavailable().code : undefined
  }

  /** Of the leader, as it was at its last word; of the engine that is nearest to leading, if none does. */
  status(): EngineStatus {
    if (this.#leader?.status !== undefined) return this.#leader.status
    const known = this.#links.flatMap(({ status }) => (status === undefined ? [] : [status]))
    const rank = ({ state }: EngineStatus) => mostTelling.indexOf(state)
    const [nearest] = known.toSorted((a, b) => rank(a) - rank(b))
    if (nearest !== undefined) return nearest
    const why = this.#links.map(({ address, detail }) => `${inWords(address)} (${detail})`).join(', ')
    return { ...away, detail: `no engine can be reached: ${why}` }
  }

  /** Hangs up on every engine. */
  close(): void {
    for (const link of this.#links) link.close()
  }
}

function inWords(address: CoreAddress): string {
  return address.protocol === 'unix' ? address.path : `${address.host}:${address.port}`
}
