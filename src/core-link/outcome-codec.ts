import type { Command } from '../../actors/messages/commands.ts'
import type { DecisionRecord, Effect } from '../../actors/messages/records.ts'
import { type Refusal, refusalCodes, type RefusalCode } from '../../actors/messages/refusals.ts'
import type { Outcome, SubmitOptions, UnavailableCode } from '../engine/service.ts'
import { type ByteReader, ProtocolBroken } from './byte-reader.ts'
import { type ByteWriter, fits32Bits } from './byte-writer.ts'
import { toGateway } from './protocol.ts'

/** Append only: engine and gateway may be of different versions for a while. */
const unavailableCodes: readonly UnavailableCode[] = [
  'busy',
  'not_leading',
  'recovering',
  'journal_unavailable',
  'outcome_unknown',
  'not_storable',
]
const refusalNames = Object.keys(refusalCodes) as RefusalCode[]
const refusalNumbers = new Map(refusalNames.map((code, index) => [code, index]))
/** Effects that name a student, a course and a group, and nothing more. */
const placeEffects = ['registered', 'left', 'promoted'] as const
const reservedEffect = 10
const spentEffect = 11
/** Added to the effect's byte: the student's number is beyond 32 bits. */
const longStudent = 128

const isRefused = 1
const hasRemaining = 2

const hasLeg = 1
const hasCourse = 2
const hasGroup = 4
const hasOther = 8
const hasWindow = 16
const hasMore = 32

/**
 * Writes what became of a command. Of a decision, only what the gateway does not know: it has the command.
 */
export function writeOutcome(to: ByteWriter, id: number, outcome: Outcome): void {
  if (outcome.kind === 'decided' && !outcome.replayed && isUsual(outcome.record)) {
    writeDecided(to, id, outcome.record)
    return
  }
  if (outcome.kind === 'unavailable') {
    to.uint8(toGateway.unavailable)
    to.uint32(id)
    to.uint8(unavailableCodes.indexOf(outcome.code))
    return
  }
  to.uint8(toGateway.answer)
  to.uint32(id)
  to.longText(JSON.stringify(outcome))
}

function isUsual({ effects, reasons }: DecisionRecord): boolean {
  if (reasons !== undefined && (reasons.length > 255 || reasons.at(-1)?.more !== undefined)) return false
  if (effects === undefined) return true
  for (const effect of effects) if (!isUsualEffect(effect)) return false
  return effects.length < 256
}

export type UsualEffect = Extract<
  Effect,
  { type: (typeof placeEffects)[number] | 'reserved' | 'actions_spent' }
>

export function isUsualEffect(effect: Effect): effect is UsualEffect {
  const { type } = effect
  return (
    type === 'registered' ||
    type === 'left' ||
    type === 'promoted' ||
    type === 'reserved' ||
    type === 'actions_spent'
  )
}

function writeDecided(to: ByteWriter, id: number, record: DecisionRecord): void {
  const { effects, reasons, remaining } = record
  to.uint8(toGateway.decided)
  to.uint32(id)
  to.uint8((reasons === undefined ? 0 : isRefused) | (remaining === undefined ? 0 : hasRemaining))
  to.float64(record.seq)
  to.float64(record.at)
  if (remaining !== undefined) to.int32(remaining)
  if (reasons === undefined) {
    to.uint8(effects?.length ?? 0)
    for (const effect of effects ?? []) writeEffect(to, effect as UsualEffect)
    return
  }
  to.uint8(reasons.length)
  for (const reason of reasons) writeReason(to, reason)
}

export function writeEffect(to: ByteWriter, effect: UsualEffect): void {
  const long = fits32Bits(effect.student) ? 0 : longStudent
  switch (effect.type) {
    case 'registered':
    case 'left':
    case 'promoted':
      to.uint8(placeEffects.indexOf(effect.type) + long)
      break
    case 'reserved':
      to.uint8(reservedEffect + long)
      to.float64(effect.order)
      to.int32(effect.position)
      break
    case 'actions_spent':
      to.uint8(spentEffect + long)
      writeStudent(to, effect.student)
      to.int32(effect.count)
      to.int32(effect.remaining)
      return
  }
  writeStudent(to, effect.student)
  to.int32(effect.course)
  to.int32(effect.group)
}

