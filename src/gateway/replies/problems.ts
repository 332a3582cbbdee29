import type { FastifyReply } from 'fastify'
import { refusalCodes, type RefusalCode } from '../../../actors/messages/refusals.ts'

interface ProblemKind {
  readonly status: number
  readonly title: string
  /** Seconds after which trying again makes sense; those with it are sent with Retry-After. */
  readonly retryAfterSeconds?: number
}

function refusal(code: RefusalCode): ProblemKind {
  return { status: 409, title: refusalCodes[code].meaning }
}

function unavailable(title: string, retryAfterSeconds: number): ProblemKind {
  return { status: 503, title, retryAfterSeconds }
}

/**
 * Every code that an error can carry, with its HTTP status: what API clients program against, in order of
 * precedence. Codes are public: add, never rename. The last ones are HTTP's own.
 */
export const problems = {
  unauthenticated: { status: 401, title: 'Log in first.' },
  wrong_role: { status: 403, title: 'This is not for your role.' },
  malformed: { status: 400, title: 'The request is malformed.' },
  other_department: { status: 403, title: 'This belongs to another department.' },
  no_such_student: { status: 404, title: 'There is no such student.' },
  no_such_course: { status: 404, title: 'There is no such course or group.' },
  no_such_department: { status: 404, title: 'There is no such department.' },
  set_aside: {
    status: 409,
    title: 'What is on record of this student or course cannot be used until it is corrected.',
  },
  idempotency_mismatch: { status: 422, title: 'This Idempotency-Key came with another request before.' },
  idempotency_in_flight: {
    status: 409,
    title: 'The first request with this Idempotency-Key is not decided yet.',
  },
  outside_enrollment_window: refusal('outside_enrollment_window'),
  already_enrolled: refusal('already_enrolled'),
  not_enrolled: refusal('not_enrolled'),
  no_change: refusal('no_change'),
  course_cancelled: refusal('course_cancelled'),
  course_closed: refusal('course_closed'),
  gender_locked: refusal('gender_locked'),
  unit_limit: refusal('unit_limit'),
  class_conflict: refusal('class_conflict'),
  exam_conflict: refusal('exam_conflict'),
  no_actions_left: refusal('no_actions_left'),
  move_would_lose_seat: refusal('move_would_lose_seat'),
  course_full: refusal('course_full'),
  capacity_below_registered: refusal('capacity_below_registered'),
  reserve_capacity_below_waiting: refusal('reserve_capacity_below_waiting'),
  too_many_places: refusal('too_many_places'),
  group_exists: refusal('group_exists'),
  student_exists: refusal('student_exists'),
  window_ends_first: refusal('window_ends_first'),
  too_many_requests: { status: 429, title: 'Too many requests.', retryAfterSeconds: 1 },
  busy: unavailable('Too much is waiting already. This was not done.', 1),
  login_busy: unavailable('Too many are logging in. This was not done.', 2),
  not_leading: unavailable('This server does not lead now. This was not done.', 2),
  recovering: unavailable('The server is recovering. This was not done.', 2),
  journal_unavailable: unavailable('Decisions cannot be made durable now. This was not done.', 3),
  outcome_unknown: unavailable('It is not known whether this was done.', 1),
  not_storable: { status: 500, title: 'The database refuses to keep this decision. This was not done.' },
  no_such_path: { status: 404, title: 'There is nothing at this path.' },
  method_not_allowed: { status: 405, title: 'This path has no such method.' },
  request_timeout: { status: 408, title: 'The request took too long to arrive.' },
  body_too_large: { status: 413, title: 'The body is too large.' },
  headers_too_large: { status: 431, title: 'The headers are too large.' },
  internal: { status: 500, title: 'An error of ours.' },
} as const satisfies Record<string, ProblemKind> & Record<RefusalCode, ProblemKind>

export type ProblemCode = keyof typeof problems

/** What every route with a token can answer. */
export const commonProblems: readonly ProblemCode[] = ['unauthenticated', 'malformed', 'too_many_requests']
/** What every route that asks the engine can answer. */
export const unavailableProblems: readonly ProblemCode[] = [
  'not_leading',
  'recovering',
  'journal_unavailable',
]
/** What every route of students can answer. */
export const studentProblems: readonly ProblemCode[] = [
  ...commonProblems,
  'wrong_role',
  ...unavailableProblems,
]
/** What every command can answer besides, because of its Idempotency-Key and on its way to the journal. */
export const commandProblems: readonly ProblemCode[] = [
  'idempotency_mismatch',
  'idempotency_in_flight',
  'busy',
  'outcome_unknown',
  'not_storable',
]

export interface ProblemReason {
  readonly code: ProblemCode
  readonly detail: string
  readonly leg?: number
  readonly course_id?: number
  readonly group_id?: number
  readonly with?: { readonly course_id: number; readonly group_id: number }
  readonly more?: number
  /** ISO 8601, UTC; `until` is the first moment after it. */
  readonly window?: { readonly from: string; readonly until: string }
}

export interface ProblemDetails {
  /** What is wrong, for people; all reasons' details, or the title, if absent. */
  readonly detail?: string
  readonly reasons?: readonly ProblemReason[]
  /** At the earliest; a little is added at random, so that clients do not return all at once. */
  readonly retryAfterMs?: number
  /** Instead: what Retry-After says, to the second. */
  readonly retryAfterSeconds?: number
  /** What the engine is doing, where that is the answer. */
  readonly state?: string
}

export const problemMediaType = 'application/problem+json'

/** The body of an error, as JSON text. */
export function problemBody(code: ProblemCode, { detail, reasons, state }: ProblemDetails = {}): string {
  const { status, title }: ProblemKind = problems[code]
  const what = detail ?? reasons?.map((reason) => reason.detail).join(' ') ?? title
  return JSON.stringify({
    type: `/docs/errors#${code}`,
    title,
    status,
    detail: what,
    code,
    reason: what,
    reasons: reasons ?? [{ code, detail: what }],
    ...(state !== undefined && { state }),
  })
}

/**
 * What Retry-After says, in seconds: a little is added at random, so that clients do not return all at once.
 * @param leastMs at the earliest; the code's own time if that is later
 * @returns undefined for a code that trying again does not help
 */
export function drawRetryAfter(code: ProblemCode, leastMs = 0): number | undefined {
  const { retryAfterSeconds: own }: ProblemKind = problems[code]
  if (own === undefined) return undefined
  return Math.max(own, Math.ceil(leastMs / 1000)) + Math.floor(Math.random() * 3)
}

/** Answers with an error. Sends at once: a handler returns without a value afterwards. */
export function sendProblem(reply: FastifyReply, code: ProblemCode, details: ProblemDetails = {}): undefined {
  const { status }: ProblemKind = problems[code]
  const retryAfter = details.retryAfterSeconds ?? drawRetryAfter(code, details.retryAfterMs)
  if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter))
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="cea"')
  reply
    .code(status)
    .header('content-type', problemMediaType)
    // As bytes: text would get a charset, which this media type does not have.
    .send(Buffer.from(problemBody(code, details)))
}
