import { Campus } from '../../actors/campus.ts'
import type { CourseGroup } from '../../actors/course.ts'
import type { Student } from '../../actors/student.ts'
import { evolve } from '../../actors/rules/evolve.ts'
import type { GroupDetails, PlaceRow, StateRows, StudentDetails } from './audit-ports.ts'

/** What decisions decide, as a campus, and the rows that repeat another one, which a campus cannot hold. */
export interface AuditState {
  readonly campus: Campus
  /** Rows beyond the first of the same student and group, by `placeKey`. */
  readonly surplusRows: Map<string, number>
  /** Of whom nothing is known but a capacity, or actions. */
  readonly sketchy: Set<CourseGroup | Student>
}

export async function loadState(rows: StateRows): Promise<AuditState> {
  const state: AuditState = { campus: new Campus(), surplusRows: new Map(), sketchy: new Set() }
  for await (const { course, group, capacity, details } of rows.groups()) {
    const added = addGroup(state.campus, course, group, capacity, details)
    if (details === undefined) state.sketchy.add(added)
  }
  for await (const { id, remainingActions, details } of rows.students()) {
    const added = addStudent(state.campus, id, remainingActions, details)
    if (details === undefined) state.sketchy.add(added)
  }
  for await (const row of rows.places()) addPlace(state, row)
  return state
}

/** Adds a group, with nothing but its capacity if its details are not known. */
export function addGroup(
  campus: Campus,
  course: number,
  group: number,
  capacity: number,
  details: GroupDetails = noDetails,
): CourseGroup {
  return campus.addGroup({
    course,
    group,
    capacity,
    department: 0,
    name: '',
    units: 0,
    genderLock: undefined,
    ...details,
  })
}

const noDetails: GroupDetails = {
  status: 'open',
  reserveCapacity: 0,
  lecturer: '',
  notes: '',
  meetings: [],
  exam: undefined,
}

/** Adds a student, with nothing but their actions if their details are not known. */
export function addStudent(
  campus: Campus,
  id: number,
  remainingActions: number,
  details: StudentDetails = { maxUnits: 0, windowStartMs: 0, windowEndMs: 0 },
): Student {
  return campus.addStudent({
    id,
    remainingActions,
    department: 0,
    gender: 'female',
    ...details,
  })
}

/** Of rows that repeat each other a seat counts before a reserve place, then the lower order, as when serving. */
function addPlace({ campus, surplusRows }: AuditState, row: PlaceRow): void {
  const { student, course, group, order, isExtra } = row
  const place = campus.findGroup(course, group) ?? addGroup(campus, course, group, 0)
  if (!campus.students.has(student)) addStudent(campus, student, 0)
  const held = place.positionOf(student)
  if (held !== undefined) {
    const key = placeKey(student, course, group)
    surplusRows.set(key, (surplusRows.get(key) ?? 0) + 1)
    if (held === 0 || (order !== undefined && order >= (place.queueOrders[held - 1] ?? 0))) return
    evolve(campus, { type: 'left', student, course, group })
  }
  campus.place(student, place, order, isExtra)
}

export function placeKey(student: number, course: number, group: number): string {
  return `${student} ${course} ${group}`
}
