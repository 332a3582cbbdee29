import { connect, type Socket } from 'node:net'
import { tokenOf } from './campus.ts'
import type { Heard, WatchOrder } from './watchers.ts'

// Holds the clients' ends of many streams, in a process of its own: reading them must not slow what is measured.

const sockets: Socket[] = []
const heard: Heard[] = []
let messages = 0
let opened = 0

function watch({ port, first, filters, samples }: WatchOrder): void {
  for (const [index, filter] of filters.entries()) {
    const student = first + index
    const socket = connect(port, '127.0.0.1')
    sockets.push(socket)
    socket.on('error', () => {})
    socket.write(
      `GET /events${filter} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${tokenOf(student)}\r\n\r\n`,
    )
    const sample: Heard | undefined = index < samples ? { index, events: [] } : undefined
    if (sample !== undefined) heard.push(sample)
    let isOpen = false
    socket.on('data', (chunk: Buffer) => {
      if (!isOpen) {
        isOpen = chunk.toString('latin1', 0, 12) === 'HTTP/1.1 200'
        if (isOpen) opened++
        return
      }
      messages++
      if (sample === undefined) return
      const atMs = performance.timeOrigin + performance.now()
      for (const [, seq] of chunk.toString('latin1').matchAll(/^id: \d+\.(\d+)$/gm)) {
        sample.events.push([Number(seq), atMs])
      }
    })
  }
}

process.on('message', (order: WatchOrder | 'tell' | 'end') => {
  if (order === 'end') process.exit(0)
  if (order === 'tell') {
    process.send?.({ opened, messages, heard })
    messages = 0
    for (const sample of heard) sample.events.length = 0
    return
  }
  watch(order)
})
process.on('disconnect', () => process.exit(0))
