import type { Command, Leg, ReserveWish, StudentLeg } from '../../actors/messages/commands.ts'
import type { SubmitOptions } from '../engine/service.ts'
import { type ByteReader, ProtocolBroken } from './byte-reader.ts'
import { type ByteWriter, fits32Bits } from './byte-writer.ts'
import { toEngine } from './protocol.ts'

export interface ReadCommand {
  readonly id: number
  readonly command: Command
  readonly options: SubmitOptions
}

/** What a leg does, as a byte. Append only: engine and gateway may be of different versions for a while. */
const wishes: readonly ReserveWish[] = ['allow', 'never', 'only']
const dropLeg = 3
const moveLeg = 4
const moveToReserveLeg = 5

const hasRequest = 1
const hasKey = 2
const isPlan = 4
const hasPlan = 8
/** The student's number is beyond 32 bits. */
const isLong = 16

/** Writes a command: a student's own in binary, any other as JSON. */
export function writeCommand(to: ByteWriter, id: number, command: Command, options: SubmitOptions): void {
  if (isStudentsOwn(command) && isShort(options.request) && isShort(options.key)) {
    to.uint8(toEngine.studentCommand)
    to.uint32(id)
    writeStudentCommand(to, command, options)
    return
  }
  to.uint8(toEngine.command)
  to.uint32(id)
  to.longText(JSON.stringify([command, options]))
}

interface StudentCommand extends Command {
  readonly actor: { readonly role: 'student'; readonly id: number }
  readonly legs: readonly StudentLeg[]
}

function isStudentsOwn(command: Command): command is StudentCommand {
  const { actor, student, legs } = command
  return actor.role === 'student' && student === actor.id && legs.length < 256 && legs.every(isStudentLeg)
}

function isStudentLeg(leg: Leg): leg is StudentLeg {
  return leg.do === 'add' || leg.do === 'drop' || leg.do === 'move'
}

/** Whether a text can go as `shortText`. Keys are visible ASCII by contract, and request ids are ours. */
function isShort(text: string | undefined): boolean {
  return text === undefined || (text.length < 256 && /^[\x20-\x7e]*$/.test(text))
}

function writeStudentCommand(to: ByteWriter, command: StudentCommand, options: SubmitOptions): void {
  const { request, key, requestHash = '' } = options
  to.uint8(
    (request === undefined ? 0 : hasRequest) |
      (key === undefined ? 0 : hasKey) |
      (command.plan === undefined ? 0 : hasPlan) |
      (command.plan === true ? isPlan : 0) |
      (fits32Bits(command.actor.id) ? 0 : isLong),
  )
  if (fits32Bits(command.actor.id)) to.int32(command.actor.id)
  else to.float64(command.actor.id)
  to.uint8(command.legs.length)
  for (const leg of command.legs) writeLeg(to, leg)
  if (request !== undefined) to.shortText(request)
  if (key === undefined) return
  to.shortText(key)
  to.shortText(requestHash)
}

function writeLeg(to: ByteWriter, leg: StudentLeg): void {
  switch (leg.do) {
    case 'add':
      to.uint8(wishes.indexOf(leg.reserve))
      break
    case 'drop':
      to.uint8(dropLeg)
      to.int32(leg.course)
      return
    case 'move':
      to.uint8(leg.allowReserve ? moveToReserveLeg : moveLeg)
  }
  to.int32(leg.course)
  to.int32(leg.group)
}

/** Reads what follows the byte `studentCommand`. */
export function readStudentCommand(from: ByteReader): ReadCommand {
  const id = from.uint32()
  const flags = from.uint8()
  const student = (flags & isLong) === 0 ? from.int32() : from.float64()
  const count = from.uint8()
  const legs: Leg[] = []
  for (let index = 0; index < count; index++) legs.push(readLeg(from))
  const command: Command =
    (flags & hasPlan) === 0
      ? { actor: { role: 'student', id: student }, student, legs }
      : { actor: { role: 'student', id: student }, student, legs, plan: (flags & isPlan) !== 0 }
  return { id, command, options: readOptions(from, flags) }
}

function readLeg(from: ByteReader): StudentLeg {
  const what = from.uint8()
  const course = from.int32()
  if (what === dropLeg) return { do: 'drop', course }
  const group = from.int32()
  if (what === moveLeg || what === moveToReserveLeg) {
    return { do: 'move', course, group, allowReserve: what === moveToReserveLeg }
  }
  const reserve = wishes[what]
  if (reserve === undefined) throw new ProtocolBroken(`there is no leg ${what}`)
  return { do: 'add', course, group, reserve }
}

function readOptions(from: ByteReader, flags: number): SubmitOptions {
  if ((flags & ~isLong) === hasRequest) return { request: from.shortText() }
  const request = (flags & hasRequest) === 0 ? {} : { request: from.shortText() }
  if ((flags & hasKey) === 0) return request
  return { ...request, key: from.shortText(), requestHash: from.shortText() }
}

/** Reads what follows the byte `command`. */
export function readJsonCommand(from: ByteReader): ReadCommand {
  const id = from.uint32()
  // The peer is a gateway of ours, which has validated what strangers sent.
  const [command, options] = from.json() as [Command, SubmitOptions]
  return { id, command, options }
}
