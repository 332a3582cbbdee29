import type { DecisionRecord } from '../../actors/messages/records.ts'

/**
 * Close enough for a bound, far cheaper than encoding twice: a student's legs, effects and reasons have a known shape
 * with integers in them. Staff write text and end thousands of places at once; theirs are few, and measured.
 */
export function approximateBytes(record: DecisionRecord): number {
  if (record.actor.role !== 'student') return Buffer.byteLength(JSON.stringify(record))
  let bytes = 220 + (record.key?.length ?? 0) + (record.requestHash?.length ?? 0) + record.legs.length * 80
  bytes += ((record.effects?.length ?? 0) + (record.reasons?.length ?? 0)) * 90
  return bytes
}
