import { Latencies } from '../../kit/load/latencies.ts'
import type { Check } from '../stress/audit/check.ts'
import type { ChaosResult } from './chaos-run.ts'
import type { ClusterResult } from '../cluster/cluster-run.ts'
import type { Takeover } from './leader-watch.ts'

/** What a run found, for people: what was broken, what was compared, how long it took to go on. */
export function formatChaos(result: ChaosResult): string[] {
  const { options, faults, takeovers } = result
  const causes = [...new Set(takeovers.map(({ cause }) => cause))].toSorted()
  return [
    '',
    `seed ${options.seed}, ${options.students} students, ENROLLMENT_ACK=${options.ack}`,
    '',
    'broken, and healed',
    ...table([...faults].toSorted(([a], [b]) => (a < b ? -1 : 1))),
    '',
    ...table([
      ['SIGKILLs in all', result.killCount],
      ['leaders killed with unanswered commands in flight', result.leadersKilledInFlight],
      ['starts given up for want of the database, and repeated', result.startsGivenUp],
      ['commands', result.commands],
      ['acknowledged decisions compared', result.acknowledged],
      ['lost', result.lost],
      ['duplicated', result.duplicated],
      ['void records', result.voids],
      ['void but acknowledged', result.voidButAcknowledged],
    ]),
    '',
    'time to take over, from the loss until somebody leads again',
    ...takeoverLine('after any loss', takeovers),
    ...takeoverLine(
      'a standby ready, nothing else broken',
      takeovers.filter(({ isUndisturbed }) => isUndisturbed),
    ),
    ...causes.flatMap((cause) =>
      takeoverLine(
        `${cause} alone`,
        takeovers.filter((one) => one.cause === cause && one.isUndisturbed),
      ),
    ),
    '',
    'replies',
    ...table([...result.replies].toSorted(([, a], [, b]) => b - a)),
    '',
    result.verification,
    '',
    ...formatChecks(result.checks),
  ]
}

/** What became of a cluster, for people. */
export function formatCluster(result: ClusterResult): string[] {
  const seconds = (ms: number | undefined) => (ms === undefined ? '' : `${(ms / 1000).toFixed(1)} s`)
  const width = Math.max(...result.steps.map(({ what }) => what.length))
  return [
    '',
    `${result.wiring}; members of the queue: ${result.members}`,
    '',
    `  ${''.padEnd(width)}  longest gap   decisions meanwhile  served again once mended`,
    ...result.steps.map(
      ({ what, longestGapMs, decided, healedAfterMs }) =>
        `  ${what.padEnd(width)}  ${(seconds(longestGapMs) || 'not served').padStart(12)}  ${String(decided).padStart(19)}  ${seconds(healedAfterMs).padStart(24)}`,
    ),
    '',
    ...table([
      ['acknowledged decisions compared', result.acknowledged],
      ['lost', result.lost],
      ['duplicated', result.duplicated],
      ['void records', result.voids],
      ['void but acknowledged', result.voidButAcknowledged],
    ]),
    '',
    result.verification,
    '',
    ...formatChecks(result.checks),
  ]
}

/** Every check with the number of cases that it looked at, and the first ones that were wrong. */
export function formatChecks(checks: readonly Check[]): string[] {
  const lines = checks.flatMap(({ claim, examined, faultCount, faults }) => [
    `${faultCount === 0 ? 'ok    ' : 'FAILED'}  ${claim} (${examined}${faultCount === 0 ? '' : `, ${faultCount} wrong`})`,
    ...faults.map((fault) => `          ${fault}`),
  ])
  const failed = checks.filter(({ holds }) => !holds).length
  return [...lines, '', failed === 0 ? `All ${checks.length} checks hold.` : `${failed} checks FAILED.`]
}

function takeoverLine(label: string, takeovers: readonly Takeover[]): string[] {
  if (takeovers.length === 0) return []
  const times = new Latencies()
  for (const { tookMs } of takeovers) times.add(tookMs)
  const at = (share: number) => `${(times.quantile(share) / 1000).toFixed(2)} s`
  return [`  ${label}: ${times.count}, median ${at(0.5)}, p99 ${at(0.99)}, worst ${at(1)}`]
}

function table(rows: readonly (readonly [string, number])[]): string[] {
  const width = Math.max(0, ...rows.map(([label]) => label.length))
  return rows.map(([label, value]) => `  ${label.padEnd(width)}  ${value.toLocaleString('en')}`)
}
