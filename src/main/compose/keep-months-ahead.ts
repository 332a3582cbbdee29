import type { Database } from '../../store/database.ts'
import { decisionsFarAhead, makeDecisionMonths } from '../../store/decision-months.ts'
import type { ServiceProcess } from '../service-process.ts'

const intervalMs = 3_600_000

/**
 * Keeps the months of `decisions` made ahead, now and every hour, for a process that writes decisions. A failure is
 * only told: decisions of a month that is lacking go to `decisions_default`, and are moved when it is made.
 */
export function keepMonthsAhead(database: Database, host: ServiceProcess): void {
  const make = async () => {
    try {
      const made = await makeDecisionMonths(database)
      if (made > 0) host.log.info({ made }, `made ${made} partitions of decisions`)
      const { count, latest } = await decisionsFarAhead(database)
      if (count > 0) {
        host.log.warn(
          `${count} decisions are of months still far, up to ${latest ?? '?'}: a clock was ahead; they stay in decisions_default`,
        )
      }
    } catch (err) {
      if (host.signal.aborted) return
      host.log.warn({ err }, 'could not make partitions of decisions ahead; tried again in an hour')
    }
  }
  void make()
  const timer = setInterval(() => void make(), intervalMs)
  timer.unref()
  host.onStop(async () => clearInterval(timer))
}
