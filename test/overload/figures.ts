import { Latencies } from '../../kit/load/latencies.ts'
import { outcomes, type Traffic } from './outcomes.ts'

const isDecided = (outcome: number | undefined) => outcome === outcomes.done || outcome === outcomes.refused

/** What a stretch of a run came to. Latencies in milliseconds. */
export interface Stretch {
  readonly seconds: number
  /** Requests a second that should have left. */
  readonly offered: number
  /** Decisions that were answered in it, a second. */
  readonly goodput: number
  readonly counts: Readonly<Record<keyof typeof outcomes, number>>
  /** Of decisions, from when they should have left. */
  readonly decided: Latencies
  /** Of 503 `busy`: from when it should have left, and from when it did. */
  readonly busy: Latencies
  readonly busyFromSent: Latencies
  /** How long requests waited in the sender. */
  readonly lateness: Latencies
  readonly retryAfter: ReadonlyMap<number, number>
}

/** @param from and `to`: milliseconds since the beginning of the run */
export function stretchOf(traffic: Traffic, fromMs: number, toMs: number): Stretch {
  const counts = { none: 0, done: 0, refused: 0, busy: 0, tooMany: 0, otherwise: 0, unknown: 0 }
  const names = Object.keys(outcomes) as (keyof typeof outcomes)[]
  const [decided, busy, busyFromSent, lateness] = [
    new Latencies(),
    new Latencies(),
    new Latencies(),
    new Latencies(),
  ]
  const retryAfter = new Map<number, number>()
  let offered = 0
  let answered = 0
  for (let index = 0; index < traffic.count; index++) {
    const due = traffic.due[index] ?? 0
    const received = traffic.received[index] ?? 0
    const outcome = traffic.outcome[index] ?? 0
    if (isDecided(outcome) && received >= fromMs && received < toMs) answered++
    if (due < fromMs || due >= toMs) continue
    offered++
    const name = names[outcome] ?? 'none'
    counts[name]++
    lateness.add((traffic.sent[index] ?? 0) - due)
    if (isDecided(outcome)) decided.add(received - due)
    if (outcome !== outcomes.busy) continue
    busy.add(received - due)
    busyFromSent.add(received - (traffic.sent[index] ?? 0))
    const seconds = traffic.retryAfter[index] ?? 0
    retryAfter.set(seconds, (retryAfter.get(seconds) ?? 0) + 1)
  }
  const seconds = (toMs - fromMs) / 1000
  return {
    seconds,
    offered: offered / seconds,
    goodput: answered / seconds,
    counts,
    decided,
    busy,
    busyFromSent,
    lateness,
    retryAfter,
  }
}

const windowMs = 500

/**
 * How long after the overload a stretch began in which nobody was turned away and everybody was answered in time.
 * @returns milliseconds; undefined if there was none
 */
export function recoveryMs(
  traffic: Traffic,
  overMs: number,
  endMs: number,
  inTimeMs: number,
): number | undefined {
  let lastBadMs = overMs
  for (let index = 0; index < traffic.count; index++) {
    const due = traffic.due[index] ?? 0
    if (due < overMs || due >= endMs) continue
    const isGood = isDecided(traffic.outcome[index]) && (traffic.received[index] ?? 0) - due <= inTimeMs
    if (!isGood) lastBadMs = Math.max(lastBadMs, due)
  }
  return lastBadMs > endMs - windowMs ? undefined : lastBadMs - overMs
}
