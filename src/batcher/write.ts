import { isDeepStrictEqual } from 'node:util'
import type { DecisionRecord } from '../../actors/records.ts'
import { encodeMessage } from '../engine/messages.ts'
import {
  type BatchMessage,
  type BatchTransaction,
  LostTail,
  type MarkerProof,
  type RecordId,
  type StartMessage,
  type TableStore,
} from '../engine/ports.ts'

/** A record came before the one that precedes it. The broker still has that one; take the channel down and retry. */
export class JournalGap extends Error {
  override readonly name = 'JournalGap'
}

/**
 * Records of a leader of whom the tables have never heard, although its marker came before them: the tables are older
 * than the journal, or not its tables. What is in the journal may have been acknowledged.
 */
export class UnknownLeader extends Error {
  override readonly name = 'UnknownLeader'
}

export interface WriteReport {
  readonly applied: number
  readonly duplicates: number
  readonly voids: number
  /** For people: which records came again with another content. They were not applied, and their messages are set aside. */
  readonly changed: readonly string[]
  /** How many of the messages are done with. Fewer than given: the next one begins behind a gap. */
  readonly messagesDone: number
  /** Position of the tables afterwards. */
  readonly position: RecordId
}

/**
 * Writes messages into the tables, all in one transaction. Each record is judged by itself: the next one of
 * the current leader applies; one that is applied already is skipped, and a copy of its message kept if it is not as it was
 * applied; one of another leader is void; one that comes too early stops the writing before its message.
 * @throws UnknownLeader for records of a leader that was never judged
 */
export async function writeBatches(
  tables: TableStore,
  messages: readonly BatchMessage[],
): Promise<WriteReport> {
  const transaction = await tables.begin()
  try {
    const { leader } = transaction.position
    let seq = transaction.position.seq
    const toApply: DecisionRecord[] = []
    let duplicates = 0
    let voids = 0
    const changed: string[] = []
    let messagesDone = 0
    for (const message of messages) {
      if (message.leader !== leader) {
        const fate = await judgeDeposed(transaction, message)
        duplicates += fate.duplicates
        voids += fate.voids
        changed.push(...(await setAsideChanged(transaction, message, fate.applied)))
      } else {
        const fresh = message.records.filter((record) => record.seq > seq)
        if (!followsOn(fresh, seq)) break
        if (fresh.length < message.records.length) {
          duplicates += message.records.length - fresh.length
          const applied = [...(await appliedOf(transaction, message)), ...toApply]
          changed.push(...(await setAsideChanged(transaction, message, applied)))
        }
        toApply.push(...fresh)
        seq += fresh.length
      }
      messagesDone++
    }
    if (toApply.length > 0) await transaction.apply(toApply)
    await transaction.commit()
    return { applied: toApply.length, duplicates, voids, changed, messagesDone, position: { leader, seq } }
  } catch (error) {
    await transaction.rollback()
    throw error
  }
}

function followsOn(records: readonly DecisionRecord[], seq: number): boolean {
  return records.every((record, index) => record.seq === seq + 1 + index)
}

/**
 * Records of a leader that no longer leads: written before it was deposed, or void.
 * @throws UnknownLeader
 */
async function judgeDeposed(
  transaction: BatchTransaction,
  message: BatchMessage,
): Promise<{ duplicates: number; voids: number; applied: readonly DecisionRecord[] }> {
  const { leader, records } = message
  if ((await transaction.judgementOf(leader)) === undefined) {
    throw new UnknownLeader(
      `the tables do not know leader ${leader}, whose records are in the queue: this is an older state or a copy of the ` +
        'database that they belong to',
    )
  }
  const applied = await appliedOf(transaction, message)
  const found = new Set(applied.map(({ seq }) => seq))
  const voids: DecisionRecord[] = []
  for (const record of records) {
    if (found.has(record.seq)) continue
    if (!(await transaction.isApplied({ leader, seq: record.seq }))) voids.push(record)
  }
  if (voids.length > 0) await transaction.recordVoids(leader, voids)
  return { duplicates: records.length - voids.length, voids: voids.length, applied }
}

async function appliedOf(
  transaction: BatchTransaction,
  { leader, records }: BatchMessage,
): Promise<readonly DecisionRecord[]> {
  const [first, last] = [records[0], records.at(-1)]
  if (first === undefined || last === undefined) return []
  return await transaction.appliedRecords(leader, first.seq, last.seq)
}

/**
 * Keeps a copy of a message of which a record is not as it was applied: two that bear one number, of which one was answered
 * for, must not be taken for one.
 * @returns a line for people, if there is such a record
 */
async function setAsideChanged(
  transaction: BatchTransaction,
  message: BatchMessage,
  applied: readonly DecisionRecord[],
): Promise<readonly string[]> {
  const bySeq = new Map(applied.map((record) => [record.seq, record]))
  const changed = message.records.find((record) => {
    const before = bySeq.get(record.seq)
    return before !== undefined && !isDeepStrictEqual(before, record)
  })
  if (changed === undefined) return []
  const detail = `record ${changed.seq} of leader ${message.leader} came again and is not as it was applied`
  const body = encodeMessage(message)
  await transaction.setAside([{ reason: 'changed_duplicate', detail, body, headers: {} }])
  return [detail]
}

/**
 * Judges a leader's marker: accepted only if it comes after the leader that the tables have, and only once.
 * To be called when everything that was in the journal before it is written.
 * @param waiting other markers that are at hand, not judged yet
 * @throws LostTail if the author of any of them saw a record confirmed that is not in the tables
 */
export async function writeMarker(
  tables: TableStore,
  { start }: StartMessage,
  waiting: readonly StartMessage[] = [],
  proof: MarkerProof = {},
): Promise<'accepted' | 'rejected' | 'judged before'> {
  const transaction = await tables.begin()
  try {
    if ((await transaction.judgementOf(start.leader)) !== undefined) {
      await transaction.rollback()
      return 'judged before'
    }
    for (const { seen } of [start, ...waiting.map((other) => other.start)]) {
      if (seen === undefined || (await transaction.isApplied(seen))) continue
      throw new LostTail(
        `the end of the journal is lost: record ${seen.seq} of leader ${seen.leader} was confirmed ` +
          'by the broker and is neither in PostgreSQL nor in the queue',
      )
    }
    const judgement = start.after === transaction.position.leader ? 'accepted' : 'rejected'
    await transaction.recordMarker({ leader: start.leader, after: start.after, judgement, ...proof })
    await transaction.commit()
    return judgement
  } catch (error) {
    await transaction.rollback()
    throw error
  }
}

/**
 * Rejects a leader's marker without asking whose turn it is; an author that lives publishes another. Safe at
 * any time, unlike an acceptance.
 */
export async function rejectMarker(
  tables: TableStore,
  { start: { leader, after } }: StartMessage,
  proof: MarkerProof,
): Promise<'rejected' | 'judged before'> {
  const transaction = await tables.begin()
  try {
    const judged = await transaction.judgementOf(leader)
    if (judged === undefined) {
      await transaction.recordMarker({ leader, after, judgement: 'rejected', ...proof })
    }
    await transaction.commit()
    return judged === undefined ? 'rejected' : 'judged before'
  } catch (error) {
    await transaction.rollback()
    throw error
  }
}
