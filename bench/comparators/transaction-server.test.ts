import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import type { Database } from '../../src/store/database.ts'
import { type Answer, HttpClient, inShort, type RequestLine } from '../../kit/rest-client.ts'
import { Tokens } from '../../kit/open-gateway.ts'
import { createRegistrationCampus, password, Students } from '../../kit/registration-campus.ts'
import { refusals } from '../../kit/rulings/refusal-cases.ts'
import type { Fixture } from '../../kit/rulings/ruling-fixture.ts'
import { type StudentFixture, studentRulings } from '../../kit/rulings/student-rulings.ts'
import { buildTransactionServer } from './transaction-server.ts'

/** A registration campus that is served by transactions; what staff do there is done in the tables. */
class TransactionFixture implements StudentFixture {
  readonly students = new Students()
  readonly client: HttpClient
  readonly tokens: Tokens
  readonly database: Database
  readonly #close: () => Promise<void>

  private constructor(database: Database, url: string, close: () => Promise<void>) {
    this.database = database
    this.client = new HttpClient(url)
    this.tokens = new Tokens(this.client, password)
    this.#close = close
  }

  static async open(): Promise<TransactionFixture> {
    const created = await createRegistrationCampus(`desk-${randomUUID().slice(0, 8)}`)
    const app: FastifyInstance = await buildTransactionServer({
      databaseUrl: created.url,
      jwtSecret: 'a key that only this test of transactions knows',
      connections: 4,
    })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    return new TransactionFixture(created.database, url, async () => {
      await app.close()
      await created.remove()
    })
  }

  async close(): Promise<void> {
    this.client.close()
    await this.#close()
  }

  async #student(id: number, line: RequestLine, body?: object): Promise<Answer> {
    const token = await this.tokens.student(id)
    return await this.client.send(line, { token, ...(body !== undefined && { body }) })
  }

  add(student: number, course: number, group = 1): Promise<Answer> {
    return this.#student(student, 'PUT /student/course', { course_id: course, group_id: group })
  }

  drop(student: number, course: number): Promise<Answer> {
    return this.#student(student, `DELETE /student/course?course_id=${course}`)
  }

  move(student: number, course: number, group: number, more: object = {}): Promise<Answer> {
    return this.#student(student, 'PATCH /student/course', { course_id: course, group_id: group, ...more })
  }

  async setCapacity(course: number, group: number, capacity: number): Promise<void> {
    await this.database.query('UPDATE courses SET capacity = $3 WHERE course_id = $1 AND group_id = $2', [
      course,
      group,
      capacity,
    ])
  }

  async courseOf(seats: number, students: number): Promise<{ course: number; students: number[] }> {
    const course = this.students.course()
    await this.setCapacity(course, 1, seats)
    const ids = Array.from({ length: students }, () => this.students.fresh())
    for (const id of ids) assert.equal(inShort(await this.add(id, course)), '204')
    return { course, students: ids }
  }

  async roster(course: number, group = 1): Promise<readonly [number[], number[]]> {
    const rows = await this.database.query<{ student_id: number; reserved: boolean }>(
      `SELECT student_id, reserved FROM enrolled_courses WHERE course_id = $1 AND group_id = $2
       ORDER BY CASE WHEN reserved THEN coalesce(reserve_order, id) ELSE student_id END`,
      [course, group],
    )
    const those = (reserved: boolean) =>
      rows.filter((row) => row.reserved === reserved).map((row) => row.student_id)
    return [those(false), those(true)]
  }

  async remainingActions(student: number): Promise<number | undefined> {
    const [row] = await this.database.query<{ remaining_actions: number }>(
      'SELECT remaining_actions FROM students WHERE id = $1',
      [student],
    )
    return row?.remaining_actions
  }

  /** As the cases of refusals want it: of all their servers there is the one that leads, and that is this one. */
  async stage(): Promise<Fixture> {
    await this.database.query(
      `INSERT INTO students SELECT 5000, password, enrollment_start_time, max_units, remaining_actions,
         department_id, entry_year, gender, enrollment_end_time FROM students WHERE id = 1`,
    )
    const ghost = await this.tokens.student(5000)
    await this.database.query('DELETE FROM students WHERE id = 5000')
    const stage = { open: { client: this.client }, tokens: this.tokens, students: this.students, ghost }
    return stage as unknown as Fixture
  }
}

/** What is about the engine, its journal and its limits, or about what only staff of ours can do: no rule of enrollment. */
const notRules = new Set([
  'set_aside',
  'too_many_requests',
  'not_leading',
  'recovering',
  'journal_unavailable',
  'busy',
  'outcome_unknown',
  'idempotency_in_flight',
  'idempotency_mismatch',
  'course_closed',
  'course_cancelled',
])

let fixture: TransactionFixture
let stage: Fixture
before(async () => {
  fixture = await TransactionFixture.open()
  stage = await fixture.stage()
})
after(() => fixture.close())

for (const route of ['PUT /student/course', 'PATCH /student/course', 'DELETE /student/course']) {
  describe(route, () => {
    const cases = refusals[route]?.filter(({ code }) => !notRules.has(code)) ?? []
    test('has rules to be tried', () => assert.ok(cases.length > 5))
    for (const { code, because, ask } of cases) {
      test(`is refused with ${code} by transactions too, because ${because}`, async () => {
        assert.equal(inShort(await ask(stage)).split(' ')[1], code)
      })
    }
  })
}

for (const [sentence, holds] of Object.entries(studentRulings)) {
  test(`${sentence} (with transactions)`, () => holds(fixture))
}

test('a drop and a move cost an action each, and an add costs none (with transactions)', async () => {
  const { course, students } = await fixture.courseOf(1, 1)
  const [student = 0] = students
  assert.equal(await fixture.remainingActions(student), 12)
  assert.equal(inShort(await fixture.move(student, course, 2)), '204')
  assert.equal(await fixture.remainingActions(student), 11)
  assert.equal(inShort(await fixture.drop(student, course)), '204')
  assert.equal(await fixture.remainingActions(student), 10)
})

test('who wants a seat only is not put on the reserve queue (with transactions)', async () => {
  const { course } = await fixture.courseOf(1, 1)
  const student = fixture.students.fresh()
  const token = await fixture.tokens.student(student)
  const ask = (reserve: string) =>
    fixture.client.send('PUT /student/course', { token, body: { course_id: course, group_id: 1, reserve } })
  assert.equal(inShort(await ask('never')), '409 course_full')
  assert.equal(inShort(await ask('only')), '204')
  assert.deepEqual((await fixture.roster(course))[1], [student])
})

test('a hundred students at once never get more seats than there are (with transactions)', async () => {
  const { course } = await fixture.courseOf(3, 0)
  const students = Array.from({ length: 100 }, () => fixture.students.fresh())
  const answers = await Promise.all(students.map((student) => fixture.add(student, course)))
  const [registered, waiting] = await fixture.roster(course)
  assert.deepEqual([registered.length, waiting.length], [3, 5])
  assert.equal(answers.filter((answer) => inShort(answer) === '204').length, 8)
})
