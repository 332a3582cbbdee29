import type { EventData, Operations, Problem } from './api.ts'

type Line = keyof Operations

/** What an operation is given: the query, the body and the headers that it names; those it needs must be there. */
export type Input<Name extends Line> = Part<'query', Operations[Name]['query']> &
  Part<'headers', Operations[Name]['headers']> &
  (Operations[Name]['body'] extends undefined ? unknown : { readonly body: Operations[Name]['body'] })

type Part<Key extends string, Fields> = Fields extends undefined
  ? unknown
  : Partial<Fields> extends Fields
    ? { readonly [Name in Key]?: Fields }
    : { readonly [Name in Key]: Fields }

/** Done, with what the server tells of it; or not, with the reason. */
export type Answer<Name extends Line> =
  | {
      readonly ok: true
      readonly status: number
      readonly data: Operations[Name]['reply']
      /** The first answer to the same Idempotency-Key. */
      readonly replayed?: true
    }
  | {
      readonly ok: false
      readonly status: number
      readonly problem: Problem & { readonly code: Operations[Name]['problems'] }
      /** When trying again makes sense. */
      readonly retryAfterSeconds?: number
      readonly replayed?: true
    }

export interface SeatEvent extends EventData {
  readonly event: 'resync' | 'changes'
  /** For `lastEventId` of the next stream. */
  readonly id: string
}

export interface StreamOptions {
  readonly lastEventId?: string
  readonly signal?: AbortSignal
  readonly onHeard?: () => void
}

/** Where fields of an operation go that are not JSON. */
interface Loose {
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly body?: unknown
}

/**
 * Calls the API with the types of its document. A refusal is an answer, not an exception; only a connection that
 * fails throws, as `fetch` does.
 */
export class EnrollmentClient {
  readonly #baseUrl: string
  /** From `POST /login`; sent with every call once it is set. */
  token: string | undefined

  constructor(baseUrl: string, token?: string) {
    this.#baseUrl = baseUrl
    this.token = token
  }

  async call<Name extends Line>(line: Name, input: Input<Name>): Promise<Answer<Name>> {
    const [method = '', path = ''] = line.split(' ')
    const response = await this.#send(method, path, input as Loose)
    const { status } = response
    const isJson = /\bjson\b/.test(response.headers.get('content-type') ?? '')
    const text = await response.text()
    const body: unknown = isJson ? JSON.parse(text) : text === '' ? undefined : text
    // The types are those of the document, which a test holds against what servers answer.
    const replayed = response.headers.get('idempotency-replayed') === 'true' && { replayed: true as const }
    if (response.ok) return { ok: true, status, data: body as Operations[Name]['reply'], ...replayed }
    const problem = body as Problem & { readonly code: Operations[Name]['problems'] }
    const retryAfterSeconds = secondsOf(response.headers.get('retry-after'))
    return {
      ok: false,
      status,
      problem,
      ...replayed,
      ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    }
  }

  /**
   * Reads one stream of events until it ends. Whoever goes on watching calls it again with the id of the last event.
   * To leave the loop closes the stream; `signal` ends it from elsewhere, and the loop then throws the signal's reason.
   * `onHeard` is called whenever anything comes, also when that is only a sign of life, which comes every 20 s.
   * @throws Refused if the stream is not opened
   */
  async *events(
    query: Operations['GET /events']['query'],
    { lastEventId, signal, onHeard }: StreamOptions = {},
  ): AsyncGenerator<SeatEvent> {
    const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
    const response = await this.#send('GET', '/events', { query, headers }, signal)
    if (!response.ok || response.body === null) throw new Refused((await response.json()) as Problem)
    let text = ''
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    try {
      for (let read = await reader.read(); !read.done; read = await reader.read()) {
        onHeard?.()
        const blocks = `${text}${read.value}`.split('\n\n')
        text = blocks.pop() ?? ''
        for (const block of blocks) {
          const [, id, event, data] = /^id: (.+)\nevent: (resync|changes)\ndata: (.+)$/.exec(block) ?? []
          if (id === undefined || data === undefined) continue
          yield { ...(JSON.parse(data) as EventData), event: event === 'resync' ? event : 'changes', id }
        }
      }
    } finally {
      await reader.cancel()
    }
  }

  async #send(method: string, path: string, input: Loose, signal?: AbortSignal): Promise<Response> {
    const { query = {}, headers = {}, body } = input
    const url = new URL(path, this.#baseUrl)
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value))
    }
    return await fetch(url, {
      method,
      headers: {
        ...(this.token !== undefined && { authorization: `Bearer ${this.token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...given(headers),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal !== undefined && { signal }),
    })
  }
}

function given(headers: NonNullable<Loose['headers']>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}

/** A `Retry-After`: seconds from a server of ours, a moment (RFC 9110, 10.2.3) from some proxies. */
function secondsOf(retryAfter: string | null): number | undefined {
  if (retryAfter === null) return undefined
  if (/^\d+$/.test(retryAfter)) return Number(retryAfter)
  const atMs = Date.parse(retryAfter)
  return Number.isNaN(atMs) ? undefined : Math.max(0, Math.ceil((atMs - Date.now()) / 1000))
}

/** A stream that the server does not open. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.detail)
    this.problem = problem
  }
}
