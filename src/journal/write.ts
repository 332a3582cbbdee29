import { isDeepStrictEqual } from 'node:util'
import type { DecisionRecord } from '../../actors/messages/records.ts'
import { encodeMessage } from '../engine/messages.ts'
import type { BatchTransaction, MarkerProof, TableStore } from './batcher-ports.ts'
import {
  type BatchMessage,
  LostTail,
  type MissingRecords,
  type Position,
  type RecordId,
  type StartMessage,
} from '../engine/ports.ts'

/** Records are missing: newer ones of the present leader came without them. */
export class JournalGap extends Error {
  override readonly name = 'JournalGap'
  readonly missing: MissingRecords

  constructor(missing: MissingRecords) {
    const { leader, seq } = missing.applied
    super(
      `records ${seq + 1} to ${missing.upTo} of leader ${leader} are missing, although newer ones have arrived; ` +
        'what comes is kept until they are there',
    )
    this.missing = missing
  }
}

/**
 * Records of a leader of whom the tables have never heard, although its marker came before them: the tables are older
 * than the journal, or not its tables. What is in the journal may have been acknowledged.
 */
export class UnknownLeader extends Error {
  override readonly name = 'UnknownLeader'
}

export interface KeepReport {
  /** What the tables lack before the oldest that is kept; undefined if nothing. */
  readonly missing: MissingRecords | undefined
  readonly voids: number
  /** For people: which records came again with another content. They were not applied, and their messages are set aside. */
  readonly changed: readonly string[]
}

export interface WriteReport extends Pick<KeepReport, 'voids' | 'changed'> {
  readonly applied: number
  readonly duplicates: number
  /** How many of the messages are done with. Fewer than given: the next one begins behind a gap. */
  readonly messagesDone: number
  /** Records that were kept for coming early follow on what was written: write again, without messages if need be. */
  readonly isMoreEarly: boolean
  /** Whether the tables keep records for coming early, as it began. */
  readonly hasEarly: boolean
  /** Position of the tables before and afterwards. */
  readonly before: Position
  readonly position: Position
}

/** So many records at most, taken from what was kept for coming early, go into one transaction. */
const earlyMax = 2000

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
    const { hasEarly } = transaction
    for (;;) {
      for (const message of messages.slice(messagesDone)) {
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
      const early = hasEarly && toApply.length < earlyMax ? await transaction.takeEarly(seq) : []
      if (early.length === 0) break
      toApply.push(...early)
      seq += early.length
    }
    if (toApply.length > 0) await transaction.apply(toApply)
    await transaction.commit()
    const isMoreEarly = hasEarly && toApply.length >= earlyMax
    const before = transaction.position
    const position = { ...before, seq }
    return {
      applied: toApply.length,
      duplicates,
      voids,
      changed,
      messagesDone,
      hasEarly,
      isMoreEarly,
      before,
      position,
    }
  } catch (error) {
    await transaction.rollback()
    throw error
  }
}

/**
 * Keeps messages that came before the one that they follow, so that they can be acknowledged and make room for it; those of
 * other leaders among them, which arrived behind them, are judged.
 * @param messages none, to ask only what is missing
 * @throws UnknownLeader for records of a leader that was never judged
 */
export async function keepEarly(tables: TableStore, messages: readonly BatchMessage[]): Promise<KeepReport> {
  const transaction = await tables.begin()
  try {
    const { leader, seq } = transaction.position
    const early: (readonly DecisionRecord[])[] = []
    const changed: string[] = []
    let voids = 0
    for (const message of messages) {
      if (message.leader === leader) {
        early.push(message.records)
        continue
      }
      const fate = await judgeDeposed(transaction, message)
      voids += fate.voids
      changed.push(...(await setAsideChanged(transaction, message, fate.applied)))
    }
    if (early.length > 0) await transaction.keepEarly(leader, early)
    const range = await transaction.earlyRange()
    await transaction.commit()
    const isMissing = range !== undefined && range.first > seq + 1
    const missing = isMissing ? { applied: { leader, seq }, upTo: range.first - 1 } : undefined
    return { missing, voids, changed }
  } catch (error) {
    await transaction.rollback()
    throw error
  }
}

