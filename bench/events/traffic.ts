import { setTimeout as sleep } from 'node:timers/promises'
import { HttpClient } from '../../kit/load/http-client.ts'
import { Latencies } from '../../kit/load/latencies.ts'
import { courseCount, tokenOf } from './campus.ts'

const connections = 64
const tickMs = 5

/** A decision that was acknowledged: whose, about what, and when its reply was read (milliseconds since the epoch). */
export interface Acknowledged {
  readonly student: number
  readonly course: number
  readonly seq: number
  readonly atMs: number
}

/** Students who add a course, drop it, add another: so many requests a second, each one a change that somebody watches. */
export class Traffic {
  readonly latencies = new Latencies()
  readonly acknowledged: Acknowledged[] = []
  readonly #http: HttpClient
  readonly #tokens: readonly string[]
  /** The course that each student holds, if any. */
  readonly #courses: (number | undefined)[] = []
  readonly #idle: number[]
  #sent = 0
  #failures = 0

  constructor(port: number, students: number) {
    this.#http = new HttpClient({ host: '127.0.0.1', port, connectionsMax: connections, timeoutMs: 30_000 })
    this.#idle = Array.from({ length: students }, (_, index) => index)
    this.#tokens = Array.from({ length: students }, (_, index) => tokenOf(index + 1))
  }

  get failures(): number {
    return this.#failures
  }

  async connect(): Promise<void> {
    await this.#http.connect({ method: 'GET', path: '/healthz' })
  }

  /**
   * Sends `rate` requests a second for so long, fewer while every student waits for an answer.
   * @returns how many were answered
   */
  async run(rate: number, seconds: number): Promise<number> {
    this.acknowledged.length = 0
    const before = this.latencies.count
    const begunMs = performance.now()
    const pending = new Set<Promise<void>>()
    for (let sent = 0; sent < rate * seconds; ) {
      const dueCount = Math.min(rate * seconds, ((performance.now() - begunMs) / 1000) * rate)
      for (; sent < dueCount; sent++) {
        const index = this.#idle.shift()
        if (index === undefined) continue
        const one = this.#send(index).finally(() => pending.delete(one))
        pending.add(one)
      }
      await sleep(tickMs)
    }
    await Promise.all(pending)
    return this.latencies.count - before
  }

  async #send(index: number): Promise<void> {
    const student = index + 1
    const held = this.#courses[index]
    const course = held ?? 1 + ((this.#sent++ * 7919) % courseCount)
    const common = { token: this.#tokens[index] ?? '', headers: { prefer: 'return=representation' } }
    const reply =
      held === undefined
        ? await this.#http.send({
            ...common,
            method: 'PUT',
            path: '/student/course',
            body: { course_id: course, group_id: 1 },
          })
        : await this.#http.send({ ...common, method: 'DELETE', path: `/student/course?course_id=${course}` })
    this.#idle.push(index)
    this.latencies.add(reply.receivedMs - reply.sentMs)
    if (reply.status !== 200) {
      this.#failures++
      return
    }
    this.#courses[index] = held === undefined ? course : undefined
    const { seq } = (JSON.parse(reply.body) as { decision: { seq: number } }).decision
    this.acknowledged.push({ student, course, seq, atMs: performance.timeOrigin + reply.receivedMs })
  }

  close(): void {
    this.#http.close()
  }
}
