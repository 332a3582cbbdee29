import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CannedRefusal } from './canned-refusal.ts'
import { Turnstile } from './turnstile.ts'
import { type Waiting, WaitingLine } from './waiting-line.ts'

/** How busy the process may be before requests are turned away. Milliseconds. */
export interface WaitingRoomLimits {
  /** Once the first in line has waited this long, newcomers are turned away: for a burst, which is served whole. */
  readonly waitMaxMs: number
  /** A line that has stood for this long without an end is no burst, and the shorter wait holds. */
  readonly burstMs: number
  /** As `waitMaxMs`, in a line that stands: a longer one would only make everybody wait. */
  readonly standingWaitMaxMs: number
  /** How long a command in line waits for an engine without room until it is turned away after all. */
  readonly heldMaxMs: number
  /** How long requests are begun in one go before the event loop is given back. */
  readonly turnMs: number
  /** How many may wait; a bound for memory, the wait is what counts. */
  readonly lengthMax: number
  /** Of those that are turned away before they are parsed: how many in one turn until whoever is has to wait for the next. */
  readonly answersInTurnMax: number
}

export const defaultWaitingRoomLimits: WaitingRoomLimits = {
  waitMaxMs: 1000,
  burstMs: 2000,
  standingWaitMaxMs: 100,
  heldMaxMs: 20,
  turnMs: 8,
  lengthMax: 10_000,
  answersInTurnMax: 500,
}

export interface WaitingRoomDeps {
  readonly limits: WaitingRoomLimits
  readonly refusal: CannedRefusal
  /** Milliseconds of a steady clock. */
  readonly now: () => number
  /** Whether a command would be refused for want of room, as far as is known; asked once a turn. */
  readonly isEngineFull: () => boolean
  /** Milliseconds until whoever sends this may ask for a command again, because they were told to wait; 0 = now. */
  readonly waitOf: (authorization: string | undefined) => number
  /** Somebody was told to wait for so long. */
  readonly onTold: (authorization: string | undefined, retryAfterSeconds: number) => void
}

const letInAtOnce = 8
/** How soon it is looked whether the engine has room again, while all who wait are waiting for that. */
const heldForMs = 2
/**
 * For how long after there was no time or no room those who were told to wait are held to it. Longer than a full
 * engine takes to have room and be full again; when fewer come than can be served, it is soon over and nobody is
 * held to anything.
 */
const pressedForMs = 250

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/**
 * Stands before everything else that a request costs. While there is time, requests are handled as they come. When
 * there is not, they wait in line, oldest first; and when the line stands for too long, those that come are turned
 * away at once and at the least cost, so that the time is spent on those that can still be served. Without it, all
 * of them are begun and none is answered in time. While the engine has no room, students' commands stay in line and
 * newcomers are turned away: a request that is begun and refused then costs almost what a decision costs.
 *
 * How long is too long depends on how long the line has stood, as in the controlled delay of queues (Nichols and
 * Jacobson, "Controlling Queue Delay", 2012): a line after a burst comes to its end, and waiting in it is worth
 * while; one that stands stays as long as it is let be, whoever waits in it.
 *
 * Those that ask how the server is, and browsers that ask whether a page may call, are never kept waiting.
 */
export class WaitingRoom {
  readonly #deps: WaitingRoomDeps
  readonly #handle: Handler
  readonly #turnstile: Turnstile
  /** Students' commands, which need room in the engine, and all else. */
  readonly #commands = new WaitingLine()
  readonly #others = new WaitingLine()
  #isTurnOpen = false
  #turnEndsMs = 0
  #isEngineFull = false
  /** Since when, if it is. */
  #fullSinceMs = 0
  #turnedAway = 0
  /** When there was last no time or no room. */
  #pressedAtMs = Number.NEGATIVE_INFINITY
  /** Since when somebody has waited; it begins anew once there was time and room for as long as a burst may last. */
  #standsSinceMs = 0

