import type { Decision } from './history.ts'
import type { StressResult } from './stress-run.ts'

/** What a run found, for people: figures, then every check with the number of cases that it looked at. */
export function formatReport(result: StressResult): string[] {
  const { checks, decisions, sender, verification } = result
  const failed = checks.filter(({ holds }) => !holds)
  const lines = ['', ...table(figures(result)), '', 'replies']
  const replies = [...sender.replies].toSorted(([, a], [, b]) => b - a)
  lines.push(...table(replies.map(([label, count]) => [label, count.toLocaleString('en')])), '', 'decisions')
  lines.push(...table(kindsOf(decisions)), '', verification, '')
  for (const { claim, examined, faultCount, faults } of checks) {
    const verdict = faultCount === 0 ? 'ok    ' : 'FAILED'
    const wrong = faultCount === 0 ? '' : `, ${faultCount.toLocaleString('en')} wrong`
    lines.push(`${verdict}  ${claim} (${examined.toLocaleString('en')}${wrong})`)
    for (const fault of faults) lines.push(`          ${fault}`)
  }
  lines.push(
    '',
    failed.length === 0
      ? `All ${checks.length} checks hold.`
      : `${failed.length} of ${checks.length} checks FAILED.`,
  )
  return lines
}

function figures(result: StressResult): [string, string][] {
  const { sender, decisions, promotions, unknownButDecided, seconds, behindMs, warnings } = result
  const unanswered = sender.commands.filter(({ tries }) =>
    tries.every(({ answer }) => answer.kind === 'unknown'),
  )
  const requests = [...sender.replies.values()].reduce((sum, count) => sum + count, 0)
  const perSecond = (count: number) => `${Math.round(count / seconds).toLocaleString('en')}/s`
  const terms = new Set(decisions.map(({ term }) => term)).size
  const ms = (value: number) => `${value.toFixed(1)} ms`
  return [
    ['requests', `${requests.toLocaleString('en')} in ${seconds.toFixed(1)} s (${perSecond(requests)})`],
    ['commands', sender.commands.length.toLocaleString('en')],
    [
      'decisions',
      `${decisions.length.toLocaleString('en')} in ${terms} term${terms === 1 ? '' : 's'} (${perSecond(decisions.length)})`,
    ],
    ['never answered', `${unanswered.length}, of which ${unknownButDecided} were decided`],
    ['promotions', promotions.toLocaleString('en')],
    ['reads compared', sender.reads.length.toLocaleString('en')],
    [
      'latency of decisions',
      `p50 ${ms(sender.latencies.quantile(0.5))}, p99 ${ms(sender.latencies.quantile(0.99))}, most ${ms(sender.latencies.quantile(1))}`,
    ],
    ['tables behind at the end', ms(behindMs)],
    ['warnings in the logs', String(warnings)],
  ]
}

/** How many decisions there are of each kind of command, yes and no. */
function kindsOf(decisions: readonly Decision[]): [string, string][] {
  const counts = new Map<string, { yes: number; no: number }>()
  for (const { legs, effects } of decisions) {
    const kind = legs.length > 1 ? 'plan' : (legs[0]?.do ?? 'nothing')
    const count = counts.get(kind) ?? { yes: 0, no: 0 }
    if (effects === undefined) count.no++
    else count.yes++
    counts.set(kind, count)
  }
  return [...counts]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, { yes, no }]) => [kind, `${yes.toLocaleString('en')} yes, ${no.toLocaleString('en')} no`])
}

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...rows.map(([label]) => label.length))
  return rows.map(([label, value]) => `  ${label.padEnd(width)}  ${value}`)
}
