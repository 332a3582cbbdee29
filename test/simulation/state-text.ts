import type { Campus } from '../../actors/campus.ts'
import type { GroupProfile } from '../../actors/course.ts'
import type { StudentProfile } from '../../actors/student.ts'
import type { Meeting } from '../../actors/rules/timetable.ts'
import type { Tables } from './tables.ts'

/** Everything that decisions decide, one line for each group and each student, whatever holds it. */
export function tablesLines(tables: Tables): string[] {
  const seats = new Map<string, number[]>()
  const extra = new Map<string, number[]>()
  const queues = new Map<string, { student: number; order: number }[]>()
  for (const { student, course, group, order, isExtra } of tables.places.values()) {
    const name = `${course}/${group}`
    if (isExtra) listIn(extra, name).push(student)
    if (order === undefined) listIn(seats, name).push(student)
    else listIn(queues, name).push({ student, order })
  }
  const lines: string[] = []
  for (const [name, capacity] of tables.capacities) {
    const queue = (queues.get(name) ?? []).toSorted((a, b) => a.order - b.order)
    const profile = tables.groups.get(name)
    const details = profile === undefined ? 'no such group' : detailsOf(profile)
    const taken = { seats: seats.get(name) ?? [], extra: extra.get(name) ?? [] }
    lines.push(groupLine(name, details, { capacity, ...taken, queue }))
  }
  for (const [id, actions] of tables.actions) {
    const profile = tables.students.get(id)
    lines.push(profile === undefined ? `no student ${id}` : studentLine(id, actions, limitsOf(profile)))
  }
  return lines.toSorted()
}

/** The same, of a leading engine's memory. */
export function memoryLines(campus: Campus): string[] {
  const lines: string[] = []
  for (const { groups } of campus.courses.values()) {
    for (const group of groups) {
      const {
        capacity,
        registered: seats,
        extra,
        queue,
        queueOrders,
        profile,
        status,
        reserveCapacity,
      } = group
      const waiting = queue.map((student, index) => ({ student, order: queueOrders[index] ?? 0 }))
      const details = detailsOf({ ...profile, status, reserveCapacity })
      lines.push(
        groupLine(`${group.course}/${group.group}`, details, { capacity, seats, extra, queue: waiting }),
      )
    }
  }
  for (const { id, remainingActions, maxUnits, window } of campus.students.values()) {
    const limits = { maxUnits, opensMs: window.startMs, closesMs: window.endMs }
    lines.push(studentLine(id, remainingActions, limits))
  }
  return lines.toSorted()
}

/** @param places.extra those of `seats` beyond the capacity; `queue` first come first */
export function groupLine(
  name: string,
  details: string,
  places: {
    readonly capacity: number
    readonly seats: readonly number[]
    readonly extra: readonly number[]
    readonly queue: readonly { readonly student: number; readonly order: number }[]
  },
): string {
  const { capacity, extra, queue } = places
  const seats = places.seats.toSorted((a, b) => a - b).map((id) => (extra.includes(id) ? `${id}+` : id))
  const waiting = queue.map(({ student, order }) => `${student}@${order}`)
  return `${name} ${details} capacity ${capacity} seats ${seats.join(',')} queue ${waiting.join(',')}`
}

interface Limits {
  readonly maxUnits: number
  readonly opensMs: number
  readonly closesMs: number
}

export function studentLine(id: number, actions: number, { maxUnits, opensMs, closesMs }: Limits): string {
  return `student ${id} actions ${actions} units ${maxUnits} window ${opensMs}-${closesMs}`
}

function limitsOf({ maxUnits, windowStartMs, windowEndMs }: StudentProfile): Limits {
  return { maxUnits, opensMs: windowStartMs, closesMs: windowEndMs }
}

/** @param details.classes minutes of the week; `span` of the exam, milliseconds */
export function detailsText(details: {
  readonly status: string
  readonly reserveCapacity: number
  readonly lecturer: string
  readonly notes: string
  readonly classes: readonly (readonly [number, number])[]
  readonly span: readonly [number, number] | undefined
}): string {
  const { status, reserveCapacity, lecturer, notes, classes, span } = details
  return `${status} reserve ${reserveCapacity} by ${lecturer} “${notes}” classes ${classes.join(' ')} exam ${span?.join('-')}`
}

function detailsOf({ meetings, exam, status = 'open', ...rest }: GroupProfile): string {
  const classes = minutesOf(meetings)
  return detailsText({ ...rest, status, classes, span: exam && [exam.startMs, exam.endMs] })
}

function listIn<T>(lists: Map<string, T[]>, name: string): T[] {
  let list = lists.get(name)
  if (list === undefined) {
    list = []
    lists.set(name, list)
  }
  return list
}

const minutesPerDay = 1440

export function minutesOf(meetings: readonly Meeting[]): [number, number][] {
  return meetings
    .map(({ day, startMinute, endMinute }): [number, number] => [
      day * minutesPerDay + startMinute,
      day * minutesPerDay + endMinute,
    ])
    .toSorted((a, b) => a[0] - b[0])
}
