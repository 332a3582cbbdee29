import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Machine } from '../measure/machine.ts'
import type { Measurement } from '../deployment/target.ts'

/** What one scenario found out: figures for the record, and lines for people. */
export interface Finding {
  readonly scenario: string
  /** What was run, against what: `engine` where there is nothing else. */
  readonly subject: string
  /** Sizes and settings that the figures depend on. */
  readonly conditions: Readonly<Record<string, number | string>>
  /** Names end with the unit. */
  readonly figures: Readonly<Record<string, number>>
  /** Counts by name, such as replies by status. */
  readonly counts?: Readonly<Record<string, number>>
}

export interface RunContext {
  readonly at: string
  readonly commit: string
  readonly seed: number
  readonly isTiny: boolean
  readonly machine: Machine
}

export const resultsFolder = join(import.meta.dirname, '../results')

/** Appends findings to the record of their scenario, one line of JSON each. */
export function record(context: RunContext, findings: readonly Finding[], folder = resultsFolder): void {
  mkdirSync(folder, { recursive: true })
  for (const finding of findings) {
    appendFileSync(
      join(folder, `${finding.scenario}.jsonl`),
      `${JSON.stringify({ ...context, ...finding })}\n`,
    )
  }
}

/** The figures that every run under load has, of one of its streams. */
export function loadFigures(measurement: Measurement, stream: string): Record<string, number> {
  const result = measurement.streams[stream]
  if (result === undefined) throw new Error(`there is no stream ${stream}`)
  const { elapsedMs, latency } = result
  // What was turned away costs too, and is no throughput.
  const requests = served(result.replies)
  const turnedAway = result.requests - requests
  const perRequest = Object.entries(measurement.cpuUs).map(
    ([group, us]) => [`${group}_cpu_us_per_request`, rounded(us / Math.max(1, requests))] as const,
  )
  const allUs = Object.values(measurement.cpuUs).reduce((sum, us) => sum + us, 0)
  return {
    requests,
    ...(turnedAway > 0 && { turned_away: turnedAway }),
    seconds: rounded(elapsedMs / 1000, 3),
    requests_per_s: rounded((1000 * requests) / elapsedMs),
    ...Object.fromEntries(perRequest),
    all_cpu_us_per_request: rounded(allUs / Math.max(1, requests)),
    generator_cpu_us_per_request: rounded(measurement.generatorCpuUs / Math.max(1, requests)),
    p50_ms: rounded(latency.p50, 2),
    p99_ms: rounded(latency.p99, 2),
    p999_ms: rounded(latency.p999, 2),
    ...measurement.stages,
    written_after_ms: rounded(measurement.writtenAfterMs),
    ...Object.fromEntries(
      Object.entries(measurement.memory).map(([group, bytes]) => [`${group}_mib`, rounded(bytes / 2 ** 20)]),
    ),
  }
}

/** Replies that answer: yes, no by a rule, or nothing new. */
export function served(replies: Readonly<Record<string, number>>): number {
  return Object.entries(replies).reduce(
    (sum, [reply, count]) => (/^(2\d\d|304|409)/.test(reply) ? sum + count : sum),
    0,
  )
}

export function rounded(value: number, decimals = 1): number {
  return Number(value.toFixed(decimals))
}
