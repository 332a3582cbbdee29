import { setTimeout as sleep } from 'node:timers/promises'
import type { Channel } from 'rabbitmq-client'
import { describeError } from '../engine/describe-error.ts'
import type { QueueState } from '../engine/ports.ts'
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
    'RABBITMQ_ADDRESS; if the queue is gone for good, run: enrollment journal --accept-loss'
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

/**
 * The state of the journal's queue as the broker tells it, exactly; unlike its management, which lags.
 * @param isFitnessAsked whether it is asked for `unfit` too. Only a declaration tells, and that makes a queue anew which is
 *   deleted at this very moment: not to be asked often.
 * @throws if the broker does not answer
 */
export async function inspectJournalQueue(
  session: RabbitSession,
  campus: string,
  isFitnessAsked = true,
): Promise<QueueState> {
  const queue = journalQueueOf(campus)
  const channel = await session.spareChannel()
  try {
    const { messageCount, consumerCount } = await channel.queueDeclare({ queue, passive: true })
    const unfit = isFitnessAsked ? await unfitness(channel, campus) : undefined
    if (unfit !== undefined) return { kind: 'unfit', detail: unfit }
    if (channel.active) await channel.close()
    return { kind: 'there', ready: messageCount, consumers: consumerCount }
  } catch (error) {
    if (codeOf(error) === 'NOT_FOUND') return { kind: 'gone' }
    throw error
  }
}

/** The broker's word on how the queue differs from what the journal needs. Who may not declare it cannot tell. */
async function unfitness(channel: Channel, campus: string): Promise<string | undefined> {
  try {
    await declareJournalQueue(channel, campus)
    return undefined
  } catch (error) {
    if (codeOf(error) === 'ACCESS_REFUSED') return undefined
    if (codeOf(error) === 'PRECONDITION_FAILED') return describeError(error)
    throw error
  }
}

/**
 * A broker before 4.0 hands the consumers of a deleted queue on to one that is made by its name before they are told.
 * They get nothing from it: their channel takes its deliveries, numbered from 0 again, for old ones. (rabbit_channel.erl
 * of 3.13, `handle_consuming_queue_down_or_eol`; rabbit_fifo_client.erl, `handle_delivery`.)
 */
const consumersGoneMs = 1000

/** Waits, while the journal's queue is missing, until whoever consumed from it knows. */
export async function letConsumersGo(session: RabbitSession): Promise<void> {
  await Promise.race([sleep(consumersGoneMs), session.ended])
}

/** Makes the journal's queue as it has to be; one that is not is deleted, with what is in it. */
export async function remakeJournalQueue(session: RabbitSession, campus: string): Promise<void> {
  const state = await inspectJournalQueue(session, campus)
  if (state.kind === 'there') return
  const channel = await session.spareChannel()
  if (state.kind === 'unfit') await channel.queueDelete({ queue: journalQueueOf(campus) })
  await letConsumersGo(session)
  await declareJournalQueue(channel, campus)
  await channel.close()
}
