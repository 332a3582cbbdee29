import type { Command, Leg, StudentLeg } from '../../actors/messages/commands.ts'
import { administer, brokenByAdministration, isAdministration } from './administration.ts'
import { type BookGroup, type Books, type BookStudent, holds, isBelowSeats, waits } from './books.ts'

/** The order in which reasons are told. */
export const precedence = [
  'outside_enrollment_window',
  'already_enrolled',
  'not_enrolled',
  'no_change',
  'course_cancelled',
  'course_closed',
  'gender_locked',
  'unit_limit',
  'class_conflict',
  'exam_conflict',
  'no_actions_left',
  'move_would_lose_seat',
  'course_full',
  'capacity_below_registered',
  'reserve_capacity_below_waiting',
  'group_exists',
  'student_exists',
  'window_ends_first',
]

interface Wish {
  /** The place before the command, and after it. */
  readonly from: BookGroup | undefined
  readonly to: BookGroup | undefined
  readonly leg: StudentLeg
  readonly index: number
}

/**
 * Every rule that the command breaks at `atMs`, as `leg code where`; nothing: it must be done. Written from the
 * rulings, not from the engine: it shares no code with it.
 */
export function brokenRules(books: Books, command: Command, atMs: number): string[] {
  const [first] = command.legs
  if (first === undefined) throw new Error('a command without legs')
  if (isStudentLeg(first)) return brokenByStudent(books, command, atMs).toSorted()
  const absent = command.legs.find(
    (leg) => 'group' in leg && leg.do !== 'add_group' && books.find(leg.course, leg.group) === undefined,
  )
  // A dry run is held against moments before somebody, or something, was added.
  if (absent !== undefined) return ['there is no such group']
  if (first.do !== 'add_student' && command.student !== undefined && !books.students.has(command.student)) {
    return ['there is no such student']
  }
  if (isAdministration(first)) return brokenByAdministration(books, command, first).toSorted()
  if (first.do === 'adopt') throw new Error('nothing is adopted here')
  const group = mustFind(books, first.course, first.group)
  const where = `0 %s ${group.name}`
  const student = command.student ?? 0
  if (first.do !== 'force_drop' && group.status === 'cancelled') {
    return [where.replace('%s', 'course_cancelled')]
  }
  switch (first.do) {
    case 'set_capacity':
      return isBelowSeats(group, first.capacity) ? [where.replace('%s', 'capacity_below_registered')] : []
    case 'force_drop':
      return holds(group, student) ? [] : [where.replace('%s', 'not_enrolled')]
    case 'force_add': {
      const held = books.heldIn(student, group.course)
      const isFree = held === undefined || (held === group && waits(group, student))
      return isFree ? [] : [where.replace('%s', 'already_enrolled')]
    }
  }
}

function brokenByStudent(books: Books, command: Command, atMs: number): string[] {
  const student = mustKnow(books, command.student)
  const broken: string[] = []
  if (atMs < student.opensMs || atMs >= student.closesMs) broken.push('- outside_enrollment_window')
  const wishes = wishesOf(books, student, command, broken)
  const changes = wishes.filter(({ from, to }) => from !== to)
  if (command.plan === true && changes.length === 0 && broken.every((rule) => rule.startsWith('-'))) {
    broken.push('- no_change')
  }
  for (const { from, to, leg, index } of wishes) {
    const wantsSeatOnly = leg.do === 'add' && leg.reserve === 'never'
    if (to !== undefined && from === to && wantsSeatOnly && waits(to, student.id)) {
      broken.push(`${index} course_full ${to.name}`)
    }
  }
  checkTimetable(books, student, changes, broken)
  for (const change of changes) checkPlace(student, change, broken)
  let spent = 0
  for (const [index, leg] of command.legs.entries()) {
    if (leg.do === 'add' || !isStudentLeg(leg)) continue
    if (++spent > student.actions) broken.push(`${index} no_actions_left ${leg.course}`)
  }
  return broken
}

/** Leg by leg: what is held in each course in the end, and whether each leg makes sense where it stands. */
function wishesOf(books: Books, student: BookStudent, command: Command, broken: string[]): Wish[] {
  const wishes = new Map<number, Wish>()
  for (const [index, leg] of command.legs.entries()) {
    if (!isStudentLeg(leg)) throw new Error('a student’s legs are mixed with others')
    const earlier = wishes.get(leg.course)
    const from = earlier === undefined ? books.heldIn(student.id, leg.course) : earlier.from
    const now = earlier === undefined ? from : earlier.to
    wishes.delete(leg.course)
    if (leg.do === 'drop') {
      if (now === undefined) broken.push(`${index} not_enrolled ${leg.course}`)
      wishes.set(leg.course, { from, to: undefined, leg, index })
      continue
    }
    const to = mustFind(books, leg.course, leg.group)
    if (leg.do === 'add' && now !== undefined) broken.push(`${index} already_enrolled ${to.name}`)
    if (leg.do === 'move' && now === undefined) broken.push(`${index} not_enrolled ${to.name}`)
    if (leg.do === 'move' && now === to) broken.push(`${index} no_change ${to.name}`)
    wishes.set(leg.course, { from, to, leg, index })
  }
  return [...wishes.values()]
}

