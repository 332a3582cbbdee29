import { type Effect, groupKey, type Tables } from '../history.ts'

/** Somebody in a reserve queue. */
interface Waiting {
  readonly student: number
  readonly order: number
}

/** A group as the decisions so far left it. */
export interface Group {
  readonly course: number
  readonly group: number
  readonly reserveCapacity: number
  capacity: number
  readonly seats: Set<number>
  /** Those of them who sit beyond the capacity. */
  readonly extra: Set<number>
  /** First come first. */
  readonly queue: Waiting[]
}

/** A student as the decisions so far left them: their actions, and the group that they hold a place in, by course. */
export interface Holder {
  readonly id: number
  remaining: number
  readonly groups: Map<number, Group>
}

/** The campus as rows and effects say, and nothing of the rules. */
export class Ledger {
  readonly groups = new Map<string, Group>()
  readonly students = new Map<number, Holder>()

  constructor({ groups, students, places }: Tables) {
    for (const { course, group, capacity, reserveCapacity } of groups) {
      const [seats, extra] = [new Set<number>(), new Set<number>()]
      const empty = { course, group, capacity, reserveCapacity, seats, extra, queue: [] }
      this.groups.set(groupKey(empty), empty)
    }
    for (const { id, remaining } of students) {
      this.students.set(id, { id, remaining, groups: new Map() })
    }
    for (const place of places) {
      const group = this.group(place)
      if (place.isExtra === true) group.extra.add(place.student)
      if (place.order === undefined) group.seats.add(place.student)
      else group.queue.push({ student: place.student, order: place.order })
      this.student(place.student).groups.set(place.course, group)
    }
    for (const { queue } of this.groups.values()) queue.sort((a, b) => a.order - b.order)
  }

  group(where: { readonly course: number; readonly group: number }): Group {
    const found = this.groups.get(groupKey(where))
    if (found === undefined) throw new Error(`there is no group ${groupKey(where)}`)
    return found
  }

  student(id: number): Holder {
    const found = this.students.get(id)
    if (found === undefined) throw new Error(`there is no student ${id}`)
    return found
  }

  /** @returns what is impossible about it, if anything: the rest of it is done all the same */
  apply(effect: Effect): string | undefined {
    if (effect.type === 'actions_spent') {
      this.student(effect.student).remaining = effect.remaining
      return undefined
    }
    const group = this.group(effect)
    if (effect.type === 'capacity_changed') {
      group.capacity = effect.capacity
      return undefined
    }
    const student = this.student(effect.student)
    const index = group.queue.findIndex((waiting) => waiting.student === student.id)
    const holds = student.groups.get(group.course)
    switch (effect.type) {
      case 'registered':
        group.seats.add(student.id)
        student.groups.set(group.course, group)
        return holds && `holds a place in group ${holds.group} of the course already`
      case 'reserved':
        group.queue.push({ student: student.id, order: effect.order })
        student.groups.set(group.course, group)
        return holds && `holds a place in group ${holds.group} of the course already`
      case 'promoted':
        if (index < 0) return 'is not in the queue'
        group.queue.splice(index, 1)
        group.seats.add(student.id)
        return undefined
      case 'extra_seat_given':
        if (!group.seats.has(student.id) || group.extra.has(student.id)) return 'has no seat for it'
        group.extra.add(student.id)
        return undefined
      case 'extra_seat_ended':
        return group.extra.delete(student.id) ? undefined : 'has no extra seat'
      case 'left':
        group.extra.delete(student.id)
        if (index >= 0) group.queue.splice(index, 1)
        else if (!group.seats.delete(student.id)) return 'holds no place there'
        if (holds === group) student.groups.delete(group.course)
        return undefined
    }
  }

  /** 0 = a seat, 1 = first in the queue. */
  static positionOf(student: number, group: Group): number {
    return group.queue.findIndex((waiting) => waiting.student === student) + 1
  }
}
