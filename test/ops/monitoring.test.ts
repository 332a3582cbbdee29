import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { parse } from 'yaml'
import { eventually } from '../../kit/eventually.ts'
import { freePort } from '../../src/embedded/cluster.ts'
import { Program, type ServerProcess, startBatcher, startServer } from '../../kit/command-line.ts'
import { inShort } from '../../kit/rest-client.ts'
import { createProcessCampus, logIn, type ProcessCampus } from '../processes/process-fixture.ts'
import { declaredIn, selectorsOf, type Series, seriesOf } from './promql.ts'
import { readText, root } from './repository.ts'

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly annotations: { readonly summary: string; readonly runbook: string }
}

const rulesFile = 'ops/prometheus/alerts.yaml'
const dashboardFile = 'ops/grafana/enrollment.json'

function rules(): readonly Rule[] {
  const { groups } = parse(readText(rulesFile)) as { groups: { rules: Rule[] }[] }
  return groups.flatMap((group) => group.rules)
}

function dashboardExpressions(): readonly string[] {
  const { panels } = JSON.parse(readText(dashboardFile)) as { panels: { targets?: { expr: string }[] }[] }
  return panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
}

/** What Prometheus adds to every series, and what it makes by itself. */
const addedLabels = new Set(['job', 'instance'])
const madeByPrometheus = new Set(['up'])
/** Of these labels, a scrape shows only the values that have occurred. */
const openLabels = new Set(['code', 'route', 'outcome', 'status'])

describe('what a server, a batcher and a gateway show to Prometheus', () => {
  let campus: ProcessCampus
  let server: ServerProcess
  let batcher: Program
  let serverText = ''
  let batcherText = ''
  let gatewayText = ''
  const cleanups: (() => Promise<unknown>)[] = []

  before(async () => {
    campus = await createProcessCampus()
    cleanups.push(() => campus.remove())
    const metricsOf = { server: await freePort(), batcher: await freePort(), gateway: await freePort() }
    const core = `127.0.0.1:${await freePort()}`
    const environmentOf = (port: number) => ({
      ...campus.environment,
      ENROLLMENT_METRICS_ADDRESS: `127.0.0.1:${port}`,
    })
    server = await startServer({
      ...environmentOf(metricsOf.server),
      ENROLLMENT_METRICS_FOR_CLIENTS: 'no',
      ENROLLMENT_CORE_LISTEN: core,
    })
    cleanups.push(() => server.kill())
    batcher = startBatcher(environmentOf(metricsOf.batcher))
    cleanups.push(() => batcher.kill())
    await server.untilReady()
    const gateway = new Program(['gateway'], {
      ...environmentOf(metricsOf.gateway),
      LISTEN_ADDRESS: '127.0.0.1:0',
      CORE_ADDRESS: core,
    })
    cleanups.push(() => gateway.kill())
    const tokens = await logIn(server, 40)
    for (const [student, token] of tokens) {
      const body = { course_id: 401, group_id: 1 }
      const first = await server.client.send('PUT /student/course', { token, body })
      assert.equal(inShort(first), '204', `student ${student}`)
    }
    const [[, token] = []] = tokens
    const again = await server.client.send('PUT /student/course', {
      token,
      body: { course_id: 401, group_id: 1 },
    })
    assert.equal(inShort(again), '409 already_enrolled')
    const scrape = async (port: number) => await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    await eventually(async () => {
      batcherText = await scrape(metricsOf.batcher)
      return batcherText.includes('enrollment_batcher_records_total{fate="applied"} 41')
    })
    await eventually(async () => {
      gatewayText = await scrape(metricsOf.gateway).catch(() => '')
      return /^enrollment_followed_state\{state="leading"\} 1$/m.test(gatewayText)
    })
    await eventually(async () => {
      serverText = await scrape(metricsOf.server)
      return /^enrollment_applied_seq 41$/m.test(serverText)
    })
  })
  after(async () => {
    for (const cleanup of cleanups.toReversed()) await cleanup()
  })

  const sampleOf = (text: string, series: string): number => {
    const line = text.split('\n').find((one) => one.startsWith(`${series} `))
    assert.ok(line !== undefined, `${series} is not in\n${text}`)
    return Number(line.split(' ').at(-1))
  }

  test('every decision is counted by outcome and code', () => {
    assert.equal(sampleOf(serverText, 'enrollment_commands_total{outcome="accepted",code=""}'), 40)
    assert.equal(
      sampleOf(serverText, 'enrollment_commands_total{outcome="refused",code="already_enrolled"}'),
      1,
    )
    assert.equal(sampleOf(serverText, 'enrollment_logins_total{result="welcome"}'), 40)
  })

  test('each stage of a command is measured: some for mailbox and turn, all for what batches cost', () => {
    const countOf = (stage: string) =>
      sampleOf(serverText, `enrollment_command_stage_seconds_count{stage="${stage}"}`)
    for (const stage of ['commit', 'apply', 'reply']) assert.equal(countOf(stage), 41, stage)
    for (const stage of ['mailbox', 'decide']) assert.equal(countOf(stage), 3, stage)
    assert.equal(sampleOf(serverText, 'enrollment_batch_records_sum'), 41)
  })

  test('the batcher tells how far it lags and what it did with each record', () => {
    assert.equal(sampleOf(batcherText, 'enrollment_batcher_lag_seconds_count'), 41)
    assert.equal(sampleOf(batcherText, 'enrollment_batcher_records_total{fate="void"}'), 0)
    assert.equal(sampleOf(batcherText, 'enrollment_batcher_markers_total{judgement="accepted"}'), 1)
    assert.equal(sampleOf(batcherText, 'enrollment_batcher_consuming'), 1)
    assert.ok(sampleOf(batcherText, 'process_resident_memory_bytes') > 1e6)
  })

  test('a gateway tells of the engine that it follows, and is not counted as one more leader', () => {
    assert.equal(sampleOf(gatewayText, 'enrollment_followed_state{state="standby"}'), 0)
    assert.doesNotMatch(gatewayText, /^enrollment_engine_state/m)
  })

  test('a server told not to show its metrics to clients does not', async () => {
    assert.equal(inShort(await server.client.send('GET /metrics')), '404 no_such_path')
  })

  test('every metric and label that the dashboard and the alerts ask for is in a real scrape', () => {
    const scrapes = [serverText, batcherText, gatewayText]
    const series = scrapes.flatMap(seriesOf)
    const declared = new Set(scrapes.flatMap((text) => [...declaredIn(text)]))
    const expressions = [...rules().map(({ expr }) => expr), ...dashboardExpressions()]
    assert.ok(expressions.length > 50)
    for (const expression of expressions) {
      const selectors = selectorsOf(expression)
      assert.ok(selectors.length > 0, `asks for nothing: ${expression}`)
      for (const { name, matchers } of selectors) {
        if (madeByPrometheus.has(name)) continue
        assert.ok(declared.has(name), `${name}, of ${expression}, is in no scrape`)
        for (const matcher of matchers) assertMatches(series, name, matcher, expression)
      }
    }
  })

  test("Prometheus' own tool finds nothing wrong with a scrape", (t) => {
    for (const text of [serverText, batcherText, gatewayText]) {
      const { error, status, stderr } = spawnSync('promtool', ['check', 'metrics'], {
        input: text,
        encoding: 'utf8',
      })
      if (error !== undefined) return t.skip('NOT RUN: promtool is not installed (Debian: prometheus)')
      assert.equal(status, 0, stderr)
    }
  })
})

