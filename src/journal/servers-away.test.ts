import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { encodeMessage } from '../engine/messages.ts'
import type { Delivery, JournalReader } from './batcher-ports.ts'
import { ManualRuntime, settlePromises } from '../engine/testing/manual-runtime.ts'
import { Batcher } from './batcher.ts'

/** One marker has arrived; ends when it is told to. */
class OneMarker implements JournalReader {
  open = true
  readonly window = 10
  readonly ended: Promise<string>
  end: (why: string) => void = () => {}
  #arrived: Delivery[] = [
    {
      body: encodeMessage({ version: 1, campus: 'c', start: { leader: randomUUID(), after: randomUUID() } }),
      headers: {},
      origin: 'ours',
      tag: 1,
    },
  ]

  constructor() {
    this.ended = new Promise((resolve) => {
      this.end = (why) => {
        this.open = false
        resolve(why)
      }
    })
  }

  get arrivedCount(): number {
    return this.#arrived.length
  }

  takeArrived(): readonly Delivery[] {
    return this.#arrived.splice(0)
  }

  async arrival(): Promise<void> {
    if (this.#arrived.length === 0 && this.open) await this.ended
  }

  async countReady(): Promise<number> {
    return 0
  }

  acknowledge(): void {}

  announceApplied(): void {}

  announceMissing(): void {}

  async verifyAgain(delivery: Delivery): Promise<Delivery> {
    return await Promise.resolve(delivery)
  }

  async close(): Promise<void> {
    this.end('closed')
  }
}

test('a batcher that has asked a broker which says nothing more stops at once', async (t) => {
  const runtime = new ManualRuntime()
  const reader = new OneMarker()
  const counting = t.mock.method(reader, 'countReady', () => new Promise<number>(() => {}))
  const batcher = new Batcher({
    campusId: 'c',
    source: { open: async () => reader },
    tables: { begin: () => assert.fail('nothing is to be written') },
    runtime,
    recordsMax: 10,
    onEvent: () => {},
  })
  void batcher.run()
  await runtime.advance(1000)
  assert.equal(counting.mock.callCount(), 1)
  let stopped = false
  void batcher.stop().then(() => (stopped = true))
  await settlePromises()
  assert.ok(stopped)
})

test('a batcher that waits long for the database leaves nothing behind, and begins again when its channel ends', async (t) => {
  const runtime = new ManualRuntime()
  const readers: OneMarker[] = []
  let tried = 0
  const batcher = new Batcher({
    campusId: 'c',
    source: {
      open: async () => {
        readers.push(new OneMarker())
        return latest(readers)
      },
    },
    tables: {
      begin: async () => {
        tried++
        throw new Error('connection refused')
      },
    },
    runtime,
    recordsMax: 10,
    onEvent: () => {},
  })
  void batcher.run()
  await runtime.advance(1000)
  assert.ok(tried > 0)
  const listening = t.mock.method(latest(readers).ended, 'then')
  await runtime.advance(60_000)
  assert.ok(tried > 10, `only ${tried} tries`)
  assert.equal(listening.mock.callCount(), 0, 'each try waits for the end of the channel once more')
  latest(readers).end('cut')
  await settlePromises()
  await runtime.advance(1000)
  assert.equal(readers.length, 2, 'the end of the channel was not noticed in a pause')
  const stopped = batcher.stop()
  await runtime.advance(10_000)
  await stopped
})

function latest(readers: readonly OneMarker[]): OneMarker {
  return readers.at(-1) ?? assert.fail('nothing was opened')
}
