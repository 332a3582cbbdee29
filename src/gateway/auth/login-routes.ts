import { createHash } from 'node:crypto'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Logger } from 'pino'
import { loginBody, anyQuery, tokenReply } from '../../../schema/rest.ts'
import { admit, type Gate } from './authentication.ts'
import { secured } from '../routes/docs.ts'
import type { Login } from './login.ts'
import type { Account, Accounts } from '../gateway-ports.ts'
import { commonProblems, sendProblem } from '../replies/problems.ts'
import type { TokenHolder, Session } from './tokens.ts'

export interface LoginRoutesDeps {
  readonly login: Login
  readonly accounts: Accounts
  readonly gate: Gate
  readonly logger: Logger
}

function numberOf(user: number | string, account: Account): number {
  const id = typeof user === 'number' ? user : account.id
  if (id === undefined) throw new Error('an account that was found by its code has a number')
  return id
}

/** How one gets a token, and the next one. */
export function loginRoutes(app: FastifyInstance, { login, accounts, gate, logger }: LoginRoutesDeps): void {
  const routes = app.withTypeProvider<TypeBoxTypeProvider>()

  routes.post(
    '/login',
    {
      config: { problems: ['malformed', 'unauthenticated', 'too_many_requests', 'login_busy'] },
      schema: {
        tags: ['login'],
        operationId: 'login',
        summary: 'Log in',
        description:
          'After failed logins, an account’s logins from that address are slowed down; an address that fails too often is refused for a while.',
        body: loginBody,
        querystring: anyQuery,
        response: { 200: tokenReply },
      },
    },
    async (request, reply) => {
      const { user: id, password, staff = false } = request.body
      const address = request.raw.socket.remoteAddress === undefined ? undefined : request.ip
      const result = await login.check({ id, staff, password, address })
      switch (result.kind) {
        case 'welcome':
          return tokenFor(
            reply,
            { id: numberOf(id, result.account), staff, department: result.account.department },
            { beganMs: gate.now(), passwordTag: tagOf(result.account) },
          )
        case 'refused':
          return sendProblem(reply, 'unauthenticated', { detail: 'User or password is wrong.' })
        case 'limited':
          return sendProblem(reply, 'too_many_requests', {
            detail: 'Too many failed logins.',
            retryAfterMs: result.retryAfterMs,
          })
        case 'busy':
          return sendProblem(reply, 'login_busy')
      }
    },
  )

  routes.post(
    '/refresh',
    {
      onRequest: admit(gate, 'either'),
      config: { problems: [...commonProblems, 'login_busy'], ignoresBody: true },
      schema: {
        tags: ['login'],
        security: secured,
        operationId: 'refresh',
        summary: 'Get the next token',
        description:
          'Until 12 hours after the login (ENROLLMENT_SESSION), for an account that still exists with the password of then; of staff, in the department of then.',
        querystring: anyQuery,
        response: { 200: tokenReply },
      },
    },
    async (request, reply) => {
      const { id, staff, department, session } = request.user
      if (gate.tokens.isOver(session, gate.now())) return refuse(reply, 'The session is over; log in again.')
      const account = await find(reply, { id, staff })
      if (account === undefined) return undefined
      if (staff && account.department !== department) {
        return refuse(reply, 'You belong to another department now; log in again.')
      }
      const passwordTag = tagOf(account)
      if (session.passwordTag !== undefined && session.passwordTag !== passwordTag) {
        return refuse(reply, 'The password is another one now; log in again.')
      }
      const { beganMs } = session
      return tokenFor(reply, { id, staff, department: account.department }, { beganMs, passwordTag })
    },
  )

  function tokenFor(reply: FastifyReply, caller: TokenHolder, session: Session): { token: string } {
    reply.header('cache-control', 'no-store')
    return { token: gate.tokens.issue(caller, session, gate.now()) }
  }

  function refuse(reply: FastifyReply, detail: string): undefined {
    return sendProblem(reply, 'unauthenticated', { detail })
  }

  async function find(
    reply: FastifyReply,
    who: { id: number; staff: boolean },
  ): Promise<Account | undefined> {
    try {
      const account = await accounts.findAccount(who)
      if (account === undefined) sendProblem(reply, 'unauthenticated', { detail: 'This account is gone.' })
      return account
    } catch (err) {
      logger.error({ err }, 'an account could not be looked up')
      return sendProblem(reply, 'login_busy')
    }
  }
}

/** Another one for every other password; says nothing of it: the salt is in the hash. */
function tagOf({ passwordHash }: Account): string {
  return createHash('sha256').update(passwordHash).digest('base64url').slice(0, 12)
}
