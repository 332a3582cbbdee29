import type { Finding } from './entry.ts'

/** What the service wants to reach, and which figure says whether it does. */
interface Target {
  readonly text: string
  readonly scenario: string
  /** Of the finding, where a scenario has several. */
  readonly subject?: string
  readonly figure: string
  readonly atMost?: number
  readonly atLeast?: number
}

const targets: readonly Target[] = [
  {
    text: 'CPU of the server per durable enrollment, times the bare route’s',
    scenario: 'compare',
    subject: 'ratios',
    figure: 'server_cpu_to_bare_route',
    atMost: 1.25,
  },
  {
    text: 'CPU of all processes per enrollment in PostgreSQL, times the bare route’s',
    scenario: 'compare',
    subject: 'ratios',
    figure: 'all_cpu_to_bare_route',
    atMost: 1.7,
  },
  {
    text: 'throughput, random courses, times that of row-lock transactions',
    scenario: 'compare',
    subject: 'ratios',
    figure: 'throughput_to_transactions',
    atLeast: 5,
  },
  {
    text: 'throughput, one hot course, times that of row-lock transactions',
    scenario: 'compare',
    subject: 'ratios',
    figure: 'throughput_to_transactions_hot',
    atLeast: 10,
  },
  {
    text: 'p99 at half of the maximum rate, ms',
    scenario: 'rate',
    subject: '50% of the maximum',
    figure: 'p99_ms',
    atMost: 15,
  },
  {
    text: 'p99 of other courses while one is hot, times that without',
    scenario: 'hot-course',
    figure: 'others_p99_ratio',
    atMost: 1.5,
  },
  {
    text: 'p99 of enrollment in a login storm, times that without',
    scenario: 'login-storm',
    figure: 'enrollment_p99_ratio',
    atMost: 1.25,
  },
  {
    text: 'catalog reads for the CPU of one enrollment',
    scenario: 'catalog',
    figure: 'reads_per_enrollment_at_same_cpu',
    atLeast: 1,
  },
  {
    text: 'catalog behind what was acknowledged, at worst, ms',
    scenario: 'catalog',
    figure: 'stale_worst_ms',
    atMost: 250,
  },
  { text: 'catalog replies carry an ETag', scenario: 'catalog', figure: 'has_etag', atLeast: 1 },
  {
    text: 'last reply to last row after the canonical run, ms',
    scenario: 'canonical',
    figure: 'written_after_ms',
    atMost: 250,
  },
  {
    text: 'decide + evolve, enrollments/s on one core',
    scenario: 'decide',
    figure: 'decide_and_evolve_per_s',
    atLeast: 500_000,
  },
  {
    text: 'mailbox and dispatch, ns per command',
    scenario: 'decide',
    figure: 'mailbox_and_dispatch_ns',
    atMost: 1000,
  },
  {
    text: 'heap for 1,500 courses, 1,000 students, 7,000 enrollments, MB',
    scenario: 'memory',
    figure: 'heap_mb_added',
    atMost: 4,
  },
  {
    text: 'memory of the server, 1,000,000 students and 5,000,000 enrollments, MiB',
    scenario: 'recover',
    subject: '1,000,000 students',
    figure: 'server_mib_recovered',
    atMost: 954,
  },
  {
    text: 'serving again after SIGKILL with those, s',
    scenario: 'recover',
    subject: '1,000,000 students',
    figure: 'serving_again_after_s',
    atMost: 40,
  },
  {
    text: 'CPU per request with those, times that with 50,000 students',
    scenario: 'recover',
    subject: '1,000,000 students',
    figure: 'cpu_to_smaller_campus',
    atMost: 1.15,
  },
  {
    text: 'requests/s with every part on one CPU',
    scenario: 'one-core',
    figure: 'requests_per_s',
    atLeast: 3500,
  },
]

export interface Judgement {
  readonly text: string
  readonly limit: string
  /** undefined = the scenario was not run. */
  readonly figure: number | undefined
  readonly isMet: boolean | undefined
}

/** Each target with the figure of this run. */
export function judgeTargets(findings: readonly Finding[]): Judgement[] {
  const judged = targets.map((target): Judgement => {
    const found = findings.find(
      ({ scenario, subject }) =>
        scenario === target.scenario && (target.subject === undefined || subject === target.subject),
    )
    const { atMost, atLeast } = target
    const figure = found?.figures[target.figure]
    const limit = atMost === undefined ? `≥ ${shown(atLeast)}` : `≤ ${shown(atMost)}`
    const isMet =
      figure === undefined ? undefined : atMost === undefined ? figure >= (atLeast ?? 0) : figure <= atMost
    return { text: target.text, limit, figure, isMet }
  })
  return [...judged, drainJudgement(findings)]
}

/** One of two will do. */
function drainJudgement(findings: readonly Finding[]): Judgement {
  const figures = findings.find(
    ({ scenario, subject }) => scenario === 'drain' && subject === 'engine',
  )?.figures
  const [perSecond, times] = [figures?.['records_per_s'], figures?.['times_row_by_row']]
  return {
    text: `drain, records/s${times === undefined ? '' : ` (${shown(times)} times row by row)`}`,
    limit: '≥ 50,000, or ≥ 20 times row by row',
    figure: perSecond,
    isMet: perSecond === undefined ? undefined : perSecond >= 50_000 || (times ?? 0) >= 20,
  }
}

/** A Markdown table. */
export function formatTargets(judgements: readonly Judgement[]): string[] {
  return [
    '| target | wanted | measured | |',
    '| --- | --- | --- | --- |',
    ...judgements.map(({ text, limit, figure, isMet }) => {
      const verdict = isMet === undefined ? 'not run' : isMet ? 'met' : '**not met**'
      return `| ${text} | ${limit} | ${shown(figure)} | ${verdict} |`
    }),
  ]
}

function shown(value: number | undefined): string {
  return value === undefined ? '' : value.toLocaleString('en', { maximumFractionDigits: 2 })
}
