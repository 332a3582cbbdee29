import { randomUUID } from 'node:crypto'
import type { ListedGroups, ListedStudents, Operations } from '../../client/api.ts'
import { type Answer, EnrollmentClient } from '../../client/client.ts'
import { pause } from '../../engine/pause.ts'
import { CommandFailed } from '../service-process.ts'

export type CampusStudent = ListedStudents['students'][number]
export type CampusGroup = ListedGroups['courses'][number]

/** One request, as the typed client takes it. */
export interface CampusCall {
  readonly line: keyof Operations
  readonly query?: Readonly<Record<string, string | number>>
  readonly body?: object
}

/** A no of the campus that waiting does not change. */
export interface CampusRefusal {
  readonly code: string
  readonly detail: string
}

const pageLimit = 500
/** A token is good for an hour. */
const refreshMs = 20 * 60_000
/** So long a campus that does not answer is asked again. */
const patienceMs = 5 * 60_000
const askAgainMs = 1_000

type Loose = Answer<keyof Operations>

/** A served campus, asked as patiently as it says: 429 and 503 are waited out, a lost connection is tried again. */
export class CampusClient {
  readonly #client: EnrollmentClient
  readonly #signal: AbortSignal
  readonly #url: string
  #tokenAtMs = -Infinity

  constructor(url: string, token: string, signal: AbortSignal) {
    this.#client = new EnrollmentClient(url, token)
    this.#signal = signal
    this.#url = url
  }

  async students(): Promise<CampusStudent[]> {
    const all: CampusStudent[] = []
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page: ListedStudents = await this.#page<ListedStudents>('GET /staff/students', cursor)
      all.push(...page.students)
      cursor = page.next
    }
    return all
  }

  async groups(): Promise<CampusGroup[]> {
    const all: CampusGroup[] = []
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page: ListedGroups = await this.#page<ListedGroups>('GET /staff/courses', cursor)
      all.push(...page.courses)
      cursor = page.next
    }
    return all
  }

  /**
   * Sends a command until the campus has decided it.
   * @param key of the difference: the same command of a run that was cut is not decided twice. An answer to an older command
   *   with this key says nothing of now, so that the command is sent once more, with another one
   * @returns why not; undefined = done
   */
  async send({ line, query, body }: CampusCall, key: string): Promise<CampusRefusal | undefined> {
    const input = (one: string) => ({
      headers: { 'idempotency-key': one },
      ...(query && { query }),
      ...(body && { body }),
    })
    const first = await this.#ask(line, input(key))
    if (first.replayed !== true) return refusalOf(first)
    const refusal = refusalOf(await this.#ask(line, input(randomUUID())))
    // Decided for a run that was cut, after this one had looked.
    if (first.ok && /^(group|student)_exists$/.test(refusal?.code ?? '')) return undefined
    return refusal
  }

  async #page<Page extends { readonly up_to_date: boolean }>(
    line: 'GET /staff/students' | 'GET /staff/courses',
    cursor: string | undefined,
  ): Promise<Page> {
    const query = { limit: pageLimit, ...(cursor !== undefined && { cursor }) }
    for (;;) {
      const answer = await this.#ask(line, { query })
      if (!answer.ok) throw new CommandFailed(`${line}: ${answer.problem.code}: ${answer.problem.detail}`)
      const page = answer.data as unknown as Page
      if (page.up_to_date) return page
      await pause(askAgainMs, this.#signal)
    }
  }

  /** @returns an answer that waiting does not change */
  async #ask(line: keyof Operations, input: object): Promise<Loose> {
    await this.#refresh()
    return await this.#askOnce(line, input)
  }

  async #askOnce(line: keyof Operations, input: object): Promise<Loose> {
    let silentSinceMs: number | undefined
    for (;;) {
      this.#signal.throwIfAborted()
      let answer: Loose
      try {
        answer = await this.#client.call(line, input as never)
        refuseStranger(answer, this.#url)
      } catch (error) {
        if (error instanceof CommandFailed) throw error
        const nowMs = performance.now()
        silentSinceMs ??= nowMs
        if (nowMs - silentSinceMs > patienceMs) {
          throw new CommandFailed(`${this.#url} cannot be reached (${reasonOf(error)})`, [], error)
        }
        await pause(askAgainMs, this.#signal)
        continue
      }
      if (!answer.ok && answer.status === 401) {
        throw new CommandFailed(`the token is not good, or no longer: ${answer.problem.detail}`)
      }
      const isLater = answer.status === 429 || answer.status === 503
      if (answer.ok || !(isLater || answer.problem.code === 'idempotency_in_flight')) return answer
      silentSinceMs = undefined
      await pause((answer.retryAfterSeconds ?? 1) * 1000, this.#signal)
    }
  }

  async #refresh(): Promise<void> {
    if (performance.now() - this.#tokenAtMs < refreshMs) return
    const answer = await this.#askOnce('POST /refresh', {})
    if (!answer.ok) throw new CommandFailed(`POST /refresh: ${answer.problem.code}: ${answer.problem.detail}`)
    const { token } = answer.data as { readonly token?: unknown }
    if (typeof token !== 'string') throw notACampus(this.#url, answer.status)
    this.#client.token = token
    this.#tokenAtMs = performance.now()
  }
}

/**
 * @throws CommandFailed if no campus answers there; Error for a proxy's own word that it does not reach the campus now (502, 504),
 *   which is as good as none
 */
function refuseStranger(answer: Loose, url: string): void {
  const { ok, status } = answer
  // A proxy, or another site, sends a page, or nothing.
  if (ok) {
    if (answer.data !== undefined && typeof answer.data !== 'object') throw notACampus(url, status)
    return
  }
  if (status === 503 || status === 429) return
  const problem: unknown = answer.problem
  if (typeof problem === 'object' && problem !== null && 'code' in problem) return
  if (status >= 500) throw new Error(`answer ${status}`)
  throw notACampus(url, status)
}

function notACampus(url: string, status: number): CommandFailed {
  return new CommandFailed(`${url} answers ${status}, and not as a campus does: correct --url`)
}

function refusalOf(answer: Loose): CampusRefusal | undefined {
  return answer.ok ? undefined : { code: answer.problem.code, detail: answer.problem.detail }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}
