import { type Exam, type Meeting, type TimeBits, timeBitsOf } from './timetable.ts'

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

/** What a student is: their columns, with the remaining actions as loaded. */
export interface StudentProfile {
  readonly id: number
  readonly department: number
  readonly gender: Gender
  readonly maxUnits: number
  readonly remainingActions: number
  /** Enrollment window, start inclusive, end exclusive. Milliseconds since the Unix epoch. */
  readonly windowStartMs: number
  readonly windowEndMs: number
  /** Columns with which the student cannot be served; see `set-aside.ts`. Absent if there are none. */
  readonly faults?: readonly string[]
}

/** Start inclusive, end exclusive. Milliseconds since the Unix epoch. */
export interface EnrollmentWindow {
  readonly startMs: number
  readonly endMs: number
}

/** A group of a course: the seats and the reserve queue. Changed by `evolve` alone. */
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

/** A student: the places they hold (at most one per course), and what is left to spend. Changed by `evolve` alone. */
export class Student implements TimeBits {
  #profile: StudentProfile
  readonly id: number
  maxUnits: number
  /** Shared by all who have the same. */
  window: EnrollmentWindow
  remainingActions: number
  readonly #places: CourseGroup[] = []
  #units = 0
  #earlyBits = 0
  #lateBits = 0
  #examBits = 0
  /** `seq` of the newest decision that touched them in this term; 0 = none. */
  touchedBy = 0

  constructor(profile: StudentProfile, window: EnrollmentWindow) {
    this.#profile = profile
    this.window = window
    this.id = profile.id
    this.maxUnits = profile.maxUnits
    this.remainingActions = profile.remainingActions
  }

  /** The remaining actions are as loaded there. */
  get profile(): StudentProfile {
    return this.#profile
  }

  /** Takes another profile of the same student; `campus.changeStudent` finds the window. */
  become(profile: StudentProfile, window: EnrollmentWindow): void {
    this.#profile = profile
    this.maxUnits = profile.maxUnits
    this.window = window
  }

  /** Seats and reserve places; the order means nothing. */
  get places(): readonly CourseGroup[] {
    return this.#places
  }

  /** Units of all places. */
  get units(): number {
    return this.#units
  }

  /** Of all places together. */
  get earlyBits(): number {
    return this.#earlyBits
  }

  get lateBits(): number {
    return this.#lateBits
  }

  get examBits(): number {
    return this.#examBits
  }

  enter(group: CourseGroup): void {
    this.#places.push(group)
    this.#count(group)
  }

  /** @returns whether the student held a place there */
  leave(group: CourseGroup): boolean {
    const index = this.#places.indexOf(group)
    if (index < 0) return false
    this.#places.splice(index, 1)
    this.recount()
    return true
  }

  /** Adds the sums up again: a place is gone, or a group held meets at other times. */
  recount(): void {
    this.#units = 0
    this.#earlyBits = 0
    this.#lateBits = 0
    this.#examBits = 0
    for (const place of this.#places) this.#count(place)
  }

  #count(group: CourseGroup): void {
    this.#units += group.units
    this.#earlyBits |= group.earlyBits
    this.#lateBits |= group.lateBits
    this.#examBits |= group.examBits
  }

  placeIn(course: number): CourseGroup | undefined {
    for (const place of this.#places) if (place.course === course) return place
    return undefined
  }

  windowContains(nowMs: number): boolean {
    return nowMs >= this.window.startMs && nowMs < this.window.endMs
  }
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

/** The whole state of one campus: every course and every student, by id. */
export class Campus {
  readonly courses = new Map<number, Course>()
  readonly students = new Map<number, Student>()
  /** Those that courses and students may be added to. */
  readonly departments = new Set<number>()
  /** Groups by department, for catalogs. */
  readonly groupsByDepartment = new Map<number, CourseGroup[]>()
  /** Whether any student or group was ever set aside: nearly always not, and then nobody looks. */
  hasFaults = false
  readonly #windows = new Map<number, Map<number, EnrollmentWindow>>()

  addGroup(profile: GroupProfile): CourseGroup {
    let course = this.courses.get(profile.course)
    if (course === undefined) {
      course = new Course(profile.course)
      this.courses.set(profile.course, course)
    }
    if (course.find(profile.group) !== undefined) {
      throw new Error(`group ${profile.group} of course ${profile.course} was added twice`)
    }
    const group = new CourseGroup(profile)
    course.groups.push(group)
    if (profile.faults !== undefined) this.hasFaults = true
    this.departments.add(profile.department)
    const siblings = this.groupsByDepartment.get(profile.department)
    if (siblings === undefined) this.groupsByDepartment.set(profile.department, [group])
    else siblings.push(group)
    return group
  }

  addStudent(profile: StudentProfile): Student {
    if (this.students.has(profile.id)) throw new Error(`student ${profile.id} was added twice`)
    const student = new Student(profile, this.#window(profile.windowStartMs, profile.windowEndMs))
    this.students.set(profile.id, student)
    if (profile.faults !== undefined) this.hasFaults = true
    return student
  }

  /** Gives a student another profile. */
  changeStudent(profile: StudentProfile): void {
    const { id, windowStartMs, windowEndMs } = profile
    this.student(id).become(profile, this.#window(windowStartMs, windowEndMs))
  }

  /** One object for each window there is: many students share few, and then it is near at hand when one of them asks. */
  #window(startMs: number, endMs: number): EnrollmentWindow {
    let byEnd = this.#windows.get(startMs)
    if (byEnd === undefined) this.#windows.set(startMs, (byEnd = new Map()))
    let window = byEnd.get(endMs)
    if (window === undefined) byEnd.set(endMs, (window = { startMs, endMs }))
    return window
  }

  findGroup(course: number, group: number): CourseGroup | undefined {
    return this.courses.get(course)?.find(group)
  }

  course(id: number): Course {
    const found = this.courses.get(id)
    if (found === undefined) throw new Error(`no course ${id} in this campus`)
    return found
  }

  group(course: number, group: number): CourseGroup {
    const found = this.findGroup(course, group)
    if (found === undefined) throw new Error(`no group ${group} of course ${course} in this campus`)
    return found
  }

  student(id: number): Student {
    const found = this.students.get(id)
    if (found === undefined) throw new Error(`no student ${id} in this campus`)
    return found
  }

  /**
   * Seats a student as the tables say, in the order of the rows; for recovery, before the first decision.
   * @param order the reserve order, or undefined for a seat
   * @param isExtra whether the seat is beyond the capacity
   */
  place(studentId: number, group: CourseGroup, order: number | undefined, isExtra = false): void {
    if (order === undefined) group.registered.push(studentId)
    else insertIntoQueue(group, studentId, order)
    if (isExtra) group.extra.push(studentId)
    this.students.get(studentId)?.enter(group)
  }
}

/** Ascending, for lists that must not depend on how what is in them came about. */
export function byCourseAndGroup(a: GroupName, b: GroupName): number {
  return a.course - b.course || a.group - b.group
}

/** Rows arrive in any order; the queue is by order number. */
function insertIntoQueue(group: CourseGroup, student: number, order: number): void {
  let index = group.queueOrders.length
  while (index > 0 && (group.queueOrders[index - 1] ?? 0) > order) index--
  group.queue.splice(index, 0, student)
  group.queueOrders.splice(index, 0, order)
}
