import type { Finding, RunContext } from './entry.ts'

const groups = ['gateways', 'engine', 'server', 'batcher', 'rabbitmq', 'postgresql'] as const

/** A finding for people, a few lines. */
export function formatFinding({ scenario, subject, conditions, figures, counts = {} }: Finding): string[] {
  const title = subject === 'engine' ? scenario : `${scenario}, ${subject}`
  const settings = Object.entries(conditions).map(([name, value]) => `${name} ${plain(value)}`)
  const lines = [`${title} (${settings.join(', ')})`]
  const shown = new Set<string>()
  const figure = (name: string, unit = '') => {
    shown.add(name)
    const value = figures[name]
    return value === undefined ? undefined : `${plain(value)}${unit}`
  }
  const row = (label: string, parts: readonly (string | undefined)[]) => {
    const present = parts.filter((part) => part !== undefined)
    if (present.length > 0) lines.push(`  ${label.padEnd(16)} ${present.join(', ')}`)
  }
  const of = (label: string, name: string, unit: string) => {
    const value = figure(name, unit)
    return value === undefined ? undefined : `${label} ${value}`
  }
  row('requests', [figure('requests'), of('in', 'seconds', ' s'), of('=', 'requests_per_s', '/s')])
  row('replies', [
    Object.entries(counts)
      .map(([reply, count]) => `${reply}: ${plain(count)}`)
      .join(', ') || undefined,
  ])
  row('latency', [of('p50', 'p50_ms', ' ms'), of('p99', 'p99_ms', ' ms'), of('p99.9', 'p999_ms', ' ms')])
  row('CPU per request', [
    ...groups.map((group) => of(group, `${group}_cpu_us_per_request`, ' µs')),
    of('all', 'all_cpu_us_per_request', ' µs'),
    of('(load generator apart:', 'generator_cpu_us_per_request', ' µs)'),
  ])
  row(
    'memory',
    groups.map((group) => of(group, `${group}_mib`, ' MiB')),
  )
  row('last row', [of('after the last reply:', 'written_after_ms', ' ms')])
  for (const [name, value] of Object.entries(figures)) {
    if (!shown.has(name)) lines.push(`  ${name.padEnd(34)} ${plain(value)}`)
  }
  return lines
}

export function formatContext({ at, commit, seed, machine }: RunContext): string[] {
  const { cpu, cores, memoryGiB, system, node, postgres, rabbitmq, load1, disk } = machine
  return [
    `${at}, commit ${commit}, seed ${seed}`,
    `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}; node ${node}, PostgreSQL ${postgres}, RabbitMQ ${rabbitmq}`,
    `load average before: ${load1}; 4 KiB made durable in ${disk.medianUs} µs (median), ${disk.p99Us} µs (p99), ${disk.worstUs} µs (worst)`,
  ]
}

function plain(value: number | string): string {
  return typeof value === 'string' ? value : value.toLocaleString('en', { maximumFractionDigits: 3 })
}
