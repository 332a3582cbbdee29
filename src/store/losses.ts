import type { Client, Database } from './database.ts'
import { answeredIsApplied } from './table-store.ts'

/** The newest of a leader's records that were answered for and are lost. */
export interface LossRow {
  readonly leader: string
  readonly seq: number
  /** A person decided to go on without them. */
  readonly isAccepted: boolean
}

const selectLosses = `
  SELECT leader, seq, accepted_at IS NOT NULL AS "isAccepted" FROM answered_records AS answered
  WHERE lost_at IS NOT NULL AND NOT ${answeredIsApplied} ORDER BY lost_at`
const acceptLost = `
  UPDATE answered_records AS answered SET accepted_at = now()
  WHERE lost_at IS NOT NULL AND accepted_at IS NULL AND NOT ${answeredIsApplied}
  RETURNING leader, seq, TRUE AS "isAccepted"`

export async function readLosses(client: Client): Promise<readonly LossRow[]> {
  return (await client.query<LossRow>(selectLosses)).rows
}

/** From now on the tables stand as they are: leaders begin again, and what comes of the lost records is void. */
export async function acceptLosses(database: Database): Promise<readonly LossRow[]> {
  return await database.query<LossRow>(acceptLost)
}
