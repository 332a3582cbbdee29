import type { IncomingMessage, ServerResponse } from 'node:http'
import { refuseResponse } from './canned-refusal.ts'
import { Turnstile } from './turnstile.ts'

/** How busy the process may be before requests are turned away. Milliseconds. */
export interface WaitingRoomLimits {
  /** Once the first in line has waited this long, nobody else is let in. */
  readonly waitMaxMs: number
  /** How long requests are begun in one go before the event loop is given back. */
  readonly turnMs: number
  /** How many may wait; a bound for memory, the wait is what counts. */
  readonly lengthMax: number
}

export const defaultWaitingRoomLimits: WaitingRoomLimits = { waitMaxMs: 1000, turnMs: 8, lengthMax: 10_000 }

export interface WaitingRoomDeps {
  readonly limits: WaitingRoomLimits
  /** Milliseconds of a steady clock. */
  readonly now: () => number
  /** Whether a command would be refused for want of room, as far as is known; asked once a turn. */
  readonly isEngineFull: () => boolean
  /** Milliseconds until whoever sends this may ask for a command again, because they were told to wait; 0 = now. */
  readonly waitOf: (authorization: string | undefined) => number
  /** Somebody was told to wait for so long. */
  readonly onTold: (authorization: string | undefined, retryAfterSeconds: number) => void
}

interface Waiting {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly sinceMs: number
}

const letInAtOnce = 8

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/**
 * Stands before everything else that a request costs. While there is time, requests are handled as they come. When
 * there is not, they wait in line, oldest first; and when the line stands for too long, those that come are turned
 * away at once and at the least cost, so that the time is spent on those that can still be served. Without it, all
 * of them are begun and none is answered in time.
 *
 * Those that ask how the server is are never kept waiting.
 */
export class WaitingRoom {
  readonly #deps: WaitingRoomDeps
  readonly #handle: Handler
  readonly #turnstile = new Turnstile(
    ({ method, path, authorization }) => {
      this.#beginTurn()
      return this.#isShutTo(method, path, authorization)
    },
    ({ method, authorization }, seconds) => this.#told(method, authorization, seconds),
  )
  #line: Waiting[] = []
  #head = 0
  #isTurnOpen = false
  #turnEndsMs = 0
  #isEngineFull = false
  #turnedAway = 0

  constructor(handle: Handler, deps: WaitingRoomDeps) {
    this.#handle = handle
    this.#deps = deps
  }

  /** Requests that wait in line. */
  get length(): number {
    return this.#line.length - this.#head
  }

  /** Requests turned away so far. */
  get turnedAway(): number {
    return this.#turnedAway
  }

  enter(request: IncomingMessage, response: ServerResponse): void {
    this.#turnstile.noteBegin(request, response)
    const { method = '', url = '', headers } = request
    if (isAboutTheServer(url)) return this.#handle(request, response)
    this.#beginTurn()
    if (this.#isShutTo(method, url, headers.authorization)) {
      this.#told(method, headers.authorization, refuseResponse(response))
      this.#turnstile.guard(request, response)
      return
    }
    const nowMs = this.#deps.now()
    if (this.length === 0 && nowMs < this.#turnEndsMs) return this.#handle(request, response)
    this.#line.push({ request, response, sinceMs: nowMs })
  }

  #isShutTo(method: string, path: string, authorization: string | undefined): boolean {
    if (isAboutTheServer(path)) return false
    const isCommand = method !== 'GET' && path.startsWith('/student/')
    if (isCommand && this.#isEngineFull) return true
    const first = this.#line[this.#head]
    if (first === undefined) return false
    if (this.length >= this.#deps.limits.lengthMax) return true
    if (this.#deps.now() - first.sinceMs > this.#deps.limits.waitMaxMs) return true
    // Admission asks this of everybody who is let in; here it spares the parsing while there is no time for it.
    return isCommand && this.#deps.waitOf(authorization) > 0
  }

  #told(method: string, authorization: string | undefined, seconds: number): void {
    this.#turnedAway++
    if (method !== 'GET') this.#deps.onTold(authorization, seconds)
  }

  /** Unless one is open. A turn lasts until the event loop has looked for other work. */
  #beginTurn(): void {
    if (this.#isTurnOpen) return
    this.#isTurnOpen = true
    this.#turnEndsMs = this.#deps.now() + this.#deps.limits.turnMs
    this.#isEngineFull = this.#deps.isEngineFull()
    setImmediate(() => this.#closeTurn())
  }

  #closeTurn(): void {
    this.#isTurnOpen = false
    if (this.length === 0) return
    this.#beginTurn()
    this.#letIn()
  }

  /** A few at a time, with what they schedule for at once in between, so that its cost is seen. */
  #letIn(): void {
    for (let count = 0; count < letInAtOnce && this.length > 0; count++) {
      const { request, response } = this.#line[this.#head++] as Waiting
      // Whoever has gone needs no answer.
      if (!response.destroyed && !request.destroyed) this.#handle(request, response)
    }
    if (this.length > 0 && this.#deps.now() < this.#turnEndsMs) {
      process.nextTick(() => this.#letIn())
      return
    }
    if (this.#head > 1024 || this.length === 0) {
      this.#line.splice(0, this.#head)
      this.#head = 0
    }
    // What was begun has used up this turn.
    this.#turnEndsMs = 0
  }
}

function isAboutTheServer(url: string): boolean {
  return url === '/healthz' || url === '/readyz' || url === '/metrics'
}
