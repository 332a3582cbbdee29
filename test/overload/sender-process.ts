import { Random } from '../../src/registry/random.ts'
import { LoadConnection } from './load-connection.ts'
import { outcomeOf, writeTraffic } from './outcomes.ts'
import { requestOf, scarceRequestOf, tokenOf } from './requests.ts'

/** What the sender is told to do, one after another. */
export type Order =
  | {
      readonly do: 'open'
      readonly port: number
      readonly connections: number
      readonly students: number
      /** The last so many of them send nothing but what they compete for. */
      readonly contestants: number
      readonly secret: string
    }
  /** Each of so many senders waits for its answer before it sends again. */
  | {
      readonly do: 'closed'
      readonly senders: number
      readonly seconds: number
      readonly first: number
      readonly file: string
    }
  /** Requests leave by the schedule, whatever became of those before: so many a second, for so long, in turn. */
  | {
      readonly do: 'scheduled'
      readonly phases: readonly Phase[]
      /** Besides, these ask for scarce seats, once the overload is there. */
      readonly contestants?: readonly Contestant[]
      readonly first: number
      readonly file: string
    }

export interface Phase {
  readonly perSecond: number
  readonly seconds: number
}

/** A student who wants any of the scarce seats, and asks regularly, whatever the answer was. */
export interface Contestant {
  readonly student: number
  readonly perSecond: number
}

/** What it answers with. */
export type Report =
  | { readonly done: 'opened' }
  /** @property cpu share of a core that it used; @property startedAt Unix milliseconds */
  | { readonly done: 'sent'; readonly count: number; readonly cpu: number; readonly startedAt: number }

/** An answer may take so long after the last request. */
const patienceMs = 15_000
const requestsMax = 2_000_000
/** After this share of the time. */
const contestBegins = 0.2

const idle: LoadConnection[] = []
let idleFrom = 0
let onIdle = (connection: LoadConnection): void => void idle.push(connection)
let tokens: string[] = []
/** So many of the students do not compete. */
let background = 0

/** Connections take turns, so that all of them are in use as students' are. */
function takeIdle(): LoadConnection | undefined {
  for (;;) {
    const connection = idle[idleFrom]
    if (connection === undefined) return undefined
    idleFrom++
    if (idleFrom > 4096) {
      idle.splice(0, idleFrom)
      idleFrom = 0
    }
    if (connection.take()) return connection
  }
}

/** Counts, times and remembers what is sent. */
class Run {
  readonly due = new Float64Array(requestsMax)
  readonly sent = new Float64Array(requestsMax)
  readonly received = new Float64Array(requestsMax)
  readonly outcome = new Uint8Array(requestsMax)
  readonly retryAfter = new Uint8Array(requestsMax)
  startedMs = performance.now()
  startedAt = Date.now()
  /** The student who competes, or 0. */
  readonly contestant = new Int32Array(requestsMax)
  readonly #first: number
  readonly #cpu = process.cpuUsage()
  count = 0
  unanswered = 0

  constructor(first: number) {
    this.#first = first
  }

  /** Time counts from here. */
  begin(): void {
    this.startedMs = performance.now()
    this.startedAt = Date.now()
  }

  get elapsedMs(): number {
    return performance.now() - this.startedMs
  }

  send(connection: LoadConnection, number: number): void {
    this.unanswered++
    this.sent[number] = this.elapsedMs
    const student = this.contestant[number] ?? 0
    const index = this.#first + number
    const request =
      student === 0 ? requestOf(index, tokens, background) : scarceRequestOf(index, tokens[student - 1] ?? '')
    connection.send(request, (answered) => {
      this.unanswered--
      this.received[number] = this.elapsedMs
      this.outcome[number] = outcomeOf(answered)
      this.retryAfter[number] = answered?.retryAfterSeconds ?? 0
    })
  }