  constructor(handle: Handler, deps: WaitingRoomDeps) {
    this.#handle = handle
    this.#deps = deps
    this.#turnstile = new Turnstile({
      answersInTurnMax: deps.limits.answersInTurnMax,
      refusal: deps.refusal,
      isShutTo: ({ method, path, authorization }) => {
        this.#beginTurn()
        return this.#isShutTo(method, path, authorization)
      },
      onRefused: ({ method, authorization }, seconds) => this.#told(method, authorization, seconds),
    })
  }

  /** Requests that wait in line. */
  get length(): number {
    return this.#commands.length + this.#others.length
  }

  /** Requests turned away so far. */
  get turnedAway(): number {
    return this.#turnedAway
  }

  enter(request: IncomingMessage, response: ServerResponse): void {
    this.#turnstile.noteBegin(request, response)
    const { method = '', url = '', headers } = request
    if (isNeverTurnedAway(method, url)) return this.#handle(request, response)
    this.#beginTurn()
    if (this.#isShutTo(method, url, headers.authorization)) {
      this.#told(method, headers.authorization, this.#deps.refusal.send(response, headers.origin))
      this.#turnstile.guard(request, response)
      return
    }
    const nowMs = this.#deps.now()
    if (this.length === 0) {
      if (nowMs < this.#turnEndsMs) return this.#handle(request, response)
      if (nowMs - this.#pressedAtMs > this.#deps.limits.burstMs) this.#standsSinceMs = nowMs
    }
    this.#lineOf(method, url).push({ request, response, sinceMs: nowMs })
  }

  #lineOf(method: string, path: string): WaitingLine {
    return method !== 'GET' && path.startsWith('/student/') ? this.#commands : this.#others
  }

  #isShutTo(method: string, path: string, authorization: string | undefined): boolean {
    if (isNeverTurnedAway(method, path)) return false
    const line = this.#lineOf(method, path)
    const nowMs = this.#deps.now()
    if (this.#isLate(line, nowMs)) return true
    if (line !== this.#commands) return false
    if (this.#isEngineFull) return true
    // Whoever was told to wait would take the place of somebody who was not.
    return nowMs - this.#pressedAtMs <= pressedForMs && this.#deps.waitOf(authorization) > 0
  }

  #isLate(line: WaitingLine, nowMs: number): boolean {
    const { first } = line
    if (first === undefined) return false
    const { lengthMax, waitMaxMs, burstMs, standingWaitMaxMs } = this.#deps.limits
    const isStanding = nowMs - this.#standsSinceMs > burstMs
    return line.length >= lengthMax || nowMs - first.sinceMs > (isStanding ? standingWaitMaxMs : waitMaxMs)
  }

  #told(method: string, authorization: string | undefined, seconds: number): void {
    this.#turnedAway++
    if (method !== 'GET') this.#deps.onTold(authorization, seconds)
  }

  /** Unless one is open. A turn lasts until the event loop has looked for other work. */
  #beginTurn(): void {
    if (this.#isTurnOpen) return
    this.#isTurnOpen = true
    const nowMs = this.#deps.now()
    this.#turnEndsMs = nowMs + this.#deps.limits.turnMs
    this.#lookAtEngine(nowMs)
    if (this.#isEngineFull || this.#isLate(this.#commands, nowMs) || this.#isLate(this.#others, nowMs)) {
      this.#pressedAtMs = nowMs
    }
    const isAllHeld = this.#isEngineFull && this.#commands.length > 0 && this.#others.length === 0
    if (isAllHeld) setTimeout(() => this.#closeTurn(), heldForMs)
    else setImmediate(() => this.#closeTurn())
  }

  #lookAtEngine(nowMs: number): void {
    const isFull = this.#deps.isEngineFull()
    if (isFull && !this.#isEngineFull) this.#fullSinceMs = nowMs
    this.#isEngineFull = isFull
  }

  #closeTurn(): void {
    this.#isTurnOpen = false
    this.#turnstile.turnOver()
    if (this.length === 0) return
    this.#beginTurn()
    this.#turnAwayHeld()
    this.#letIn()
  }

  /** Those whom the engine has kept waiting for too long, however long they had waited for time before. */
  #turnAwayHeld(): void {
    const nowMs = this.#deps.now()
    while (this.#isEngineFull) {
      const { first } = this.#commands
      if (first === undefined) return
      if (nowMs - Math.max(first.sinceMs, this.#fullSinceMs) <= this.#deps.limits.heldMaxMs) return
      this.#commands.shift()
      const { request, response } = first
      if (response.destroyed) continue
      const { method = '', headers } = request
      this.#told(method, headers.authorization, this.#deps.refusal.send(response, headers.origin))
    }
  }

  /** A few at a time, with what they schedule for at once in between, so that its cost is seen. */
  #letIn(): void {
    // What was begun a moment ago may have filled it.
    this.#lookAtEngine(this.#deps.now())
    for (let count = 0; count < letInAtOnce; count++) {
      const next = this.#takeNext()
      if (next === undefined) break
      const { request, response } = next
      // Whoever has gone needs no answer.
      if (!response.destroyed && !request.destroyed) this.#handle(request, response)
    }
    if (this.#hasNext && this.#deps.now() < this.#turnEndsMs) {
      process.nextTick(() => this.#letIn())
      return
    }
    // What was begun has used up this turn.
    this.#turnEndsMs = 0
  }

  get #hasNext(): boolean {
    return this.#others.length > 0 || (this.#commands.length > 0 && !this.#isEngineFull)
  }

  /** In the order of arrival, commands only while there is room for them. */
  #takeNext(): Waiting | undefined {
    const command = this.#isEngineFull ? undefined : this.#commands.first
    const other = this.#others.first
    if (command !== undefined && (other === undefined || command.sinceMs <= other.sinceMs)) {
      return this.#commands.shift()
    }
    return this.#others.shift()
  }
}

/** How the server is; and whether a page may call at all, without which its browser cannot even tell it to come again. */
function isNeverTurnedAway(method: string, path: string): boolean {
  return method === 'OPTIONS' || path === '/healthz' || path === '/readyz' || path === '/metrics'
}
