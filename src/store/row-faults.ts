import type { GroupProfile } from '../../actors/course.ts'
import type { StudentProfile } from '../../actors/student.ts'
import { canBeNamed } from '../../actors/rules/set-aside.ts'
import { isClassTime } from '../../actors/rules/timetable.ts'
import { calendarEndMs } from '../../schema/registry-limits.ts'
import type { GroupRow } from './profiles.ts'

/** Rows that cannot be served because of what stands in one column: the student, or the group, is set aside. */
export interface SetAsideRows {
  readonly table: string
  readonly column: string
  readonly count: number
  /** Some of them with the column's value: `student 5 (-infinity)`. */
  readonly examples: readonly string[]
}

/** Rows of one kind that are named one by one. */
export const examplesMax = 10
/** Of a queue's order: what follows it in the same queue must still be a number that JSON holds. */
export const queueOrderMax = 2 ** 52 - 1

/** The student with the columns that no decision may rest on, or no record can say; as they are if there are none. */
export function withFaultsOfStudent(profile: StudentProfile): StudentProfile {
  const { id, maxUnits, windowStartMs, windowEndMs } = profile
  // One look for nearly all: millions of rows pass here.
  if (id >= 0 && maxUnits >= 0 && windowStartMs >= 0 && windowEndMs >= 0 && windowStartMs < calendarEndMs) {
    if (id <= Number.MAX_SAFE_INTEGER) return profile
  }
  const faults: string[] = []
  if (!canBeNamed(id)) faults.push('id')
  if (maxUnits < 0) faults.push('max_units')
  const startsOutside = windowStartMs < 0 || windowStartMs >= calendarEndMs
  if (startsOutside) faults.push('enrollment_start_time')
  // Without an end of its own, a window ends some time after its start.
  if (windowEndMs < 0 && !startsOutside) faults.push('enrollment_end_time')
  return { ...profile, faults }
}

/** The group in the same way; in place of what cannot be is what harms nobody who holds a place in it. */
export function withFaultsOfGroup(profile: GroupProfile, row: GroupRow): GroupProfile {
  const { course, group, units, capacity, reserveCapacity } = profile
  const faults: string[] = []
  if (!canBeNamed(course)) faults.push('course_id')
  if (!canBeNamed(group)) faults.push('group_id')
  if (units < 0) faults.push('units')
  if (capacity < 0) faults.push('capacity')
  if (reserveCapacity < 0) faults.push('reserve_capacity')
  const hasTimes = row.meetings !== null || isClassTime(row.class_time)
  if (!hasTimes) faults.push('class_time')
  if (faults.length === 0) return profile
  // A conflict with a group that no record can name could not be told.
  const isNamed = canBeNamed(course) && canBeNamed(group)
  return {
    ...profile,
    units: Math.max(0, units),
    capacity: Math.max(0, capacity),
    reserveCapacity: Math.max(0, reserveCapacity),
    meetings: hasTimes && isNamed ? profile.meetings : [],
    exam: isNamed ? profile.exam : undefined,
    faults,
  }
}

interface Kind {
  readonly table: string
  readonly column: string
  count: number
  /** What each example is called, and the condition that finds its row. */
  readonly examples: { readonly name: string; readonly where: string }[]
}

/** Counts the rows that are set aside while a campus is loaded, and names some of each kind. */
export class SetAsideCount {
  readonly #kinds = new Map<string, Kind>()

  student({ id, faults = [] }: StudentProfile): void {
    for (const column of faults) {
      this.#add({ table: 'students', column }, { name: `student ${id}`, where: `id = ${BigInt(id)}` })
    }
  }

  group({ course, group, faults = [] }: GroupProfile): void {
    for (const column of faults) {
      const where = `course_id = ${course} AND group_id = ${group}`
      this.#add({ table: 'courses', column }, { name: `course ${course} group ${group}`, where })
    }
  }

  /** @returns whether nobody could be put into the queue behind this place */
  place(order: number, row: number): boolean {
    if (order <= queueOrderMax) return false
    const column = 'coalesce(reserve_order, id)'
    this.#add({ table: 'enrolled_courses', column }, { name: `row ${row}`, where: `id = ${row}` })
    return true
  }

  #add(
    { table, column }: { readonly table: string; readonly column: string },
    example: Kind['examples'][number],
  ): void {
    const name = `${table}.${column}`
    let kind = this.#kinds.get(name)
    if (kind === undefined) this.#kinds.set(name, (kind = { table, column, count: 0, examples: [] }))
    kind.count++
    if (kind.examples.length < examplesMax) kind.examples.push(example)
  }

  /** Reads the values as PostgreSQL writes them: what was loaded is bent to what JSON holds. */
  async read(
    query: (select: string) => Promise<readonly { readonly value: string }[]>,
  ): Promise<SetAsideRows[]> {
    const found: SetAsideRows[] = []
    for (const { table, column, count, examples } of this.#kinds.values()) {
      const told: string[] = []
      for (const { name, where } of examples) {
        const [row] = await query(`SELECT ${column}::text AS value FROM ${table} WHERE ${where}`)
        told.push(row === undefined ? name : `${name} (${row.value})`)
      }
      found.push({ table, column: column.replace(/^coalesce\((\w+),.*$/, '$1'), count, examples: told })
    }
    return found
  }
}

/** One line for people. */
export function describeSetAside({ table, column, count, examples }: SetAsideRows): string {
  const others = count > examples.length ? `, and ${count - examples.length} more` : ''
  return (
    `${count} row${count === 1 ? '' : 's'} of ${table} cannot be served because of ${column}, and ` +
    `${count === 1 ? 'is' : 'are'} set aside until corrected: ${examples.join(', ')}${others}`
  )
}
