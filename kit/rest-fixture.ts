import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { GatewayDeps } from '../src/gateway/gateway-ports.ts'
import type { Database } from '../src/store/database.ts'
import { type Answer, type Ask, inShort, type RequestLine } from './rest-client.ts'
import { type OpenGateway, openTestGateway, Tokens } from './open-gateway.ts'
import { createRegistrationCampus, password, Students } from './registration-campus.ts'
import { directJournal, type RunningEngine, startEngine, untilLeading } from './running-engine.ts'

/** A registration campus that is served, and short words for what people ask of it. */
export class RestFixture {
  readonly campus: string
  readonly database: Database
  readonly databaseUrl: string
  readonly students = new Students()
  readonly #remove: () => Promise<void>
  #running: RunningEngine
  #gateway: OpenGateway
  #tokens: Tokens

  private constructor(
    campus: string,
    created: { database: Database; url: string; remove(): Promise<void> },
    served: { running: RunningEngine; gateway: OpenGateway },
  ) {
    this.campus = campus
    this.database = created.database
    this.databaseUrl = created.url
    this.#remove = () => created.remove()
    this.#running = served.running
    this.#gateway = served.gateway
    this.#tokens = new Tokens(served.gateway.client, password)
  }

  static async open(): Promise<RestFixture> {
    const campus = `desk-${randomUUID().slice(0, 8)}`
    const created = await createRegistrationCampus(campus)
    return new RestFixture(campus, created, await serve(campus, created.database))
  }

  get url(): string {
    return this.#gateway.url
  }

  get tokens(): Tokens {
    return this.#tokens
  }

  /** Another gateway before the same engine. The caller closes it. */
  beside(changed: Partial<GatewayDeps>): Promise<OpenGateway> {
    return openTestGateway(this.#running.engine, this.database, changed)
  }

  /** Ends the engine and its gateway, as a stopped server does, and starts others on what PostgreSQL holds. */
  async restart(): Promise<void> {
    await this.#stop()
    const { running, gateway } = await serve(this.campus, this.database)
    this.#running = running
    this.#gateway = gateway
    this.#tokens = new Tokens(gateway.client, password)
  }

  async close(): Promise<void> {
    await this.#stop()
    await this.#remove()
  }

  /** The engine ends while its gateway stays; `restart` starts both anew. */
  async stopEngine(): Promise<void> {
    await this.#running.engine.stop(5000)
  }

  async #stop(): Promise<void> {
    await this.#running.engine.stop(5000)
    await this.#gateway.close()
  }

  async student(id: number, line: RequestLine, body?: unknown, headers: Ask['headers'] = {}) {
    const token = await this.#tokens.student(id)
    return await this.#gateway.client.send(line, { token, headers, ...(body !== undefined && { body }) })
  }

  async staff(id: number, line: RequestLine, body?: unknown, headers: Ask['headers'] = {}) {
    const token = await this.#tokens.staff(id)
    return await this.#gateway.client.send(line, { token, headers, ...(body !== undefined && { body }) })
  }

  anyone(line: RequestLine, ask: Ask = {}): Promise<Answer> {
    return this.#gateway.client.send(line, ask)
  }

  add(student: number, course: number, group = 1): Promise<Answer> {
    return this.student(student, 'PUT /student/course', { course_id: course, group_id: group })
  }

  drop(student: number, course: number): Promise<Answer> {
    return this.student(student, `DELETE /student/course?course_id=${course}`)
  }

  move(student: number, course: number, group: number, more: object = {}): Promise<Answer> {
    return this.student(student, 'PATCH /student/course', { course_id: course, group_id: group, ...more })
  }

  setCapacity(course: number, group: number, capacity: number): Promise<Answer> {
    return this.staff(1, 'PATCH /staff/capacity', { course_id: course, group_id: group, capacity })
  }

  /** A course whose group 1 has so many seats (and 5 reserve places), and its students, registered or waiting. */
  async courseOf(seats: number, students: number): Promise<{ course: number; students: number[] }> {
    const course = this.students.course()
    assert.equal(inShort(await this.setCapacity(course, 1, seats)), '204')
    const ids = Array.from({ length: students }, () => this.students.fresh())
    for (const id of ids) assert.equal(inShort(await this.add(id, course)), '204')
    return { course, students: ids }
  }

  /** Registered, and waiting in order. */
  async roster(course: number, group = 1): Promise<readonly [number[], number[]]> {
    const line = `GET /staff/course-students?course_id=${course}&group_id=${group}` as const
    const { body } = await this.staff(1, line)
    const roster = body as { registered_students: number[]; reserved_queue_students: number[] }
    return [roster.registered_students, roster.reserved_queue_students]
  }

  /** The newest decision about a student, as staff read it. */
  async lastDecision(student: number): Promise<Decision> {
    const { body, text } = await this.staff(1, `GET /staff/decisions?student_id=${student}&limit=1`)
    const [decision] = (body as { decisions: Decision[] }).decisions
    assert.ok(decision !== undefined, text)
    return decision
  }
}

export interface Decision {
  readonly term: number
  readonly seq: number
  readonly at: string
  readonly actor: { readonly role: string; readonly id: number }
  readonly outcome: string
  readonly legs: readonly Record<string, unknown>[]
  readonly effects: readonly Record<string, unknown>[]
  readonly reasons: readonly { readonly code: string }[]
  readonly remaining_actions: number | null
}

async function serve(campus: string, database: Database) {
  const running = startEngine(database, campus, directJournal(database, campus))
  await untilLeading(running)
  return { running, gateway: await openTestGateway(running.engine, database) }
}
