import type { Campus } from '../../actors/campus.ts'
import {
  byCourseAndGroup,
  type CourseGroup,
  type GroupProfile,
  type GroupStatus,
} from '../../actors/course.ts'
import type { Student } from '../../actors/student.ts'
import type { GroupView, PlaceView, RosterView, StudentView } from './service.ts'

/** How far nobody's term is. */
export const noProgress = {
  term: 0,
  decidedSeq: 0,
  confirmedSeq: 0,
  appliedSeq: 0,
  pendingRecords: 0,
  backlogBytes: 0,
  behindMs: 0,
  mailboxDepth: 0,
  isFull: false,
} as const

/** What a read shows, and the newest decision in it: the read waits until that one is durable. */
export interface Snapshot<View> {
  readonly view: View
  readonly touchedBy: number
}

export function studentSnapshot(campus: Campus, id: number): Snapshot<StudentView | undefined> {
  const student = campus.students.get(id)
  if (student === undefined) return { view: undefined, touchedBy: 0 }
  const view = {
    id,
    department: student.profile.department,
    remainingActions: student.remainingActions,
    standing: {
      gender: student.profile.gender,
      units: student.units,
      maxUnits: student.maxUnits,
      windowStartMs: student.window.startMs,
      windowEndMs: student.window.endMs,
    },
    places: placesOf(student),
  }
  return { view, touchedBy: newest([student, ...student.places]) }
}

/** Ascending by course, then group: memory and a reloaded campus hold places in different orders. */
function placesOf(student: Student): PlaceView[] {
  return student.places
    .toSorted(byCourseAndGroup)
    .map((group) => ({ group: viewOf(group), position: group.positionOf(student.id) ?? 0 }))
}

export function rosterSnapshot(
  campus: Campus,
  course: number,
  group: number,
): Snapshot<RosterView | undefined> {
  const found = campus.findGroup(course, group)
  if (found === undefined) return { view: undefined, touchedBy: 0 }
  const view = {
    department: found.profile.department,
    registered: found.registered.toSorted((a, b) => a - b),
    reserved: [...found.queue],
    ...(found.extra.length > 0 && { extra: found.extra.toSorted((a, b) => a - b) }),
  }
  return { view, touchedBy: found.touchedBy }
}

function viewOf({ profile, status, capacity, reserveCapacity, registered, queue }: CourseGroup): GroupView {
  const standing = { status, capacity, reserveCapacity, registeredCount: registered.length, queue }
  return groupViewOf(profile, standing)
}

/** A group as it is shown, wherever its places are counted. */
export function groupViewOf(
  profile: GroupProfile,
  standing: {
    readonly status: GroupStatus
    readonly capacity: number
    readonly reserveCapacity: number
    readonly registeredCount: number
    readonly queue: readonly unknown[]
  },
): GroupView {
  const extraSeats = Math.max(0, standing.registeredCount - standing.capacity)
  return {
    course: profile.course,
    group: profile.group,
    department: profile.department,
    name: profile.name,
    lecturer: profile.lecturer,
    units: profile.units,
    capacity: standing.capacity + extraSeats,
    ...(extraSeats > 0 && { extraSeats }),
    reserveCapacity: standing.reserveCapacity,
    registeredCount: standing.registeredCount,
    reservedCount: standing.queue.length,
    examTime: profile.exam === undefined ? 0 : Math.floor(profile.exam.startMs / 1000),
    ...examMinutesOf(profile),
    meetings: profile.meetings,
    genderLock: profile.genderLock,
    notes: profile.notes,
    status: standing.status,
    ...(profile.code !== undefined && { code: profile.code }),
  }
}

function examMinutesOf({ exam }: GroupProfile): Pick<GroupView, 'examMinutes'> {
  if (exam === undefined || exam.endMs === exam.startMs) return {}
  return { examMinutes: (exam.endMs - exam.startMs) / 60_000 }
}

function newest(touched: readonly { readonly touchedBy: number }[]): number {
  return touched.reduce((seq, one) => Math.max(seq, one.touchedBy), 0)
}
