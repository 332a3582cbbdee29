import type { FastifyRequest } from 'fastify'
import type { CommandStages } from '../engine/command-stages.ts'
import type {
  EngineState,
  EngineStatus,
  EnrollmentService,
  Outcome,
  UnavailableCode,
} from '../engine/service.ts'
import { byLabel, type Exposition } from '../metrics/exposition.ts'
import { Histogram, type Sample } from '../metrics/histogram.ts'
import type { HttpServer } from './http-server.ts'
import type { EventHub } from './events/event-hub.ts'
import type { Login } from './auth/login.ts'
import type { GatewayDeps } from './gateway-ports.ts'

const bucketsSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const statusClasses = ['1xx', '2xx', '3xx', '4xx', '5xx']
const engineStates: readonly EngineState[] = [
  'starting',
  'unreachable',
  'standby',
  'recovering',
  'leading',
  'stopped',
]

const unavailableCodes: readonly UnavailableCode[] = [
  'busy',
  'not_leading',
  'recovering',
  'journal_unavailable',
  'outcome_unknown',
]

/** Latencies of one route: plain counters, because every request comes here; labels are made when scraped. */
export class RouteLatency {
  readonly route: string
  readonly #byStatusClass = statusClasses.map(() => new Histogram(bucketsSeconds))

  constructor(route: string) {
    this.route = route
  }

  observe(status: number, seconds: number): void {
    this.#byStatusClass[Math.floor(status / 100) - 1]?.observe(seconds)
  }

  *samples(name: string): Generator<Sample> {
    for (const [statusClass, status] of statusClasses.entries()) {
      const histogram = this.#byStatusClass[statusClass]
      if (histogram === undefined || histogram.count === 0) continue
      yield* histogram.samples(name, { route: this.route, status })
    }
  }
}

