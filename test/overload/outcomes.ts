import { readFileSync, writeFileSync } from 'node:fs'
import type { Answered } from './load-connection.ts'

/** What became of one request, as its sender was told. A number each, because there are hundreds of thousands. */
export const outcomes = {
  /** Not sent, or without an answer when the sender stopped waiting. */
  none: 0,
  /** 200 or 204. */
  done: 1,
  /** A rule said no: a decision like any other. */
  refused: 2,
  /** 503 `busy`. */
  busy: 3,
  /** 429: this student was told to wait, or sends too much. */
  tooMany: 4,
  /** Another refusal that is certain. */
  otherwise: 5,
  /** 503 `outcome_unknown`, or no answer. */
  unknown: 6,
} as const

export function outcomeOf(answered: Answered | undefined): number {
  if (answered === undefined) return outcomes.unknown
  const { status, code } = answered
  if (status === 200 || status === 204) return outcomes.done
  if (status === 409 && code !== 'idempotency_in_flight') return outcomes.refused
  if (code === 'busy') return outcomes.busy
  if (status === 429) return outcomes.tooMany
  return code === 'outcome_unknown' || (status >= 500 && status !== 503)
    ? outcomes.unknown
    : outcomes.otherwise
}

/**
 * One run of the sender, request by request. Times are milliseconds since its beginning: when the request should
 * have left by the schedule, when it did, and when its answer had arrived.
 */
export interface Traffic {
  /** Number of the first request; keys carry these numbers. */
  readonly first: number
  readonly count: number
  readonly due: Float64Array
  readonly sent: Float64Array
  readonly received: Float64Array
  readonly outcome: Uint8Array
  /** Retry-After, in seconds. */
  readonly retryAfter: Uint8Array
  /** The student, where somebody competes; else 0. */
  readonly contestant: Int32Array
}

export function writeTraffic(file: string, traffic: Omit<Traffic, 'first' | 'count'>, count: number): void {
  const { due, sent, received, contestant, outcome, retryAfter } = traffic
  const parts = [due, sent, received, contestant, outcome, retryAfter]
  writeFileSync(
    file,
    Buffer.concat(
      parts.map((part) => Buffer.from(part.buffer, part.byteOffset, count * part.BYTES_PER_ELEMENT)),
    ),
  )
}

export function readTraffic(file: string, first: number, count: number): Traffic {
  // Copied, so that eight-byte numbers lie where such may.
  const bytes = new Uint8Array(readFileSync(file)).buffer
  const doubles = (part: number) => new Float64Array(bytes, part * count * 8, count)
  return {
    first,
    count,
    due: doubles(0),
    sent: doubles(1),
    received: doubles(2),
    contestant: new Int32Array(bytes, 24 * count, count),
    outcome: new Uint8Array(bytes, 28 * count, count),
    retryAfter: new Uint8Array(bytes, 29 * count, count),
  }
}
