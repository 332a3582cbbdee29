import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, type Metric, Registry } from 'prom-client'
import type { EngineState, EngineStatus, EnrollmentService, Outcome } from '../engine/service.ts'

const bucketsSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const statusClasses = ['1xx', '2xx', '3xx', '4xx', '5xx']
const samplingMs = 10
const engineStates: readonly EngineState[] = [
  'starting',
  'unreachable',
  'standby',
  'recovering',
  'leading',
  'stopped',
]

/** Latencies of one route: plain counters, because every request comes here; labels are made when scraped. */
export class RouteLatency {
  readonly route: string
  readonly #counts = statusClasses.map(() => new Float64Array(bucketsSeconds.length + 1))
  readonly #sums = new Float64Array(statusClasses.length)

  constructor(route: string) {
    this.route = route
  }

  observe(status: number, seconds: number): void {
    const statusClass = Math.floor(status / 100) - 1
    const counts = this.#counts[statusClass]
    if (counts === undefined) return
    let bucket = 0
    while (seconds > (bucketsSeconds[bucket] ?? Number.POSITIVE_INFINITY)) bucket++
    counts[bucket] = (counts[bucket] ?? 0) + 1
    this.#sums[statusClass] = (this.#sums[statusClass] ?? 0) + seconds
  }

  *samples(name: string): Generator<Sample> {
    for (const [statusClass, status] of statusClasses.entries()) {
      const counts = this.#counts[statusClass] ?? new Float64Array()
      if (!counts.some((count) => count > 0)) continue
      const labels = { route: this.route, status }
      let total = 0
      for (const [bucket, count] of counts.entries()) {
        total += count
        const le = bucketsSeconds[bucket] ?? '+Inf'
        yield { metricName: `${name}_bucket`, labels: { ...labels, le }, value: total }
      }
      yield { metricName: `${name}_sum`, labels, value: this.#sums[statusClass] ?? 0 }
      yield { metricName: `${name}_count`, labels, value: total }
    }
  }
}

interface Sample {
  readonly metricName: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

/** What `/metrics` shows of the gateway and of the engine behind it. */
export class GatewayMetrics {
  readonly registry = new Registry()
  readonly #routes: RouteLatency[] = []
  readonly #outcomes = new Map<string, number>()
  readonly #eventLoopDelay = monitorEventLoopDelay({ resolution: samplingMs })

  constructor(service: EnrollmentService) {
    this.#eventLoopDelay.enable()
    this.#registerLatency()
    this.#registerOutcomes()
    this.#registerEngine(service)
    this.#registerProcess()
  }

  routeLatency(route: string): RouteLatency {
    const latency = new RouteLatency(route)
    this.#routes.push(latency)
    return latency
  }

  countOutcome(outcome: Outcome): void {
    const label = labelOf(outcome)
    this.#outcomes.set(label, (this.#outcomes.get(label) ?? 0) + 1)
  }

  close(): void {
    this.#eventLoopDelay.disable()
  }

  #registerLatency(): void {
    const name = 'http_request_duration_seconds'
    const metric = {
      name,
      get: () =>
        Promise.resolve({
          name,
          help: 'From the headers of a request to the beginning of its answer.',
          type: 'histogram',
          aggregator: 'sum',
          values: this.#routes.flatMap((route) => [...route.samples(name)]),
        }),
    }
    // The registry asks a metric for its name and `get` alone; the library's classes are closed, though.
    this.registry.registerMetric(metric as unknown as Metric)
  }

  #registerOutcomes(): void {
    const outcomes = this.#outcomes
    this.registry.registerMetric(
      new Counter({
        name: 'enrollment_commands_total',
        help: 'Commands by what became of them: accepted, replayed, or the code of the refusal.',
        labelNames: ['outcome', 'code'],
        registers: [],
        collect() {
          this.reset()
          for (const [label, count] of outcomes) {
            const [outcome = '', code = ''] = label.split(' ')
            this.inc({ outcome, code }, count)
          }
        },
      }),
    )
  }

  #registerEngine(service: EnrollmentService): void {
    this.registry.registerMetric(
      new Gauge({
        name: 'enrollment_engine_state',
        help: 'What the engine is doing: 1 for the state it is in.',
        labelNames: ['state'],
        registers: [],
        collect() {
          const { state } = service.status()
          for (const one of engineStates) this.set({ state: one }, one === state ? 1 : 0)
        },
      }),
    )
    const gauge = (name: string, help: string, read: (status: EngineStatus) => number) => {
      this.#gauge(`enrollment_${name}`, help, () => read(service.status()))
    }
    gauge('term', 'Number of the term that is led; 0 = none.', (status) => status.term)
    gauge('decided_seq', 'Newest decision made in this term.', (status) => status.decidedSeq)
    gauge('confirmed_seq', 'Newest durable decision of this term.', (status) => status.confirmedSeq)
    gauge(
      'applied_seq',
      'Newest decision of this term known to be in PostgreSQL.',
      (status) => status.appliedSeq,
    )
    gauge('pending_records', 'Decisions that wait to be made durable.', (status) => status.pendingRecords)
    gauge(
      'backlog_bytes',
      'Durable decisions that PostgreSQL has yet to take.',
      (status) => status.backlogBytes,
    )
    gauge('mailbox_depth', 'Commands waiting in mailboxes.', (status) => status.mailboxDepth)
    gauge('journal_blocked', '1 while the journal accepts nothing.', (status) =>
      Number(status.journalBlocked),
    )
  }

  #registerProcess(): void {
    const delay = this.#eventLoopDelay
    this.registry.registerMetric(
      new Gauge({
        name: 'event_loop_delay_seconds',
        help: 'How late the event loop was since the last scrape.',
        labelNames: ['quantile'],
        registers: [],
        collect() {
          // The samples are intervals: on time, they are as long as the sampling.
          const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - samplingMs / 1e3)
          this.set({ quantile: '0.5' }, late(delay.percentile(50)))
          this.set({ quantile: '0.99' }, late(delay.percentile(99)))
          this.set({ quantile: '1' }, delay.count === 0 ? 0 : late(delay.max))
          delay.reset()
        },
      }),
    )
    this.#gauge('process_resident_memory_bytes', 'Memory of this process.', () => process.memoryUsage.rss())
    this.#gauge('process_cpu_seconds', 'CPU time of this process so far.', () => {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1e6
    })
  }

  #gauge(name: string, help: string, read: () => number): void {
    this.registry.registerMetric(
      new Gauge({
        name,
        help,
        registers: [],
        collect() {
          this.set(read())
        },
      }),
    )
  }
}

function labelOf(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'decided': {
      if (outcome.replayed) return 'replayed '
      const refusal = outcome.record.reasons?.[0]
      return refusal === undefined ? 'accepted ' : `refused ${refusal.code}`
    }
    case 'rejected':
      return `rejected ${outcome.code}`
    case 'key_refused':
      return `rejected ${outcome.code}`
    case 'unavailable':
      return `unavailable ${outcome.code}`
  }
}
