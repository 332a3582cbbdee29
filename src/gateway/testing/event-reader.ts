import assert from 'node:assert/strict'
import type { Readable } from 'node:stream'
import type { OwnPlace, SeatsOfGroup } from '../../../schema/events.ts'

export interface EventSeen {
  readonly id: string
  readonly event: string
  readonly seats: readonly SeatsOfGroup[]
  readonly places: readonly OwnPlace[]
}

const deadlineMs = 30_000

/** Reads a stream of server-sent events as a browser does. */
export class EventReader {
  readonly #stream: Readable
  readonly #arrived: EventSeen[] = []
  readonly #changed: (() => void)[] = []
  #text = ''
  #comments = 0
  #retryMs: number | undefined
  #isOver = false

  constructor(stream: Readable) {
    this.#stream = stream
    stream.setEncoding('utf8')
    stream.on('data', (chunk: string) => {
      const blocks = `${this.#text}${chunk}`.split('\n\n')
      this.#text = blocks.pop() ?? ''
      for (const block of blocks) this.#take(block)
      this.#wake()
    })
    stream.on('error', () => {})
    stream.once('close', () => {
      this.#isOver = true
      this.#wake()
    })
  }

  /** How long the server asks clients to wait before they return. */
  get retryMs(): number | undefined {
    return this.#retryMs
  }

  get comments(): number {
    return this.#comments
  }

  /** Events that have arrived and were not taken. */
  get waiting(): number {
    return this.#arrived.length
  }

  /** The next event; fails if the stream ends first, or none comes. */
  async next(): Promise<EventSeen> {
    await this.until(() => this.#arrived.length > 0 || this.#isOver)
    const event = this.#arrived.shift()
    assert.ok(event !== undefined, 'the stream ended before the next event')
    return event
  }

  /** Resolves when the server has ended the stream. */
  async ended(): Promise<void> {
    await this.until(() => this.#isOver)
  }

  async until(holds: () => boolean): Promise<void> {
    const deadline = performance.now() + deadlineMs
    while (!holds()) {
      const leftMs = deadline - performance.now()
      assert.ok(leftMs > 0, `nothing of the kind came in ${deadlineMs} ms`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs)
        this.#changed.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  close(): void {
    this.#stream.destroy()
  }

  #wake(): void {
    for (const wake of this.#changed.splice(0)) wake()
  }

  #take(block: string): void {
    const fields = new Map<string, string>()
    for (const line of block.split('\n')) {
      const colon = line.indexOf(':')
      if (colon === 0) this.#comments++
      else fields.set(line.slice(0, colon), line.slice(colon + 1).trimStart())
    }
    const retry = fields.get('retry')
    if (retry !== undefined) this.#retryMs = Number(retry)
    const data = fields.get('data')
    if (data === undefined) return
    const { seats, places } = JSON.parse(data) as Pick<EventSeen, 'seats' | 'places'>
    this.#arrived.push({ id: fields.get('id') ?? '', event: fields.get('event') ?? 'message', seats, places })
  }
}
