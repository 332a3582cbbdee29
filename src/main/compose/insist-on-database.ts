import { setTimeout as delay } from 'node:timers/promises'
import { describeError } from '../../engine/describe-error.ts'
import { isConnectionLost } from '../../store/database.ts'
import type { ServiceProcess } from '../service-process.ts'

const againMs = 500

/**
 * Does one step of a start, again and again for as long as the database goes away in the middle of it: a start that
 * meets a restarting PostgreSQL waits for it, as one that finds none does.
 * @param step may be repeated, whatever it had done when it failed
 * @throws what waiting cannot cure, and the signal's reason when the process is to stop
 */
export async function insistOnDatabase<Result>(
  host: Pick<ServiceProcess, 'log' | 'signal'>,
  step: () => Promise<Result>,
): Promise<Result> {
  for (;;) {
    try {
      return await step()
    } catch (error) {
      host.signal.throwIfAborted()
      if (!isConnectionLost(error)) throw error
      host.log.warn(`the database went away during the start, trying again: ${describeError(error)}`)
      await delay(againMs, undefined, { signal: host.signal }).catch(() => host.signal.throwIfAborted())
    }
  }
}
