import type { RecordId } from '../engine/ports.ts'
import { lockPosition, recordQueueLoss } from './campus-row.ts'
import type { Client, Database } from './database.ts'

/** The newest of a leader's records that were answered for and are lost. */
export interface LossRow {
  readonly leader: string
  readonly seq: number
  /** A person decided to go on without them. */
  readonly isAccepted: boolean
}

/** Of a row of `answered_records AS answered`. */
const answeredIsApplied = `(
  EXISTS (SELECT FROM leaders JOIN decisions USING (term) WHERE leader = answered.leader AND decisions.seq = answered.seq)
  OR EXISTS (SELECT FROM leaders JOIN archived_decisions USING (term)
    WHERE leader = answered.leader AND last_seq >= answered.seq))`
const selectMissingAnswered = `
  SELECT leader, seq FROM answered_records AS answered WHERE accepted_at IS NULL AND NOT ${answeredIsApplied}`
const deleteAppliedAnswers = `
  DELETE FROM answered_records AS answered WHERE accepted_at IS NULL AND ${answeredIsApplied}`
const selectIsAccepted =
  'SELECT EXISTS (SELECT FROM answered_records WHERE leader = $1 AND accepted_at IS NOT NULL) AS accepted'
const upsertLoss = `
  INSERT INTO answered_records AS answered (leader, seq, lost_at) VALUES ($1, $2, now())
  ON CONFLICT (leader) DO UPDATE SET seq = greatest(answered.seq, excluded.seq),
    lost_at = coalesce(answered.lost_at, excluded.lost_at)`
const selectLosses = `
  SELECT leader, seq, accepted_at IS NOT NULL AS "isAccepted" FROM answered_records AS answered
  WHERE lost_at IS NOT NULL AND NOT ${answeredIsApplied} ORDER BY lost_at`
const acceptLost = `
  UPDATE answered_records AS answered SET accepted_at = now(), lost_at = coalesce(lost_at, now())
  WHERE (lost_at IS NOT NULL OR $1) AND accepted_at IS NULL AND NOT ${answeredIsApplied}
  RETURNING leader, seq, TRUE AS "isAccepted"`
/** All that it decided, of a leader that the tables do not know. */
const acceptUnknown = `
  INSERT INTO answered_records (leader, seq, lost_at, accepted_at)
  SELECT $1, 0, now(), now() WHERE NOT EXISTS (SELECT FROM leaders WHERE leader = $1::uuid)
  ON CONFLICT (leader) DO UPDATE SET accepted_at = excluded.accepted_at, lost_at = excluded.lost_at`
const forgetQueue = 'UPDATE campus SET journal_since_term = (SELECT term FROM journal_position)'

export async function readLosses(client: Client): Promise<readonly LossRow[]> {
  return (await client.query<LossRow>(selectLosses)).rows
}

/**
 * From now on the tables stand as they are: leaders begin again, and what comes of the lost records is void.
 * @param isQueueGone then what the journal's queue held is given up too, and the next leader makes it anew
 */
export async function acceptLosses(
  database: Database,
  { isQueueGone }: { readonly isQueueGone: boolean },
): Promise<readonly LossRow[]> {
  return await database.transaction(async (client) => {
    await client.query(lockPosition)
    if (isQueueGone) {
      await client.query(recordQueueLoss)
      await client.query(forgetQueue)
    }
    return (await client.query<LossRow>(acceptLost, [isQueueGone])).rows
  })
}

/**
 * From now on what the queue holds of this leader is void: the tables are older than it.
 * @returns false, and nothing changes, if the tables know it
 */
export async function acceptUnknownLeader(database: Database, leader: string): Promise<boolean> {
  return await database.transaction(async (client) => {
    await client.query(lockPosition)
    return (await client.query(acceptUnknown, [leader])).rowCount === 1
  })
}

/** See `BatchTransaction.missingAnswered`. */
export async function missingAnswered(client: Client): Promise<readonly RecordId[]> {
  return (await client.query<{ leader: string; seq: number }>(selectMissingAnswered)).rows
}

/** Deletes the notes of answers that the tables hold by now. */
export async function forgetAppliedAnswers(client: Client): Promise<void> {
  await client.query(deleteAppliedAnswers)
}

/** See `BatchTransaction.isLossAccepted`. */
export async function isLossAccepted(client: Client, leader: string): Promise<boolean> {
  const { rows } = await client.query<{ accepted: boolean }>(selectIsAccepted, [leader])
  return rows[0]?.accepted === true
}

/** See `BatchTransaction.recordLoss`. */
export async function recordLoss(client: Client, { leader, seq }: RecordId): Promise<void> {
  await client.query(upsertLoss, [leader, seq])
}