function writeStudent(to: ByteWriter, student: number): void {
  if (fits32Bits(student)) to.int32(student)
  else to.float64(student)
}

function writeReason(to: ByteWriter, { code, leg, course, group, with: other, more, window }: Refusal): void {
  to.uint8(refusalNumbers.get(code) ?? 255)
  to.uint8(
    (leg === undefined ? 0 : hasLeg) |
      (course === undefined ? 0 : hasCourse) |
      (group === undefined ? 0 : hasGroup) |
      (other === undefined ? 0 : hasOther) |
      (window === undefined ? 0 : hasWindow) |
      (more === undefined ? 0 : hasMore),
  )
  if (leg !== undefined) to.uint8(leg)
  if (course !== undefined) to.int32(course)
  if (group !== undefined) to.int32(group)
  if (other !== undefined) {
    to.int32(other.course)
    to.int32(other.group)
  }
  if (window !== undefined) {
    to.float64(window.startMs)
    to.float64(window.endMs)
  }
  if (more !== undefined) to.int32(more)
}

/** Reads what follows `decided` and the id, for the command that it decides. */
export function readDecided(from: ByteReader, command: Command, options: SubmitOptions): Outcome {
  const { actor, student, legs } = command
  const flags = from.uint8()
  const seq = from.float64()
  const at = from.float64()
  const remaining = (flags & hasRemaining) === 0 ? {} : { remaining: from.int32() }
  const verdict =
    (flags & isRefused) === 0
      ? { effects: readMany(from, readEffect) }
      : { reasons: readMany(from, readReason) }
  const { key, requestHash, request } = options
  const record: DecisionRecord = {
    seq,
    at,
    actor: { role: actor.role, id: actor.id },
    ...(student !== undefined && { student }),
    legs,
    ...verdict,
    ...remaining,
    ...(key !== undefined && { key, requestHash: requestHash ?? '' }),
    ...(request !== undefined && { request }),
  }
  return { kind: 'decided', record, replayed: false }
}

/** Reads what follows `unavailable` and the id. */
export function readUnavailable(from: ByteReader): Outcome {
  const code = unavailableCodes[from.uint8()]
  if (code === undefined) throw new ProtocolBroken('an unknown code')
  return { kind: 'unavailable', code }
}

function readMany<One>(from: ByteReader, read: (from: ByteReader) => One): One[] {
  const count = from.uint8()
  const all: One[] = []
  for (let index = 0; index < count; index++) all.push(read(from))
  return all
}

export function readEffect(from: ByteReader): Effect {
  const first = from.uint8()
  const isLong = first >= longStudent
  const type = isLong ? first - longStudent : first
  const student = () => (isLong ? from.float64() : from.int32())
  if (type === spentEffect) {
    return { type: 'actions_spent', student: student(), count: from.int32(), remaining: from.int32() }
  }
  if (type === reservedEffect) {
    const [order, position] = [from.float64(), from.int32()]
    return {
      type: 'reserved',
      student: student(),
      course: from.int32(),
      group: from.int32(),
      order,
      position,
    }
  }
  const placed = placeEffects[type]
  if (placed === undefined) throw new ProtocolBroken(`there is no effect ${first}`)
  return { type: placed, student: student(), course: from.int32(), group: from.int32() }
}

function readReason(from: ByteReader): Refusal {
  const code = refusalNames[from.uint8()]
  if (code === undefined) throw new ProtocolBroken('an unknown reason')
  const flags = from.uint8()
  return {
    code,
    ...((flags & hasLeg) !== 0 && { leg: from.uint8() }),
    ...((flags & hasCourse) !== 0 && { course: from.int32() }),
    ...((flags & hasGroup) !== 0 && { group: from.int32() }),
    ...((flags & hasOther) !== 0 && { with: { course: from.int32(), group: from.int32() } }),
    ...((flags & hasWindow) !== 0 && { window: { startMs: from.float64(), endMs: from.float64() } }),
    ...((flags & hasMore) !== 0 && { more: from.int32() }),
  }
}