  /** Share of a core that sending took. */
  get cpu(): number {
    const { user, system } = process.cpuUsage(this.#cpu)
    return (user + system) / 1000 / this.elapsedMs
  }

  async finish(file: string): Promise<Report> {
    const { cpu } = this
    const deadline = this.elapsedMs + patienceMs
    while (this.unanswered > 0 && this.elapsedMs < deadline) await pause(10)
    writeTraffic(file, this, this.count)
    return { done: 'sent', count: this.count, cpu, startedAt: this.startedAt }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

async function open(order: Extract<Order, { do: 'open' }>): Promise<Report> {
  tokens = Array.from({ length: order.students }, (_, index) => tokenOf(index + 1, order.secret))
  background = order.students - order.contestants
  for (let opened = 0; opened < order.connections; opened++) {
    void new LoadConnection(order.port, (connection) => onIdle(connection))
    // A few at a time: the server's queue of those not yet accepted is not endless.
    if (opened % 50 === 49) while (idle.length < opened - 100) await pause(1)
  }
  while (idle.length < order.connections) await pause(1)
  await useEach(order.connections)
  return { done: 'opened' }
}

/**
 * A connection is open for its client before the server has accepted it, and a busy one accepts about one in each turn
 * of its event loop: so one request goes over each before anything is measured.
 */
async function useEach(connections: number): Promise<void> {
  const request = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'
  for (let used = 0; used < connections; used += 50) {
    const answers = Array.from({ length: Math.min(50, connections - used) }, async () => {
      await new Promise<void>((resolve) => takeIdle()?.send(request, () => resolve()))
    })
    await Promise.all(answers)
  }
}

async function runClosed({
  senders,
  seconds,
  first,
  file,
}: Extract<Order, { do: 'closed' }>): Promise<Report> {
  const run = new Run(first)
  const overMs = seconds * 1000
  const put = onIdle
  const sendNext = (connection: LoadConnection) => {
    if (run.elapsedMs >= overMs) return put(connection)
    if (!connection.take()) return
    const number = run.count++
    run.due[number] = run.elapsedMs
    run.send(connection, number)
  }
  onIdle = sendNext
  for (let started = 0; started < senders; started++) {
    const connection = takeIdle()
    if (connection === undefined) break
    const number = run.count++
    run.due[number] = run.elapsedMs
    run.send(connection, number)
  }
  await pause(overMs)
  const report = await run.finish(file)
  onIdle = put
  return report
}

/** Requests are as irregular as those of people who know nothing of one another: a Poisson process. */
function timesOf(phases: readonly Phase[]): number[] {
  const random = new Random(1)
  const times: number[] = []
  let beginMs = 0
  for (const { perSecond, seconds } of phases) {
    const endMs = beginMs + seconds * 1000
    const pauseMs = () => -(Math.log(1 - random.next()) * 1000) / perSecond
    for (let atMs = beginMs + pauseMs(); atMs < endMs; atMs += pauseMs()) times.push(atMs)
    beginMs = endMs
  }
  return times
}

/** @returns how many requests there are */
function schedule({ phases, contestants = [] }: Extract<Order, { do: 'scheduled' }>, run: Run): number {
  const totalMs = phases.reduce((sum, { seconds }) => sum + seconds * 1000, 0)
  const random = new Random(2)
  const entries = timesOf(phases).map((atMs) => ({ atMs, student: 0 }))
  for (const { student, perSecond } of contestants) {
    const everyMs = 1000 / perSecond
    // They come when the overload is there: before it, who is quick takes what is free.
    const beginMs = totalMs * contestBegins
    for (let atMs = beginMs + random.next() * everyMs; atMs < totalMs; atMs += everyMs) {
      entries.push({ atMs, student })
    }
  }
  if (entries.length > requestsMax) throw new Error(`${entries.length} requests are more than can be counted`)
  for (const [number, { atMs, student }] of entries.toSorted((a, b) => a.atMs - b.atMs).entries()) {
    run.due[number] = atMs
    run.contestant[number] = student
  }
  return entries.length
}

async function runScheduled(order: Extract<Order, { do: 'scheduled' }>): Promise<Report> {
  const run = new Run(order.first)
  run.count = schedule(order, run)
  run.begin()
  let next = 0
  while (next < run.count) {
    const nowMs = run.elapsedMs
    while (next < run.count && (run.due[next] ?? 0) <= nowMs) {
      const connection = takeIdle()
      if (connection === undefined) break
      run.send(connection, next++)
    }
    await pause(1)
  }
  return await run.finish(order.file)
}

async function carryOut(order: Order): Promise<Report> {
  switch (order.do) {
    case 'open':
      return await open(order)
    case 'closed':
      return await runClosed(order)
    case 'scheduled':
      return await runScheduled(order)
  }
}

process.on('message', (order: Order) => {
  void carryOut(order).then((report) => process.send?.(report))
})
process.on('disconnect', () => process.exit())
