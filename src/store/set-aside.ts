import { createHash } from 'node:crypto'
import { describeError } from '../engine/describe-error.ts'
import type { Stray } from '../engine/ports.ts'
import type { Client } from './database.ts'

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
