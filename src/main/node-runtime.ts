import { randomUUID } from 'node:crypto'
import type { Runtime } from '../engine/ports.ts'

/** The real clock, the real event loop. */
export const nodeRuntime: Runtime = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  uuid: () => randomUUID(),
  defer: (task) => {
    setImmediate(task)
  },
  after: (delayMs, task) => {
    const timer = setTimeout(task, delayMs)
    return () => clearTimeout(timer)
  },
}
