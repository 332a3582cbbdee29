/** A course group, as its row says. Times are milliseconds, minutes or bits, as `transaction-server.ts` reads them. */
export interface GroupRow {
  readonly course: number
  readonly group: number
  readonly units: number
  readonly capacity: number
  readonly reserveCapacity: number
  readonly genderLock: string | null
  readonly examStartMs: number
  /** The same as its start where its length is not known. */
  readonly examEndMs: number
  readonly meetings: readonly Meeting[]
}

export interface Meeting {
  readonly day: number
  readonly startMinute: number
  readonly endMinute: number
}

export interface HeldRow extends GroupRow {
  readonly isReserved: boolean
}

export interface StudentRow {
  readonly gender: string
  readonly maxUnits: number
  readonly remainingActions: number
  readonly isWindowOpen: boolean
}

/** How many are in the group that somebody wants to enter. */
export interface GroupCounts {
  readonly registered: number
  readonly reserved: number
}

export type Place = 'registered' | 'reserved'

/** In order of precedence: the first that applies is the answer's code. */
export type Refusal =
  | 'outside_enrollment_window'
  | 'already_enrolled'
  | 'not_enrolled'
  | 'no_change'
  | 'gender_locked'
  | 'unit_limit'
  | 'class_conflict'
  | 'exam_conflict'
  | 'no_actions_left'
  | 'move_would_lose_seat'
  | 'course_full'

/** What somebody who enters a group gets there; undefined = nothing. Nobody passes those who wait. */
export function placeFor(
  group: GroupRow,
  counts: GroupCounts,
  reserve: 'allow' | 'never' | 'only' = 'allow',
): Place | undefined {
  const hasSeat = counts.registered < group.capacity && counts.reserved === 0
  if (hasSeat && reserve !== 'only') return 'registered'
  return reserve !== 'never' && counts.reserved < group.reserveCapacity ? 'reserved' : undefined
}

export interface Entry {
  readonly student: StudentRow
  readonly held: readonly HeldRow[]
  readonly group: GroupRow
  readonly place: Place | undefined
}

/** Why a student may not add this group: every reason, the most important first. */
export function refusalsOfAdd({ student, held, group, place }: Entry): Refusal[] {
  const refusals: Refusal[] = []
  if (!student.isWindowOpen) refusals.push('outside_enrollment_window')
  if (held.some(({ course }) => course === group.course)) return [...refusals, 'already_enrolled']
  refusals.push(...refusalsOfEntry({ student, held, group }))
  if (place === undefined) refusals.push('course_full')
  return refusals
}

/** Why a student may not move to this group of a course. */
export function refusalsOfMove(
  { student, held, group, place }: Entry,
  { allowReserve }: { readonly allowReserve: boolean },
): Refusal[] {
  const refusals: Refusal[] = []
  if (!student.isWindowOpen) refusals.push('outside_enrollment_window')
  const from = held.find(({ course }) => course === group.course)
  if (from === undefined) return [...refusals, 'not_enrolled']
  if (from.group === group.group) return [...refusals, 'no_change']
  const others = held.filter((one) => one !== from)
  refusals.push(...refusalsOfEntry({ student, held: others, group }))
  if (student.remainingActions < 1) refusals.push('no_actions_left')
  if (place === 'reserved' && !from.isReserved && !allowReserve) refusals.push('move_would_lose_seat')
  if (place === undefined) refusals.push('course_full')
  return refusals
}

/** Why a student may not drop a course. */
export function refusalsOfDrop(student: StudentRow, from: HeldRow | undefined): Refusal[] {
  const refusals: Refusal[] = []
  if (!student.isWindowOpen) refusals.push('outside_enrollment_window')
  if (from === undefined) return [...refusals, 'not_enrolled']
  if (student.remainingActions < 1) refusals.push('no_actions_left')
  return refusals
}

function refusalsOfEntry({ student, held, group }: Omit<Entry, 'place'>): Refusal[] {
  const refusals: Refusal[] = []
  const units = held.reduce((sum, one) => sum + one.units, group.units)
  if (group.genderLock !== null && group.genderLock !== student.gender) refusals.push('gender_locked')
  if (units > student.maxUnits) refusals.push('unit_limit')
  if (held.some((one) => classesOverlap(one.meetings, group.meetings))) refusals.push('class_conflict')
  if (held.some((one) => examsOverlap(one, group))) refusals.push('exam_conflict')
  return refusals
}

function classesOverlap(some: readonly Meeting[], others: readonly Meeting[]): boolean {
  return some.some((a) =>
    others.some((b) => a.day === b.day && a.startMinute < b.endMinute && b.startMinute < a.endMinute),
  )
}

function examsOverlap(a: GroupRow, b: GroupRow): boolean {
  if (a.examStartMs <= 0 || b.examStartMs <= 0) return false
  return a.examStartMs === b.examStartMs || (a.examStartMs < b.examEndMs && b.examStartMs < a.examEndMs)
}
