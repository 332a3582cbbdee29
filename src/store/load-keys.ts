import { keyLifetimeMs } from '../engine/key-memory.ts'
import { KeyArchive } from '../engine/key-archive.ts'
import type { LoadOptions } from '../engine/ports.ts'
import { copyTextOut } from './copy.ts'
import type { Client } from './database.ts'

/** The array is `archivedText`'s, so that a row goes into the archive as it comes. */
const selectKeyed = (sinceMs: number) => `
  SELECT actor_role || ':' || actor_id, key, (extract(epoch FROM at) * 1000)::bigint,
    json_build_array(seq, (extract(epoch FROM at) * 1000)::bigint, student_id, legs, effects, reasons, remaining,
      request_hash, request)
  FROM decisions WHERE key IS NOT NULL AND at >= to_timestamp(${Math.trunc(sinceMs)} / 1000.0)`

/** What was decided under a key since `keysSinceMs`. In the order of the table, which is about that of the decisions. */
export async function loadKeys(
  client: Client,
  { keysSinceMs, keysBytesMax }: Pick<LoadOptions, 'keysSinceMs' | 'keysBytesMax'>,
): Promise<KeyArchive> {
  const keys = new KeyArchive(keysBytesMax, keyLifetimeMs)
  await copyTextOut(client, selectKeyed(keysSinceMs), ([caller = '', key = '', at = '', text = '']) => {
    keys.add({ caller, key, text, at: Number(at), seq: 0 }, 0)
  })
  return keys
}