/** What `/metrics` shows of the gateway and of the engine behind it. */
export class GatewayMetrics {
  readonly #exposition: Exposition
  readonly #stages: CommandStages | undefined
  readonly #routes: RouteLatency[] = []
  /** Those that alerts watch are shown from the start: the first one is a rise only if there was a zero before it. */
  readonly #outcomes = new Map(
    ['accepted ', 'failed internal', ...unavailableCodes.map((code) => `unavailable ${code}`)].map(
      (label) => [label, 0],
    ),
  )

  constructor(
    service: EnrollmentService,
    exposition: Exposition,
    { stages, engineIsElsewhere }: Pick<GatewayDeps, 'stages' | 'engineIsElsewhere'>,
  ) {
    this.#exposition = exposition
    this.#stages = stages
    this.#showRoutes()
    this.#showOutcomes()
    if (engineIsElsewhere === true) this.#showFollowed(service)
    else this.#showEngine(service)
    if (stages !== undefined) this.#showStages(stages)
  }

  routeLatency(route: string): RouteLatency {
    const latency = new RouteLatency(route)
    this.#routes.push(latency)
    return latency
  }

  /** A command came back from the engine. What came of a decision is timed until the answer is written. */
  noteOutcome(request: FastifyRequest, outcome: Outcome): void {
    const label = labelOf(outcome)
    this.#outcomes.set(label, (this.#outcomes.get(label) ?? 0) + 1)
    if (this.#stages !== undefined && outcome.kind === 'decided' && !outcome.replayed) {
      request.releasedAtMs = this.#stages.releasedAtMs
    }
  }

  /** The answer to a command that was decided is written. */
  noteReply(releasedAtMs: number, nowMs: number): void {
    this.#stages?.reply.observe((nowMs - releasedAtMs) / 1000)
  }

  showLogin(login: Login): void {
    this.#exposition.gauge(
      'enrollment_logins_waiting',
      'Logins that wait for their password to be checked.',
      () => login.waiting,
    )
    this.#exposition.gauge(
      'enrollment_logins_checking',
      'Passwords that are being checked now.',
      () => login.checking,
    )
    this.#exposition.counters('enrollment_logins_total', 'Logins by what came of them.', () =>
      byLabel('result', login.results),
    )
  }

  showHttpServer(server: HttpServer): void {
    this.#exposition.gauge(
      'http_connections',
      'Connections of clients that are open.',
      () => server.connections,
    )
    this.#exposition.counter(
      'http_connections_refused_total',
      'Connections closed at once because too many were open.',
      () => server.connectionsRefused,
    )
    this.#exposition.counter(
      'http_connections_cut_total',
      'Connections closed because too many of their requests waited, or too much of their answers.',
      () => server.connectionsCut,
    )
    this.#exposition.gauge(
      'http_requests_waiting',
      'Requests that wait until there is time for them.',
      () => server.waiting,
    )
    this.#exposition.counter(
      'http_requests_turned_away_total',
      'Requests answered 503 busy before anything was done for them; in no other count.',
      () => server.turnedAway,
    )
  }

  showEvents(hub: EventHub): void {
    this.#exposition.gauge('enrollment_event_streams', 'Streams of events that are open.', () => hub.size)
    this.#exposition.counter(
      'enrollment_event_messages_total',
      'Messages written to streams of events.',
      () => hub.messagesWritten,
    )
    this.#exposition.counter(
      'enrollment_event_clients_cut_total',
      'Streams cut off because nobody read them.',
      () => hub.clientsCut,
    )
  }

  #showRoutes(): void {
    const name = 'http_request_duration_seconds'
    this.#exposition.histograms(name, 'From the headers of a request to the beginning of its answer.', () =>
      this.#routes.flatMap((route) => [...route.samples(name)]),
    )
  }

  #showOutcomes(): void {
    this.#exposition.counters(
      'enrollment_commands_total',
      'Commands by what became of them: accepted, replayed, or the code of the refusal.',
      () =>
        Array.from(this.#outcomes, ([label, value]) => {
          const [outcome = '', code = ''] = label.split(' ')
          return { labels: { outcome, code }, value }
        }),
    )
  }

  #showStages(stages: CommandStages): void {
    const name = 'enrollment_command_stage_seconds'
    const { mailbox, decide, commit, apply, reply, batchRecords } = stages
    this.#exposition.histograms(
      name,
      'Where the time of a command goes. Mailbox and decide are sampled, one command in sixteen.',
      () =>
        Object.entries({ mailbox, decide, commit, apply, reply }).flatMap(([stage, histogram]) => [
          ...histogram.samples(name, { stage }),
        ]),
    )
    const batches = 'enrollment_batch_records'
    this.#exposition.histograms(batches, 'Decisions of one journal message.', () =>
      batchRecords.samples(batches),
    )
  }

  /** Under a name of its own, so that nobody counts the engine once more for each gateway. */
  #showFollowed(service: EnrollmentService): void {
    this.#exposition.gauges(
      'enrollment_followed_state',
      'What the engine that this gateway follows is doing: 1 for the state it is in.',
      () => statesOf(service),
    )
  }

  #showEngine(service: EnrollmentService): void {
    this.#exposition.gauges(
      'enrollment_engine_state',
      'What the engine is doing: 1 for the state it is in.',
      () => statesOf(service),
    )
    const gauge = (name: string, help: string, read: (status: EngineStatus) => number) => {
      this.#exposition.gauge(`enrollment_${name}`, help, () => read(service.status()))
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
    gauge(
      'behind_seconds',
      'How long PostgreSQL has owed the oldest durable decision, as far as the engine knows.',
      (status) => status.behindMs / 1000,
    )
    gauge('mailbox_depth', 'Commands waiting in mailboxes.', (status) => status.mailboxDepth)
    gauge('journal_blocked', '1 while the journal accepts nothing.', (status) =>
      Number(status.journalBlocked),
    )
  }
}

function statesOf(service: EnrollmentService): readonly Sample[] {
  const { state } = service.status()
  return byLabel(
    'state',
    engineStates.map((one) => [one, one === state ? 1 : 0]),
  )
}

function labelOf(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'decided': {
      if (outcome.replayed) return 'replayed '
      const refusal = outcome.record.reasons?.[0]
      return refusal === undefined ? 'accepted ' : `refused ${refusal.code}`
    }
    case 'rejected':
    case 'key_refused':
      return `rejected ${outcome.code}`
    case 'unavailable':
    case 'failed':
      return `${outcome.kind} ${outcome.code}`
  }
}
