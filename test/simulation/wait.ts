import type { SimulatedProcess } from './simulated-process.ts'

/**
 * Waits in simulated time.
 * @throws the signal's reason, as soon as it is aborted
 */
export async function waitIn(
  process: SimulatedProcess,
  delayMs: number,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted()
  await new Promise<void>((resolve, reject) => {
    const cancel = process.schedule(delayMs, 'timer', () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    const onAbort = (): void => {
      cancel()
      reject(signal?.reason as Error)
    }
    signal?.addEventListener('abort', onAbort)
  })
}

export function describeWait(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
