import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CannedRefusal } from './canned-refusal.ts'
import { pathOf, routedUrl } from '../routed-url.ts'
import { EarlyRefusal } from './early-refusal.ts'
import { WaitingLine } from './waiting-line.ts'

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
  /** For how much of that time, while students' commands come, all else may be begun. */
  readonly othersMs: number
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
  othersMs: 2,
  lengthMax: 10_000,
  answersInTurnMax: 500,
}

export interface RequestQueueDeps {
  readonly limits: WaitingRoomLimits
  readonly refusal: CannedRefusal
  /** Milliseconds of a steady clock. */
  readonly now: () => number
  /** Whether a command would be refused for want of room, as far as is known; asked once a turn. */
  readonly isEngineFull: () => boolean
  /** Who sends this: a student or a staff member within their rate, or somebody who has not shown to be one. */
  readonly senderOf: (authorization: string | undefined) => 'student' | 'staff' | 'stranger'
  /** Milliseconds until whoever sends this may ask for a command again, because they were told to wait; 0 = now. */
  readonly waitOf: (authorization: string | undefined) => number
  /** Somebody was told to wait for so long. */
  readonly onTold: (authorization: string | undefined, retryAfterSeconds: number) => void
}

const letInAtOnce = 8
/** Of those that are no commands: fewer, because one may cost much more. */
const othersAtOnce = 4
/** How soon it is looked whether the engine has room again, while all who wait are waiting for that. */
const heldForMs = 2
/** For how long after a student's command all else has less time. */
const commandsComeForMs = 100
/**
 * For how long after there was no time or no room those who were told to wait are held to it. Longer than a full
 * engine takes to have room and be full again; when fewer come than can be served, it is soon over and nobody is
 * held to anything.
 */
const pressedForMs = 250

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/**
 * Stands before everything else that a request costs. While there is time, students' commands are handled as they
 * come. When there is not, they wait in line, oldest first; and when the line stands for too long, those that come are
 * turned away at once and at the least cost, so that the time is spent on those that can still be served. Without it,
 * all of them are begun and none is answered in time. While the engine has no room, students' commands stay in line
 * and newcomers are turned away: a request that is begun and refused then costs almost what a decision costs.
 *
 * All else has lines of its own: those who ask how the server is, those who have shown who they are, and strangers,
 * among them students and staff who ask more often than they may. While commands come, these lines share a small part
 * of the time, by what each has cost. So nobody who has no seat to win can slow those who have, however many they are
 * and whatever they ask for.
 *
 * How long is too long depends on how long the line has stood, as in the controlled delay of queues (Nichols and
 * Jacobson, "Controlling Queue Delay", 2012): a line after a burst comes to its end, and waiting in it is worth
 * while; one that stands stays as long as it is let be, whoever waits in it.
 *
 * Those that ask how the server is, and browsers that ask whether a page may call, are never turned away.
 */
export class RequestQueue {
  readonly #deps: RequestQueueDeps
  readonly #handle: Handler
  readonly #earlyRefusal: EarlyRefusal
  /** Students' commands, which need room in the engine. */
  readonly #commands = new WaitingLine()
  readonly #probes = new WaitingLine()
  readonly #known = new WaitingLine()
  readonly #strangers = new WaitingLine()
  readonly #others = [this.#probes, this.#known, this.#strangers] as const
  #isTurnOpen = false
  #turnEndsMs = 0
  /** What those that are no commands have cost in this turn. */
  #othersSpentMs = 0
  /** What the line had cost that was served last of those. */
  #servedMs = 0
  #commandAtMs = Number.NEGATIVE_INFINITY
  #isEngineFull = false
  /** Since when, if it is. */
  #fullSinceMs = 0
  #turnedAway = 0

