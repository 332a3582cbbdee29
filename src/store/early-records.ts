import type { DecisionRecord } from '../../actors/messages/records.ts'
import type { RecordId } from '../engine/ports.ts'
import type { Client } from './database.ts'

const insertEarly = `
  INSERT INTO early_records (leader, first_seq, last_seq, records)
  SELECT $1, (batch -> 0 ->> 'seq')::bigint, (batch -> -1 ->> 'seq')::bigint, batch FROM jsonb_array_elements($2::jsonb) AS batch
  ON CONFLICT DO NOTHING`
/** So many messages' worth at a time. */
const selectEarly = `
  SELECT records FROM early_records WHERE leader = $1 AND last_seq > $2 ORDER BY first_seq, last_seq LIMIT 200`
const deleteEarly = 'DELETE FROM early_records WHERE leader = $1 AND last_seq <= $2'
const selectEarlyRange = `
  SELECT min(first_seq) AS first, max(last_seq) AS newest FROM early_records WHERE leader = $1 AND last_seq > $2`
/** What a leader left that nothing will precede any more. */
const moveToVoid = `
  WITH gone AS (DELETE FROM early_records RETURNING leader, records)
  INSERT INTO void_records (leader, seq, record)
  SELECT leader, (record ->> 'seq')::bigint, record FROM gone, jsonb_array_elements(records) AS record
  ON CONFLICT DO NOTHING`

/** See `BatchTransaction.keepEarly`. */
export async function keepEarly(
  client: Client,
  leader: string,
  batches: readonly (readonly DecisionRecord[])[],
): Promise<void> {
  await client.query(insertEarly, [leader, JSON.stringify(batches)])
}

/** See `BatchTransaction.takeEarly`. */
export async function takeEarly(
  client: Client,
  { leader, seq: after }: RecordId,
): Promise<readonly DecisionRecord[]> {
  const { rows } = await client.query<{ records: DecisionRecord[] }>(selectEarly, [leader, after])
  const taken: DecisionRecord[] = []
  for (const { records } of rows) {
    const fresh = records.filter(({ seq }) => seq > after + taken.length)
    if (fresh.length > 0 && fresh[0]?.seq !== after + taken.length + 1) break
    taken.push(...fresh)
  }
  await client.query(deleteEarly, [leader, after + taken.length])
  return taken
}

/** @returns the oldest and the newest record that is kept and newer than `applied`; undefined if none is */
export async function earlyRange(
  client: Client,
  applied: RecordId,
): Promise<{ first: number; newest: number } | undefined> {
  const { rows } = await client.query<{ first: number | null; newest: number | null }>(selectEarlyRange, [
    applied.leader,
    applied.seq,
  ])
  const { first, newest } = rows[0] ?? { first: null, newest: null }
  return first === null || newest === null ? undefined : { first, newest }
}

/** Moves everything that is kept to the void records: nothing will precede it any more. */
export async function voidEarly(client: Client): Promise<void> {
  await client.query(moveToVoid)
}
