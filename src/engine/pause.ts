import { setTimeout as sleep } from 'node:timers/promises'
import type { Runtime } from './ports.ts'

/**
 * Waits.
 * @throws the signal's reason, as soon as it is aborted
 */
export async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(delayMs, undefined, { signal })
  } catch (error) {
    signal.throwIfAborted()
    throw error
  }
}

/**
 * Waits by a runtime's clock.
 * @throws the signal's reason, as soon as it is aborted
 */
export async function pauseBy(runtime: Runtime, delayMs: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => {
      cancel()
      reject(signal.reason as Error)
    }
    const cancel = runtime.after(delayMs, () => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    })
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
