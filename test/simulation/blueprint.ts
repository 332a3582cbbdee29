import type { GroupProfile } from '../../actors/course.ts'
import type { StudentProfile } from '../../actors/student.ts'
import type { Random } from './random.ts'
import type { Blueprint } from './tables.ts'

const departments = 3
const courseCount = 9
const studentCount = 34
const latecomerCount = 4
const minuteMs = 60_000

/** A small campus where everybody is in everybody's way: few seats, short queues, colliding timetables. */
export function drawBlueprint(random: Random, epochMs: number): Blueprint {
  const groups: GroupProfile[] = []
  for (let course = 101; course < 101 + courseCount; course++) {
    const units = random.integer(1, 4)
    const department = 1 + ((course - 101) % departments)
    const groupCount = random.integer(1, 3)
    for (let group = 1; group <= groupCount; group++) {
      groups.push(drawGroup(random, epochMs, { course, group, units, department }))
    }
  }
  const students = Array.from({ length: studentCount + latecomerCount }, (_, index) =>
    drawStudent(random, epochMs, index + 1),
  )
  return { groups, students: students.slice(0, studentCount), latecomers: students.slice(studentCount) }
}

function drawGroup(
  random: Random,
  epochMs: number,
  where: { course: number; group: number; units: number; department: number },
): GroupProfile {
  const startMinute = 480 + 60 * random.integer(0, 8)
  const days = random.shuffled([0, 1, 2, 3, 4]).slice(0, random.integer(0, 2))
  const examStartMs = epochMs + 30 * 24 * 60 * minuteMs + random.integer(0, 12) * 60 * minuteMs
  return {
    ...where,
    name: `Course ${where.course}`,
    lecturer: 'N. N.',
    capacity: random.integer(1, random.chance(0.3) ? 20 : 6),
    reserveCapacity: random.integer(0, 5),
    exam: random.chance(0.6)
      ? { startMs: examStartMs, endMs: examStartMs + (random.chance(0.8) ? 90 : 0) * minuteMs }
      : undefined,
    meetings: days.map((day) => ({ day, startMinute, endMinute: startMinute + random.pick([60, 90, 120]) })),
    genderLock: random.chance(0.12) ? random.pick(['male', 'female'] as const) : undefined,
    notes: '',
  }
}

/** Most windows are open all the while; some open or close when a clock that jumps an hour says so. */
function drawStudent(random: Random, epochMs: number, id: number): StudentProfile {
  const isLate = random.chance(0.1)
  const isShort = random.chance(0.15)
  return {
    id,
    department: 1 + (id % departments),
    gender: random.pick(['male', 'female'] as const),
    maxUnits: random.integer(5, 14),
    remainingActions: random.chance(0.2) ? random.integer(0, 3) : random.integer(15, 60),
    windowStartMs: epochMs + (isLate ? random.integer(-10, 40) : -24 * 60) * minuteMs,
    windowEndMs: epochMs + (isShort ? random.integer(1, 60) : 24 * 60) * minuteMs,
  }
}
