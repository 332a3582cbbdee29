import type { Leg } from '../../actors/commands.ts'
import type { DecisionRecord, Effect } from '../../actors/records.ts'
import type { Refusal } from '../../actors/refusals.ts'

/** Writing a number takes longer than anything else here, and the same ones come again and again. */
class NumberText {
  #number = 0
  #text = '0'

  of(number: number): string {
    if (number === this.#number) return this.#text
    this.#number = number
    this.#text = String(number)
    return this.#text
  }
}

const moments = new NumberText()
const students = new NumberText()
const courses = new NumberText()
const groups = new NumberText()

/**
 * A record as JSON, the same as `JSON.stringify` gives but for the order of fields. Writing the journal is the
 * largest part of what a command costs the engine; for what students do, whose shapes are known, this takes a third
 * of that. Everything else is left to `JSON.stringify`.
 */
export function recordText(record: DecisionRecord): string {
  const { seq, at, actor, student, legs, effects, reasons, remaining, key, requestHash, request } = record
  if (actor.role !== 'student') return JSON.stringify(record)
  let text = `{"seq":${seq},"at":${moments.of(at)},"actor":{"role":"student","id":${students.of(actor.id)}}`
  if (student !== undefined) text += `,"student":${students.of(student)}`
  text += `,"legs":${listText(legs, legText)}`
  if (effects !== undefined) text += `,"effects":${listText(effects, effectText)}`
  if (reasons !== undefined) text += `,"reasons":${listText(reasons, refusalText)}`
  if (remaining !== undefined) text += `,"remaining":${remaining}`
  if (key !== undefined) text += `,"key":${quoted(key)}`
  if (requestHash !== undefined) text += `,"requestHash":${quoted(requestHash)}`
  if (request !== undefined) text += `,"request":${quoted(request)}`
  return `${text}}`
}

function listText<Item>(items: readonly Item[], textOf: (item: Item) => string): string {
  const [first] = items
  if (first === undefined) return '[]'
  let text = `[${textOf(first)}`
  for (let index = 1; index < items.length; index++) text += `,${textOf(items[index] as Item)}`
  return `${text}]`
}

function legText(leg: Leg): string {
  if (leg.do === 'add') {
    return `{"do":"add","course":${courses.of(leg.course)},"group":${groups.of(leg.group)},"reserve":"${leg.reserve}"}`
  }
  if (leg.do === 'drop') return `{"do":"drop","course":${courses.of(leg.course)}}`
  return JSON.stringify(leg)
}

function effectText(effect: Effect): string {
  const { type } = effect
  if (type !== 'registered' && type !== 'left' && type !== 'promoted') return JSON.stringify(effect)
  const place = `"course":${courses.of(effect.course)},"group":${groups.of(effect.group)}`
  return `{"type":"${type}","student":${students.of(effect.student)},${place}}`
}

function refusalText(refusal: Refusal): string {
  const { code, leg, course, group, with: other } = refusal
  let text = `{"code":"${code}"`
  if (leg !== undefined) text += `,"leg":${leg}`
  if (course !== undefined) text += `,"course":${courses.of(course)}`
  if (group !== undefined) text += `,"group":${groups.of(group)}`
  if (other !== undefined) text += `,"with":{"course":${other.course},"group":${other.group}}`
  return `${text}}`
}

/** Most texts hold nothing that JSON writes otherwise. */
function quoted(text: string): string {
  return /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/.test(text) ? `"${text}"` : JSON.stringify(text)
}