function checkTimetable(
  books: Books,
  student: BookStudent,
  changes: readonly Wish[],
  broken: string[],
): void {
  const before = books.held(student.id)
  const kept = before.filter((group) => changes.every(({ from }) => from !== group))
  const entered = changes.flatMap(({ to, index }) => (to === undefined ? [] : [{ to, index }]))
  const unitsOf = (groups: readonly BookGroup[]) => groups.reduce((sum, { units }) => sum + units, 0)
  const unitsAfter = unitsOf([...kept, ...entered.map(({ to }) => to)])
  const isTooMuch = unitsAfter > student.maxUnits && unitsAfter > unitsOf(before)
  const soFar = [...kept]
  for (const { to, index } of entered) {
    if (isTooMuch && unitsOf([...soFar, to]) > student.maxUnits) broken.push(`${index} unit_limit ${to.name}`)
    for (const other of soFar) {
      if (classesCollide(to, other)) broken.push(`${index} class_conflict ${to.name} with ${other.name}`)
      if (examsCollide(to, other)) broken.push(`${index} exam_conflict ${to.name} with ${other.name}`)
    }
    soFar.push(to)
  }
}

export function classesCollide(a: BookGroup, b: BookGroup): boolean {
  return a.classes.some(([start, end]) => b.classes.some(([from, to]) => start < to && from < end))
}

export function examsCollide(a: BookGroup, b: BookGroup): boolean {
  if (a.exam === undefined || b.exam === undefined) return false
  return a.exam[0] === b.exam[0] || (a.exam[0] < b.exam[1] && b.exam[0] < a.exam[1])
}

function checkPlace(student: BookStudent, { from, to, leg, index }: Wish, broken: string[]): void {
  if (to === undefined || leg.do === 'drop') return
  if (to.status !== 'open') {
    broken.push(`${index} ${to.status === 'closed' ? 'course_closed' : 'course_cancelled'} ${to.name}`)
  }
  if (to.lock !== undefined && to.lock !== student.gender) broken.push(`${index} gender_locked ${to.name}`)
  if (to.queue.length === 0 && to.seats.length < to.capacity) return
  const isQueueFull = to.queue.length >= to.reserveCapacity
  if (isQueueFull || (leg.do === 'add' && leg.reserve === 'never')) {
    broken.push(`${index} course_full ${to.name}`)
  } else if (leg.do === 'move' && !leg.allowReserve && from?.seats.includes(student.id) === true) {
    broken.push(`${index} move_would_lose_seat ${to.name}`)
  }
}

/** Does what no rule forbids; seats that are free in the end go to who waits, first come first. */
export function carryOut(books: Books, command: Command): void {
  const student = command.student ?? 0
  const touched = new Set<BookGroup>()
  const leave = (group: BookGroup): void => {
    group.seats = group.seats.filter((id) => id !== student)
    group.extra = group.extra.filter((id) => id !== student)
    group.queue = group.queue.filter((waiting) => waiting.student !== student)
    touched.add(group)
  }
  const [first] = command.legs
  if (first !== undefined && isStudentLeg(first)) {
    const changes = wishesOf(books, mustKnow(books, student), command, []).filter(
      ({ from, to }) => from !== to,
    )
    for (const { from } of changes) if (from !== undefined) leave(from)
    for (const { to, leg } of changes) {
      if (to === undefined) continue
      touched.add(to)
      const isSeat = to.queue.length === 0 && to.seats.length < to.capacity
      if (isSeat && !(leg.do === 'add' && leg.reserve === 'only')) to.seats.push(student)
      else to.queue.push({ student, order: (to.queue.at(-1)?.order ?? 0) + 1 })
    }
    mustKnow(books, student).actions -= command.legs.filter((leg) => leg.do !== 'add').length
  } else if (isAdministration(first)) {
    for (const group of administer(books, command, first)) touched.add(group)
  } else if (first !== undefined && first.do !== 'adopt' && !isStudentLeg(first)) {
    const group = mustFind(books, first.course, first.group)
    touched.add(group)
    if (first.do === 'set_capacity') group.capacity = first.capacity
    if (first.do === 'force_drop') leave(group)
    if (first.do === 'force_add') {
      leave(group)
      if (group.seats.length >= group.capacity) group.extra.push(student)
      group.seats.push(student)
    }
  }
  for (const group of touched) {
    const beyond = Math.max(0, group.seats.length - group.capacity)
    // The last by number stay extra.
    group.extra = beyond === 0 ? [] : group.extra.toSorted((a, b) => a - b).slice(-beyond)
    while (group.seats.length < group.capacity) {
      const next = group.queue.shift()
      if (next === undefined) break
      group.seats.push(next.student)
    }
  }
}

function isStudentLeg(leg: Leg): leg is StudentLeg {
  return leg.do === 'add' || leg.do === 'drop' || leg.do === 'move'
}

function mustFind(books: Books, course: number, group: number): BookGroup {
  const found = books.find(course, group)
  if (found === undefined) throw new Error(`there is no group ${course}/${group}`)
  return found
}

function mustKnow(books: Books, id: number | undefined): BookStudent {
  const student = books.students.get(id ?? -1)
  if (student === undefined) throw new Error(`there is no student ${id}`)
  return student
}
