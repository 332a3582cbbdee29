import type {
  AdminLeg,
  AddGroupLeg,
  AddStudentLeg,
  ChangeGroupLeg,
} from '../../actors/messages/admin-commands.ts'
import type { AdminEffect } from '../../actors/messages/admin-effects.ts'
import type { Command, Leg } from '../../actors/messages/commands.ts'
import type { ExamTime } from '../../actors/rules/timetable.ts'
import { type BookGroup, type Books, type BookStudent, holds, isBelowSeats } from './books.ts'
import { minutesOf } from './state-text.ts'

// The auditor's own reading of what staff may do with courses and students, and of what comes of it.

const names = new Set([
  'change_group',
  'open',
  'close',
  'cancel',
  'add_group',
  'change_student',
  'add_student',
])

export function isAdministration(leg: Leg | undefined): leg is AdminLeg {
  return leg !== undefined && names.has(leg.do)
}

export function isAdminEffect(effect: { readonly type: string }): effect is AdminEffect {
  return /^(group|student)_(changed|opened|closed|cancelled|added)$|^(window|max_units|actions)_changed$|^conflicts/.test(
    effect.type,
  )
}

/** Every rule that it breaks, as `leg code where`. */
export function brokenByAdministration(books: Books, { student }: Command, leg: AdminLeg): string[] {
  switch (leg.do) {
    case 'change_group': {
      const group = books.find(leg.course, leg.group)
      return group === undefined ? ['no such group'] : brokenByChange(group, leg)
    }
    case 'open':
    case 'close': {
      const groups = meant(books, leg)
      const allCancelled = groups.every(({ status }) => status === 'cancelled')
      return allCancelled ? groups.map(({ name }) => `0 course_cancelled ${name}`) : []
    }
    case 'cancel':
      return []
    case 'add_group':
      return books.find(leg.course, leg.group) === undefined
        ? []
        : [`0 group_exists ${leg.course}/${leg.group}`]
    case 'change_student': {
      const known = books.students.get(student ?? -1)
      if (known === undefined) return ['no such student']
      const { windowStartMs = known.opensMs, windowEndMs = known.closesMs } = leg
      return windowStartMs < windowEndMs ? [] : ['0 window_ends_first']
    }
    case 'add_student':
      if (books.students.has(student ?? -1)) return ['0 student_exists']
      return leg.windowStartMs < leg.windowEndMs ? [] : ['0 window_ends_first']
  }
}

function brokenByChange(group: BookGroup, leg: ChangeGroupLeg): string[] {
  const broken: string[] = []
  const { capacity = group.capacity, reserveCapacity = Infinity } = leg
  if (group.status === 'cancelled') broken.push(`0 course_cancelled ${group.name}`)
  if (isBelowSeats(group, capacity)) broken.push(`0 capacity_below_registered ${group.name}`)
  const freeSeats = Math.max(0, capacity - group.seats.length)
  if (group.queue.length - freeSeats > reserveCapacity) {
    broken.push(`0 reserve_capacity_below_waiting ${group.name}`)
  }
  return broken
}

/** Does it. @returns the groups whose queues may move up now */
export function administer(books: Books, { student = -1 }: Command, leg: AdminLeg): BookGroup[] {
  switch (leg.do) {
    case 'change_group': {
      const group = books.find(leg.course, leg.group)
      if (group === undefined) return []
      group.capacity = leg.capacity ?? group.capacity
      change(group, leg)
      return [group]
    }
    case 'open':
    case 'close':
    case 'cancel':
      for (const group of meant(books, leg)) {
        if (leg.do === 'cancel') {
          group.status = 'cancelled'
          group.seats = []
          group.extra = []
          group.queue = []
        } else if (group.status !== 'cancelled') group.status = leg.do === 'open' ? 'open' : 'closed'
      }
      return []
    case 'add_group':
      books.addGroup(newGroup(leg))
      return []
    case 'change_student': {
      const known = books.students.get(student)
      if (known === undefined) return []
      known.opensMs = leg.windowStartMs ?? known.opensMs
      known.closesMs = leg.windowEndMs ?? known.closesMs
      known.maxUnits = leg.maxUnits ?? known.maxUnits
      known.actions = leg.remainingActions ?? known.actions
      return []
    }
    case 'add_student':
      books.students.set(student, newStudent(student, leg))
      return []
  }
}

