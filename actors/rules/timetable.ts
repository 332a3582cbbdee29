/**
 * One weekly meeting. `day`: 0 = Saturday … 6 = Friday. Minutes since midnight, end exclusive; an end before the start
 * is on the next day.
 */
export interface Meeting {
  readonly day: number
  readonly startMinute: number
  readonly endMinute: number
}

/** An exam; `endMs` equals `startMs` when its length is not known. Milliseconds since the Unix epoch. */
export interface Exam {
  readonly startMs: number
  readonly endMs: number
}

/** An exam as it is set: `minutes` is 0 when its length is not known. */
export interface ExamTime {
  /** Milliseconds since the Unix epoch. */
  readonly startMs: number
  readonly minutes: number
}

const minutesPerDay = 1440
const msPerMinute = 60_000
const firstDayBit = 22
/** No hours of a day reach bit 21. Some programs set it all the same, for a day that they count from one bit too low. */
const rangeMask = 2 ** (firstDayBit - 1) - 1
const classTimeMax = 2 ** 29 - 1
const daysPerWeek = 7

/**
 * The parts of a week that are taken, a bit for each (`early` and `late`: the first 32 and the rest), and the days of
 * exams, modulo 31. Two timetables without a common bit have no conflict; with one, they may: ask `meetingsOverlap` and
 * `examsOverlap`. A few integers in one place, where meetings and exams are objects all over the memory.
 */
export interface TimeBits {
  readonly earlyBits: number
  readonly lateBits: number
  readonly examBits: number
}

/** When the parts of a day begin, in minutes: the night, then the hours in which most classes are. */
const partsOfDay = [Number.NEGATIVE_INFINITY, 480, 570, 660, 750, 840, 930, 1020, 1110]
const bitsPerInteger = 32
const msPerDay = 86_400_000
const examDays = 31

export function timeBitsOf(meetings: readonly Meeting[], exam: Exam | undefined): TimeBits {
  let earlyBits = 0
  let lateBits = 0
  for (const { day, first, last } of meetings.flatMap(spansOf)) {
    for (const [part, begin] of partsOfDay.entries()) {
      const end = partsOfDay[part + 1] ?? Number.POSITIVE_INFINITY
      if (first >= end || last <= begin) continue
      const bit = day * partsOfDay.length + part
      if (bit < bitsPerInteger) earlyBits |= 1 << bit
      else lateBits |= 1 << (bit - bitsPerInteger)
    }
  }
  let examBits = 0
  if (exam !== undefined) {
    const first = Math.floor(Math.min(exam.startMs, exam.endMs) / msPerDay)
    const last = Math.floor(Math.max(exam.startMs, exam.endMs) / msPerDay)
    for (let day = first; day <= Math.min(last, first + examDays - 1); day++) {
      examBits |= 1 << (((day % examDays) + examDays) % examDays)
    }
  }
  return { earlyBits, lateBits, examBits }
}

/** A meeting day by day. One without length, which no table should hold, counts as a minute here. */
function spansOf(
  meeting: Meeting,
): { readonly day: number; readonly first: number; readonly last: number }[] {
  const { day, startMinute } = meeting
  const end = endOf(meeting)
  const today = { day, first: startMinute, last: Math.max(end, startMinute + 1) }
  return end <= minutesPerDay ? [today] : [today, { day: dayAfter(day), first: 0, last: end - minutesPerDay }]
}

/** In minutes since the midnight before the start. */
function endOf({ startMinute, endMinute }: Meeting): number {
  return endMinute < startMinute ? endMinute + minutesPerDay : endMinute
}

function dayAfter(day: number): number {
  return (day + 1) % daysPerWeek
}

export function mayConflict(a: TimeBits, b: TimeBits): boolean {
  return (
    (a.earlyBits & b.earlyBits) !== 0 || (a.lateBits & b.lateBits) !== 0 || (a.examBits & b.examBits) !== 0
  )
}

/** Touching ends do not overlap. */
export function meetingsOverlap(a: readonly Meeting[], b: readonly Meeting[]): boolean {
  for (const one of a) {
    for (const other of b) {
      const isSameDay = one.day === other.day
      if (isSameDay && one.startMinute < endOf(other) && other.startMinute < endOf(one)) return true
      if (runsInto(one, other) || runsInto(other, one)) return true
    }
  }
  return false
}

/** Whether what is left of `one` after midnight overlaps with `next`. */
function runsInto(one: Meeting, next: Meeting): boolean {
  return (
    dayAfter(one.day) === next.day &&
    next.startMinute < endOf(one) - minutesPerDay &&
    endOf(next) > 0 &&
    endOf(one) > minutesPerDay
  )
}

/** An exam of unknown length is the instant of its start: equal starts conflict, touching ends do not. */
export function examsOverlap(a: Exam | undefined, b: Exam | undefined): boolean {
  if (a === undefined || b === undefined) return false
  if (a.startMs === b.startMs) return true
  return a.startMs < b.endMs && b.startMs < a.endMs
}

export function examOf({ startMs, minutes }: ExamTime): Exam {
  return { startMs, endMs: startMs + minutes * msPerMinute }
}

/** In the order of the week, as the packed form gives them back. */
export function inOrderOfWeek(meetings: readonly Meeting[]): Meeting[] {
  return meetings.toSorted((a, b) => a.day - b.day || a.startMinute - b.startMinute)
}

/** Whether the number has days of a week in it and nothing that is none. */
export function isClassTime(packed: number): boolean {
  return packed >= 0 && packed <= classTimeMax
}

/** What is strange about a number that can be read all the same. */
export function oddityOfClassTime(packed: number): 'bit_21' | 'ends_first' | undefined {
  if (packed !== (packed & ~(rangeMask + 1))) return 'bit_21'
  const endsFirst = unpackClassTime(packed).some(({ startMinute, endMinute }) => endMinute <= startMinute)
  return endsFirst ? 'ends_first' : undefined
}

/**
 * Unpacks `courses.class_time`: start + 1440 * end in bits 0 to 20, bit 22 + day for each day. Bits that are neither
 * are left out, and an end after midnight is one on the next day.
 */
export function unpackClassTime(packed: number): Meeting[] {
  const range = packed & rangeMask
  const startMinute = range % minutesPerDay
  const end = Math.floor(range / minutesPerDay)
  const endMinute = end > minutesPerDay ? end - minutesPerDay : end
  const meetings: Meeting[] = []
  for (let day = 0; day < daysPerWeek; day++) {
    if ((packed >>> (firstDayBit + day)) & 1) meetings.push({ day, startMinute, endMinute })
  }
  return meetings
}

/** The inverse of `unpackClassTime`, or undefined when the meetings differ by day and need their own column. */
export function packClassTime(meetings: readonly Meeting[]): number | undefined {
  const first = meetings[0]
  if (first === undefined) return 0
  let packed = first.startMinute + minutesPerDay * first.endMinute
  for (const { day, startMinute, endMinute } of meetings) {
    if (startMinute !== first.startMinute || endMinute !== first.endMinute) return undefined
    packed |= 1 << (firstDayBit + day)
  }
  return packed
}
