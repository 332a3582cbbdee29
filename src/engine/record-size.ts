import type { DecisionRecord } from '../../actors/records.ts'

/**
 * Close enough for a bound, far cheaper than encoding twice: legs, effects and reasons have a known shape
 * with integers in them, and only notes and keys are text of the caller's.
 */
export function approximateBytes(record: DecisionRecord): number {
  let bytes = 220 + (record.key?.length ?? 0) + (record.requestHash?.length ?? 0) + record.legs.length * 80
  bytes += ((record.effects?.length ?? 0) + (record.reasons?.length ?? 0)) * 90
  for (const leg of record.legs) if ('note' in leg) bytes += (leg.note?.length ?? 0) * 4
  return bytes
}
