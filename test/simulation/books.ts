import type { Gender, GroupStatus } from '../../actors/course.ts'
import { detailsText, groupLine, minutesOf, studentLine } from './state-text.ts'
import type { Blueprint } from './tables.ts'
import { catalogText, rosterText, studentText } from './readings.ts'

export interface BookGroup {
  readonly name: string
  readonly course: number
  readonly group: number
  readonly department: number
  readonly units: number
  readonly lock: Gender | undefined
  /** Minutes of the week, start inclusive, end exclusive. */
  classes: readonly (readonly [number, number])[]
  /** Milliseconds since the Unix epoch. */
  exam: readonly [number, number] | undefined
  reserveCapacity: number
  lecturer: string
  notes: string
  status: GroupStatus
  capacity: number
  seats: number[]
  /** Those whom staff seated beyond the capacity. */
  extra: number[]
  queue: { readonly student: number; readonly order: number }[]
}

export interface BookStudent {
  readonly id: number
  readonly gender: Gender
  maxUnits: number
  opensMs: number
  closesMs: number
  actions: number
}

/** The auditor's books: who sits where, who waits where, what is left to spend. Plain lists, nothing clever. */
export class Books {
  readonly groups = new Map<string, BookGroup>()
  readonly students = new Map<number, BookStudent>()

  constructor(blueprint: Blueprint) {
    for (const profile of blueprint.groups) {
      this.addGroup({
        name: `${profile.course}/${profile.group}`,
        course: profile.course,
        group: profile.group,
        department: profile.department,
        units: profile.units,
        lock: profile.genderLock,
        classes: minutesOf(profile.meetings),
        lecturer: profile.lecturer,
        notes: profile.notes,
        status: 'open',
        exam: profile.exam && [profile.exam.startMs, profile.exam.endMs],
        reserveCapacity: profile.reserveCapacity,
        capacity: profile.capacity,
        seats: [],
        extra: [],
        queue: [],
      })
    }
    for (const profile of [...blueprint.students, ...blueprint.latecomers]) {
      this.students.set(profile.id, {
        id: profile.id,
        gender: profile.gender,
        maxUnits: profile.maxUnits,
        opensMs: profile.windowStartMs,
        closesMs: profile.windowEndMs,
        actions: profile.remainingActions,
      })
    }
  }

  addGroup(group: BookGroup): BookGroup {
    this.groups.set(group.name, group)
    return group
  }

  find(course: number, group: number): BookGroup | undefined {
    return this.groups.get(`${course}/${group}`)
  }

  /** The group of the course that the student sits or waits in. */
  heldIn(student: number, course: number): BookGroup | undefined {
    for (const group of this.groups.values()) {
      if (group.course === course && holds(group, student)) return group
    }
    return undefined
  }

  held(student: number): BookGroup[] {
    return [...this.groups.values()].filter((group) => holds(group, student))
  }

  lineOfGroup({ name, ...rest }: BookGroup): string {
    const details = detailsText({ ...rest, span: rest.exam })
    return groupLine(name, details, rest)
  }

  lineOfStudent(id: number): string {
    const student = this.students.get(id)
    return student === undefined ? `no student ${id}` : studentLine(id, student.actions, student)
  }

  /** @param includes whether a student is to be told of */
  lines(includes: (student: number) => boolean): string[] {
    const groups = [...this.groups.values()].map((group) => this.lineOfGroup(group))
    const students = [...this.students.values()]
      .filter(({ id }) => includes(id))
      .map(({ id, actions, ...limits }) => studentLine(id, actions, limits))
    return [...groups, ...students].toSorted()
  }

  /** What a read of `student 7`, `roster 101/2` or `catalog 3` shows. */
  view(subject: string): string {
    const [kind, name = ''] = subject.split(' ')
    if (kind === 'student') return this.#studentView(Number(name))
    if (kind === 'roster') {
      const group = this.groups.get(name)
      const seats = group?.seats.toSorted((a, b) => a - b) ?? []
      const queue = group?.queue.map(({ student }) => student) ?? []
      return rosterText(
        seats,
        queue,
        group?.extra.toSorted((a, b) => a - b),
      )
    }
    return [...this.groups.values()]
      .filter(({ department }) => department === Number(name))
      .toSorted((a, b) => a.course - b.course || a.group - b.group)
      .map(({ name: at, capacity, seats, queue }) =>
        catalogText(at, Math.max(capacity, seats.length), seats.length, queue.length),
      )
      .join(' ')
  }

  #studentView(id: number): string {
    const held = this.held(id).toSorted((a, b) => a.course - b.course)
    return studentText(
      this.students.get(id)?.actions ?? 0,
      held.map(({ name, queue }) => `${name}:${queue.findIndex(({ student }) => student === id) + 1}`),
    )
  }
}

export function holds({ seats, queue }: BookGroup, student: number): boolean {
  return seats.includes(student) || queue.some((waiting) => waiting.student === student)
}

export function waits({ queue }: BookGroup, student: number): boolean {
  return queue.some((waiting) => waiting.student === student)
}

/** Whether somebody who has a seat of the group's own would be beyond such a capacity. */
export function isBelowSeats({ capacity, seats }: BookGroup, wanted: number): boolean {
  return wanted < seats.length && wanted < capacity
}
