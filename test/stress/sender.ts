import { setTimeout as sleep } from 'node:timers/promises'
import { type Call, type HttpClient, NoReply, type Reply } from '../../kit/load/http-client.ts'
import { Latencies } from '../../kit/load/latencies.ts'
import { Check } from './audit/check.ts'
import { callOf, type Problem, problemOf } from './calls.ts'
import type { Caller, Answer, Attempt, CommandLog, Leg, ReadLog, Try } from './history.ts'

/** A command that somebody wants carried out. */
export interface Wanted {
  readonly actor: Caller
  readonly student: number | undefined
  readonly legs: readonly Leg[]
  readonly isPlan: boolean
  /** Without one, a request whose outcome is not known is not repeated. */
  readonly key: string | undefined
  readonly wantsRepresentation: boolean
  /** Press the button twice: at once, or again after the answer. */
  readonly again: 'no' | 'at_once' | 'afterwards'
}

const retryUnreachableMs = 250
const retryInFlightMs = 100

/** Sends what clients want, repeats it as the API asks, and remembers all of it. */
export class Sender {
  readonly commands: CommandLog[] = []
  readonly reads: ReadLog[] = []
  /** From sending to reply, of commands that were decided. */
  readonly latencies = new Latencies()
  /** How many replies there were of each status and code. */
  readonly replies = new Map<string, number>()
  readonly promised = new Check('every reply is one that the API promises, with Retry-After where it belongs')
  readonly #http: Pick<HttpClient, 'send'>
  #giveUpAtMs = Number.POSITIVE_INFINITY

  constructor(http: Pick<HttpClient, 'send'>) {
    this.#http = http
  }

  /** From then on (`performance.now`) nothing is tried again. */
  giveUpAt(ms: number): void {
    this.#giveUpAtMs = ms
  }

  async carryOut(wanted: Wanted, token: string): Promise<Answer> {
    const { actor, student, legs, isPlan, key, again } = wanted
    const call: Call = {
      ...callOf(legs, { isPlan, student }),
      token,
      headers: {
        ...(key !== undefined && { 'idempotency-key': key }),
        ...(wanted.wantsRepresentation && { prefer: 'return=representation' }),
      },
    }
    const begunAt = Date.now()
    const isKeyed = key !== undefined
    const tries =
      isKeyed && again === 'at_once'
        ? await Promise.all([this.#insist(call, isKeyed), this.#insist(call, isKeyed)])
        : [await this.#insist(call, isKeyed)]
    if (isKeyed && again === 'afterwards') tries.push(await this.#insist(call, isKeyed))
    this.commands.push({ actor, student, legs, isPlan, key, tries, begunAt, endedAt: Date.now() })
    const answers = tries.map(({ answer }) => answer)
    const decided = answers.find(({ kind }) => kind === 'done' || kind === 'refused')
    return decided ?? answers[0] ?? { kind: 'unknown', code: 'not sent' }
  }

  /** Sends it until it is answered for good, or time is up. */
  async #insist(call: Call, isKeyed: boolean): Promise<Try> {
    const attempts: Attempt[] = []
    for (;;) {
      const reply = await this.#attempt(call)
      const heard = reply instanceof NoReply ? hearNothing(reply) : this.#hear(reply)
      attempts.push({
        sentMs: reply.sentMs,
        receivedMs: reply.receivedMs,
        label: heard.label,
        certainlyNot: heard.certainlyNot,
      })
      this.replies.set(heard.label, (this.replies.get(heard.label) ?? 0) + 1)
      const isReplay = !(reply instanceof NoReply) && reply.headers['idempotency-replayed'] === 'true'
      if (heard.answer !== undefined) {
        if (heard.answer.kind !== 'turned_away') this.latencies.add(reply.receivedMs - reply.sentMs)
        return { attempts, answer: heard.answer, isReplay }
      }
      const mayRepeat = isKeyed || heard.certainlyNot
      if (!mayRepeat || performance.now() + heard.retryAfterMs > this.#giveUpAtMs) {
        const kind = attempts.every(({ certainlyNot }) => certainlyNot) ? 'turned_away' : 'unknown'
        return { attempts, answer: { kind, code: heard.label }, isReplay }
      }
      await sleep(heard.retryAfterMs)
    }
  }

  async #attempt(call: Call): Promise<Reply | NoReply> {
    try {
      return await this.#http.send(call)
    } catch (error) {
      if (error instanceof NoReply) return error
      throw error
    }
  }

  #hear(reply: Reply): Heard {
    const { status, body } = reply
    const label = String(status)
    if (status === 204 || status === 200) {
      this.promised.expect((status === 204) === (body === ''), () => `${status} with body ${body}`)
      const answer: Answer = { kind: 'done', body: status === 200 ? JSON.parse(body) : undefined }
      return { label, certainlyNot: false, retryAfterMs: 0, answer }
    }
    let problem: Problem
    try {
      problem = problemOf(reply)
    } catch {
      this.promised.expect(false, () => `${status} with body ${body}`)
      return { label, certainlyNot: false, retryAfterMs: 0, answer: { kind: 'unknown', code: label } }
    }
    return this.#hearProblem(reply, problem)
  }

  #hearProblem({ status, headers, body }: Reply, { code, reasons }: Problem): Heard {
    const label = `${status} ${code}`
    const retryAfterMs = Number(headers['retry-after']) * 1000
    if (status === 503 || status === 429) {
      this.promised.expect(retryAfterMs > 0, () => `${label} without Retry-After`)
      return { label, certainlyNot: code !== 'outcome_unknown', retryAfterMs: retryAfterMs || 1000 }
    }
    this.promised.expect([403, 404, 409].includes(status), () => `${label}: ${body}`)
    if (code === 'idempotency_in_flight') return { label, certainlyNot: true, retryAfterMs: retryInFlightMs }
    if (status === 409) {
      this.promised.expect(reasons[0]?.code === code, () => `${label}: ${body}`)
      return { label, certainlyNot: false, retryAfterMs: 0, answer: { kind: 'refused', reasons } }
    }
    const certainlyNot = status < 500
    return {
      label,
      certainlyNot,
      retryAfterMs: 0,
      answer: { kind: certainlyNot ? 'turned_away' : 'unknown', code },
    }
  }

  /** @returns the reply, if there was one and it is a 200; reads are not repeated */
  async read(path: string, token: string): Promise<Reply | undefined> {
    const reply = await this.#attempt({ method: 'GET', path, token })
    const label = reply instanceof NoReply ? hearNothing(reply).label : String(reply.status)
    this.replies.set(`GET ${label}`, (this.replies.get(`GET ${label}`) ?? 0) + 1)
    return reply instanceof NoReply || reply.status !== 200 ? undefined : reply
  }
}

interface Heard {
  readonly label: string
  readonly certainlyNot: boolean
  readonly retryAfterMs: number
  /** Absent where the request is to be repeated. */
  readonly answer?: Answer
}

function hearNothing({ neverLeft }: NoReply): Heard {
  const label = neverLeft ? 'connection refused' : 'no reply'
  return { label, certainlyNot: neverLeft, retryAfterMs: retryUnreachableMs }
}
