import { setTimeout as sleep } from 'node:timers/promises'
import { Latencies } from '../../kit/load/latencies.ts'
import { ConnectionPool } from './connection-pool.ts'
import type { Outgoing, Session, TrafficSource } from './traffic.ts'
import { WireConnection, type WireReply } from './wire-client.ts'

/** Over how many connections, and how fast, requests of a stream are sent. */
export type Pace =
  /** Each connection sends the next request when it has its reply. */
  | { readonly kind: 'closed'; readonly connections: number }
  /** So many clients at once, each with one request at a time, who share the connections that a `ConnectionPool` keeps. */
  | { readonly kind: 'crowd'; readonly clients: number; readonly idleMax: number }
  /** So many a second, come what may. Latency counts from when a request was due, sent or not. */
  | { readonly kind: 'open'; readonly connections: number; readonly perSecond: number }

/** When a run of a stream ends: no request begins after the time is up or the number is reached. */
export interface Extent {
  readonly forMs?: number
  readonly requests?: number
}

/** What became of the requests of one run. */
export interface StreamResult {
  readonly requests: number
  /** By status, refusals by `status code`; `no reply` where the connection ended. */
  readonly replies: Readonly<Record<string, number>>
  /** Milliseconds. */
  readonly latency: {
    readonly p50: number
    readonly p90: number
    readonly p99: number
    readonly p999: number
    readonly worst: number
  }
  /** From the first request to the last reply. */
  readonly elapsedMs: number
  /** When the last reply came; milliseconds since the Unix epoch, with fractions. */
  readonly lastReplyAtMs: number
  /** True where the traffic ended before the extent did. */
  readonly isExhausted: boolean
  /** Connections opened during the run, by a crowd. */
  readonly opened: number
}

/** Sends one kind of traffic over connections of its own. It may be run again and goes on where it was. */
export class Stream {
  readonly #source: TrafficSource
  readonly #pace: Pace
  readonly #connections: WireConnection[]
  readonly #pool: ConnectionPool
  readonly #sessions: (Session | undefined)[]

  constructor(source: TrafficSource, pace: Pace, to: { readonly host: string; readonly port: number }) {
    this.#source = source
    this.#pace = pace
    const isCrowd = pace.kind === 'crowd'
    const connections = isCrowd ? 0 : pace.connections
    this.#connections = Array.from({ length: connections }, () => new WireConnection(to.host, to.port))
    this.#sessions = Array.from({ length: isCrowd ? pace.clients : connections }, () => undefined)
    this.#pool = new ConnectionPool(to.host, to.port, isCrowd ? pace.idleMax : 0)
  }

