import { Campus } from '../../actors/campus.ts'
import type { CourseGroup, GroupProfile } from '../../actors/course.ts'
import type { StudentProfile } from '../../actors/student.ts'
import { decide } from '../../actors/rules/decide.ts'
import { evolve } from '../../actors/rules/evolve.ts'
import { packClassTime } from '../../actors/rules/timetable.ts'
import { type HashPassword, hashAll } from './hash-passwords.ts'
import { Random } from './random.ts'
import { type CourseRow, type EnrolledCourseRow, type RegistryRows, type RowSource } from './rows.ts'
import { sampleGroups } from './sample-courses.ts'
import { departmentNames } from './sample-names.ts'
import { meetingsAsJson } from './tables.ts'

export interface SampleOptions {
  /** Milliseconds since the Unix epoch. Enrollment windows open then, for a year; exams come later. */
  readonly nowMs: number
  readonly hash: HashPassword
  /** Called with how many of the passwords are hashed. */
  readonly onHashed?: (done: number, total: number) => void
}

/**
 * What hashing a sample password should cost, for argon2id: a real hash, and 30 times quicker than one that
 * must keep a secret, so that the first start takes a moment. Everybody knows these passwords.
 */
export const sampleHashCost = { memoryCost: 1024, timeCost: 1, parallelism: 1 } as const

const sampleStudents = 1000
const seed = 20_260_901
const yearMs = 365 * 24 * 3600 * 1000
const minuteMs = 60_000
const remainingActions = 12
/** The first students hold nothing yet, for whoever tries the campus by hand. */
const studentsWithoutPlaces = 20
/** Places that the sample gives to one student; the rest of their units is theirs to fill. */
const placesPerStudentMax = 4
/** Groups with one to three seats left, and groups without a seat where one or two wait. */
const nearlyFullGroups = 30
const fullGroups = 12

/**
 * A campus to try things on: 60 departments, 1,500 course groups, students 1 to 1000 (password
 * `student-<id>`), and staff 1 to 60, one per department (`staff-<id>`). The same `nowMs` gives the same
 * campus, but for the salts of the hashes. The places taken in it were taken by the rules.
 */
export async function sampleCampus({ nowMs, hash, onHashed }: SampleOptions): Promise<RegistryRows> {
  const random = new Random(seed)
  const groups = sampleGroups(random, nowMs)
  const students = drawStudents(random, nowMs)
  const places = takePlaces(random, groups, students, nowMs)

  const staffIds = departmentNames.map((_, index) => index + 1)
  const plain = [...staffIds.map((id) => `staff-${id}`), ...students.map(({ id }) => `student-${id}`)]
  let hashed = 0
  const hashes = await hashAll(plain, hash, () => onHashed?.(++hashed, plain.length))
  const passwordAt = (index: number) => hashes[index] ?? ''

  const entryYear = new Date(nowMs).getUTCFullYear()
  return {
    departments: source(departmentNames.map((name, index) => ({ id: index + 1, name }))),
    staff: source(staffIds.map((id, index) => ({ id, password: passwordAt(index), department_id: id }))),
    students: source(
      students.map((student, index) => ({
        id: student.id,
        password: passwordAt(staffIds.length + index),
        enrollment_start_time: new Date(student.windowStartMs).toISOString(),
        enrollment_end_time: new Date(student.windowEndMs).toISOString(),
        max_units: student.maxUnits,
        remaining_actions: student.remainingActions,
        department_id: student.department,
        entry_year: entryYear - (student.id % 5),
        gender: student.gender,
      })),
    ),
    courses: source(groups.map(courseRow)),
    enrolled_courses: source(places),
  }
}

function drawStudents(random: Random, nowMs: number): StudentProfile[] {
  const windowStartMs = Math.floor(nowMs / minuteMs) * minuteMs
  return Array.from({ length: sampleStudents }, (_, index) => ({
    id: index + 1,
    department: (index % departmentNames.length) + 1,
    gender: random.pick(['male', 'female']),
    maxUnits: random.pick([18, 20, 20, 20, 24]),
    remainingActions,
    windowStartMs,
    windowEndMs: windowStartMs + yearMs,
  }))
}

/** Lets students enroll, as they would, until the groups in demand are as full as they should be. */
function takePlaces(
  random: Random,
  profiles: readonly GroupProfile[],
  students: readonly StudentProfile[],
  nowMs: number,
): EnrolledCourseRow[] {
  const campus = new Campus()
  for (const profile of students) campus.addStudent(profile)
  const groups = profiles.map((profile) => campus.addGroup(profile))
  const withQueue = random.shuffled(groups.filter((group) => group.profile.reserveCapacity > 0))
  const full = withQueue.slice(0, fullGroups)
  const nearlyFull = withQueue.slice(fullGroups, fullGroups + nearlyFullGroups)
  for (const group of full) fill(random, campus, group, { free: 0, waiting: random.integer(1, 2) }, nowMs)
  for (const group of nearlyFull)
    fill(random, campus, group, { free: random.integer(1, 3), waiting: 0 }, nowMs)
  return groups.flatMap(placesIn)
}

function fill(
  random: Random,
  campus: Campus,
  group: CourseGroup,
  goal: { readonly free: number; readonly waiting: number },
  nowMs: number,
): void {
  const { course } = group
  for (const student of random.shuffled([...campus.students.values()])) {
    if (group.freeSeats <= goal.free && group.queue.length >= goal.waiting) return
    if (student.id <= studentsWithoutPlaces || student.places.length >= placesPerStudentMax) continue
    const verdict = decide(
      campus,
      {
        actor: { role: 'student', id: student.id },
        student: student.id,
        legs: [{ do: 'add', course, group: group.group, reserve: 'allow' }],
      },
      nowMs,
    )
    if (!('effects' in verdict)) continue
    for (const effect of verdict.effects ?? []) evolve(campus, effect)
  }
  throw new Error(`too few students for group ${group.group} of course ${course}`)
}

function placesIn(group: CourseGroup): EnrolledCourseRow[] {
  const place = { course_id: group.course, group_id: group.group, extra_seat: false }
  return [
    ...group.registered.map((id) => ({ ...place, student_id: id, reserved: false, reserve_order: null })),
    ...group.queue.map((id, index) => ({
      ...place,
      student_id: id,
      reserved: true,
      reserve_order: group.queueOrders[index] ?? null,
    })),
  ]
}

function courseRow(profile: GroupProfile): CourseRow {
  const { exam, meetings } = profile
  const packed = packClassTime(meetings)
  const examMinutes = exam === undefined ? 0 : (exam.endMs - exam.startMs) / minuteMs
  return {
    course_id: profile.course,
    group_id: profile.group,
    for_department: profile.department,
    name: profile.name,
    lecturer: profile.lecturer,
    units: profile.units,
    capacity: profile.capacity,
    reserve_capacity: profile.reserveCapacity,
    exam_time: exam === undefined ? null : new Date(exam.startMs).toISOString(),
    exam_minutes: examMinutes === 0 ? null : examMinutes,
    class_time: packed ?? 0,
    meetings: packed === undefined ? meetingsAsJson(meetings) : null,
    sex_lock: profile.genderLock ?? null,
    notes: profile.notes,
    status: 'open',
  }
}

function source<Row>(rows: readonly Row[]): RowSource<Row> {
  return { count: rows.length, rows }
}
