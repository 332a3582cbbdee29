import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import { isIdempotencyKey } from '../routes/idempotency-key.ts'
import { type ProblemCode, type ProblemDetails, sendProblem } from '../replies/problems.ts'
import type { TokenBuckets } from '../overload/token-buckets.ts'
import type { TokenHolder, Tokens } from './tokens.ts'

export interface Gate {
  readonly tokens: Tokens
  readonly requestsByStudent: TokenBuckets<number>
  readonly requestsByStaff: TokenBuckets<number>
  /** Of a request whose body is longer, or tells no length, the rest is not waited for when it is refused. */
  readonly bodyBytesMax: number
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
}

export type Role = 'student' | 'staff' | 'either'

type SyncHook = (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction) => void

/**
 * Lets a request in: the token, the role, the caller's rate, the key's form, in this order. An `onRequest` hook: a
 * stranger's body is neither read nor checked. Without a promise, because every request passes here.
 */
export function admit(gate: Gate, role: Role): SyncHook {
  return (request, reply, done) => {
    const { authorization, 'idempotency-key': key } = request.headers
    const nowMs = gate.now()
    const caller = gate.tokens.callerOf(authorization, nowMs)
    if (caller === undefined) {
      const detail =
        authorization === undefined
          ? 'Send "Authorization: Bearer" with a token from POST /login.'
          : 'The token is not valid, or not any more; get one from POST /login.'
      return refuse(gate, request, reply, { code: 'unauthenticated', detail })
    }
    if (role !== 'either' && caller.staff !== (role === 'staff')) {
      return refuse(gate, request, reply, {
        code: 'wrong_role',
        detail: role === 'staff' ? 'This is for staff.' : 'This is for students.',
      })
    }
    const waitMs = rateOf(gate, caller).take(caller.id, nowMs)
    if (waitMs > 0) return refuse(gate, request, reply, { code: 'too_many_requests', retryAfterMs: waitMs })
    if (key !== undefined && !isIdempotencyKey(key)) {
      return refuse(gate, request, reply, {
        code: 'malformed',
        detail: 'An Idempotency-Key is 1 to 255 visible ASCII characters.',
      })
    }
    request.user = caller
    done()
  }
}

/** Whose request it is, before any of it is done; whoever asks more often than they may is nobody. */
export function senderOf(gate: Gate, authorization: string | undefined): 'student' | 'staff' | 'stranger' {
  const nowMs = gate.now()
  const caller = gate.tokens.callerOf(authorization, nowMs)
  if (caller === undefined || rateOf(gate, caller).waitMs(caller.id, nowMs) > 0) return 'stranger'
  return caller.staff ? 'staff' : 'student'
}

function rateOf({ requestsByStaff, requestsByStudent }: Gate, { staff }: TokenHolder): TokenBuckets<number> {
  return staff ? requestsByStaff : requestsByStudent
}

function refuse(
  { bodyBytesMax }: Gate,
  { headers }: FastifyRequest,
  reply: FastifyReply,
  problem: { readonly code: ProblemCode } & ProblemDetails,
): undefined {
  const { 'transfer-encoding': encoding, 'content-length': length = 0 } = headers
  if (encoding !== undefined || Number(length) > bodyBytesMax) reply.header('connection', 'close')
  const { code, ...details } = problem
  sendProblem(reply, code, details)
}
