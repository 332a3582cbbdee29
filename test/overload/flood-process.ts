import { connect, type Socket } from 'node:net'
import { conflictingPlan, decisionsOf, tokenOf } from './requests.ts'

/** One connection's way of flooding. */
interface Flooder {
  /** The next request, whole. */
  readonly next: () => string
  /** The least time between two requests of one connection, milliseconds. */
  readonly everyMs: number
}

export interface FloodOrder {
  readonly port: number
  readonly secret: string
  readonly name: FloodName
  /** Students who flood: the last of the campus. */
  readonly firstStudent: number
}

const get = (path: string, token?: string) =>
  `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${token === undefined ? '' : `Authorization: Bearer ${token}\r\n`}\r\n`
const send = (method: string, path: string, token: string, body: string) =>
  `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
const misfits = JSON.stringify({ legs: Array.from({ length: 5000 }, () => ({})) })

function always(request: string): Flooder {
  return { next: () => request, everyMs: 0 }
}

type Make = (index: number, order: FloodOrder) => Flooder

/** What nobody needs a seat for. Each by its number of connections and what they send. */
export const floods = {
  metrics: { connections: 100, make: () => always(get('/metrics')) },
  document: { connections: 100, make: () => always(get('/openapi.json')) },
  'malformed plans': {
    connections: 100,
    make: (index, { firstStudent, secret }) =>
      always(send('POST', '/student/plan', tokenOf(firstStudent + (index % 20), secret), misfits)),
  },
  searches: {
    connections: 20,
    make: (_index, { firstStudent, secret }) =>
      always(get(decisionsOf(firstStudent), tokenOf(1, secret, { staff: true }))),
  },
  'conflicting plans': {
    connections: 20,
    make: (index, { firstStudent, secret }) => ({
      next: () => send('POST', '/student/plan', tokenOf(firstStudent + index, secret), conflictingPlan),
      everyMs: 100,
    }),
  },
  'false tokens': {
    connections: 100,
    make: (index, { secret }) => {
      let count = 0
      const next = () => send('PUT', '/%73tudent/course', `${tokenOf(index, secret)}${count++}`, misfits)
      return { next, everyMs: 0 }
    },
  },
  files: { connections: 100, make: () => always(get('/docs/static/swagger-ui-bundle.js')) },
  probes: {
    connections: 100,
    make: (index) =>
      always(
        index % 2 === 0 ? get('/readyz') : 'OPTIONS /student/course HTTP/1.1\r\nHost: localhost\r\n\r\n',
      ),
  },
} as const satisfies Record<string, { readonly connections: number; readonly make: Make }>

export type FloodName = keyof typeof floods

/** Sends one request after another over one connection, for as long as it lives; a closed one is opened again. */
function flood(port: number, { next, everyMs }: Flooder, onAnswer: () => void): void {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  let sentAtMs = 0
  const ask = () => {
    sentAtMs = performance.now()
    socket.write(next(), 'latin1')
  }
  readAnswers(socket, () => {
    onAnswer()
    const waitMs = everyMs - (performance.now() - sentAtMs)
    if (waitMs > 0) setTimeout(ask, waitMs)
    else ask()
  })
  socket.once('connect', ask)
  socket.on('error', () => {})
  socket.once('close', () => setTimeout(() => flood(port, { next, everyMs }, onAnswer), 50))
}

/** Counts bytes: an answer of a megabyte must not cost its reader more than its sender. */
function readAnswers(socket: Socket, onAnswer: () => void): void {
  let head = ''
  let left = 0
  socket.on('data', (chunk: Buffer) => {
    let at = 0
    if (left === 0) {
      head += chunk.toString('latin1', 0, 4096)
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) return
      const before = head.length - Math.min(chunk.length, 4096)
      at = end + 4 - before
      left = Number(/\ncontent-length: (\d+)/i.exec(head.slice(0, end + 2))?.[1] ?? 0)
      head = ''
    }
    left -= chunk.length - at
    if (left > 0) return
    left = 0
    onAnswer()
  })
}

if (import.meta.main) {
  process.once('message', (order: FloodOrder) => {
    const { connections, make }: { connections: number; make: Make } = floods[order.name]
    let answers = 0
    for (let index = 0; index < connections; index++) flood(order.port, make(index, order), () => answers++)
    process.on('message', () => process.send?.(answers))
  })
  process.once('disconnect', () => process.exit())
}
