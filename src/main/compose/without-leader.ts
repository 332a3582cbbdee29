import type { Config } from '../../config/config.ts'
import { directIdentity } from '../../journal/direct-journal.ts'
import { JournalInUse, refuseLeader, SomebodyLeads, withDrainedQueue } from '../../journal/drained-queue.ts'
import { isQueueExpected } from '../../store/campus-row.ts'
import type { Database } from '../../store/database.ts'
import { tryLockSession } from '../../store/lock-session.ts'
import { describeLeader } from '../../store/registry-queries.ts'
import { directIdleMs, heartbeatSeconds, journalFor, pingIntervalMs } from './engine-part.ts'
import type { OpenCampus } from './open-campus.ts'
import { CommandFailed, type ServiceProcess } from '../service-process.ts'

/** Does `work` while nobody can begin to lead with the direct journal. */
export async function withDirectLock<Result>(
  { database, campus, signal }: { database: Database; campus: string; signal: AbortSignal },
  work: () => Promise<Result>,
): Promise<Result> {
  const lock = await tryLockSession(database, { campus, idleTimeoutMs: directIdleMs, signal })
  if (lock === undefined) throw new SomebodyLeads()
  // A holder that says nothing loses the lock.
  const pings = setInterval(() => void lock.ping().catch(() => undefined), pingIntervalMs)
  try {
    return await work()
  } finally {
    clearInterval(pings)
    await lock.close()
  }
}

/**
 * Does `work`, which writes the tables, while nobody leads and the journal holds nothing that is not in them. A database
 * that no journal feeds yet has no leader: `work` has to look for that again once it holds the position's lock.
 * @throws JournalInUse, which names who leads, or says what to stop
 */
export async function withoutLeader<Result>(
  campus: OpenCampus,
  config: Config,
  host: ServiceProcess,
  work: () => Promise<Result>,
): Promise<Result> {
  const { database, row } = campus
  const { signal } = host
  if (row.journal === undefined) return await work()
  try {
    if (row.journal === directIdentity) {
      return await withDirectLock({ database, campus: row.id, signal }, work)
    }
    const mayBeMissing = !(await isQueueExpected(database))
    return await withDrainedQueue({ ...brokerOf(campus, config), signal, mayBeMissing }, work)
  } catch (error) {
    throw await named(error, database)
  }
}

/**
 * For a command that is about to lead by itself.
 * @throws JournalInUse, which names who leads
 */
export async function refuseWhileLed(
  campus: OpenCampus,
  config: Config,
  { signal }: ServiceProcess,
): Promise<void> {
  const { database, row } = campus
  if (row.journal === undefined) return
  try {
    if (row.journal === directIdentity) {
      await withDirectLock({ database, campus: row.id, signal }, async () => {})
    } else {
      await refuseLeader({ ...brokerOf(campus, config), signal })
    }
  } catch (error) {
    throw await named(error, database)
  }
}

/** The broker whose queue says who leads. */
function brokerOf(campus: OpenCampus, config: Config) {
  const { id, journal = '' } = campus.row
  const { rabbitmqAddress: url } = config
  if (url === undefined || journalFor(campus, config).identity !== journal) {
    throw new CommandFailed(
      `the journal of this database is ${journal}, and only its broker knows whether a server leads: ` +
        'name that in RABBITMQ_ADDRESS',
    )
  }
  return { url, campus: id, heartbeatSeconds }
}

async function named(error: unknown, database: Database): Promise<unknown> {
  if (!(error instanceof SomebodyLeads)) return error
  return new JournalInUse(`a server leads: ${await describeLeader(database)}`, { cause: error })
}