  /** Opens every connection, so that none is opened under load. */
  async connect(probe: string): Promise<void> {
    const replies = await Promise.all(this.#connections.map((connection) => connection.send(probe)))
    if (replies.includes(undefined)) throw new Error('the service takes no connections')
  }

  close(): void {
    for (const connection of this.#connections) connection.close()
    this.#pool.close()
  }

  async run(extent: Extent): Promise<StreamResult> {
    const tally = new Tally(extent)
    const openedBefore = this.#pool.opened
    if (this.#pace.kind === 'open') await this.#runOpen(this.#pace.perSecond, tally)
    else
      await Promise.all(this.#sessions.map((_, lane) => this.#runLane(this.#connections[lane], lane, tally)))
    return { ...tally.result(), opened: this.#pool.opened - openedBefore }
  }

  /** @param connection undefined = one of the pool for each request */
  async #runLane(connection: WireConnection | undefined, lane: number, tally: Tally): Promise<void> {
    while (tally.mayBegin(performance.now())) {
      const request = this.#nextOf(lane)
      if (request === undefined) {
        tally.isExhausted = true
        return
      }
      const sentMs = tally.begin()
      const reply = connection === undefined ? this.#pool.send(request.text) : sendOn(connection, request)
      tally.end(await reply, sentMs)
    }
  }

  /** The next request of the session that this lane is at, or of a new one. */
  #nextOf(lane: number): Outgoing | undefined {
    for (;;) {
      const request = this.#sessions[lane]?.()
      if (request !== undefined) return request
      const session = this.#source.openSession()
      if (session === undefined) return undefined
      this.#sessions[lane] = session
    }
  }

  /** Requests are due at even intervals; one that is due while every connection is busy waits, and its wait counts. */
  async #runOpen(perSecond: number, tally: Tally): Promise<void> {
    const idle = this.#connections.map((_, lane) => lane)
    const overdue: number[] = []
    const outstanding = new Set<Promise<void>>()
    const begunMs = performance.now()
    let due = 0
    const sendDue = () => {
      while (overdue.length > 0 && idle.length > 0) {
        const dueMs = overdue.shift() ?? 0
        const lane = idle.shift() ?? 0
        const request = this.#nextOf(lane)
        const connection = this.#connections[lane]
        if (request === undefined || connection === undefined) {
          tally.isExhausted = true
          overdue.length = 0
          return
        }
        const answered = sendOn(connection, request).then((reply) => {
          tally.end(reply, dueMs)
          idle.push(lane)
          outstanding.delete(answered)
          sendDue()
        })
        outstanding.add(answered)
      }
    }
    for (;;) {
      const nowMs = performance.now()
      for (;;) {
        const dueMs = begunMs + (due * 1000) / perSecond
        if (dueMs > nowMs || tally.isExhausted || !tally.mayBegin(dueMs)) break
        overdue.push(tally.begin(dueMs))
        due++
      }
      sendDue()
      if (tally.isExhausted || !tally.mayBegin(begunMs + (due * 1000) / perSecond)) break
      await sleep(1)
    }
    while (outstanding.size > 0) await Promise.race(outstanding)
  }
}

async function sendOn(
  connection: WireConnection,
  { text, onEtag }: Outgoing,
): Promise<WireReply | undefined> {
  const reply = await connection.send(text, onEtag === undefined ? 'status' : 'etag')
  if (onEtag !== undefined && reply !== undefined && reply.etag !== '') onEtag(reply.etag)
  return reply
}

/** Counts one run. */
class Tally {
  isExhausted = false
  readonly #extent: Extent
  readonly #begunMs = performance.now()
  readonly #latencies = new Latencies()
  readonly #replies = new Map<string, number>()
  #begun = 0
  #lastMs = this.#begunMs

  constructor(extent: Extent) {
    this.#extent = extent
  }

  mayBegin(nowMs: number): boolean {
    const { forMs = Infinity, requests = Infinity } = this.#extent
    return this.#begun < requests && nowMs < this.#begunMs + forMs
  }

  /** @returns when the request was due, now unless told */
  begin(dueMs = performance.now()): number {
    this.#begun++
    return dueMs
  }

  end(reply: WireReply | undefined, dueMs: number): void {
    this.#lastMs = performance.now()
    this.#latencies.add(this.#lastMs - dueMs)
    const label = reply === undefined ? 'no reply' : `${reply.status}${reply.code && ` ${reply.code}`}`
    this.#replies.set(label, (this.#replies.get(label) ?? 0) + 1)
  }

  result(): Omit<StreamResult, 'opened'> {
    const latencies = this.#latencies
    return {
      requests: latencies.count,
      replies: Object.fromEntries([...this.#replies].toSorted(([a], [b]) => a.localeCompare(b))),
      latency: {
        p50: latencies.quantile(0.5),
        p90: latencies.quantile(0.9),
        p99: latencies.quantile(0.99),
        p999: latencies.quantile(0.999),
        worst: latencies.quantile(1),
      },
      elapsedMs: this.#lastMs - this.#begunMs,
      lastReplyAtMs: performance.timeOrigin + this.#lastMs,
      isExhausted: this.isExhausted,
    }
  }
}