/** Writes down that the newest record that is kept, which follows on what is missing for good, is lost. */
export async function recordEarlyLost(tables: TableStore): Promise<void> {
  const transaction = await tables.begin()
  try {
    const range = await transaction.earlyRange()
    if (range !== undefined)
      await transaction.recordLoss({ leader: transaction.position.leader, seq: range.newest })
    await transaction.commit()
  } catch (error) {
    await transaction.rollback()
    throw error
  }
}

/** Writes down that a record is lost which this process has seen applied. */
export async function recordLoss(tables: TableStore, lost: RecordId): Promise<void> {
  const transaction = await tables.begin()
  try {
    await transaction.recordLoss(lost)
    await transaction.commit()
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
 * @throws UnknownLeader if the tables do not know it and nobody has accepted that its records are lost
 */
async function judgeDeposed(
  transaction: BatchTransaction,
  message: BatchMessage,
): Promise<{ duplicates: number; voids: number; applied: readonly DecisionRecord[] }> {
  const { leader, records } = message
  const isKnown = (await transaction.judgementOf(leader)) !== undefined
  if (!isKnown && !(await transaction.isLossAccepted(leader))) {
    throw new UnknownLeader(
      `the tables do not know leader ${leader}, whose records are in the queue: this is an older state or a copy of the ` +
        'database that they belong to; see docs/runbook.md, EnrollmentUnknownLeader',
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
 * @throws LostTail if the tables lack a record that any of their authors saw confirmed, or that is written down as answered
 *   for
 * @throws JournalGap if records of the leader before are missing
 */
export async function writeMarker(
  tables: TableStore,
  { start }: StartMessage,
  waiting: readonly StartMessage[] = [],
  proof: MarkerProof = {},
): Promise<'accepted' | 'rejected' | 'judged before'> {
  const transaction = await beginWithoutEarly(tables)
  try {
    if ((await transaction.judgementOf(start.leader)) !== undefined) {
      await transaction.rollback()
      return 'judged before'
    }
    const lost = await firstLost(transaction, [start, ...waiting.map((other) => other.start)])
    if (lost !== undefined) {
      await transaction.recordLoss(lost)
      await transaction.commit()
      throw new LostTail(
        `the end of the journal is lost: record ${lost.seq} of leader ${lost.leader} was confirmed ` +
          'by the broker and is neither in PostgreSQL nor in the queue; see: enrollment journal --help',
      )
    }
    const missing = await missingIn(transaction)
    if (missing !== undefined) throw new JournalGap(missing)
    const judgement = start.after === transaction.position.leader ? 'accepted' : 'rejected'
    await transaction.recordMarker({ leader: start.leader, after: start.after, judgement, ...proof })
    await transaction.commit()
    return judgement
  } catch (error) {
    if (!(error instanceof LostTail)) await transaction.rollback()
    throw error
  }
}

/** What was kept for coming early, and does no longer, is written first. */
async function beginWithoutEarly(tables: TableStore): Promise<BatchTransaction> {
  const transaction = await tables.begin()
  if (!transaction.hasEarly) return transaction
  await transaction.rollback()
  while ((await writeBatches(tables, [])).isMoreEarly);
  return await tables.begin()
}

async function firstLost(
  transaction: BatchTransaction,
  starts: readonly StartMessage['start'][],
): Promise<RecordId | undefined> {
  for (const { seen } of starts) {
    if (seen === undefined || (await transaction.isApplied(seen))) continue
    if (!(await transaction.isLossAccepted(seen.leader))) return seen
  }
  const [answered] = await transaction.missingAnswered()
  return answered
}

async function missingIn(transaction: BatchTransaction): Promise<MissingRecords | undefined> {
  const { leader, seq } = transaction.position
  const range = transaction.hasEarly ? await transaction.earlyRange() : undefined
  if (range === undefined || (await transaction.isLossAccepted(leader))) return undefined
  return { applied: { leader, seq }, upTo: range.first - 1 }
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
