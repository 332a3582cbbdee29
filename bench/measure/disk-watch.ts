import { closeSync, fdatasync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Latencies } from '../../kit/load/latencies.ts'

const pauseMs = 50
const block = Buffer.alloc(4096, 1)

/** Makes 4 KiB durable now and then while something else is measured, to know what the disk did meanwhile. */
export class DiskWatch {
  readonly #folder = mkdtempSync(join(tmpdir(), 'enrollment-disk-'))
  readonly #durations = new Latencies()
  readonly #watching: Promise<void>
  #isOver = false

  constructor() {
    this.#watching = this.#watch()
  }

  async #watch(): Promise<void> {
    const file = openSync(join(this.#folder, 'watch'), 'w')
    while (!this.#isOver) {
      const begun = performance.now()
      writeSync(file, block, 0, block.length, 0)
      await new Promise<void>((resolve, reject) => {
        fdatasync(file, (error) => (error === null ? resolve() : reject(error)))
      })
      this.#durations.add(performance.now() - begun)
      await sleep(pauseMs)
    }
    closeSync(file)
  }

  /** Milliseconds. */
  async end(): Promise<{
    readonly disk_p50_ms: number
    readonly disk_p99_ms: number
    readonly disk_worst_ms: number
  }> {
    this.#isOver = true
    await this.#watching
    rmSync(this.#folder, { recursive: true, force: true })
    const at = (share: number) => Number(this.#durations.quantile(share).toFixed(2))
    return { disk_p50_ms: at(0.5), disk_p99_ms: at(0.99), disk_worst_ms: at(1) }
  }
}
