import type { Command } from '../../actors/messages/commands.ts'
import type { Dispatcher } from '../../actors/dispatcher.ts'
import type { Ticket } from '../../actors/mailbox.ts'
import type { DecisionRecord, Rejection } from '../../actors/messages/records.ts'
import type { Asker, Outcome, RejectedOutcome, SubmitOptions, Unavailable } from './service.ts'
import type { Confirmable, Settlement, Waiter } from './settlement.ts'

/** The answer to whoever cannot be told what became of their command. */
const outcomeUnknown: Unavailable = { kind: 'unavailable', code: 'outcome_unknown' }

export function rejectedBy({ rejection, ...where }: Rejection): RejectedOutcome {
  return { kind: 'rejected', code: rejection, ...where }
}

/** A command from its admission to its answer. One object for all who handle it: thousands wait at the same time. */
export class PendingCommand implements Waiter, Confirmable {
  readonly #dispatcher: Dispatcher<PendingCommand>
  readonly command: Command
  readonly options: SubmitOptions
  readonly asker: Asker
  /** By the steady clock, if this one is timed. */
  readonly postedAtMs: number | undefined
  /** Once it is admitted. */
  ticket: Ticket<PendingCommand> | undefined
  /** Once it is decided. */
  record: DecisionRecord | undefined
  /** Set where memory waits for the journal to have the record: called with whether it has. */
  onWritten: ((isWritten: boolean) => void) | undefined
  seq = 0
  expiresMs = 0

  constructor(
    dispatcher: Dispatcher<PendingCommand>,
    command: Command,
    options: SubmitOptions,
    asker: Asker,
    postedAtMs: number | undefined,
  ) {
    this.#dispatcher = dispatcher
    this.command = command
    this.options = options
    this.asker = asker
    this.postedAtMs = postedAtMs
    this.ticket = undefined
    this.record = undefined
    this.onWritten = undefined
  }

  get mayBeRefused(): boolean {
    return this.onWritten !== undefined
  }

  confirmed(): void {
    if (this.ticket !== undefined) this.#dispatcher.release(this.ticket)
    this.onWritten?.(true)
  }

  refused(): void {
    if (this.ticket !== undefined) this.#dispatcher.release(this.ticket)
    this.onWritten?.(false)
  }

  /** Ends it without a decision: nothing has changed. */
  turnAway(outcome: Outcome): void {
    if (this.ticket !== undefined) this.#dispatcher.release(this.ticket)
    this.asker.settle(outcome)
  }

  settle(settlement: Settlement): void {
    const { record } = this
    if (settlement === 'durable' && record !== undefined)
      this.asker.settle({ kind: 'decided', record, replayed: false })
    else if (settlement === 'refused') this.asker.settle({ kind: 'unavailable', code: 'not_storable' })
    else if (settlement === 'undone') this.asker.settle({ kind: 'unavailable', code: 'recovering' })
    else this.asker.settle(outcomeUnknown)
  }
}
