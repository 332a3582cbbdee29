import assert from 'node:assert/strict'
import { get, type IncomingMessage } from 'node:http'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { pino } from 'pino'
import { campusOf } from '../../../actors/testing/scenario.ts'
import { duringWindow, type GroupSketch, type StudentSketch } from '../../../actors/testing/sketches.ts'
import { buildGateway } from '../app.ts'
import type { Account, DecisionSearch, FoundDecision, GatewayDeps, PasswordChange } from '../gateway-ports.ts'
import type { ProblemCode, ProblemReason } from '../replies/problems.ts'
import { EventReader } from './event-reader.ts'
import { TermService } from './term-service.ts'

export const secret = 'the first secret, of 32 bytes or more'
export const olderSecret = 'the older secret, of 32 bytes or more'

/** Whoever sends a request: a student, or a staff member of a department. */
export type Sender = { readonly student: number } | { readonly staff: number; readonly department: number }

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
  /** The body as JSON; undefined if there is none. */
  readonly body: unknown
}

interface Watched {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
  readonly events: EventReader
}

type Changed = Partial<
  Omit<GatewayDeps, 'accounts'> & { readonly accounts: Partial<GatewayDeps['accounts']> }
>

/** A gateway for a test to send requests to, over the engine's own term and a campus that the test sketches. */
export class GatewayFixture {
  readonly app: FastifyInstance
  readonly service: TermService
  readonly accounts = new Map<string, Account>()
  readonly passwordChanges: PasswordChange[] = []
  readonly decisions: FoundDecision[] = []
  readonly searches: DecisionSearch[] = []
  readonly log: string[] = []
  nowMs = duringWindow
  /** The accounts cannot be reached. */
  accountsDown = false

  constructor(sketches: readonly (GroupSketch | StudentSketch)[], changed: Changed = {}) {
    const { accounts, ...overrides } = changed
    const now = () => this.nowMs
    this.service = new TermService(campusOf(sketches), now)
    this.app = buildGateway({
      service: this.service,
      accounts: {
        findAccount: (who) => this.#findAccount(who),
        numberOfCode: () => Promise.resolve(undefined),
        hashKinds: async () => {
          await this.#reachAccounts()
          return [...this.accounts.values()].map(({ passwordHash }) => passwordHash)
        },
        setStudentPassword: (change) => this.#setPassword(change),
        findPasswordChange: async (staff, key) => {
          await this.#reachAccounts()
          return this.passwordChanges.find((change) => change.staff === staff && change.key === key)
        },
        ...accounts,
      },
      searchDecisions: (search) => {
        this.searches.push(search)
        const decisions = this.decisions.slice(0, search.limit)
        return Promise.resolve({ decisions, hasMore: decisions.length === search.limit })
      },
      lists: {
        students: () => Promise.resolve([]),
        groups: () => Promise.resolve([]),
        departments: () => Promise.resolve([{ id: 1, name: 'Botany' }]),
      },
      jwtSecrets: [secret, olderSecret],
      staffScope: 'department',
      limits: generousLimits,
      now,
      logger: pino({}, { write: (line: string) => void this.log.push(line) }),
      trustProxy: false,
      ...overrides,
    })
  }

