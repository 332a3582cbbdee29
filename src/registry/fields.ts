import { type Meeting, meetingsOverlap, packClassTime } from '../../actors/rules/timetable.ts'
import {
  argonMemoryKiBMax,
  argonPassesMax,
  bcryptCostMax,
  codeLengthMax,
  passwordLengthMax,
} from '../../schema/registry-limits.ts'
import { quote } from './file-findings.ts'

/** Why a cell cannot be read, as a sentence without its subject: `is not a whole number; wants …`. */
export class UnfitCell extends Error {
  override readonly name = 'UnfitCell'
}

/** How a column's cells are read. */
export interface Field<T> {
  /** Whether the file may lack the column; its cells are empty then. */
  readonly optional: boolean
  /** The column's name in the file, where it is another than the cell's. */
  readonly column?: string
  /** @throws UnfitCell */
  read(text: string): T
}

/** The same field from a column of this name. */
export function named<T>(column: string, field: Field<T>): Field<T> {
  return { ...field, column }
}

export function integer(min: number, max: number): Field<number> {
  return {
    optional: false,
    read: (cell) => {
      const value = /^-?(0|[1-9]\d{0,15})$/.test(cell) ? Number(cell) : Number.NaN
      if (value >= min && value <= max) return value
      const zeros = /^-?0\d/.test(cell) ? ' without leading zeros' : ''
      throw new UnfitCell(`${shown(cell)}; wants a whole number from ${min} to ${max}${zeros}`)
    },
  }
}

/**
 * One line of text; `multiline` also takes line breaks and tabs. Lengths in characters. Lone surrogates, which
 * PostgreSQL does not store, cannot get here: the file is UTF-8, which has none.
 */
export function text(min: number, max: number, multiline = false): Field<string> {
  return {
    optional: min === 0,
    read: (cell) => {
      const control = /\p{Cc}/u.exec(multiline ? cell.replaceAll(/[\t\r\n]/g, ' ') : cell)
      if (control !== null) throw new UnfitCell(`contains the control character ${control[0].codePointAt(0)}`)
      if (cell.trim().length < min) throw new UnfitCell('is empty')
      if (cell.length > max) throw new UnfitCell(`has ${cell.length} characters; at most ${max} are taken`)
      return cell
    },
  }
}

/** Text as tables hold it: also none, and of several lines. NUL is what PostgreSQL does not store. */
export const anyText: Field<string> = {
  optional: false,
  read: (cell) => {
    if (cell.includes('\0')) throw new UnfitCell('contains the control character 0')
    return cell
  },
}

export const gender: Field<'male' | 'female'> = {
  optional: false,
  read: (cell) => {
    if (cell === 'male' || cell === 'female') return cell
    throw new UnfitCell(`${shown(cell)}; wants male or female`)
  },
}

/** How the university writes a person or a course: one line, as it is, leading zeros included. */
export const code: Field<string> = {
  optional: true,
  read: (cell) => {
    const line = text(1, codeLengthMax).read(cell)
    if (line.trim() === line) return line
    throw new UnfitCell(`${shown(cell)}; wants it without spaces at the ends`)
  },
}

/** As PostgreSQL writes it, or in words. */
export const yesOrNo: Field<boolean> = {
  optional: false,
  read: (cell) => {
    if (/^(t|true|yes)$/i.test(cell)) return true
    if (/^(f|false|no)$/i.test(cell)) return false
    throw new UnfitCell(`${shown(cell)}; wants yes or no`)
  },
}

/** Whether newcomers may enter a group; empty: open. */
export const status: Field<'open' | 'closed' | 'cancelled'> = {
  optional: true,
  read: (cell) => {
    if (cell === '') return 'open'
    if (cell === 'open' || cell === 'closed' || cell === 'cancelled') return cell
    throw new UnfitCell(`${shown(cell)}; wants open, closed or cancelled`)
  },
}

/**
 * A time with its offset from UTC, as ISO 8601 in UTC, to the microsecond; also as psql writes it (`+00`). Without an offset
 * it could mean two things.
 */
export const time: Field<string> = {
  optional: false,
  read: (cell) => {
    const match =
      /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?(?:Z|([+-])(\d\d)(?::?(\d\d))?)?$/.exec(
        cell,
      )
    const wants = 'wants ISO 8601 with its offset from UTC, like 2026-09-01T07:00:00+03:30 or …Z'
    if (match === null) throw new UnfitCell(`${shown(cell)}; ${wants}`)
    const [, year, month, day, hour, minute, second, fraction = '', sign, offsetHours, offsetMinutes] = match
    if (sign === undefined && !cell.endsWith('Z'))
      throw new UnfitCell(`${shown(cell)} without an offset; ${wants}`)
    const wall = new Date(0)
    wall.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
    wall.setUTCHours(
      Number(hour),
      Number(minute),
      Number(second ?? 0),
      Number(fraction.padEnd(3, '0').slice(0, 3)),
    )
    const offset = Number(offsetHours ?? 0) * 60 + Number(offsetMinutes ?? 0)
    const isReal =
      wall.getUTCMonth() === Number(month) - 1 &&
      wall.getUTCDate() === Number(day) &&
      Number(hour) < 24 &&
      Number(minute) < 60 &&
      Number(second ?? 0) < 60 &&
      Number(offsetMinutes ?? 0) < 60 &&
      offset <= 14 * 60
    if (!isReal) throw new UnfitCell(`${shown(cell)}, which is no date and time that exists`)
    const at = new Date(wall.getTime() - (sign === '-' ? -offset : offset) * 60_000)
    if (at.getTime() < 0 || at.getUTCFullYear() > 9999) {
      throw new UnfitCell(`${shown(cell)}; wants a time from 1970 to 9999`)
    }
    const microseconds = fraction.slice(3).replace(/0+$/, '')
    return `${at.toISOString().slice(0, -1)}${microseconds}Z`
  },
}

