import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Exposition } from './exposition.ts'

const samplingMs = 10

/**
 * Shows how this process itself fares: event loop, memory, CPU.
 * @returns stops what samples the event loop
 */
export function showProcess(exposition: Exposition): () => void {
  const delay = monitorEventLoopDelay({ resolution: samplingMs })
  delay.enable()
  // The samples are intervals: on time, they are as long as the sampling.
  const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - samplingMs / 1e3)
  exposition.gauges('event_loop_delay_seconds', 'How late the event loop was since the last scrape.', () => {
    const lateness = [
      { labels: { percentile: '50' }, value: late(delay.percentile(50)) },
      { labels: { percentile: '99' }, value: late(delay.percentile(99)) },
      { labels: { percentile: '100' }, value: delay.count === 0 ? 0 : late(delay.max) },
    ]
    delay.reset()
    return lateness
  })
  exposition.gauge('process_resident_memory_bytes', 'Memory of this process.', () =>
    process.memoryUsage.rss(),
  )
  exposition.gauge(
    'nodejs_heap_size_used_bytes',
    'Memory of it that JavaScript objects use.',
    () => process.memoryUsage().heapUsed,
  )
  exposition.counter('process_cpu_seconds_total', 'CPU time of this process so far.', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  })
  const startedAt = Date.now() / 1000 - process.uptime()
  exposition.gauge(
    'process_start_time_seconds',
    'When this process started, since the Unix epoch.',
    () => startedAt,
  )
  return () => delay.disable()
}
