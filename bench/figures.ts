import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { drawPanels, type Panel, type Series } from './plots/line-chart.ts'
import { type Finding, type RunContext, resultsFolder } from './report/entry.ts'
import { formatContext } from './report/format.ts'
import { formatTargets, judgeTargets } from './report/targets.ts'

// What is published of bench/results: the table of targets in docs/performance.md, from the newest run of `all`, and the
// cost curves in docs/cost-curves.svg, each from the newest run that it is recorded of.

type Recorded = RunContext & Finding

const docs = join(import.meta.dirname, '../docs')
const [tableBegins, tableEnds] = ['<!-- targets: written by npm run figures -->', '<!-- end of targets -->']

const recorded: readonly Recorded[] = readdirSync(resultsFolder)
  .filter((file) => file.endsWith('.jsonl'))
  .flatMap((file) => readFileSync(join(resultsFolder, file), 'utf8').trim().split('\n'))
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Recorded)
  .filter(({ isTiny }) => !isTiny)
  .toSorted((a, b) => a.at.localeCompare(b.at))

/** What the newest run recorded of a scenario, or of one subject of it. */
function newest(scenario: string, subject?: string): Recorded[] {
  const all = recorded.filter(
    (one) => one.scenario === scenario && (subject === undefined || one.subject === subject),
  )
  return all.filter(({ at }) => at === all.at(-1)?.at)
}

/** The table of the newest run that all scenarios took part in. */
function tableOfTargets(): string[] | undefined {
  const runs = [...new Set(recorded.map(({ at }) => at))].toReversed()
  for (const at of runs) {
    const findings = recorded.filter((one) => one.at === at)
    const judgements = judgeTargets(findings)
    const [context] = findings
    if (context === undefined || judgements.some(({ figure }) => figure === undefined)) continue
    return [
      ...formatContext(context).map((line) => `- ${line}`),
      '- `npm run bench -- all`',
      '',
      ...formatTargets(judgements),
    ]
  }
  return undefined
}

function publishTable(): void {
  const table = tableOfTargets()
  if (table === undefined) {
    process.stderr.write('No run of all scenarios is recorded: npm run bench -- all makes one.\n')
    return
  }
  const file = join(docs, 'performance.md')
  const text = readFileSync(file, 'utf8')
  const [begin, end] = [text.indexOf(tableBegins), text.indexOf(tableEnds)]
  if (begin === -1 || end < begin) throw new Error(`${file} has no place for the table`)
  const head = text.slice(0, begin + tableBegins.length)
  writeFileSync(file, `${head}\n\n${table.join('\n')}\n\n${text.slice(end)}`)
  process.stdout.write('docs/performance.md: the table of targets\n')
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

publishTable()
const drawable = panels.filter(({ series: lines }) => lines.some(({ points }) => points.length > 1))
if (drawable.length === 0) {
  process.stderr.write('There is nothing to draw: npm run bench -- curves drain recover makes the curves.\n')
} else {
  writeFileSync(join(docs, 'cost-curves.svg'), drawPanels(drawable))
  process.stdout.write(`docs/cost-curves.svg: ${drawable.map(({ title }) => title).join(', ')}\n`)
}