  constructor(handle: Handler, deps: RequestQueueDeps) {
    this.#handle = handle
    this.#deps = deps
    this.#earlyRefusal = new EarlyRefusal({
      answersInTurnMax: deps.limits.answersInTurnMax,
      refusal: deps.refusal,
      isShutTo: ({ method, path, authorization }) => {
        this.#beginTurn()
        return this.#isShutTo(this.#lineOf(method, path, authorization), authorization)
      },
      onRefused: ({ method, authorization }, seconds) => this.#told(method, authorization, seconds),
    })
  }

  /** Requests that wait in line. */
  get length(): number {
    return this.#commands.length + this.#othersLength
  }

  get #othersLength(): number {
    return this.#probes.length + this.#known.length + this.#strangers.length
  }

  /** Requests turned away so far. */
  get turnedAway(): number {
    return this.#turnedAway
  }

  /** Called for each request as soon as it is read; `enter` may have to wait for those before it on its connection. */
  noteArrival(request: IncomingMessage, response: ServerResponse): void {
    this.#earlyRefusal.noteBegin(request, response)
  }

  enter(request: IncomingMessage, response: ServerResponse): void {
    const { method = '', headers } = request
    const url = routedUrl(request.url ?? '')
    request.url = url
    const line = this.#lineOf(method, pathOf(url), headers.authorization)
    this.#beginTurn()
    if (this.#isShutTo(line, headers.authorization)) {
      this.#told(method, headers.authorization, this.#deps.refusal.send(response, headers.origin))
      this.#earlyRefusal.guard(request, response)
      return
    }
    const nowMs = this.#deps.now()
    if (line === this.#commands) {
      this.#commandAtMs = nowMs
      if (this.length === 0 && nowMs < this.#turnEndsMs) return this.#handle(request, response)
    }
    if (line.length === 0) {
      if (nowMs - line.lateAtMs > this.#deps.limits.burstMs) line.standsSinceMs = nowMs
      // A line that was empty has saved up no time.
      line.spentMs = Math.max(line.spentMs, this.#servedMs)
    }
    line.push({ request, response, sinceMs: nowMs })
  }

  #lineOf(method: string, path: string, authorization: string | undefined): WaitingLine {
    if (isNeverTurnedAway(method, path)) return this.#probes
    const sender = this.#deps.senderOf(authorization)
    if (sender === 'stranger') return this.#strangers
    return sender === 'student' && isCommand(method, path) ? this.#commands : this.#known
  }

  #isShutTo(line: WaitingLine, authorization: string | undefined): boolean {
    if (line === this.#probes) return false
    const nowMs = this.#deps.now()
    if (this.#isLate(line, nowMs)) return true
    if (line !== this.#commands) return false
    if (this.#isEngineFull) return true
    // Whoever was told to wait would take the place of somebody who was not.
    return nowMs - line.lateAtMs <= pressedForMs && this.#deps.waitOf(authorization) > 0
  }

  #isLate(line: WaitingLine, nowMs: number): boolean {
    const { first } = line
    if (first === undefined) return false
    const { lengthMax, waitMaxMs, burstMs, standingWaitMaxMs } = this.#deps.limits
    const isStanding = nowMs - line.standsSinceMs > burstMs
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
    this.#othersSpentMs = 0
    this.#lookAtEngine(nowMs)
    if (this.#isEngineFull || this.#isLate(this.#commands, nowMs)) this.#commands.lateAtMs = nowMs
    for (const line of this.#others) if (this.#isLate(line, nowMs)) line.lateAtMs = nowMs
    const isAllHeld = this.#isEngineFull && this.#commands.length > 0 && this.#othersLength === 0
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
    this.#earlyRefusal.turnOver()
    if (this.length === 0) return
    this.#beginTurn()
    this.#turnAwayHeld()
    // What was begun a moment ago may have filled it.
    this.#lookAtEngine(this.#deps.now())
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

  /** Commands first. A few at a time, with what they schedule for at once in between, so that their cost is seen. */
  #letIn(): void {
    const beganMs = this.#deps.now()
    const line = this.#nextLine(beganMs)
    if (line === undefined) {
      // What was begun has used up this turn.
      this.#turnEndsMs = 0
      return
    }
    const isCommands = line === this.#commands
    if (!isCommands) this.#servedMs = line.spentMs
    for (let count = isCommands ? letInAtOnce : othersAtOnce; count > 0; count--) {
      const next = line.shift()
      if (next === undefined) break
      const { request, response } = next
      // Whoever has gone needs no answer.
      if (!response.destroyed && !request.destroyed) this.#handle(request, response)
    }
    process.nextTick(() => {
      const nowMs = this.#deps.now()
      if (isCommands) this.#lookAtEngine(nowMs)
      else {
        line.spentMs += nowMs - beganMs
        this.#othersSpentMs += nowMs - beganMs
      }
      this.#letIn()
    })
  }

  #nextLine(nowMs: number): WaitingLine | undefined {
    const { turnMs, othersMs } = this.#deps.limits
    if (this.#commands.length > 0 && !this.#isEngineFull && nowMs < this.#turnEndsMs) return this.#commands
    if (this.#othersLength === 0) return undefined
    const isShared = nowMs - this.#commandAtMs < commandsComeForMs
    if (this.#othersSpentMs >= (isShared ? othersMs : turnMs)) return undefined
    let least: WaitingLine | undefined
    for (const line of this.#others) {
      if (line.length > 0 && (least === undefined || line.spentMs < least.spentMs)) least = line
    }
    return least
  }
}

/** How the server is; and whether a page may call at all, without which its browser cannot even tell it to come again. */
function isNeverTurnedAway(method: string, path: string): boolean {
  return method === 'OPTIONS' || path === '/healthz' || path === '/readyz' || path === '/metrics'
}

function isCommand(method: string, path: string): boolean {
  return method !== 'GET' && method !== 'HEAD' && path.startsWith('/student/')
}