/** Whether the first time is the later one, or the same; both as `time` reads them. */
export function isNotBefore(one: string, other: string): boolean {
  return one.slice(0, -1) >= other.slice(0, -1)
}

/** The same field in a column that may be missing and cells that may be empty: `null` then. */
export function orNull<T>(field: Field<T>): Field<T | null> {
  return { optional: true, read: (cell) => (cell === '' ? null : field.read(cell)) }
}

/** A hash as the database keeps it; empty where the row brings a plain password. Never quoted in a message. */
export const passwordHash: Field<string> = {
  optional: true,
  read: (cell) => {
    if (cell === '') return cell
    const argon = /^\$argon2id\$v=19\$m=(\d{1,9}),t=(\d{1,3}),p=(\d{1,3})\$[\w+/-]{11,}\$[\w+/-]{22,}$/.exec(
      cell,
    )
    const bcrypt = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(cell)
    if (argon === null && bcrypt === null) {
      throw new UnfitCell('is no argon2id or bcrypt hash; plain passwords belong in a column password_plain')
    }
    const [, memory, passes] = argon ?? []
    if (
      Number(memory ?? 0) > argonMemoryKiBMax ||
      Number(passes ?? 0) > argonPassesMax ||
      Number(bcrypt?.[1] ?? 0) > bcryptCostMax
    ) {
      throw new UnfitCell('is a hash that takes too much work to check at every login')
    }
    return cell
  },
}

/** A password to hash; empty where the row brings a hash. Never quoted in a message. */
export const plainPassword: Field<string> = {
  optional: true,
  read: (cell) => {
    if (cell.includes('\0')) throw new UnfitCell('contains a NUL')
    if (cell.length > passwordLengthMax) {
      throw new UnfitCell(`has ${cell.length} characters; at most ${passwordLengthMax} are taken`)
    }
    return cell
  },
}

/** From Saturday on, as days are numbered. */
export const dayNames = ['Saturday', 'Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday']
const classTimeWants = 'wants weekly meetings like: Sat 09:00-10:30; Mon 09:00-10:30'
/** Weekly meetings as people write them, or the number of `courses.class_time`, which is kept as it is. */
export const classTime: Field<readonly Meeting[] | number> = {
  optional: false,
  read: (cell) => {
    if (/^-?\d+$/.test(cell)) return readPacked(cell)
    const meetings = cell.split(';').flatMap(readMeeting)
    meetings.forEach((meeting, index) => {
      if (meetingsOverlap([meeting], meetings.slice(index + 1))) {
        throw new UnfitCell(`${shown(cell)}, whose meetings overlap`)
      }
    })
    // Several of them are stored one by one, where each ends on its own day.
    if (packClassTime(meetings) === undefined && meetings.some((one) => one.endMinute <= one.startMinute)) {
      throw new UnfitCell(
        `${shown(cell)}: of meetings at different hours, each must end on its day; write the rest as a meeting from 00:00`,
      )
    }
    return meetings
  },
}

/** Programs have put all kinds of bits there; the server says which it cannot read. */
function readPacked(cell: string): number {
  const packed = Number(cell)
  if (packed === (packed | 0) && String(packed) === cell) return packed
  throw new UnfitCell(`${shown(cell)}, which is no packed class time; ${classTimeWants}`)
}

function readMeeting(part: string): Meeting[] {
  if (part.trim() === '') return []
  const match = /^\s*([A-Za-z]+)\s+(\d{1,2}):(\d\d)\s*[-–]\s*(\d{1,2}):(\d\d)\s*$/.exec(part)
  const [, dayName = '', startHour, startMinute, endHour, endMinute] = match ?? []
  const day = dayNames.findIndex((name) =>
    [name, name.slice(0, 3)].some((one) => one.toLowerCase() === dayName.toLowerCase()),
  )
  const start = Number(startHour) * 60 + Number(startMinute)
  const end = Number(endHour) * 60 + Number(endMinute)
  if (match === null || day < 0 || Number(startMinute) > 59 || Number(endMinute) > 59 || end > 1440) {
    throw new UnfitCell(`${shown(part.trim())}; ${classTimeWants}`)
  }
  if (end === start) throw new UnfitCell(`${shown(part.trim())}, which ends as it begins`)
  return [{ day, startMinute: start, endMinute: end }]
}

export function shown(cell: string): string {
  return cell === '' ? 'is empty' : `is ${quote(cell)}`
}
