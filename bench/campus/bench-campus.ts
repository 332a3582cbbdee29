import type { LoadRow, LoadSources } from '../../src/store/bulk-load.ts'
import { Random } from '../../src/registry/random.ts'

/** Size and rules of a campus of benchmarks; what they do not say follows from the numbers of people and courses. */
export interface CampusSize {
  readonly students: number
  /** Numbered from 1, with one group each. */
  readonly courses: number
  readonly capacity: number
  readonly reserveCapacity: number
}

export const departments = 20
/** Week times that courses are spread over, and exam times. */
const weekTimes = 40
const examTimes = 60
const unitsMax = 24
const actions = 30_000
const opens = '2020-01-01T00:00:00Z'
const closes = '2099-01-01T00:00:00Z'
const firstExamMs = Date.UTC(2030, 5, 1, 8)
const dayMs = 86_400_000

/** Courses whose numbers differ by a multiple of these meet, or are examined, at the same time. */
function weekTimeOf(course: number): number {
  return course % weekTimes
}

function examTimeOf(course: number): number {
  return course % examTimes
}

export function departmentOfCourse(course: number): number {
  return 1 + (course % departments)
}

/** One class a week: five days, eight times a day. */
function packedClassTime(course: number): number {
  const time = weekTimeOf(course)
  const start = 8 * 60 + 90 * (time % 8)
  return start + 1440 * (start + 90) + 2 ** (22 + Math.floor(time / 8))
}

function* courseRows({ courses, capacity, reserveCapacity }: CampusSize): Generator<LoadRow<'courses'>> {
  for (let course = 1; course <= courses; course++) {
    yield {
      course_id: course,
      group_id: 1,
      for_department: departmentOfCourse(course),
      name: `Course ${course}`,
      lecturer: `Lecturer ${course % 400}`,
      units: 1 + (course % 3),
      capacity,
      reserve_capacity: reserveCapacity,
      exam_time: new Date(firstExamMs + dayMs * examTimeOf(course)).toISOString(),
      exam_minutes: 120,
      class_time: packedClassTime(course),
      meetings: null,
      sex_lock: null,
      notes: '',
      status: 'open',
    }
  }
}

function* studentRows(students: number, password: string): Generator<LoadRow<'students'>> {
  for (let id = 1; id <= students; id++) {
    yield {
      id,
      password,
      enrollment_start_time: opens,
      enrollment_end_time: closes,
      max_units: unitsMax,
      remaining_actions: actions,
      department_id: 1 + (id % departments),
      entry_year: 1400,
      gender: id % 2 === 0 ? 'female' : 'male',
    }
  }
}

/** The courses that a student holds on a campus that is made with so many places each. */
export function placesOf(student: number, courses: number, held: number): number[] {
  return held === 0 ? [] : pickCourses(new Random(student), courses, held)
}

function* departmentRows(): Generator<LoadRow<'departments'>> {
  for (let id = 1; id <= departments; id++) yield { id, name: `Department ${id}` }
}

/**
 * The rows of a campus.
 * @param passwordHash of every student
 */
export function campusRows(size: CampusSize, passwordHash: string): LoadSources {
  return {
    departments: { rows: departmentRows() },
    students: { rows: studentRows(size.students, passwordHash) },
    courses: { rows: courseRows(size) },
  }
}

/** Different courses by chance; some of them may clash. */
export function drawCourses(random: Random, courses: number, count: number): number[] {
  const drawn = new Set<number>()
  while (drawn.size < Math.min(count, courses)) drawn.add(random.integer(1, courses))
  return [...drawn]
}

/** Different courses by chance of which no two clash, so that each can be had; none of `held`, and no clash with it. */
export function pickCourses(
  random: Random,
  courses: number,
  count: number,
  held: readonly number[] = [],
): number[] {
  const weeks = new Set(held.map(weekTimeOf))
  const exams = new Set(held.map(examTimeOf))
  const picked: number[] = []
  for (let tries = 0; picked.length < count; tries++) {
    if (tries > 1000) throw new Error(`there are not ${count} courses without a clash among ${courses}`)
    const course = random.integer(1, courses)
    if (weeks.has(weekTimeOf(course)) || exams.has(examTimeOf(course))) continue
    weeks.add(weekTimeOf(course))
    exams.add(examTimeOf(course))
    picked.push(course)
  }
  return picked
}
