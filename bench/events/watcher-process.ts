import { connect, type Socket } from 'node:net'
import { tokenOf } from './campus.ts'
import type { Heard, WatchOrder } from './watchers.ts'

// Holds the clients' ends of many streams, in a process of its own: reading them must not slow what is measured.

/** Streams on their way at a time: no more than a listening socket has room for. */
const openingMax = 200

const sockets: Socket[] = []
const heard: Heard[] = []
let messages = 0
let bytes = 0
let opened = 0
let refusal: string | undefined

async function watch({ filters, ...order }: WatchOrder): Promise<void> {
  const left = filters.entries()
  const open = async (): Promise<void> => {
    for (const [index, filter] of left) await openOne(order, index, filter)
  }
  await Promise.all(Array.from({ length: openingMax }, open))
}

/** Resolves once it is open, or refused. */
function openOne(
  { port, first, samples }: Omit<WatchOrder, 'filters'>,
  index: number,
  filter: string,
): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  sockets.push(socket)
  socket.write(
    `GET /events${filter} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${tokenOf(first + index)}\r\n\r\n`,
  )
  const sample: Heard | undefined = index < samples ? { index, events: [] } : undefined
  if (sample !== undefined) heard.push(sample)
  let isOpen = false
  return new Promise((resolve) => {
    socket.on('error', (error) => {
      refusal ??= error.message
      resolve()
    })
    socket.on('data', (chunk: Buffer) => {
      if (isOpen) {
        messages++
        bytes += chunk.length
        if (sample !== undefined) note(sample, chunk)
        return
      }
      isOpen = chunk.toString('latin1', 0, 12) === 'HTTP/1.1 200'
      if (isOpen) opened++
      else refusal ??= chunk.toString('latin1', 0, 400)
      resolve()
    })
  })
}

function note(sample: Heard, chunk: Buffer): void {
  const atMs = performance.timeOrigin + performance.now()
  for (const [, seq] of chunk.toString('latin1').matchAll(/^id: \d+\.(\d+)$/gm)) {
    sample.events.push([Number(seq), atMs])
  }
}

process.on('message', (order: WatchOrder | 'tell' | 'end') => {
  if (order === 'end') process.exit(0)
  if (order === 'tell') {
    process.send?.({ opened, messages, bytes, heard, refusal })
    messages = 0
    bytes = 0
    for (const sample of heard) sample.events.length = 0
    return
  }
  void watch(order)
})
process.on('disconnect', () => process.exit(0))
