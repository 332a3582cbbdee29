import type { Leg } from '../../actors/messages/commands.ts'
import type { DecisionRecord, Effect } from '../../actors/messages/records.ts'
import type { Refusal } from '../../actors/messages/refusals.ts'
import { recordSchema } from '../../schema/journal-message.ts'
import { int16Max, int32Max } from '../../schema/registry-limits.ts'
import { whenUsed } from './messages.ts'

const schemaCheck = whenUsed<DecisionRecord>(recordSchema)
const atMax = recordSchema.properties.at.maximum
const keyPattern = new RegExp(recordSchema.properties.key.pattern)
const hashPattern = new RegExp(recordSchema.properties.requestHash.pattern)
const requestLengthMax = 64

/**
 * Why the batcher would refuse this record, and whose it is; undefined if it would not. What the batcher refuses stops
 * the journal for everybody, so no such record may get into it.
 */
export function faultOfRecord(record: DecisionRecord): string | undefined {
  if (isUsual(record)) return undefined
  const fitsSchema = schemaCheck()
  if (fitsSchema(record)) return undefined
  const [first] = fitsSchema.errors ?? []
  return `${inWords(record)}: ${first?.instancePath ?? ''} ${first?.message ?? ''}`
}

/**
 * The same check by hand for what students do, which is nearly everything: the compiled schema costs twice what the
 * decision costs. Says no where it does not know; a test compares it with the schema. Fields that no such record has
 * are the compiler's business, and the record writer writes none of them.
 */
function isUsual(record: DecisionRecord): boolean {
  const { seq, at, actor, student, legs, effects, reasons, remaining, key, requestHash, request } = record
  if (actor.role !== 'student' || student === undefined || remaining === undefined) return false
  if (seq < 1 || !Number.isSafeInteger(seq) || !isInstant(at)) return false
  if (!isPerson(actor.id) || !isPerson(student) || !isSmall(remaining)) return false
  // Its characters are looked at by the record writer, which has to read them anyway.
  if (request !== undefined && (request.length < 1 || request.length > requestLengthMax)) return false
  if (key !== undefined && !keyPattern.test(key)) return false
  if (requestHash !== undefined && !hashPattern.test(requestHash)) return false
  if (legs.length < 1 || legs.length > 1000) return false
  for (let index = 0; index < legs.length; index++) if (!isUsualLeg(legs[index] as Leg)) return false
  if (effects !== undefined) {
    for (let index = 0; index < effects.length; index++) {
      if (!isUsualEffect(effects[index] as Effect)) return false
    }
    return reasons === undefined
  }
  if (reasons === undefined || reasons.length === 0) return false
  for (let index = 0; index < reasons.length; index++) {
    if (!isUsualReason(reasons[index] as Refusal)) return false
  }
  return true
}

function isUsualLeg(leg: Leg): boolean {
  if (leg.do === 'drop') return isNumber(leg.course)
  return (leg.do === 'add' || leg.do === 'move') && isNumber(leg.course) && isNumber(leg.group)
}

function isUsualEffect(effect: Effect): boolean {
  const { type } = effect
  if (type === 'registered' || type === 'left' || type === 'promoted' || type === 'reserved') {
    const { student, course, group } = effect
    if (!isPerson(student) || !isNumber(course) || !isNumber(group)) return false
    return type !== 'reserved' || isUsualPlace(effect)
  }
  if (type !== 'actions_spent') return false
  const { student, count, remaining } = effect
  return isPerson(student) && count > 0 && isNumber(count) && isSmall(remaining)
}

function isUsualPlace({ order, position }: Effect & { readonly type: 'reserved' }): boolean {
  return order >= 0 && Number.isSafeInteger(order) && position > 0 && isNumber(position)
}

function isUsualReason({ leg, course, group, with: other, more, window }: Refusal): boolean {
  if (leg !== undefined && (!isNumber(leg) || leg > 1000)) return false
  if (course !== undefined && !isNumber(course)) return false
  if (group !== undefined && !isNumber(group)) return false
  if (more !== undefined && (!isNumber(more) || more < 1)) return false
  if (window !== undefined && !(isInstant(window.startMs) && isInstant(window.endMs))) return false
  return other === undefined || (isNumber(other.course) && isNumber(other.group))
}

function isInstant(ms: number): boolean {
  return Number.isSafeInteger(ms) && ms >= 0 && ms <= atMax
}

function isNumber(value: number): boolean {
  return (value | 0) === value && value >= 0 && value <= int32Max
}

/** Nearly all are small enough for the quicker question. */
function isPerson(id: number): boolean {
  return isNumber(id) || (id > 0 && Number.isSafeInteger(id))
}

function isSmall(value: number): boolean {
  return (value | 0) === value && value <= int16Max && value >= -int16Max - 1
}

/** For the log: who asked for what, and by which request. */
function inWords({ actor, student, legs, request }: DecisionRecord): string {
  const what = JSON.stringify(legs).slice(0, 500)
  const whose = student === undefined || student === actor.id ? '' : ` about student ${student}`
  return `a decision of ${actor.role} ${actor.id}${whose} on ${what} (request ${request ?? 'none'})`
}
