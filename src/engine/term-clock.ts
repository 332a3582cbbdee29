import type { Runtime } from './ports.ts'

/** How often a leader looks at its clocks, and how often they are compared with PostgreSQL's, milliseconds. */
export const clockPeriodMs = { look: 1000, compare: 10_000 } as const
/** A leader whose event loop gave it no turn for so long cannot know what time it is by its steady clock. */
const standstillMsMax = 10_000
/** What the term's clock is moved by at most, at each comparison, to follow PostgreSQL's. */
const slewMs = 0.5
const questionsMax = 4
const goodDoubtMs = 25

/** PostgreSQL's clock and ours at one moment. */
export interface ClockReading {
  /** PostgreSQL's clock, milliseconds since the Unix epoch. */
  readonly theirsMs: number
  /** How far ours is ahead of it; negative = behind. */
  readonly aheadMs: number
  /** Our steady clock at that moment. */
  readonly elapsedMs: number
  /** How wrong `theirsMs` may be, either way: half of the time that the answer took. */
  readonly doubtMs: number
}

/** This machine's clock and PostgreSQL's are too far apart for anybody to lead by either. */
export class ClockOff extends Error {
  override readonly name = 'ClockOff'
}

/** Asks for PostgreSQL's time, again if the answer is slow, and keeps the best reading. */
export async function readClocks(runtime: Runtime, ask: () => Promise<number>): Promise<ClockReading> {
  let best: ClockReading | undefined
  for (let question = 0; question < questionsMax && !(best && best.doubtMs <= goodDoubtMs); question++) {
    const askedMs = runtime.elapsed()
    const theirsMs = await ask()
    const nowMs = runtime.now()
    const doubtMs = (runtime.elapsed() - askedMs) / 2
    if (best !== undefined && best.doubtMs <= doubtMs) continue
    best = { theirsMs, aheadMs: nowMs - doubtMs - theirsMs, elapsedMs: askedMs + doubtMs, doubtMs }
  }
  if (best === undefined) throw new Error('no clock was read')
  return best
}

/** @throws ClockOff if the clocks are surely, or for all that is known, further apart than `skewMsMax` */
export function insistOnClock({ aheadMs, doubtMs }: ClockReading, skewMsMax: number): void {
  if (doubtMs > skewMsMax) {
    throw new ClockOff(
      `PostgreSQL takes ${seconds(2 * doubtMs)} to tell its time: no clock can be held against it`,
    )
  }
  if (Math.abs(aheadMs) - doubtMs <= skewMsMax) return
  throw new ClockOff(
    `this machine's clock is ${seconds(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'} PostgreSQL's, more ` +
      `than ENROLLMENT_CLOCK_SKEW_MAX (${seconds(skewMsMax)}): correct the one that is wrong; nobody leads from here until then`,
  )
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

/**
 * The time of one term: PostgreSQL's when the term began, and the steady clock from there on. So a wall clock that jumps
 * dates no decision, and leaders that follow one another agree about the time, whatever their machines' clocks are.
 */
export class TermClock {
  readonly #runtime: Runtime
  readonly #skewMsMax: number
  /** PostgreSQL's time minus the steady clock. */
  #baseMs: number
  /** The wall clock minus the steady one, and the steady one, at the last look. */
  #wallMs: number
  #lookedMs: number

  constructor(runtime: Runtime, { theirsMs, elapsedMs }: ClockReading, skewMsMax: number) {
    this.#runtime = runtime
    this.#skewMsMax = skewMsMax
    this.#baseMs = theirsMs - elapsedMs
    this.#lookedMs = runtime.elapsed()
    this.#wallMs = runtime.now() - this.#lookedMs
  }

  /** Milliseconds since the Unix epoch, whole. */
  nowMs(): number {
    return Math.floor(this.#baseMs + this.#runtime.elapsed())
  }

  /**
   * Why this clock cannot be trusted any more, if so. Cheap: to be asked before decisions are made.
   * The steady clock of a machine that sleeps may stand still, and that of a process that was stopped may have been meddled with.
   */
  get trouble(): string | undefined {
    const elapsedMs = this.#runtime.elapsed()
    const stoodStillMs = elapsedMs - this.#lookedMs
    if (stoodStillMs > standstillMsMax) return `this process stood still for ${seconds(stoodStillMs)}`
    const jumpMs = this.#runtime.now() - elapsedMs - this.#wallMs
    if (Math.abs(jumpMs) <= this.#skewMsMax) return undefined
    return `this machine's clock jumped ${seconds(Math.abs(jumpMs))} ${jumpMs > 0 ? 'ahead' : 'back'}`
  }

  /** To be called every `clockPeriodMs.look` while there is no trouble: what the clocks did since is forgiven. */
  look(): void {
    this.#lookedMs = this.#runtime.elapsed()
    this.#wallMs = this.#runtime.now() - this.#lookedMs
  }

  /**
   * Follows PostgreSQL's clock, by half a millisecond at most.
   * @returns why the term must end, when the two have come too far apart
   */
  follow({ theirsMs, elapsedMs, doubtMs }: ClockReading): string | undefined {
    const behindMs = theirsMs - elapsedMs - this.#baseMs
    if (Math.abs(behindMs) - doubtMs > this.#skewMsMax) {
      return `PostgreSQL's clock is ${seconds(Math.abs(behindMs))} ${behindMs > 0 ? 'ahead of' : 'behind'} the term's`
    }
    this.#baseMs += Math.max(-slewMs, Math.min(slewMs, behindMs))
    return undefined
  }
}
