import { setTimeout as sleep } from 'node:timers/promises'
import { journalQueueExists, journalQueueOf, leaderQueueOf } from './queues.ts'
import { codeOf, type RabbitOptions, RabbitSession } from './rabbit-session.ts'

/** Somebody leads through this journal, or it holds what PostgreSQL has not, or nobody can tell. */
export class JournalInUse extends Error {
  override readonly name = 'JournalInUse'
}

/** A server leads through this journal. */
export class SomebodyLeads extends JournalInUse {
  constructor(options?: ErrorOptions) {
    super('a server leads through the journal of now; stop the servers first', options)
  }
}

/** What a batcher that has just stopped had out is back in the queue after so long. */
const settleMs = 250

type LockOptions = RabbitOptions & { readonly campus: string; readonly signal: AbortSignal }

/**
 * Does `work` while nobody can begin to lead through the queue, which holds nothing. Asks the queue itself, as a consumer
 * of it: its statistics lag, and a queue that does not answer says 0 to everybody else.
 * @param options.mayBeMissing nobody has led through the queue yet, so that there may be none
 * @throws JournalInUse if somebody leads or consumes, the queue holds anything, or it cannot be asked
 */
export async function withDrainedQueue<Result>(
  options: LockOptions & { readonly mayBeMissing?: boolean },
  work: () => Promise<Result>,
): Promise<Result> {
  return await withLeaderQueue(options, async (session) => {
    await requireDrained(session, options)
    return await work()
  })
}

/**
 * Makes sure that nobody leads through the queue at this moment.
 * @throws JournalInUse if somebody does, or the broker cannot be asked
 */
export async function refuseLeader(options: LockOptions): Promise<void> {
  await withLeaderQueue(options, async () => {})
}

/** Does `work` as the one who holds the leader's queue. */
async function withLeaderQueue<Result>(
  options: LockOptions,
  work: (session: RabbitSession) => Promise<Result>,
): Promise<Result> {
  const { campus, signal } = options
  const session = new RabbitSession(options, `${campus} tool`)
  const abandon = () => session.end('stopped')
  signal.addEventListener('abort', abandon)
  try {
    await session.connected()
    await takeLock(session, campus)
    return await work(session)
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof JournalInUse || session.open) throw error
    throw new JournalInUse(`${journalQueueOf(campus)} cannot be asked: ${await session.ended}`, {
      cause: error,
    })
  } finally {
    signal.removeEventListener('abort', abandon)
    await session.close()
  }
}

async function takeLock(session: RabbitSession, campus: string): Promise<void> {
  const channel = await session.spareChannel()
  try {
    await channel.queueDeclare({
      queue: leaderQueueOf(campus),
      exclusive: true,
      arguments: { 'x-queue-type': 'classic' },
    })
  } catch (error) {
    if (codeOf(error) !== 'RESOURCE_LOCKED') throw error
    throw new SomebodyLeads({ cause: error })
  }
}

async function requireDrained(
  session: RabbitSession,
  { campus, mayBeMissing = false }: { readonly campus: string; readonly mayBeMissing?: boolean },
): Promise<void> {
  const queue = journalQueueOf(campus)
  if (!(await journalQueueExists(session, campus))) {
    if (mayBeMissing) return
    throw new JournalInUse(`the queue ${queue} is missing at that broker`)
  }
  const channel = await session.spareChannel()
  const before = await channel.queueDeclare({ queue, passive: true })
  let delivered = 0
  // The channel's end returns it, in its place.
  await channel.basicQos({ prefetchCount: 1 })
  await channel.basicConsume({ queue, noAck: false }, () => {
    delivered++
  })
  await sleep(settleMs)
  const { messageCount, consumerCount } = await channel.queueDeclare({ queue, passive: true })
  const holds = Math.max(before.messageCount, messageCount + delivered)
  if (holds > 0) {
    throw new JournalInUse(`the queue ${queue} holds ${holds} messages; let a batcher drain it first`)
  }
  if (before.consumerCount > 0 || consumerCount > 1) {
    throw new JournalInUse(`a batcher still consumes ${queue}; stop the batchers first`)
  }
  if (consumerCount === 0) throw new JournalInUse(`the queue ${queue} does not answer; ask again later`)
}
