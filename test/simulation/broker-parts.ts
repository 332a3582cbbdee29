import { decodeMessage } from '../../src/engine/messages.ts'
import type { Link } from './link.ts'

/** What the broker knows of one connection. */
export interface BrokerSession {
  readonly link: Link
  /** Told on the client's side when the broker blocks publishers, and when no more. */
  onBlocked: ((isBlocked: boolean) => void) | undefined
  /** An applied notice has reached the leader queue. */
  onNotice: ((body: Buffer) => void) | undefined
}

/** Faults of the broker itself, per publish or hand-over. */
export interface BrokerRates {
  /** Not confirmed by the time that the connection ends, and yet enqueued: maybe long after. */
  readonly limbo: number
  readonly nack: number
  readonly unroutable: number
  readonly enqueuedTwice: number
  readonly returnedOutOfOrder: number
  readonly handedOverEarly: number
  readonly noticeLost: number
  readonly countUnknown: number
  /** A cluster that has fallen apart: two connections hold the lock, and what either publishes is confirmed. */
  readonly lockGrantedTwice: number
}

export const soundBroker: BrokerRates = {
  limbo: 0,
  nack: 0,
  unroutable: 0,
  enqueuedTwice: 0,
  returnedOutOfOrder: 0,
  handedOverEarly: 0,
  noticeLost: 0,
  countUnknown: 0,
  lockGrantedTwice: 0,
}

/** A batch that the broker has had: of which leader, and what is in it. */
export interface SentBatch {
  readonly leader: string
  readonly records: readonly { readonly seq: number; readonly request: string }[]
}

/** The batch that a message of this campus is; undefined for a marker. */
export function batchIn(body: Buffer, campus: string): SentBatch | undefined {
  const message = decodeMessage(body, campus)
  if ('start' in message) return undefined
  return {
    leader: message.leader,
    records: message.records.map(({ seq, request }) => ({ seq, request: request ?? '' })),
  }
}

/** The requests whose decisions a message of this campus holds; none in a marker. */
export function requestsIn(body: Buffer, campus: string): string[] {
  return (batchIn(body, campus)?.records ?? []).map(({ request }) => request)
}
