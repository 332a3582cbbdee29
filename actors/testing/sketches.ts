import type { Gender, GroupProfile } from '../course.ts'
import type { StudentProfile } from '../student.ts'
import type { Exam, Meeting } from '../rules/timetable.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
/** The usual window: one hour from 07:00. */
export const windowOpens = Date.UTC(2030, 8, 21, 7)
export const windowCloses = windowOpens + hourMs
export const duringWindow = windowOpens + minuteMs

/** A course group, `'course/group'`, and what is unusual about it. */
export interface GroupSketch {
  readonly at: string
  readonly department?: number
  readonly units?: number
  readonly capacity?: number
  readonly reserveCapacity?: number
  readonly exam?: Exam
  readonly meetings?: readonly Meeting[]
  readonly genderLock?: Gender
  readonly registered?: readonly number[]
  /** Registered too, beyond the capacity. */
  readonly extra?: readonly number[]
  /** First come first. */
  readonly queue?: readonly number[]
  readonly faults?: readonly string[]
}

/** A student, and what is unusual about them. */
export interface StudentSketch {
  readonly id: number
  readonly gender?: Gender
  readonly maxUnits?: number
  readonly actions?: number
  readonly department?: number
  readonly window?: readonly [startMs: number, endMs: number]
  readonly faults?: readonly string[]
}

export function group(at: string, sketch: Omit<GroupSketch, 'at'> = {}): GroupSketch {
  return { at, ...sketch }
}

export function student(id: number, sketch: Omit<StudentSketch, 'id'> = {}): StudentSketch {
  return { id, ...sketch }
}

/** `'sat 08:00-10:00'` */
export function meets(...times: readonly string[]): Meeting[] {
  return times.map((time) => {
    const [day = '', range = ''] = time.split(' ')
    const [start = '', end = ''] = range.split('-')
    return {
      day: ['sat', 'sun', 'mon', 'tue', 'wed', 'thu', 'fri'].indexOf(day),
      startMinute: minuteOf(start),
      endMinute: minuteOf(end),
    }
  })
}

/** `'09:00-11:00'`, or `'09:00'` when its length is not known; all on one day unless `day` says otherwise. */
export function exam(time: string, day = 0): Exam {
  const [start = '', end = start] = time.split('-')
  const midnight = Date.UTC(2031, 0, 10 + day)
  return { startMs: midnight + minuteOf(start) * minuteMs, endMs: midnight + minuteOf(end) * minuteMs }
}

export function groupProfile({ at, ...sketch }: GroupSketch): GroupProfile {
  const [course = 0, number = 0] = at.split('/').map(Number)
  return {
    course,
    group: number,
    department: sketch.department ?? 1,
    name: `Course ${course}`,
    lecturer: 'N. N.',
    units: sketch.units ?? 3,
    capacity: sketch.capacity ?? 30,
    reserveCapacity: sketch.reserveCapacity ?? 5,
    exam: sketch.exam,
    meetings: sketch.meetings ?? [],
    genderLock: sketch.genderLock,
    notes: '',
    ...(sketch.faults !== undefined && { faults: sketch.faults }),
  }
}

export function studentProfile(sketch: StudentSketch): StudentProfile {
  const [windowStartMs, windowEndMs] = sketch.window ?? [windowOpens, windowCloses]
  return {
    id: sketch.id,
    department: sketch.department ?? 1,
    gender: sketch.gender ?? 'female',
    maxUnits: sketch.maxUnits ?? 20,
    remainingActions: sketch.actions ?? 3,
    windowStartMs,
    windowEndMs,
    ...(sketch.faults !== undefined && { faults: sketch.faults }),
  }
}

function minuteOf(clock: string): number {
  const [hour = 0, minute = 0] = clock.split(':').map(Number)
  return hour * 60 + minute
}
