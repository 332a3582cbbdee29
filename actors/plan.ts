import type { Campus, CourseGroup, Student } from './campus.ts'
import type { AddLeg, MoveLeg, StudentLeg } from './commands.ts'
import { promotionsAfter } from './promotion.ts'
import type { Effect, Verdict } from './records.ts'
import { inOrderOfPrecedence, type Refusal } from './refusals.ts'
import { examsOverlap, meetingsOverlap } from './timetable.ts'

/** What the legs together want for one course: the place held before, and the one asked for (none = dropped). */
interface CourseChange {
  readonly origin: CourseGroup | undefined
  readonly target: CourseGroup | undefined
  /** The last leg about this course, and its index. */
  readonly leg: StudentLeg
  readonly index: number
}

/** A change that ends in another group than it began, with the way in that was found. */
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
  if (!student.windowContains(nowMs)) refusals.push({ code: 'outside_enrollment_window' })
  const changes = changesOf(campus, student, legs, refusals)
  const net = changes.filter((change) => change.origin !== change.target)
  if (refuseNoChange && net.length === 0 && refusals.length === 0) refusals.push({ code: 'no_change' })
  const entries = net.filter(isEntry)
  refusals.push(...refusalsOfTimetable(student, net, entries))
  const places = entries.map((entry) => placeFor(student, entry, refusals))
  const spent = refuseOverspending(student, legs, refusals)
  if (refusals.length > 0) {
    return { reasons: inOrderOfPrecedence(refusals), remaining: student.remainingActions }
  }
  return effectsOf(student, net, entries, places, spent)
}

/** Follows the legs one after another; what a leg cannot mean (drop what is not held, …) is refused here. */
function changesOf(
  campus: Campus,
  student: Student,
  legs: readonly StudentLeg[],
  refusals: Refusal[],
): CourseChange[] {
  const byCourse = new Map<number, CourseChange>()
  legs.forEach((leg, index) => {
    const before = byCourse.get(leg.course)
    const origin = before === undefined ? student.placeIn(leg.course) : before.origin
    const held = before === undefined ? origin : before.target
    if (leg.do === 'drop') {
      if (held === undefined) refusals.push({ code: 'not_enrolled', leg: index, course: leg.course })
      byCourse.set(leg.course, { origin, target: undefined, leg, index })
      return
    }
    const target = campus.group(leg.course, leg.group)
    const where = { leg: index, course: leg.course, group: leg.group }
    if (leg.do === 'add' && held !== undefined) refusals.push({ code: 'already_enrolled', ...where })
    if (leg.do === 'move' && held === undefined) refusals.push({ code: 'not_enrolled', ...where })
    if (leg.do === 'move' && held === target) refusals.push({ code: 'no_change', ...where })
    byCourse.set(leg.course, { origin, target, leg, index })
  })
  return [...byCourse.values()]
}

function isEntry(change: CourseChange): change is Entry {
  return change.target !== undefined
}

/** Units, classes and exams of the final state; only what this command adds can be at fault. */
function refusalsOfTimetable(
  student: Student,
  net: readonly CourseChange[],
  entries: readonly Entry[],
): Refusal[] {
  const refusals: Refusal[] = []
  const kept = student.places.filter((place) => !net.some((change) => change.origin === place))
  const unitsBefore = student.places.reduce((sum, place) => sum + place.profile.units, 0)
  let units = kept.reduce((sum, place) => sum + place.profile.units, 0)
  const unitsAfter = entries.reduce((sum, entry) => sum + entry.target.profile.units, units)
  const exceeds = unitsAfter > student.profile.maxUnits && unitsAfter > unitsBefore
  const others = [...kept]
  for (const { target, index } of entries) {
    const where = { leg: index, course: target.course, group: target.group }
    units += target.profile.units
    if (exceeds && units > student.profile.maxUnits) refusals.push({ code: 'unit_limit', ...where })
    for (const other of others) {
      const pair = { ...where, with: { course: other.course, group: other.group } }
      if (meetingsOverlap(target.profile.meetings, other.profile.meetings)) {
        refusals.push({ code: 'class_conflict', ...pair })
      }
      if (examsOverlap(target.profile.exam, other.profile.exam))
        refusals.push({ code: 'exam_conflict', ...pair })
    }
    others.push(target)
  }
  return refusals
}

/** Seat or reserve place in the target group; refused when neither is to be had on the leg's terms. */
function placeFor(student: Student, entry: Entry, refusals: Refusal[]): 'seat' | 'reserve' | undefined {
  const { origin, target, leg, index } = entry
  const where = { leg: index, course: target.course, group: target.group }
  const { genderLock } = target.profile
  if (genderLock !== undefined && genderLock !== student.profile.gender) {
    refusals.push({ code: 'gender_locked', ...where })
  }
  const seatOnly = leg.do === 'add' && leg.reserve === 'never'
  const reserveOnly = leg.do === 'add' && leg.reserve === 'only'
  if (target.hasSeatForNewcomer && !reserveOnly) return 'seat'
  if (seatOnly || !target.hasReservePlace) {
    refusals.push({ code: 'course_full', ...where })
    return undefined
  }
  const holdsSeat = origin !== undefined && !origin.isWaiting(student.id)
  if (leg.do === 'move' && holdsSeat && !leg.allowReserve) {
    refusals.push({ code: 'move_would_lose_seat', ...where })
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
    promotions.push(...promotionsAfter(origin, { leaving: student.id }))
  }
  entries.forEach(({ target }, entry) => {
    const place = { student: student.id, course: target.course, group: target.group }
    if (places[entry] === 'seat') {
      effects.push({ type: 'registered', ...place })
      return
    }
    effects.push({ type: 'reserved', ...place, order: target.nextOrder, position: target.queue.length + 1 })
    promotions.push(...promotionsAfter(target, { joining: student.id }))
  })
  const remaining = student.remainingActions - spent
  if (spent > 0) effects.push({ type: 'actions_spent', student: student.id, count: spent, remaining })
  effects.push(...promotions)
  return { effects, remaining }
}
