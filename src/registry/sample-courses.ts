import type { GroupProfile } from '../../actors/course.ts'
import type { Exam, Meeting } from '../../actors/rules/timetable.ts'
import type { Random } from './random.ts'
import { departmentNames, familyNames, givenNames } from './sample-names.ts'

/** A course as every department of the sample campus offers it. */
interface CoursePlan {
  readonly number: number
  readonly title: (department: string) => string
  readonly units: number
  readonly groups: number
  readonly examMinutes: number | undefined
}

/** 25 groups in each department. Course ids are department * 1000 + number: 40103 is a course of department 40. */
const coursePlans: readonly CoursePlan[] = [
  { number: 101, title: (name) => `Introduction to ${name}`, units: 3, groups: 3, examMinutes: 120 },
  { number: 102, title: (name) => `${name}: Methods`, units: 3, groups: 3, examMinutes: 120 },
  { number: 103, title: (name) => `${name}: Theory I`, units: 3, groups: 3, examMinutes: 150 },
  { number: 104, title: (name) => `${name}: Theory II`, units: 3, groups: 3, examMinutes: 150 },
  { number: 105, title: (name) => `${name}: Laboratory`, units: 1, groups: 3, examMinutes: undefined },
  { number: 106, title: (name) => `History of ${name}`, units: 2, groups: 2, examMinutes: 90 },
  { number: 107, title: (name) => `Topics in ${name}`, units: 2, groups: 2, examMinutes: 90 },
  { number: 108, title: (name) => `${name} in Practice`, units: 3, groups: 2, examMinutes: 120 },
  { number: 109, title: (name) => `Reading ${name}`, units: 2, groups: 2, examMinutes: 90 },
  { number: 110, title: (name) => `Project in ${name}`, units: 2, groups: 2, examMinutes: undefined },
]

const dayMs = 24 * 3600 * 1000
const minuteMs = 60_000
/** Exams begin this long after the window opens, and go on for `examDays`. */
const daysToExams = 120
const examDays = 20
const examStarts = [8 * 60, 11 * 60, 14 * 60] as const
/** Two meetings a week, each of 90 minutes. 0 = Saturday. */
const dayPairs = [
  [0, 2],
  [1, 3],
  [2, 4],
  [0, 3],
  [1, 4],
] as const
const pairStarts = [8 * 60, 9.5 * 60, 11 * 60, 13.5 * 60, 15 * 60, 16.5 * 60] as const
const longStarts = [8 * 60, 10 * 60, 14 * 60, 16 * 60] as const
const laboratoryStarts = [8 * 60, 14 * 60] as const

/** Every course group of the sample campus, 1,500 of them, with nobody in it. */
export function sampleGroups(random: Random, nowMs: number): GroupProfile[] {
  return departmentNames.flatMap((name, index) =>
    coursePlans.flatMap((plan) => groupsOf(random, plan, { id: index + 1, name }, nowMs)),
  )
}

function groupsOf(
  random: Random,
  plan: CoursePlan,
  department: { readonly id: number; readonly name: string },
  nowMs: number,
): GroupProfile[] {
  // All groups of a course sit the same exam.
  const exam = plan.examMinutes === undefined ? undefined : drawExam(random, plan.examMinutes, nowMs)
  return Array.from({ length: plan.groups }, (_, index) => ({
    course: department.id * 1000 + plan.number,
    group: index + 1,
    department: department.id,
    name: plan.title(department.name),
    lecturer: `${random.pick(givenNames)} ${random.pick(familyNames)}`,
    units: plan.units,
    capacity: random.integer(20, 60),
    reserveCapacity: random.chance(0.1) ? 0 : random.integer(5, 15),
    exam,
    meetings: drawMeetings(random, plan.units),
    genderLock: random.chance(0.03) ? random.pick(['male', 'female']) : undefined,
    notes: random.chance(0.05) ? 'Meets in the first week too.' : '',
  }))
}

/** One in twenty has no length announced yet. */
function drawExam(random: Random, minutes: number, nowMs: number): Exam {
  const day = Math.floor(nowMs / dayMs) + daysToExams + random.integer(0, examDays - 1)
  const startMs = day * dayMs + random.pick(examStarts) * minuteMs
  return { startMs, endMs: random.chance(0.05) ? startMs : startMs + minutes * minuteMs }
}

function drawMeetings(random: Random, units: number): Meeting[] {
  if (units === 1) return [meeting(random.integer(0, 4), random.pick(laboratoryStarts), 180)]
  if (units === 2) return [meeting(random.integer(0, 4), random.pick(longStarts), 110)]
  const [first, second] = random.pick(dayPairs)
  const start = random.pick(pairStarts)
  const otherStart = random.chance(0.15) ? random.pick(pairStarts) : start
  return [meeting(first, start, 90), meeting(second, otherStart, 90)]
}

function meeting(day: number, startMinute: number, minutes: number): Meeting {
  return { day, startMinute, endMinute: startMinute + minutes }
}
