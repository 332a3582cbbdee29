import { setTimeout as pause } from 'node:timers/promises'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import type { Logger } from 'pino'
import { changeReply, dryRunQuery, passwordBody } from '../../../schema/rest-administration.ts'
import { admit, type Gate } from './authentication.ts'
import { changeReplyOf } from '../replies/change-reply.ts'
import {
  asksDryRun,
  type Commands,
  noteOf,
  prefersRepresentation,
  staffCommands,
} from '../routes/submit-commands.ts'
import { done, secured } from '../routes/docs.ts'
import { hashRequest } from '../routes/idempotency-key.ts'
import type { Login } from './login.ts'
import { hashPassword, verifyPassword } from './password-hashes.ts'
import type { Accounts } from '../gateway-ports.ts'
import { commonProblems, sendProblem, unavailableProblems } from '../replies/problems.ts'

export interface PasswordRouteDeps {
  readonly commands: Commands
  readonly accounts: Accounts
  readonly login: Login
  readonly gate: Gate
  /** Whether staff administer every department's students. */
  readonly campusWide: boolean
  readonly logger: Logger
}

/** How long a student who was just added is waited for in the database, and how often it is looked, milliseconds. */
const arrival = { waitMs: 5_000, lookMs: 50 }
/** Nobody is promoted, hurt or ended by a password, and no decision is made. */
const nothingElse = changeReplyOf({ effects: [] }, undefined)

type PasswordRequest = FastifyRequest<{ Body: Static<typeof passwordBody> }>

/**
 * A student's first password, or another one. No command: passwords and their hashes stay out of commands, records
 * and the journal, as they stay out of the engine. The engine judges whose student it is; the database keeps the hash and
 * who set it, in one transaction.
 */
export function passwordRoute(app: FastifyInstance, deps: PasswordRouteDeps): void {
  const { commands, accounts, login, gate, campusWide, logger } = deps
  const staffCommand = staffCommands(campusWide)
  const routes = app.withTypeProvider<TypeBoxTypeProvider>()

  routes.put(
    '/staff/student-password',
    {
      onRequest: admit(gate, 'staff'),
      config: {
        problems: [
          ...commonProblems,
          'wrong_role',
          'other_department',
          'no_such_student',
          'idempotency_mismatch',
          'login_busy',
          'outcome_unknown',
          ...unavailableProblems,
        ],
      },
      schema: {
        tags: ['staff'],
        security: secured,
        operationId: 'setStudentPassword',
        summary: 'Set a student’s password',
        description:
          'The first one, or another instead of it; the student can log in with it at once. For staff of the student’s own department. Tokens that the student has end within 5 seconds. With `?dry_run` nothing is changed or recorded.',
        body: passwordBody,
        querystring: dryRunQuery,
        response: { 200: changeReply, 204: done },
      },
    },
    async (request, reply) => {
      const { std_id: student, note } = request.body
      // Judged as a change of the student that leaves everything as it is: the same staff may do both.
      const leg = { do: 'change_student', ...noteOf(note) } as const
      if (!(await commands.wouldPass(reply, staffCommand(request.user, leg, student)))) return undefined
      if (asksDryRun(request.query)) return nothingElse
      if (!(await set(request, reply))) return undefined
      reply.header('x-request-id', request.id)
      if (!prefersRepresentation(request)) {
        reply.code(204)
        return undefined
      }
      reply.header('preference-applied', 'return=representation')
      return { ...nothingElse, dry_run: false }
    },
  )

  /** @returns false if it was refused or failed, which is answered here */
  async function set(request: PasswordRequest, reply: FastifyReply): Promise<boolean> {
    const { std_id: student, password, note } = request.body
    const { staff, key, requestHash } = askedBy(request)
    let isSent = false
    try {
      if (key !== undefined && (await accounts.findPasswordChange(staff, key)) !== undefined) {
        return await replay(key)
      }
      const passwordHash = await login.inTurn(() => hashPassword(password))
      if (passwordHash === undefined) return isBusy()
      const change = { student, passwordHash, staff, request: request.id, note, key, requestHash }
      const deadlineMs = performance.now() + arrival.waitMs
      for (;;) {
        isSent = true
        const result = await accounts.setStudentPassword(change)
        isSent = false
        if (result === 'key_taken' && key !== undefined) return await replay(key)
        if (result === 'set') break
        if (performance.now() > deadlineMs) return isBusy(notThereYet)
        await pause(arrival.lookMs)
      }
      logger.info({ request: request.id, staff, student }, 'a password was set')
      return true
    } catch (err) {
      logger.error({ err, request: request.id }, 'a password could not be set')
      if (isSent) sendProblem(reply, 'outcome_unknown', { detail: sendAgain })
      else isBusy(unreachable)
      return false
    }

    /** The same request is answered as the first time and changes nothing; another one is refused. */
    async function replay(known: string): Promise<boolean> {
      const first = await accounts.findPasswordChange(staff, known)
      const isSame =
        first?.requestHash === requestHash &&
        (await login.inTurn(() => verifyPassword(first.passwordHash, password)))
      if (isSame === undefined) return isBusy()
      if (isSame) reply.header('idempotency-replayed', 'true')
      else sendProblem(reply, 'idempotency_mismatch')
      return isSame
    }

    function isBusy(detail?: string): false {
      sendProblem(reply, 'login_busy', detail === undefined ? {} : { detail })
      return false
    }
  }
}

/** Who asks, and for what but the password: a hash of it that is quick to make would be as quick to guess from. */
function askedBy({ user, headers, method, url, query, body: { std_id, note } }: PasswordRequest) {
  const { 'idempotency-key': key } = headers
  const path = url.split('?', 1)[0] ?? url
  return {
    staff: user.id,
    key: typeof key === 'string' ? key : undefined,
    requestHash: hashRequest(method, path, { std_id, note }, query),
  }
}

const unreachable = 'The accounts cannot be reached. This was not done.'
const notThereYet = 'The student was added a moment ago and is not in the database yet. This was not done.'
const sendAgain = 'It is not known whether this was done. Send it again: it does no harm to set it twice.'
