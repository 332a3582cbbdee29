import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import type { Caller, Command, StaffLeg, StudentLeg } from '../../../actors/messages/commands.ts'
import type { DecisionRecord, Verdict } from '../../../actors/messages/records.ts'
import type { RejectionCode } from '../../../actors/messages/refusals.ts'
import type { EnrollmentService, Outcome, SubmitOptions, Unavailable } from '../../engine/service.ts'
import { hashRequest } from './idempotency-key.ts'
import type { GatewayMetrics } from '../metrics.ts'
import { drawRetryAfter, type ProblemReason, sendProblem } from '../replies/problems.ts'
import { reasonsOf } from '../replies/reasons.ts'
import { planReplyOf } from '../replies/representations.ts'
import type { RetryHolds } from '../overload/retry-holds.ts'
import type { TokenHolder } from '../auth/tokens.ts'

export interface CommandsDeps {
  readonly service: EnrollmentService
  readonly metrics: GatewayMetrics
  readonly logger: Logger
  readonly retryHolds: RetryHolds
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
}

/** Hands commands to the engine and answers with what became of them. */
export class Commands {
  readonly #deps: CommandsDeps

  constructor(deps: CommandsDeps) {
    this.#deps = deps
  }

  /**
   * Runs a command of one leg: 204, or what `describe` makes of the record if the client prefers that.
   * @returns the payload, if it was not answered already
   */
  async run<Reply>(
    request: FastifyRequest,
    reply: FastifyReply,
    command: Command,
    describe: (record: DecisionRecord) => Reply | Promise<Reply>,
  ): Promise<Reply | undefined> {
    // One await on the way of every command: each costs a turn of the queue of promises.
    let outcome: Outcome
    try {
      outcome = await this.#deps.service.submit(command, optionsOf(request))
    } catch (error) {
      outcome = this.#lose(request, error)
    }
    const record = this.#answer(request, reply, command, outcome)
    if (record === undefined) return undefined
    if (!prefersRepresentation(request)) {
      reply.code(204)
      return undefined
    }
    reply.header('preference-applied', 'return=representation')
    return describe(record)
  }

  /**
   * Runs what staff ask for, or with `isDryRun` judges it by the same code and records nothing: 200 then, and an
   * Idempotency-Key means nothing.
   */
  async change<Reply>(
    request: FastifyRequest,
    reply: FastifyReply,
    { command, isDryRun }: { readonly command: Command; readonly isDryRun: boolean },
    describe: (verdict: Verdict, record: DecisionRecord | undefined) => Reply | Promise<Reply>,
  ): Promise<Reply | undefined> {
    if (!isDryRun) return await this.run(request, reply, command, (record) => describe(record, record))
    const outcome = await this.#deps.service.dryRun(command)
    if (outcome.kind !== 'judged') return refuse(reply, outcome)
    if (isRefused(reply, outcome.verdict, command)) return undefined
    return describe(outcome.verdict, undefined)
  }

  /** Judges whether a command would go through, and records nothing. @returns false if not, which is answered here */
  async wouldPass(reply: FastifyReply, command: Command): Promise<boolean> {
    const outcome = await this.#deps.service.dryRun(command)
    if (outcome.kind === 'judged') return !isRefused(reply, outcome.verdict, command)
    refuse(reply, outcome)
    return false
  }

  /** Runs a plan: 200 with an outcome for each leg, or 409 with the reasons for each leg. */
  async runPlan(request: FastifyRequest, reply: FastifyReply, student: number, legs: readonly StudentLeg[]) {
    const command = planOf(student, legs)
    const outcome = await this.#deps.service
      .submit(command, optionsOf(request))
      .catch((error: unknown) => this.#lose(request, error))
    const record = this.#answer(request, reply, command, outcome)
    return record && planReplyOf(student, legs, record, record)
  }

  /** Judges a plan by the same code and records nothing. An Idempotency-Key means nothing here. */
  async tryPlan(reply: FastifyReply, student: number, legs: readonly StudentLeg[]) {
    const command = planOf(student, legs)
    const outcome = await this.#deps.service.dryRun(command)
    if (outcome.kind !== 'judged') return refuse(reply, outcome)
    if (isRefused(reply, outcome.verdict, command)) return undefined
    return planReplyOf(student, legs, outcome.verdict, undefined)
  }

  /** @returns the decision if it is a yes; everything else is answered here */
  #answer(
    request: FastifyRequest,
    reply: FastifyReply,
    command: Command,
    outcome: Outcome,
  ): DecisionRecord | undefined {
    this.#deps.metrics.noteOutcome(request, outcome)
    if (outcome.kind === 'unavailable' && outcome.code === 'busy') return this.#tellBusy(reply, command)
    if (outcome.kind !== 'decided') return refuse(reply, outcome)
    if (outcome.replayed) reply.header('idempotency-replayed', 'true')
    return isRefused(reply, outcome.record, command) ? undefined : outcome.record
  }

