import type { Campus } from '../campus.ts'
import type { CourseGroup } from '../course.ts'
import type { Student } from '../student.ts'
import type { AddLeg, MoveLeg, StudentLeg } from '../messages/commands.ts'
import { seatsAfter } from './promotion.ts'
import type { Effect, Verdict } from '../messages/records.ts'
import { inOrderOfPrecedence, type Refusal, type RefusalCode } from '../messages/refusals.ts'
import { examsOverlap, mayConflict, meetingsOverlap } from './timetable.ts'

/** What the legs together want for one course: the place held before, and the one asked for (none = dropped). */
interface CourseChange {
  readonly origin: CourseGroup | undefined
  readonly target: CourseGroup | undefined
  /** The last leg about this course, and its index. */
  readonly leg: StudentLeg
  readonly index: number
}

/** A change that ends in another group than it began. */
interface Entry extends CourseChange {
  readonly target: CourseGroup
  readonly leg: AddLeg | MoveLeg
}

interface Circumstances {
  readonly nowMs: number
  readonly refuseNoChange: boolean
}

/**
 * Judges a student's legs by the state that they lead to: all or none. One leg is the common case and takes
 * the same way.
 */
export function decidePlan(
  campus: Campus,
  student: Student,
  legs: readonly StudentLeg[],
  { nowMs, refuseNoChange }: Circumstances,
): Verdict {
  const refusals: Refusal[] = []
  if (!student.windowContains(nowMs)) {
    const { startMs, endMs } = student.window
    refusals.push({ code: 'outside_enrollment_window', window: { startMs, endMs } })
  }
  const changes = changesOf(campus, student, legs, refusals)
  const net = changes.every(isNet) ? changes : changes.filter(isNet)
  if (refuseNoChange && net.length === 0 && !refusals.some(isAboutLeg)) refusals.push({ code: 'no_change' })
  for (const change of changes) refuseKeptReservePlace(student, change, refusals)
  const entries = net.every(isEntry) ? net : net.filter(isEntry)
  refuseTimetable(student, net, entries, refusals)
  const places = entries.map((entry) => placeFor(student, entry, refusals))
  const spent = refuseOverspending(student, legs, refusals)
  if (refusals.length > 0) {
    return { reasons: inOrderOfPrecedence(refusals), remaining: student.remainingActions }
  }
  return effectsOf(student, net, entries, places, spent)
}

/**
 * Follows the legs one after another; what a leg cannot mean (drop what is not held, …) is refused here.
 * @returns one change for each course, in the order of the last legs about them
 */
function changesOf(
  campus: Campus,
  student: Student,
  legs: readonly StudentLeg[],
  refusals: Refusal[],
): CourseChange[] {
  const changes: CourseChange[] = []
  for (let index = 0; index < legs.length; index++) {
    const leg = legs[index] as StudentLeg
    const before = index === 0 ? undefined : takeOut(changes, leg.course)
    const origin = before === undefined ? student.placeIn(leg.course) : before.origin
    const held = before === undefined ? origin : before.target
    if (leg.do === 'drop') {
      if (held === undefined) refusals.push({ code: 'not_enrolled', leg: index, course: leg.course })
      changes.push({ origin, target: undefined, leg, index })
      continue
    }
    const target = campus.group(leg.course, leg.group)
    if (leg.do === 'add' && held !== undefined) refusals.push(refusalOf('already_enrolled', index, target))
    if (leg.do === 'move' && held === undefined) refusals.push(refusalOf('not_enrolled', index, target))
    if (leg.do === 'move' && held === target) refusals.push(refusalOf('no_change', index, target))
    changes.push({ origin, target, leg, index })
  }
  return changes
}

/** What earlier legs led to for the course, if they were about it. */
function takeOut(changes: CourseChange[], course: number): CourseChange | undefined {
  const earlier = changes.findIndex((change) => change.leg.course === course)
  return earlier < 0 ? undefined : changes.splice(earlier, 1)[0]
}

function isNet(change: CourseChange): boolean {
  return change.origin !== change.target
}

function isEntry(change: CourseChange): change is Entry {
  return change.target !== undefined
}

function isAboutLeg(refusal: Refusal): boolean {
  return refusal.leg !== undefined
}

/** Dropping a reserve place to ask for a seat in the same group, and nothing less, gives no seat. */
function refuseKeptReservePlace(student: Student, change: CourseChange, refusals: Refusal[]): void {
  const { origin, target, leg, index } = change
  if (target === undefined || target !== origin || leg.do !== 'add' || leg.reserve !== 'never') return
  if (!target.isWaiting(student.id)) return
  refusals.push(refusalOf('course_full', index, target))
}

