import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import { isIdempotencyKey } from './idempotency.ts'
import { sendProblem } from './problems.ts'
import type { TokenBuckets } from './token-buckets.ts'
import type { Tokens } from './tokens.ts'

export interface Gate {
  readonly tokens: Tokens
  readonly requestsByStudent: TokenBuckets<number>
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
}

export type Role = 'student' | 'staff' | 'either'

type SyncHook = (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction) => void

/**
 * Lets a well-formed request in: the key's form, the token, the role, the student's rate, in this order.
 * Runs after the schemas, because `malformed` comes first among the codes, and without a promise, because
 * every request passes here.
 */
export function admit({ tokens, requestsByStudent, now }: Gate, role: Role): SyncHook {
  return (request, reply, done) => {
    const { authorization, 'idempotency-key': key } = request.headers
    if (key !== undefined && !isIdempotencyKey(key)) {
      return sendProblem(reply, 'malformed', {
        detail: 'An Idempotency-Key is 1 to 255 visible ASCII characters.',
      })
    }
    const nowMs = now()
    const caller = tokens.callerOf(authorization, nowMs)
    if (caller === undefined) {
      const detail =
        authorization === undefined
          ? 'Send "Authorization: Bearer" with a token from POST /login.'
          : 'The token is not valid, or not any more; get one from POST /login.'
      return sendProblem(reply, 'unauthenticated', { detail })
    }
    if (role !== 'either' && caller.staff !== (role === 'staff')) {
      return sendProblem(reply, 'wrong_role', {
        detail: role === 'staff' ? 'This is for staff.' : 'This is for students.',
      })
    }
    if (!caller.staff) {
      const waitMs = requestsByStudent.take(caller.id, nowMs)
      if (waitMs > 0) return sendProblem(reply, 'too_many_requests', { retryAfterMs: waitMs })
    }
    request.user = caller
    done()
  }
}