function assertMatches(
  series: readonly Series[],
  name: string,
  { label, operator, value }: { label: string; operator: string; value: string },
  expression: string,
): void {
  if (addedLabels.has(label)) return
  const values = series.flatMap((one) => (one.name === name ? [one.labels[label]] : []))
  assert.ok(
    values.some((one) => one !== undefined),
    `${name} has no label ${label}: ${expression}`,
  )
  if (openLabels.has(label)) return
  const wanted = operator === '=~' ? new RegExp(`^(?:${value})$`) : undefined
  const isThere = values.some((one) => (wanted === undefined ? one === value : wanted.test(one ?? '')))
  assert.ok(isThere, `${name} has no ${label}="${value}": ${expression}`)
}

test('every alert says in a sentence what is wrong and has a chapter of its own in the runbook', () => {
  const headings = [...readText('docs/runbook.md').matchAll(/^### (\w+)$/gm)].map(
    ([, heading = '']) => heading,
  )
  const alerts = rules().map(({ alert }) => alert)
  assert.deepEqual(headings.toSorted(), alerts.toSorted())
  for (const { alert, annotations } of rules()) {
    assert.equal(annotations.runbook, `docs/runbook.md#${alert.toLowerCase()}`)
    assert.match(annotations.summary, /\.$/)
  }
})

test('every chapter of the runbook that it refers to is there', () => {
  const text = readText('docs/runbook.md')
  const headings = new Set(
    [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading.toLowerCase().replaceAll(' ', '-')),
  )
  for (const [, anchor = ''] of text.matchAll(/\]\(#([\w-]+)\)/g)) {
    assert.ok(headings.has(anchor), `#${anchor}`)
  }
})

test("Prometheus' own tool accepts the alert rules", (t) => {
  const { error, status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', join(root, rulesFile)], {
    encoding: 'utf8',
  })
  if (error !== undefined) return t.skip('NOT RUN: promtool is not installed (Debian: prometheus)')
  assert.equal(status, 0, stdout + stderr)
})