  /** Students are held to the time that they are told. */
  #tellBusy(reply: FastifyReply, { actor }: Command): undefined {
    const seconds = drawRetryAfter('busy') ?? 1
    if (actor.role === 'student') this.#deps.retryHolds.tell(actor.id, this.#deps.now(), seconds)
    sendProblem(reply, 'busy', { retryAfterSeconds: seconds })
  }

  /** Whatever goes wrong after the engine has the command, its outcome is not known. */
  #lose(request: FastifyRequest, err: unknown): Outcome {
    this.#deps.logger.error({ err, request: request.id }, 'a command failed in the engine')
    return { kind: 'unavailable', code: 'outcome_unknown' }
  }
}

function optionsOf(request: FastifyRequest): SubmitOptions {
  const key = request.headers['idempotency-key']
  if (typeof key !== 'string') return { request: request.id }
  const path = request.url.split('?', 1)[0] ?? request.url
  return {
    request: request.id,
    key,
    requestHash: hashRequest(request.method, path, request.body, request.query),
  }
}

/** A command of one leg by a student for themselves. */
export function studentCommand(student: number, leg: StudentLeg): Command {
  return { actor: { role: 'student', id: student }, student, legs: [leg] }
}

/**
 * Commands of staff members; `campusWide`: on every department's courses and students. `seatsAnybody`: they seat every
 * department's students in their own courses.
 */
export function staffCommands(campusWide: boolean, seatsAnybody = false) {
  return ({ id, department }: TokenHolder, leg: StaffLeg, student?: number): Command => {
    const actor: Caller = {
      role: 'staff',
      id,
      department,
      campusWide,
      ...(seatsAnybody && leg.do === 'force_add' && { seatsAnybody }),
    }
    return { actor, legs: [leg], ...(student !== undefined && { student }) }
  }
}

/** `?dry_run` alone says yes. */
export function asksDryRun({ dry_run: said }: { readonly dry_run?: string }): boolean {
  return said !== undefined && said !== 'false'
}

export function noteOf(note: string | undefined): { note?: string } {
  return note === undefined ? {} : { note }
}

function planOf(student: number, legs: readonly StudentLeg[]): Command {
  return { actor: { role: 'student', id: student }, student, legs, plan: true }
}

/** Answers a no of the rules. @returns whether it was one */
function isRefused(reply: FastifyReply, verdict: Verdict, { actor, legs, plan = false }: Command): boolean {
  const reasons = reasonsOf(verdict, { role: actor.role, legs, plan })
  const [first] = reasons
  if (first === undefined) return false
  sendProblem(reply, first.code, { reasons })
  return true
}

type NotDecided = Exclude<Outcome, { readonly kind: 'decided' }>

function refuse(reply: FastifyReply, outcome: NotDecided): undefined {
  switch (outcome.kind) {
    case 'rejected':
      return sendProblem(reply, outcome.code, { reasons: [rejectionOf(outcome)] })
    case 'key_refused':
      return sendProblem(reply, outcome.code)
    case 'unavailable':
      return refuseUnavailable(reply, outcome)
    case 'failed':
      return sendProblem(reply, outcome.code, { detail: 'This was not done, by an error of ours.' })
  }
}

/** The engine cannot answer now. */
export function refuseUnavailable(reply: FastifyReply, { code }: Unavailable): undefined {
  sendProblem(reply, code, code === 'outcome_unknown' ? { detail: whatToDoNow } : {})
}

const whatToDoNow =
  'It is not known whether this was done. Send it again with the same Idempotency-Key, or look at what you hold before you try again.'

type Rejected = Extract<NotDecided, { kind: 'rejected' }>

function rejectionOf(outcome: Rejected): ProblemReason {
  const { code, course, group } = outcome
  return {
    code,
    detail: rejectionDetails[code](whatIsNamed(outcome)),
    ...(course !== undefined && { course_id: course }),
    ...(group !== undefined && { group_id: group }),
  }
}

const rejectionDetails: Record<RejectionCode, (what: string) => string> = {
  other_department: (what) => `Of another department: ${what}.`,
  no_such_student: () => 'There is no such student.',
  no_such_course: (what) => `There is no ${what}.`,
  no_such_department: (what) => `There is no ${what}.`,
  set_aside: (what) =>
    `What is on record of ${what} cannot be used until it is corrected by staff. Nothing was done.`,
}

function whatIsNamed({ course, group, student, department }: Rejected): string {
  if (student !== undefined) return `student ${student}`
  if (department !== undefined) return `department ${department}`
  return group === undefined ? `course ${course ?? '?'}` : `group ${group} of course ${course ?? '?'}`
}

/** Whether the client wants to hear what happened, instead of 204. */
export function prefersRepresentation(request: FastifyRequest): boolean {
  const { prefer } = request.headers
  if (prefer === undefined) return false
  const preferences = typeof prefer === 'string' ? prefer.split(/[,;]/) : prefer
  return preferences.some((preference) => /^\s*return\s*=\s*"?representation"?\s*$/i.test(preference))
}
