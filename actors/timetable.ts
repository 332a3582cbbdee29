/** One weekly meeting. `day`: 0 = Saturday … 6 = Friday. Minutes since midnight, end exclusive. */
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

const minutesPerDay = 1440
const firstDayBit = 22
const rangeMask = 2 ** firstDayBit - 1
const daysPerWeek = 7

/** Touching ends do not overlap. */
export function meetingsOverlap(a: readonly Meeting[], b: readonly Meeting[]): boolean {
  for (const one of a) {
    for (const other of b) {
      if (one.day === other.day && one.startMinute < other.endMinute && other.startMinute < one.endMinute)
        return true
    }
  }
  return false
}

/** An exam of unknown length is the instant of its start: equal starts conflict, touching ends do not. */
export function examsOverlap(a: Exam | undefined, b: Exam | undefined): boolean {
  if (a === undefined || b === undefined) return false
  if (a.startMs === b.startMs) return true
  return a.startMs < b.endMs && b.startMs < a.endMs
}

/** Unpacks `courses.class_time`: start + 1440 * end in bits 0 to 21, bit 22 + day for each day. */
export function unpackClassTime(packed: number): Meeting[] {
  const range = packed & rangeMask
  const startMinute = range % minutesPerDay
  const endMinute = Math.floor(range / minutesPerDay)
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
