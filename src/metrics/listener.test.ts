import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Exposition } from './exposition.ts'
import { type MetricsListener, MetricsAddressUnusable, openMetricsListener } from './listener.ts'
import { showProcess } from './process-metrics.ts'

const loopback = { host: '127.0.0.1', port: 0 }
const opened: MetricsListener[] = []
after(async () => {
  for (const listener of opened) await listener.close()
})

async function open(exposition = new Exposition(), address = loopback): Promise<MetricsListener> {
  const listener = await openMetricsListener(exposition, address)
  opened.push(listener)
  return listener
}

test('a scrape reads every number as it is at that moment', async () => {
  const exposition = new Exposition()
  let seats = 3
  exposition.gauge('free_seats', 'Seats.', () => seats)
  exposition.gauge('nothing_yet', 'Nobody knows.', () => undefined)
  const { url } = await open(exposition)
  seats = 2
  const answer = await fetch(url)
  assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  assert.equal(
    await answer.text(),
    '# HELP free_seats Seats.\n# TYPE free_seats gauge\nfree_seats 2\n\n' +
      '# HELP nothing_yet Nobody knows.\n# TYPE nothing_yet gauge\n',
  )
})

test('the process tells of its event loop, its memory and its CPU time', async (t) => {
  const exposition = new Exposition()
  t.after(showProcess(exposition))
  const text = await (await fetch((await open(exposition)).url)).text()
  for (const series of [
    'event_loop_delay_seconds{percentile="99"}',
    'process_resident_memory_bytes',
    'nodejs_heap_size_used_bytes',
    'process_cpu_seconds_total',
    'process_start_time_seconds',
  ]) {
    assert.ok(
      text.split('\n').some((line) => line.startsWith(`${series} `)),
      `${series}\n${text}`,
    )
  }
})

test('the listener says that the process lives, and serves nothing else', async () => {
  const { url } = await open()
  const statusOf = async (path: string, method = 'GET') =>
    (await fetch(new URL(path, url), { method })).status
  assert.equal(await statusOf('/healthz'), 200)
  assert.equal(await statusOf('/student/courses'), 404)
  assert.equal(await statusOf('/metrics', 'POST'), 405)
})

test('a metric that cannot be read fails the scrape and not the process', async () => {
  const exposition = new Exposition()
  exposition.gauge('broken', 'Broken.', () => {
    throw new Error('no')
  })
  const { url } = await open(exposition)
  assert.equal((await fetch(url)).status, 500)
  assert.equal((await fetch(url)).status, 500)
})

test('an address that another process has is refused in one line that names it', async () => {
  const { url } = await open()
  const port = Number(new URL(url).port)
  await assert.rejects(open(new Exposition(), { host: '127.0.0.1', port }), (error: Error) => {
    assert.ok(error instanceof MetricsAddressUnusable)
    assert.equal(
      error.message,
      `metrics cannot be served on 127.0.0.1:${port}: another process serves there; ` +
        'set ENROLLMENT_METRICS_ADDRESS to another address, or off',
    )
    return true
  })
})
