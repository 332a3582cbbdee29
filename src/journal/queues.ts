import type { Channel } from 'rabbitmq-client'
import type { RabbitSession } from './rabbit-session.ts'
import { codeOf } from './rabbit-session.ts'

export function journalQueueOf(campus: string): string {
  return `${campus}.journal`
}

/** Exclusive to the leader's connection: who holds it leads. Batchers send their notices here. */
export function leaderQueueOf(campus: string): string {
  return `${campus}.leader`
}

/**
 * A quorum queue: the only kind that fsyncs on a majority before it confirms, in every version of the broker.
 * One consumer at a time; the delivery limit is set out of reach, since versions differ in what no limit is.
 */
const journalQueueArguments = {
  'x-queue-type': 'quorum',
  'x-single-active-consumer': true,
  'x-delivery-limit': 1_000_000,
} as const

/** @returns whether the queue exists */
export async function journalQueueExists(session: RabbitSession, campus: string): Promise<boolean> {
  const channel = await session.spareChannel()
  try {
    await channel.queueDeclare({ queue: journalQueueOf(campus), passive: true })
    await channel.close()
    return true
  } catch (error) {
    if (codeOf(error) === 'NOT_FOUND') return false
    throw error
  }
}

/** The queue between engine and batcher of the system that this one replaces. */
const replacedQueue = 'course-enrollment-database-queue'

/**
 * Whether the replaced system still uses its queue on this virtual host: what is in it is not in the tables yet.
 * @returns a line for people, if so
 */
export async function replacedSystemAtWork(session: RabbitSession): Promise<string | undefined> {
  const channel = await session.spareChannel()
  try {
    const { messageCount, consumerCount } = await channel.queueDeclare({
      queue: replacedQueue,
      passive: true,
    })
    await channel.close()
    if (messageCount === 0 && consumerCount === 0) return undefined
    return (
      `the replaced system's queue ${replacedQueue} holds ${counted(messageCount, 'message')} and has ` +
      `${counted(consumerCount, 'consumer')}: let its DatabaseBatcher write them, then stop its programs; ` +
      'or delete the queue, if they are not wanted'
    )
  } catch (error) {
    if (codeOf(error) === 'NOT_FOUND') return undefined
    throw error
  }
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** For people: what is wrong with a queue that should be there, and what to do. */
export function lostQueue(campus: string, why: string): string {
  return (
    `the queue ${journalQueueOf(campus)} is missing, and ${why}; if this is the wrong broker, correct ` +
    'RABBITMQ_ADDRESS; if the queue is gone for good, run: enrollment migrate --accept-loss'
  )
}

/** @throws PRECONDITION_FAILED if the queue exists with other arguments */
export async function declareJournalQueue(channel: Channel, campus: string): Promise<void> {
  await channel.queueDeclare({
    queue: journalQueueOf(campus),
    durable: true,
    arguments: journalQueueArguments,
  })
}