  async send(
    sender: Sender | undefined,
    request: `${'GET' | 'PUT' | 'PATCH' | 'DELETE' | 'POST'} /${string}`,
    options: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> } = {},
  ): Promise<Answer> {
    await this.app.ready()
    const [method, url] = request.split(' ', 2) as [NonNullable<InjectOptions['method']>, string]
    const response = await this.app.inject({
      method,
      url,
      headers: { ...(sender && { authorization: this.authorization(sender) }), ...options.headers },
      ...(options.body !== undefined && {
        payload: typeof options.body === 'string' ? options.body : JSON.stringify(options.body),
      }),
    })
    const isJson = /json/.test(String(response.headers['content-type']))
    return {
      status: response.statusCode,
      headers: response.headers,
      text: response.body,
      body: isJson ? response.json() : undefined,
    }
  }

  /** Asks for a stream of events over a real connection; `text` is the answer if that is a refusal. */
  async watch(
    sender: Sender | undefined,
    path: `/events${string}`,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Watched> {
    if (!this.app.server.listening) await this.app.listen({ host: '127.0.0.1', port: 0 })
    const address = this.app.server.address()
    assert.ok(typeof address === 'object' && address !== null)
    const { port } = address
    const authorization = sender && { authorization: this.authorization(sender) }
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        port,
        path,
        agent: false,
        headers: { ...authorization, ...headers },
      }
      get(options, resolve).once('error', reject)
    })
    const status = response.statusCode ?? 0
    const text = status === 200 ? '' : Buffer.concat(await response.toArray()).toString('utf8')
    return { status, headers: response.headers, text, events: new EventReader(response) }
  }

  /** A header with a token such as POST /login gives, at the desk's present time. */
  authorization(sender: Sender): string {
    return `Bearer ${this.sign(claimsOf(sender, this.nowMs))}`
  }

  sign(claims: object, keyIndex = 0): string {
    const key = this.app.jwt[`key${keyIndex}`]
    assert.ok(key !== undefined)
    return key.sign(claims)
  }

  async #findAccount(who: { staff: boolean; id: number | string }): Promise<Account | undefined> {
    await this.#reachAccounts()
    return this.accounts.get(`${who.staff ? 'staff' : 'student'} ${who.id}`)
  }

  async #setPassword(change: PasswordChange): Promise<'set' | 'no_such_student' | 'key_taken'> {
    await this.#reachAccounts()
    const { staff, key } = change
    const before = this.passwordChanges.find((one) => one.staff === staff && one.key === key)
    if (key !== undefined && before !== undefined) return 'key_taken'
    const name = `student ${change.student}`
    const account = this.accounts.get(name)
    if (account === undefined) return 'no_such_student'
    this.passwordChanges.push(change)
    this.accounts.set(name, { ...account, passwordHash: change.passwordHash })
    return 'set'
  }

  async #reachAccounts(): Promise<void> {
    if (this.accountsDown) throw new Error('the database is away')
    await Promise.resolve()
  }
}

export const generousLimits: GatewayDeps['limits'] = {
  loginConcurrency: 2,
  loginWaitingMax: 100,
  loginWaitMs: 5_000,
  loginFailuresPerAccount: { count: 5, perMs: 60_000 },
  loginSlowMs: 20,
  loginFailuresPerAddress: { count: 20, perMs: 60_000 },
  studentRate: { count: 1_000_000, perMs: 1000 },
  studentBurst: 1_000_000,
  staffRate: { count: 1_000_000, perMs: 1000 },
  staffBurst: 1_000_000,
  eventStreamsMax: 10_000,
  eventStreamsPerCaller: 5,
  replyDeadlineMs: 10_000,
}

export function claimsOf(sender: Sender, nowMs: number): Record<string, unknown> {
  const now = Math.floor(nowMs / 1000)
  const isStaff = 'staff' in sender
  return {
    iss: 'cea',
    sub: String(isStaff ? sender.staff : sender.student),
    department: isStaff ? sender.department : 1,
    staff: isStaff,
    iat: now,
    nbf: now,
    exp: now + 3600,
  }
}

interface ProblemSeen {
  readonly code: ProblemCode
  readonly detail: string
  readonly reasons: readonly (Pick<ProblemReason, 'detail' | 'leg' | 'window'> & { readonly code: string })[]
}

/** Asserts an error with this code, in the form that every error has. */
export function assertProblem(answer: Answer, status: number, code: ProblemCode): ProblemSeen {
  assert.equal(answer.headers['content-type'], 'application/problem+json', answer.text)
  const body = answer.body as Record<string, unknown>
  assert.equal(`${answer.status} ${String(body['code'])}`, `${status} ${code}`, answer.text)
  assert.equal(body['status'], status)
  assert.equal(body['type'], `/docs/errors#${code}`)
  assert.ok(typeof body['title'] === 'string' && body['title'] !== '')
  assert.ok(typeof body['detail'] === 'string' && body['detail'] !== '')
  assert.equal(body['reason'], body['detail'])
  const reasons = body['reasons'] as ProblemSeen['reasons']
  assert.equal(reasons[0]?.code, code)
  assert.equal('retry-after' in answer.headers, status === 429 || status === 503)
  return { code, detail: body['detail'], reasons }
}
