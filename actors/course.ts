import { type Exam, type Meeting, type TimeBits, timeBitsOf } from './rules/timetable.ts'

export type Gender = 'male' | 'female'

/** Whether newcomers may enter a group. A cancelled one never opens again. */
export type GroupStatus = 'open' | 'closed' | 'cancelled'

interface GroupName {
  readonly course: number
  readonly group: number
}

/** What a course group is: its columns, with capacity and status as loaded. */
export interface GroupProfile {
  readonly course: number
  readonly group: number
  readonly department: number
  readonly name: string
  readonly lecturer: string
  readonly units: number
  readonly capacity: number
  readonly reserveCapacity: number
  readonly exam: Exam | undefined
  readonly meetings: readonly Meeting[]
  readonly genderLock: Gender | undefined
  readonly notes: string
  /** How the university writes the course, where it has a code. */
  readonly code?: string
  /** Open if absent. */
  readonly status?: GroupStatus
  /** Columns with which the group cannot be served; see `set-aside.ts`. Absent if there are none. */
  readonly faults?: readonly string[]
}

/** A course with all its groups: the unit that a mailbox serializes. */
export class Course {
  readonly id: number
  readonly groups: CourseGroup[] = []

  constructor(id: number) {
    this.id = id
  }

  find(group: number): CourseGroup | undefined {
    for (const candidate of this.groups) if (candidate.group === group) return candidate
    return undefined
  }
}

/** A group of a course: the seats and the reserve queue. Loading fills it (`Campus.place`); decisions change it through `evolve` alone. */
export class CourseGroup implements TimeBits {
  #profile: GroupProfile
  // Copied from the profile and worked out from it: what every decision reads, in one place. A decision costs what it
  // has to fetch from memory.
  readonly course: number
  readonly group: number
  readonly units: number
  reserveCapacity: number
  readonly genderLock: Gender | undefined
  earlyBits: number
  lateBits: number
  examBits: number
  /** Seats that the group has of its own; more may be registered (`extra`). */
  capacity: number
  status: GroupStatus
  /** Student ids; a set, the order means nothing. */
  readonly registered: number[] = []
  /** Those of them whom staff seated beyond the capacity, as many as still sit there; a set, nearly always empty. */
  readonly extra: number[] = []
  /** Student ids, first come first. `queueOrders` holds the order number of each, ascending. */
  readonly queue: number[] = []
  readonly queueOrders: number[] = []
  /** `seq` of the newest decision that touched it in this term; 0 = none. A read waits for its confirm. */
  touchedBy = 0

  constructor(profile: GroupProfile) {
    this.#profile = profile
    this.course = profile.course
    this.group = profile.group
    this.units = profile.units
    this.reserveCapacity = profile.reserveCapacity
    this.genderLock = profile.genderLock
    const bits = timeBitsOf(profile.meetings, profile.exam)
    this.earlyBits = bits.earlyBits
    this.lateBits = bits.lateBits
    this.examBits = bits.examBits
    this.capacity = profile.capacity
    this.status = profile.status ?? 'open'
  }

  /** Capacity and status are as loaded there. */
  get profile(): GroupProfile {
    return this.#profile
  }

  /** Takes another profile of the same group. Whoever holds a place in it must `recount` if its times are others. */
  become(profile: GroupProfile): void {
    this.#profile = profile
    this.reserveCapacity = profile.reserveCapacity
    const bits = timeBitsOf(profile.meetings, profile.exam)
    this.earlyBits = bits.earlyBits
    this.lateBits = bits.lateBits
    this.examBits = bits.examBits
  }

  get freeSeats(): number {
    return Math.max(0, this.capacity - this.registered.length)
  }

  /** Whether a newcomer gets a seat: one is free and nobody waits for it. */
  get hasSeatForNewcomer(): boolean {
    return this.registered.length < this.capacity && this.queue.length === 0
  }

  get hasReservePlace(): boolean {
    return this.queue.length < this.reserveCapacity
  }

  /** The order number that the next in the queue gets. */
  get nextOrder(): number {
    return Math.max(0, this.queueOrders.at(-1) ?? 0) + 1
  }

  /** 0 = registered, 1 = first in the queue; undefined = neither. */
  positionOf(student: number): number | undefined {
    const index = this.queue.indexOf(student)
    if (index >= 0) return index + 1
    return this.registered.includes(student) ? 0 : undefined
  }

  isWaiting(student: number): boolean {
    return this.queue.includes(student)
  }
}

/** Ascending, for lists that must not depend on how what is in them came about. */
export function byCourseAndGroup(a: GroupName, b: GroupName): number {
  return a.course - b.course || a.group - b.group
}