/** Enters one effect into the books by the letter. @returns what is wrong with it, if anything */
export function applyAdminEffect(
  books: Books,
  effect: AdminEffect,
  touch: { group(group: BookGroup): void; student(id: number): void },
): string | undefined {
  if (effect.type === 'group_added') {
    touch.group(books.addGroup(newGroup(effect)))
    return undefined
  }
  if (effect.type === 'student_added') {
    books.students.set(effect.student, newStudent(effect.student, effect))
    touch.student(effect.student)
    return undefined
  }
  if ('student' in effect) {
    const student = books.students.get(effect.student)
    if (student === undefined) return 'no such student'
    touch.student(effect.student)
    return applyToStudent(books, student, effect)
  }
  const group = books.find(effect.course, effect.group)
  if (group === undefined) return 'no such group'
  touch.group(group)
  switch (effect.type) {
    case 'group_changed':
      change(group, effect)
      return undefined
    case 'group_opened':
    case 'group_closed':
      if (group.status === 'cancelled') return 'was cancelled'
      group.status = effect.type === 'group_opened' ? 'open' : 'closed'
      return undefined
    case 'group_cancelled':
      group.status = 'cancelled'
      return group.seats.length + group.queue.length === 0 ? undefined : 'somebody is left in it'
    case 'conflicts_arose': {
      const clashing = [...books.students.keys()].filter((id) => isInTwoPlaces(books, group, id))
      return effect.count <= clashing.length ? undefined : `only ${clashing.length} are in two places at once`
    }
  }
}

function applyToStudent(
  books: Books,
  student: BookStudent,
  effect: Extract<AdminEffect, { student: number }>,
): string | undefined {
  switch (effect.type) {
    case 'window_changed':
      student.opensMs = effect.windowStartMs
      student.closesMs = effect.windowEndMs
      return undefined
    case 'max_units_changed': {
      student.maxUnits = effect.maxUnits
      const held = books.held(student.id).reduce((sum, { units }) => sum + units, 0)
      return held === effect.heldUnits ? undefined : `holds ${held} units`
    }
    case 'actions_changed':
      student.actions = effect.remaining
      return undefined
    case 'student_added':
      return 'is there already'
  }
}

interface Times {
  readonly classes: BookGroup['classes']
  readonly exam: BookGroup['exam']
}

/** How many students a change of times leaves with two things at once who had not that conflict before. */
export function newConflicts(books: Books, leg: ChangeGroupLeg): number {
  const group = books.find(leg.course, leg.group)
  if (group === undefined || (leg.meetings === undefined && leg.exam === undefined)) return 0
  const after = { ...group }
  change(after, leg)
  return [...books.students.keys()].filter((id) => {
    if (!holds(group, id)) return false
    const others = books.held(id).filter((other) => other !== group)
    return others.some(
      (other) =>
        (classesMeet(after, other) && !classesMeet(group, other)) ||
        (examsMeet(after, other) && !examsMeet(group, other)),
    )
  }).length
}

function isInTwoPlaces(books: Books, group: BookGroup, id: number): boolean {
  if (!holds(group, id)) return false
  const others = books.held(id).filter((other) => other !== group)
  return others.some((other) => classesMeet(group, other) || examsMeet(group, other))
}

function classesMeet(a: Times, b: Times): boolean {
  return a.classes.some(([start, end]) => b.classes.some(([from, to]) => start < to && from < end))
}

function examsMeet({ exam: a }: Times, { exam: b }: Times): boolean {
  return a !== undefined && b !== undefined && (a[0] === b[0] || (a[0] < b[1] && b[0] < a[1]))
}

function change(group: BookGroup, changed: Omit<Partial<ChangeGroupLeg>, 'do'>): void {
  group.reserveCapacity = changed.reserveCapacity ?? group.reserveCapacity
  group.lecturer = changed.lecturer ?? group.lecturer
  group.notes = changed.notes ?? group.notes
  if (changed.meetings !== undefined) group.classes = minutesOf(changed.meetings)
  if (changed.exam !== undefined) group.exam = spanOf(changed.exam)
}

function newGroup(added: Omit<AddGroupLeg, 'do'>): BookGroup {
  const { course, group, department, units, capacity, reserveCapacity, lecturer, notes } = added
  return {
    name: `${course}/${group}`,
    course,
    group,
    department,
    units,
    lock: added.genderLock ?? undefined,
    classes: minutesOf(added.meetings),
    exam: spanOf(added.exam),
    reserveCapacity,
    capacity,
    lecturer,
    notes,
    status: 'open',
    seats: [],
    extra: [],
    queue: [],
  }
}

function newStudent(id: number, added: Omit<AddStudentLeg, 'do'>): BookStudent {
  const { gender, maxUnits, remainingActions, windowStartMs, windowEndMs } = added
  return { id, gender, maxUnits, opensMs: windowStartMs, closesMs: windowEndMs, actions: remainingActions }
}

function spanOf(exam: ExamTime | null): readonly [number, number] | undefined {
  return exam === null ? undefined : [exam.startMs, exam.startMs + exam.minutes * 60_000]
}

function meant(books: Books, { course, group }: { course: number; group?: number }): BookGroup[] {
  return [...books.groups.values()].filter(
    (one) => one.course === course && (group === undefined || one.group === group),
  )
}
