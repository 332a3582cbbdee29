import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { drawPanels, type Panel, type Series } from './plots/line-chart.ts'
import { type Finding, type RunContext, resultsFolder } from './report/entry.ts'

// Draws the cost curves into docs/cost-curves.svg, from the newest run that each of them is recorded of in
// bench/results: `npm run bench -- curves drain recover` makes them.

type Recorded = RunContext & Finding

const target = join(import.meta.dirname, '../../docs/cost-curves.svg')

/** What the newest run recorded of a scenario, or of one subject of it. */
function newest(scenario: string, subject?: string): Recorded[] {
  const file = join(resultsFolder, `${scenario}.jsonl`)
  if (!existsSync(file)) return []
  const all = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Recorded)
    .filter((one) => !one.isTiny && (subject === undefined || one.subject === subject))
  return all.filter(({ at }) => at === all.at(-1)?.at)
}

function series(found: readonly Recorded[], condition: string, figure: string, name: string): Series {
  const points = found
    .map(({ conditions, figures }) => ({
      x: Number(conditions[condition]),
      y: figures[figure] ?? Number.NaN,
    }))
    .filter(({ y }) => !Number.isNaN(y))
    .toSorted((a, b) => a.x - b.x)
  return { name, points }
}

const perRequest = [
  ['all_cpu_us_per_request', 'all processes'],
  ['server_cpu_us_per_request', 'server'],
] as const

function costPanel(title: string, found: readonly Recorded[], condition: string): Panel {
  return {
    title,
    xLabel: condition,
    yLabel: 'µs of CPU per request',
    series: perRequest.map(([figure, name]) => series(found, condition, figure, name)),
  }
}

const recovered = newest('recover')
const drained = [...newest('curves', 'backlog'), ...newest('drain', 'engine')]
const panels: Panel[] = [
  costPanel('Students', recovered, 'students'),
  costPanel('Courses', newest('curves', 'courses'), 'courses'),
  costPanel('Connections', newest('curves', 'connections'), 'connections'),
  {
    title: 'Backlog',
    xLabel: 'backlog',
    yLabel: 'µs of CPU per record drained',
    series: [
      series(drained, 'backlog', 'batcher_cpu_us_per_record', 'batcher'),
      series(drained, 'backlog', 'postgresql_cpu_us_per_record', 'PostgreSQL'),
    ],
  },
  {
    title: 'Recovery',
    xLabel: 'students',
    yLabel: 'seconds from SIGKILL to serving',
    series: [series(recovered, 'students', 'serving_again_after_s', 'seconds')],
  },
  {
    title: 'Memory',
    xLabel: 'students',
    yLabel: 'MiB resident, recovered',
    series: [series(recovered, 'students', 'server_mib_recovered', 'server')],
  },
]

const drawable = panels.filter(({ series: lines }) => lines.some(({ points }) => points.length > 1))
if (drawable.length === 0) {
  process.stderr.write('There is nothing to draw: run npm run bench -- curves drain recover first.\n')
  process.exitCode = 1
} else {
  writeFileSync(target, drawPanels(drawable))
  process.stdout.write(`docs/cost-curves.svg: ${drawable.map(({ title }) => title).join(', ')}\n`)
}
