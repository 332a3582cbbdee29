import type { Findings } from './file-findings.ts'
import type { CourseRow } from './rows.ts'
import { type EnrollmentCells, orderOf } from './tables.ts'

/** A course group as far as places in it go. */
export interface GroupRoom {
  readonly capacity: number
  /** Seats that are taken already, extra ones aside. */
  registered: number
  /** Cancelled for good: nobody holds a place in it. */
  readonly isCancelled: boolean
}

/** Whom and what places may name: in the files, or in the database. */
export interface KnownPeopleAndGroups {
  readonly students: { has(id: number): boolean }
  /** By `groupKey`. */
  readonly groups: ReadonlyMap<string, GroupRoom>
}

export function groupKey({ course_id, group_id }: Pick<CourseRow, 'course_id' | 'group_id'>): string {
  return `${course_id}/${group_id}`
}

/** The room in a group that is to be loaded. */
export function roomOf({ capacity, status }: Pick<CourseRow, 'capacity' | 'status'>): GroupRoom {
  return { capacity, registered: 0, isCancelled: status === 'cancelled' }
}

/**
 * Checks row by row what an enrollments file says against who and what there is: the student, the group and that
 * it was not cancelled, a free seat, and that no two wait with the same order in one queue.
 */
export class PlacesCheck {
  readonly #file: string
  readonly #known: KnownPeopleAndGroups
  readonly #findings: Findings
  readonly #seatsTaken = new Map<string, number>()
  readonly #linesByOrder = new Map<string, number>()

  constructor(file: string, known: KnownPeopleAndGroups, findings: Findings) {
    this.#file = file
    this.#known = known
    this.#findings = findings
  }

  row(line: number, cells: EnrollmentCells): void {
    if (!this.#known.students.has(cells.student_id)) {
      this.#fault(
        line,
        'student_id',
        `is ${cells.student_id}, a student who is neither in the files nor in the database`,
      )
    }
    const key = groupKey(cells)
    const order = orderOf(cells)
    const room = this.#known.groups.get(key)
    if (room === undefined) {
      this.#fault(
        line,
        'course_id, group_id',
        `is ${key}, a group that is neither in the files nor in the database`,
      )
    } else if (room.isCancelled) {
      this.#fault(
        line,
        'course_id, group_id',
        `is ${key}, a group that was cancelled: nobody has a place in it`,
      )
    } else if (order === null) {
      if (cells.extra_seat === true) return
      const taken = (this.#seatsTaken.get(key) ?? room.registered) + 1
      this.#seatsTaken.set(key, taken)
      if (taken > room.capacity) {
        const reason = `is ${key}, where this is seat ${taken} of ${room.capacity}; an extra seat must say that it is one`
        this.#fault(line, 'course_id, group_id', reason)
      }
    } else {
      this.#order(line, `${key} ${order}`, order)
    }
  }

  #order(line: number, key: string, order: number): void {
    const first = this.#linesByOrder.get(key)
    if (first === undefined) this.#linesByOrder.set(key, line)
    else this.#fault(line, 'reserve_order', `is ${order} again in this group's queue; first on line ${first}`)
  }

  #fault(line: number, column: string, reason: string): void {
    this.#findings.add({ file: this.#file, line, column, reason })
  }
}
