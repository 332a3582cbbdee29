import type { Latencies } from '../../kit/load/latencies.ts'
import type { ContestResult } from './contest.ts'
import type { TrialResult } from './trial.ts'

const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`
const ms = (value: number) => (value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en'))
const whole = (value: number) => Math.round(value).toLocaleString('en')
const quantiles = (latencies: Latencies) =>
  `${ms(latencies.quantile(0.5))} / ${ms(latencies.quantile(0.99))} / ${ms(latencies.quantile(1))} ms`

/** What a trial came to, for people. */
export function formatTrial(result: TrialResult): string[] {
  const { setting, overload, unloaded, rss, audit } = result
  const { counts } = overload
  const ratio = overload.goodput / result.maximum
  const rows: [string, string][] = [
    [
      'unloaded maximum',
      `${whole(result.maximum)}/s before, ${whole(result.maximumAfter)}/s after (${setting.senders} senders that wait for their answers)`,
    ],
    ['its latency', quantiles(unloaded.decided)],
    [
      'offered',
      `${whole(overload.offered)}/s for ${overload.seconds} s (${(overload.offered / result.maximum).toFixed(1)} times)`,
    ],
    ['goodput', `${whole(overload.goodput)}/s, worst second ${whole(Math.min(...result.goodputBySecond))}/s`],
    ['ratio to the maximum', ratio.toFixed(2)],
    [
      'latency of decisions',
      `${quantiles(overload.decided)} (p50 / p99 / max, from when each should have left)`,
    ],
    [
      'refusals with 503 busy',
      `${whole(counts.busy)}, Retry-After ${[...overload.retryAfter]
        .toSorted(([a], [b]) => a - b)
        .map(([seconds, count]) => `${seconds} s: ${whole(count)}`)
        .join(', ')}`,
    ],
    ['their latency', `${quantiles(overload.busy)} from when each should have left`],
    ['', `${quantiles(overload.busyFromSent)} from when it left`],
    [
      'sent late',
      `${quantiles(overload.lateness)}; the senders used ${Math.round(result.senderCpu * 100)} % of a core`,
    ],
    [
      'other answers',
      `${counts.tooMany} too_many_requests, ${counts.otherwise} other, ${counts.unknown} outcome unknown, ${counts.none} none`,
    ],
    [
      'memory of the server',
      `${mib(rss.start)} before, ${mib(rss.peak)} at most, ${mib(rss.end)} at the end; +${mib(rss.growth)} in the second half of the overload`,
    ],
    [
      'back to normal after',
      result.recoveryMs === undefined ? 'not in time' : `${(result.recoveryMs / 1000).toFixed(1)} s`,
    ],
    ['acknowledged decisions', `${whole(audit.acknowledged)} compared, ${audit.lost} lost`],
  ]
  const lines = ['', `${setting.name}: ${setting.what}`]
  lines.push(
    result.isPinned
      ? '  service with broker and database on one core, senders on another'
      : '  processes on any core: taskset is missing',
  )
  for (const [label, value] of rows) lines.push(`  ${label.padEnd(24)}${value}`)
  lines.push(...formatChecks(result.checks))
  return lines
}

function formatChecks(checks: TrialResult['checks']): string[] {
  return checks.flatMap(({ claim, examined, faultCount, faults }) => [
    `  ${faultCount === 0 ? 'ok    ' : 'FAILED'}  ${claim} (${whole(examined)}${faultCount === 0 ? '' : `, ${faultCount} wrong`})`,
    ...faults.map((fault) => `            ${fault}`),
  ])
}

/** What is promised of an overload and was not reached in this run, on this machine. */
export function missedTargets(result: TrialResult): string[] {
  const { overload, maximum, recoveryMs } = result
  const ratio = overload.goodput / maximum
  const p99 = overload.busyFromSent.quantile(0.99)
  return [
    ...(ratio >= 0.85 ? [] : [`goodput above 0.85 of the maximum: ${ratio.toFixed(2)}`]),
    ...(p99 <= 50 ? [] : [`refusals within 50 ms: 99 of 100 within ${ms(p99)} ms`]),
    ...(recoveryMs !== undefined && recoveryMs <= 10_000 ? [] : ['back to normal within 10 s']),
  ]
}

/** Who got more, for people. */
export function formatContest({
  contestants,
  seconds,
  seats,
  heard,
  checks,
  setting,
}: ContestResult): string[] {
  return [
    '',
    `contest: ${contestants} students ask for scarce seats 100 times a second, ${contestants} once a second, for ${seconds} s; ${setting.what}`,
    `  seats                   ${seats.often} to those who ask often, ${seats.seldom} to those who ask once a second`,
    `  decisions               ${heard.often} and ${heard.seldom}`,
    ...formatChecks(checks),
  ]
}
