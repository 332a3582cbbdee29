import { buildGateway } from '../src/gateway/app.ts'
import type { CoreService } from '../src/core-link/gateway-connection.ts'
import type { GatewayDeps } from '../src/gateway/gateway-ports.ts'
import { closeGateway, openGateway } from '../src/gateway/listen.ts'
import { DatabaseAccounts } from '../src/store/accounts.ts'
import type { Database } from '../src/store/database.ts'
import { searchDecisions } from '../src/store/decisions.ts'
import { DecisionsAway } from '../src/gateway/gateway-ports.ts'
import { listDepartments, listGroups, listStudents } from '../src/store/registry-lists.ts'
import { silent } from './campus-database.ts'
import { HttpClient } from './rest-client.ts'
import { linkEngine } from './linked-engine.ts'

export const usualGatewayLimits: GatewayDeps['limits'] = {
  loginConcurrency: 2,
  loginWaitingMax: 512,
  loginWaitMs: 5000,
  loginFailuresPerAccount: { count: 10, perMs: 300_000 },
  loginSlowMs: 20,
  loginFailuresPerAddress: { count: 1000, perMs: 300_000 },
  studentRate: { count: 1_000_000, perMs: 1000 },
  studentBurst: 1_000_000,
  staffRate: { count: 1_000_000, perMs: 1000 },
  staffBurst: 1_000_000,
  eventStreamsMax: 10_000,
  eventStreamsPerCaller: 5,
  replyDeadlineMs: 10_000,
}

/** Shared by all gateways of a test, as they share it in the database. */
const jwtSecret = 'a key that every gateway of a test knows'

export interface OpenGateway {
  readonly url: string
  readonly client: HttpClient
  close(): Promise<void>
}

let apart = false

/** From now on, gateways reach their engine as one in another process does. */
export function keepGatewaysApart(): void {
  apart = true
}

/** A gateway as the server has it, before this engine and this database, on a loopback port of its own. */
export async function openTestGateway(
  service: CoreService,
  database: Database,
  changed: Partial<GatewayDeps> = {},
): Promise<OpenGateway> {
  const link = apart ? await linkEngine(service, 'test') : undefined
  const app = buildGateway({
    service: link?.service ?? service,
    accounts: new DatabaseAccounts(database),
    searchDecisions: (search) => searchDecisions(database, search),
    lists: {
      students: (search) => listStudents(database, search),
      groups: (search) => listGroups(database, search),
      departments: () =>
        listDepartments(database).catch((cause: unknown) => {
          throw new DecisionsAway('the database is away', { cause })
        }),
    },
    jwtSecrets: [jwtSecret],
    staffScope: 'department',
    limits: usualGatewayLimits,
    now: () => Date.now(),
    logger: silent,
    trustProxy: false,
    ...changed,
  })
  const url = await openGateway(app, { protocol: 'tcp', host: '127.0.0.1', port: 0 })
  const client = new HttpClient(url)
  return {
    url,
    client,
    close: async () => {
      client.close()
      await closeGateway(app, 1000)
      await link?.close()
    },
  }
}

/** Logs in and keeps the tokens. */
export class Tokens {
  readonly #client: HttpClient
  readonly #password: string
  readonly #kept = new Map<string, Promise<string>>()

  constructor(client: HttpClient, password: string) {
    this.#client = client
    this.#password = password
  }

  student(id: number): Promise<string> {
    return this.#of(id, false)
  }

  staff(id: number): Promise<string> {
    return this.#of(id, true)
  }

  #of(id: number, staff: boolean): Promise<string> {
    const who = `${staff ? 'staff' : 'student'} ${id}`
    const kept = this.#kept.get(who) ?? this.#login(id, staff)
    this.#kept.set(who, kept)
    return kept
  }

  async #login(user: number, staff: boolean): Promise<string> {
    const body = { user, password: this.#password, staff }
    const answer = await this.#client.send('POST /login', { body })
    if (answer.status !== 200) throw new Error(`login of ${user} failed: ${answer.text}`)
    return (answer.body as { token: string }).token
  }
}
