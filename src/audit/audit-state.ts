import { Campus, type CourseGroup, type Student } from '../../actors/campus.ts'
import { evolve } from '../../actors/evolve.ts'
import type { PlaceRow, StateRows } from './ports.ts'

/** What decisions decide, as a campus, and the rows that repeat another one, which a campus cannot hold. */
export interface AuditState {
  readonly campus: Campus
  /** Rows beyond the first of the same student and group, by `placeKey`. */
  readonly surplusRows: Map<string, number>
}

export async function loadState(rows: StateRows): Promise<AuditState> {
  const state: AuditState = { campus: new Campus(), surplusRows: new Map() }
  for await (const { course, group, capacity } of rows.groups()) {
    addGroup(state.campus, course, group, capacity)
  }
  for await (const { id, remainingActions } of rows.students()) {
    addStudent(state.campus, id, remainingActions)
  }
  for await (const row of rows.places()) addPlace(state, row)
  return state
}

/** Adds a group of which only the capacity counts here. */
export function addGroup(campus: Campus, course: number, group: number, capacity: number): CourseGroup {
  return campus.addGroup({
    course,
    group,
    capacity,
    department: 0,
    name: '',
    lecturer: '',
    units: 0,
    reserveCapacity: 0,
    exam: undefined,
    meetings: noMeetings,
    genderLock: undefined,
    notes: '',
  })
}

/** Adds a student of whom only the remaining actions count here. */
export function addStudent(campus: Campus, id: number, remainingActions: number): Student {
  return campus.addStudent({
    id,
    remainingActions,
    department: 0,
    gender: 'female',
    maxUnits: 0,
    windowStartMs: 0,
    windowEndMs: 0,
  })
}

const noMeetings = [] as const

/** Of rows that repeat each other a seat counts before a reserve place, then the lower order, as when serving. */
function addPlace({ campus, surplusRows }: AuditState, { student, course, group, order }: PlaceRow): void {
  const place = campus.findGroup(course, group) ?? addGroup(campus, course, group, 0)
  if (!campus.students.has(student)) addStudent(campus, student, 0)
  const held = place.positionOf(student)
  if (held !== undefined) {
    const key = placeKey(student, course, group)
    surplusRows.set(key, (surplusRows.get(key) ?? 0) + 1)
    if (held === 0 || (order !== undefined && order >= (place.queueOrders[held - 1] ?? 0))) return
    evolve(campus, { type: 'left', student, course, group })
  }
  campus.place(student, place, order)
}

export function placeKey(student: number, course: number, group: number): string {
  return `${student} ${course} ${group}`
}
