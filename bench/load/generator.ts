import { setTimeout as sleep } from 'node:timers/promises'
import type { Extent, Pace, StreamResult } from './stream.ts'
import { Stream } from './stream.ts'
import { type Callers, loginRequest, signToken, type Traffic, TrafficSource } from './traffic.ts'
import { requestText, WireConnection } from './wire-client.ts'

// The process that makes the load, apart from all that is measured. `generator-process.ts` starts it and tells it what
// to do, one thing after another.

/** Where to, who, what and how fast; connections are opened and tokens got before anything is measured. */
export interface StreamSpec {
  readonly host: string
  readonly port: number
  readonly seed: number
  readonly callers: Callers
  readonly traffic: Traffic
  readonly pace: Pace
}

export type Order =
  | { readonly do: 'open'; readonly name: string; readonly stream: StreamSpec }
  /** All of these streams at the same time. */
  | { readonly do: 'run'; readonly extents: Readonly<Record<string, Extent>> }
  | { readonly do: 'close'; readonly name: string }

export interface RunResult {
  readonly streams: Readonly<Record<string, StreamResult>>
  /** CPU that making the load took, microseconds. */
  readonly generatorCpuUs: number
}

export type Answer = { readonly result: RunResult | undefined } | { readonly error: string }

const loginsAtOnce = 16
const probe = requestText({ method: 'GET', path: '/healthz' })
const streams = new Map<string, Stream>()

async function carryOut(order: Order): Promise<RunResult | undefined> {
  switch (order.do) {
    case 'open': {
      const { stream: spec } = order
      const source = new TrafficSource(spec.traffic, spec.callers, await tokensOf(spec), spec.seed)
      const stream = new Stream(source, spec.pace, spec)
      await stream.connect(probe)
      streams.set(order.name, stream)
      return undefined
    }
    case 'run': {
      const before = process.cpuUsage()
      const results = await Promise.all(
        Object.entries(order.extents).map(async ([name, extent]) => {
          const stream = streams.get(name)
          if (stream === undefined) throw new Error(`there is no stream ${name}`)
          return [name, await stream.run(extent)] as const
        }),
      )
      const { user, system } = process.cpuUsage(before)
      return { streams: Object.fromEntries(results), generatorCpuUs: user + system }
    }
    case 'close': {
      streams.get(order.name)?.close()
      streams.delete(order.name)
      return undefined
    }
  }
}

async function tokensOf({ callers, host, port }: StreamSpec): Promise<string[]> {
  const { first, count, stride = 1, tokens: from } = callers
  const ids = Array.from({ length: count }, (_, index) => first + index * stride)
  if (from === 'none') return []
  if ('secret' in from) return ids.map((id) => signToken(id, from.secret))
  const tokens: string[] = []
  let next = 0
  const lane = async () => {
    const connection = new WireConnection(host, port)
    for (let index = next++; index < ids.length; index = next++) {
      tokens[index] = await logIn(connection, ids[index] ?? 0, from.password)
    }
    connection.close()
  }
  await Promise.all(Array.from({ length: loginsAtOnce }, lane))
  return tokens
}

async function logIn(connection: WireConnection, student: number, password: string): Promise<string> {
  const request = loginRequest(student, password.replaceAll('{id}', String(student)))
  for (;;) {
    const reply = await connection.send(request, 'body')
    if (reply?.status === 200) return (JSON.parse(reply.body) as { token: string }).token
    if (reply?.status !== 503) throw new Error(`login of ${student}: ${reply?.status} ${reply?.body}`)
    await sleep(500)
  }
}

function answer(message: Answer): void {
  process.send?.(message)
}

process.on('message', (order: Order) => {
  carryOut(order).then(
    (result) => answer({ result }),
    (error: unknown) =>
      answer({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  )
})
// Ends with the process that started it.
process.on('disconnect', () => process.exit())