/** One course more that surely fits what the student holds: told from sums, without a look at any place. */
function fitsAsItIs(student: Student, entries: readonly Entry[]): boolean {
  const [entry] = entries
  if (entry === undefined || entries.length > 1) return false
  return student.units + entry.target.units <= student.maxUnits && !mayConflict(student, entry.target)
}

/** Units, classes and exams of the final state; only what this command adds can be at fault. */
function refuseTimetable(
  student: Student,
  net: readonly CourseChange[],
  entries: readonly Entry[],
  refusals: Refusal[],
): void {
  if (entries.length === 0 || fitsAsItIs(student, entries)) return
  const others: CourseGroup[] = []
  let unitsBefore = 0
  let units = 0
  for (const place of student.places) {
    unitsBefore += place.units
    if (net.some((change) => change.origin === place)) continue
    units += place.units
    others.push(place)
  }
  const unitsAfter = entries.reduce((sum, entry) => sum + entry.target.units, units)
  const exceeds = unitsAfter > student.maxUnits && unitsAfter > unitsBefore
  for (const { target, index } of entries) {
    units += target.units
    if (exceeds && units > student.maxUnits) {
      refusals.push(refusalOf('unit_limit', index, target))
    }
    for (const other of others) refuseConflict(target, other, index, refusals)
    others.push(target)
  }
}

function refuseConflict(target: CourseGroup, other: CourseGroup, leg: number, refusals: Refusal[]): void {
  if (!mayConflict(target, other)) return
  if (meetingsOverlap(target.profile.meetings, other.profile.meetings)) {
    refusals.push({ ...refusalOf('class_conflict', leg, target), with: whereOf(other) })
  }
  if (examsOverlap(target.profile.exam, other.profile.exam)) {
    refusals.push({ ...refusalOf('exam_conflict', leg, target), with: whereOf(other) })
  }
}

/** Seat or reserve place in the target group; refused when neither is to be had on the leg's terms. */
function placeFor(student: Student, entry: Entry, refusals: Refusal[]): 'seat' | 'reserve' | undefined {
  const { origin, target, leg, index } = entry
  const { genderLock } = target
  if (genderLock !== undefined && genderLock !== student.profile.gender) {
    refusals.push(refusalOf('gender_locked', index, target))
  }
  if (target.status !== 'open') {
    refusals.push(
      refusalOf(target.status === 'cancelled' ? 'course_cancelled' : 'course_closed', index, target),
    )
  }
  const seatOnly = leg.do === 'add' && leg.reserve === 'never'
  const reserveOnly = leg.do === 'add' && leg.reserve === 'only'
  if (target.hasSeatForNewcomer) return reserveOnly ? 'reserve' : 'seat'
  if (seatOnly || !target.hasReservePlace) {
    refusals.push(refusalOf('course_full', index, target))
    return undefined
  }
  const holdsSeat = origin !== undefined && !origin.isWaiting(student.id)
  if (leg.do === 'move' && holdsSeat && !leg.allowReserve) {
    refusals.push(refusalOf('move_would_lose_seat', index, target))
    return undefined
  }
  return 'reserve'
}

/** @returns how many actions the legs cost: one for each drop and each move */
function refuseOverspending(student: Student, legs: readonly StudentLeg[], refusals: Refusal[]): number {
  let spent = 0
  legs.forEach((leg, index) => {
    if (leg.do === 'add') return
    spent++
    if (spent > student.remainingActions)
      refusals.push({ code: 'no_actions_left', leg: index, course: leg.course })
  })
  return spent
}

/** In order of time: places left, places taken, actions spent, and last the queues that move up. */
function effectsOf(
  student: Student,
  net: readonly CourseChange[],
  entries: readonly Entry[],
  places: readonly ('seat' | 'reserve' | undefined)[],
  spent: number,
): Verdict {
  const effects: Effect[] = []
  const promotions: Effect[] = []
  for (const { origin } of net) {
    if (origin === undefined) continue
    effects.push({ type: 'left', student: student.id, course: origin.course, group: origin.group })
    promotions.push(...seatsAfter(origin, { leaving: student.id }))
  }
  for (const [entry, { target }] of entries.entries()) {
    const { course, group } = target
    if (places[entry] === 'seat') {
      effects.push({ type: 'registered', student: student.id, course, group })
      continue
    }
    const position = target.queue.length + 1
    effects.push({ type: 'reserved', student: student.id, course, group, order: target.nextOrder, position })
    promotions.push(...seatsAfter(target, { joining: student.id }))
  }
  const remaining = student.remainingActions - spent
  if (spent > 0) effects.push({ type: 'actions_spent', student: student.id, count: spent, remaining })
  effects.push(...promotions)
  return { effects, remaining }
}

function refusalOf(code: RefusalCode, leg: number, { course, group }: CourseGroup): Refusal {
  return { code, leg, course, group }
}

function whereOf({ course, group }: CourseGroup): { course: number; group: number } {
  return { course, group }
}
