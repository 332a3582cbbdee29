import { createHash } from 'node:crypto'
import { describeError } from '../engine/describe-error.ts'
import type { Stray, StrayReason } from '../journal/batcher-ports.ts'
import type { Client, Database } from './database.ts'

/** Of a body; ours have 4 MiB at most. */
const bodyBytesMax = 4 * 1024 * 1024
/** Whoever floods the queue must not fill the disk of the database with copies. */
const tableBytesMax = 256 * 1024 * 1024

const insertStray = `
  INSERT INTO set_aside_messages (reason, detail, headers, body, bytes, digest, taken_out_at)
  SELECT $1, $2, $3::json, $4::bytea, $5, $6::bytea, now()
  WHERE pg_total_relation_size('set_aside_messages') < ${tableBytesMax}`
const insertStuck = `
  INSERT INTO set_aside_messages (reason, detail, headers, body, bytes, digest) VALUES ($1, $2, $3, $4, $5, $6)
  ON CONFLICT (digest) WHERE reason = 'not_understood' DO NOTHING`
const takeOut = `
  UPDATE set_aside_messages SET taken_out_at = now()
  WHERE digest = $1 AND reason = 'not_understood' AND decided_at IS NOT NULL`

const selectKept = `
  SELECT id, found_at, reason, detail, bytes, substr(body, 1, 200) AS start, decided_by, note, taken_out_at
  FROM set_aside_messages ORDER BY reason = 'not_understood' AND taken_out_at IS NULL DESC, id DESC LIMIT $1`
const selectBody = 'SELECT body FROM set_aside_messages WHERE id = $1'
const decideToTakeOut = `
  UPDATE set_aside_messages SET decided_by = $2, decided_at = now(), note = $3
  WHERE id = $1 AND reason = 'not_understood' AND decided_at IS NULL RETURNING id`
const selectState = 'SELECT reason, decided_by, taken_out_at FROM set_aside_messages WHERE id = $1'

/** A message that is kept here, for people. */
export interface KeptMessage {
  readonly id: number
  readonly found_at: Date
  readonly reason: StrayReason
  readonly detail: string
  readonly bytes: number
  /** The first 200 bytes of it. */
  readonly start: Buffer
  readonly decided_by: string | null
  readonly note: string | null
  /** Null while it is in the queue and stops the batcher. */
  readonly taken_out_at: Date | null
}

/** Those that stop a batcher first, then the newest. */
export async function keptMessages(database: Database, limit: number): Promise<readonly KeptMessage[]> {
  return await database.query<KeptMessage>(selectKept, [limit])
}

/** @returns undefined if there is no such message */
export async function bodyOfKept(database: Database, id: number): Promise<Buffer | undefined> {
  const [row] = await database.query<{ body: Buffer }>(selectBody, [id])
  return row?.body
}

/**
 * Puts on record that the batcher go on without a message that stops it.
 * @returns false if no message of that number waits for a decision
 */
export async function decideOnStuck(
  database: Database,
  id: number,
  by: string,
  note: string,
): Promise<boolean> {
  return (await database.query<object>(decideToTakeOut, [id, by, note])).length === 1
}

/** What became of a message; undefined if there is none of that number. */
export async function stateOfKept(
  database: Database,
  id: number,
): Promise<Pick<KeptMessage, 'reason' | 'decided_by' | 'taken_out_at'> | undefined> {
  const [row] = await database.query<Pick<KeptMessage, 'reason' | 'decided_by' | 'taken_out_at'>>(
    selectState,
    [id],
  )
  return row
}

/** Keeps copies of messages that are taken out of the queue now, while there is room for copies. */
export async function insertStrays(client: Client, strays: readonly Stray[]): Promise<void> {
  for (const stray of strays) await client.query(insertStray, rowOf(stray))
}

/** Notes a message that stops the batcher, once. @returns whether an operator has decided that it be taken out */
export async function isTakenOut(client: Client, stuck: Stray): Promise<boolean> {
  const { rowCount } = await client.query(takeOut, [digestOf(stuck.body)])
  if (rowCount === 1) return true
  await client.query(insertStuck, rowOf(stuck))
  return false
}

function rowOf({ reason, detail, headers, body }: Stray): unknown[] {
  const kept = body.subarray(0, bodyBytesMax)
  return [reason, detail.replaceAll('\0', '\uFFFD'), jsonOf(headers), kept, body.length, digestOf(body)]
}

function jsonOf(headers: Stray['headers']): string {
  try {
    return JSON.stringify(headers)
  } catch (error) {
    // Tables of AMQP may be nested deeper than the stack is.
    return JSON.stringify(describeError(error))
  }
}

function digestOf(body: Buffer): Buffer {
  return createHash('sha256').update(body).digest()
}
