import type { CourseGroup, Gender } from './course.ts'
import type { TimeBits } from './rules/timetable.ts'

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

/**
 * A student: the places they hold (at most one per course), and what is left to spend. Loading fills it (`Campus.place`);
 * decisions change it through `evolve` alone.
 */
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
