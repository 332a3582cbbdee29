import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { addBody, dropQuery, loginBody, moveBody, noQuery } from '../../schema/rest.ts'
import { verifyPassword } from '../../src/gateway/auth/password-hashes.ts'
import { sendProblem } from '../../src/gateway/replies/problems.ts'
import type { Tokens } from '../../src/gateway/auth/tokens.ts'
import { buildComparator, openTokens } from './comparator-server.ts'
import { type Outcome, Transactions } from './transactions.ts'

/**
 * What most teams would write: Fastify, and one PostgreSQL transaction with row locks per request, for what students do
 * by themselves; same rules, same requests, same answers.
 */
export async function buildTransactionServer(options: {
  readonly databaseUrl: string
  readonly jwtSecret: string
  readonly connections: number
}): Promise<FastifyInstance> {
  const transactions = new Transactions(options.databaseUrl, options.connections)
  const app = buildComparator()
  app.addHook('onClose', () => transactions.close())
  app.setErrorHandler((error, _request, reply) => {
    const isMisfit = error instanceof Error && 'validation' in error
    sendProblem(reply, isMisfit ? 'malformed' : 'internal')
  })
  const tokens = await openTokens(app, options.jwtSecret)
  const routes = app.withTypeProvider<TypeBoxTypeProvider>()
  routes.post('/login', { schema: { body: loginBody } }, async (request, reply) => {
    const { user, password, staff = false } = request.body
    const id = Number(user)
    const account = await transactions.account(id, staff)
    if (account === undefined || !(await verifyPassword(account.password, password))) {
      sendProblem(reply, 'unauthenticated')
      return reply
    }
    return {
      token: tokens.issue(
        { id, department: account.department_id, staff },
        { beganMs: Date.now(), passwordTag: undefined },
        Date.now(),
      ),
    }
  })
  routes.put('/student/course', { schema: { body: addBody, querystring: noQuery } }, (request, reply) => {
    const { course_id: course, group_id: group, reserve = 'allow' } = request.body
    return answer(tokens, request, reply, (student) => transactions.add(student, { course, group, reserve }))
  })
  routes.patch('/student/course', { schema: { body: moveBody, querystring: noQuery } }, (request, reply) => {
    const { course_id: course, group_id: group, allow_reserve: allowReserve = false } = request.body
    return answer(tokens, request, reply, (student) =>
      transactions.move(student, { course, group, allowReserve }),
    )
  })
  routes.delete('/student/course', { schema: { querystring: dropQuery } }, (request, reply) =>
    answer(tokens, request, reply, (student) => transactions.drop(student, request.query.course_id)),
  )
  return app
}

async function answer(
  tokens: Tokens,
  request: FastifyRequest,
  reply: FastifyReply,
  work: (student: number) => Promise<Outcome>,
): Promise<FastifyReply> {
  const caller = tokens.callerOf(request.headers.authorization, Date.now())
  if (caller === undefined || caller.staff) {
    sendProblem(reply, caller === undefined ? 'unauthenticated' : 'wrong_role')
    return reply
  }
  const outcome = await work(caller.id)
  if (typeof outcome === 'string') sendProblem(reply, outcome)
  else if (outcome[0] === undefined) reply.code(204).send()
  else sendProblem(reply, outcome[0], { reasons: outcome.map((code) => ({ code, detail: code })) })
  return reply
}
