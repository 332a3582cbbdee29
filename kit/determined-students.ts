import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Answer, HttpClient } from './rest-client.ts'

interface Place {
  readonly student: number
  readonly course: number
}

/**
 * Students who each want group 1 of every course, one after another, all at once, and who do not give up: a request
 * without an answer, or with 503, is sent again with the same Idempotency-Key, to whoever serves by then.
 */
export class DeterminedStudents {
  readonly done: Promise<void>
  /** Acknowledged so far, in the form of `placesIn`. */
  readonly granted: string[] = []
  /** Answers that should not have been: neither 204 nor `try again`. */
  readonly wrong: string[] = []
  readonly #client: () => HttpClient
  #leaving = false

  /**
   * @param tokens by student
   * @param client of the server to ask now
   */
  constructor(tokens: ReadonlyMap<number, string>, courses: readonly number[], client: () => HttpClient) {
    this.#client = client
    this.done = Promise.all(
      [...tokens].map(([student, token]) => this.#registerIn(courses, student, token)),
    ).then(() => {})
  }

  /** Nobody sends another request; what is on its way is waited for. */
  async leave(): Promise<void> {
    this.#leaving = true
    await this.done
  }

  async #registerIn(courses: readonly number[], student: number, token: string): Promise<void> {
    for (const course of courses) await this.#insist({ student, course }, token)
  }

  async #insist({ student, course }: Place, token: string): Promise<void> {
    const headers = { 'idempotency-key': randomUUID() }
    const body = { course_id: course, group_id: 1 }
    while (!this.#leaving) {
      const answer = await this.#client()
        .send('PUT /student/course', { token, body, headers })
        .catch((): Answer | undefined => undefined)
      if (answer?.status === 204) {
        this.granted.push(`${student} ${course} 1`)
        return
      }
      const mayBeRepeated = answer === undefined || answer.status === 503 || /in_flight/.test(answer.text)
      if (!mayBeRepeated) {
        this.wrong.push(`${student} ${course}: ${answer.status} ${answer.text}`)
        return
      }
      await delay(20)
    }
  }
}
