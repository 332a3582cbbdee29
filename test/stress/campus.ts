import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hash as argon2id } from '@node-rs/argon2'
import type { Random } from '../../src/registry/random.ts'

export const password = 'stress'
/** Cheap: what is tried here is not how long a login takes. */
const hashCost = { memoryCost: 256, timeCost: 1, parallelism: 1 } as const
const actionsOfMost = 30_000
const actionsOfFew = 4
const coldDepartments = [3, 4, 5, 6]

export interface StressGroup {
  readonly course: number
  readonly group: number
  readonly department: number
  readonly capacity: number
  readonly reserveCapacity: number
  readonly classTime: string
  readonly examTime: string
  readonly genderLock: '' | 'male' | 'female'
  /** Whether everybody wants it. */
  readonly isHot: boolean
}

export interface StressStudent {
  readonly id: number
  readonly department: number
  readonly gender: 'male' | 'female'
  readonly maxUnits: number
  readonly actions: number
  readonly isWindowOpen: boolean
}

export interface StressStaff {
  readonly id: number
  readonly department: number
}

/** Who holds a place before anybody connects; reserved ones wait in this order. */
export interface HeldPlace {
  readonly student: number
  readonly course: number
  readonly group: number
  readonly reserved: boolean
}

/** A campus made for contention: a few small courses that everybody wants, and some that have room. */
export interface StressCampus {
  readonly groups: readonly StressGroup[]
  /** The first ones are clients; the others hold places, and act only through staff. */
  readonly students: readonly StressStudent[]
  readonly staff: readonly StressStaff[]
  readonly held: readonly HeldPlace[]
}

/** The same seed and number of clients give the same campus. */
export function stressCampus(random: Random, clients: number): StressCampus {
  const groups = [...hotGroups(clients), ...coldGroups()]
  const bystanders = Math.max(12, Math.ceil(clients / 4))
  const students = Array.from({ length: clients + bystanders }, (_, index) => ({
    id: index + 1,
    department: random.integer(1, 6),
    gender: random.pick(['male', 'female']),
    maxUnits: random.pick([9, 15, 18, 24]),
    actions: random.chance(0.1) ? actionsOfFew : actionsOfMost,
    isWindowOpen: !random.chance(0.02),
  }))
  const departments = [1, 1, 2, 2, ...coldDepartments]
  const staff = departments.map((department, index) => ({ id: index + 1, department }))
  const held = holdPlaces(random, groups, students.slice(clients))
  return { groups, students, staff, held }
}

function hotGroups(clients: number): StressGroup[] {
  const share = (part: number) => Math.max(2, Math.floor(clients / part))
  const hot = { classTime: '', examTime: '', genderLock: '', isHot: true } as const
  const first = { ...hot, department: 1 }
  const second = { ...hot, department: 2 }
  return [
    { ...first, course: 1101, group: 1, capacity: share(15), reserveCapacity: share(15) },
    { ...first, course: 1101, group: 2, capacity: share(20), reserveCapacity: share(30) },
    { ...first, course: 1101, group: 3, capacity: 1, reserveCapacity: 3 },
    { ...first, course: 1102, group: 1, capacity: share(10), reserveCapacity: 5 },
    { ...first, course: 1102, group: 2, capacity: share(10), reserveCapacity: 0 },
    // Hardly a seat, and everybody waits.
    { ...first, course: 1103, group: 1, capacity: 3, reserveCapacity: share(5) },
    { ...second, course: 2101, group: 1, capacity: share(12), reserveCapacity: 8, genderLock: 'male' },
    { ...second, course: 2101, group: 2, capacity: share(12), reserveCapacity: 8, genderLock: 'female' },
    { ...second, course: 2101, group: 3, capacity: share(12), reserveCapacity: 8 },
    {
      ...second,
      course: 2102,
      group: 1,
      capacity: share(8),
      reserveCapacity: 10,
      classTime: 'Sat 08:00-10:00; Mon 08:00-10:00',
      examTime: '2030-06-10T08:00:00Z',
    },
    {
      ...second,
      course: 2102,
      group: 2,
      capacity: share(8),
      reserveCapacity: 10,
      classTime: 'Sun 08:00-10:00',
      examTime: '2030-06-10T08:00:00Z',
    },
    {
      ...second,
      course: 2103,
      group: 1,
      capacity: share(8),
      reserveCapacity: 10,
      classTime: 'Sat 09:00-11:00',
      examTime: '2030-06-10T08:00:00Z',
    },
  ]
}

function coldGroups(): StressGroup[] {
  return coldDepartments.flatMap((department) =>
    [1, 2, 3].map((number) => ({
      course: department * 1000 + number,
      group: 1,
      department,
      capacity: 60,
      reserveCapacity: 10,
      classTime: number === 3 ? 'Mon 09:00-11:00' : '',
      examTime: '',
      genderLock: '' as const,
      isHot: false,
    })),
  )
}

/** Three groups as they stood before: one with its last seat free, two full with a queue. */
function holdPlaces(
  random: Random,
  groups: readonly StressGroup[],
  bystanders: readonly StressStudent[],
): HeldPlace[] {
  const goals = [
    { course: 1102, group: 1, free: 1, waiting: 0 },
    { course: 1101, group: 2, free: 0, waiting: 1 },
    { course: 1103, group: 1, free: 0, waiting: 2 },
  ]
  return goals.flatMap(({ course, group, free, waiting }) => {
    const capacity = groups.find((one) => one.course === course && one.group === group)?.capacity ?? 0
    const seats = Math.max(0, capacity - free)
    return random
      .shuffled(bystanders)
      .slice(0, seats + waiting)
      .map(({ id }, index) => ({ student: id, course, group, reserved: index >= seats }))
  })
}

const farPast = '2000-01-01T00:00:00Z'
const past = '2001-01-01T00:00:00Z'
const farFuture = '2099-01-01T00:00:00Z'

/**
 * Writes the campus as a registrar's files.
 * @returns the arguments of `enrollment load` that name them
 */
export async function writeCampusFiles(campus: StressCampus, directory: string): Promise<string[]> {
  const hashed = await argon2id(password, hashCost)
  const departments = [...new Set(campus.groups.map(({ department }) => department))]
  const tables = {
    departments: table(
      ['id', 'name'],
      departments.map((id) => [id, `Department ${id}`]),
    ),
    staff: table(
      ['id', 'password', 'department_id'],
      campus.staff.map(({ id, department }) => [id, hashed, department]),
    ),
    students: table(
      [
        'id',
        'password',
        'enrollment_start_time',
        'enrollment_end_time',
        'max_units',
        'remaining_actions',
        'department_id',
        'entry_year',
        'gender',
      ],
      campus.students.map(({ id, isWindowOpen, maxUnits, actions, department, gender }) => [
        id,
        hashed,
        farPast,
        isWindowOpen ? farFuture : past,
        maxUnits,
        actions,
        department,
        2020,
        gender,
      ]),
    ),
    courses: table(
      [
        'course_id',
        'group_id',
        'for_department',
        'name',
        'lecturer',
        'units',
        'capacity',
        'reserve_capacity',
        'class_time',
        'exam_time',
        'sex_lock',
      ],
      campus.groups.map((group) => [
        group.course,
        group.group,
        group.department,
        `Course ${group.course}`,
        'N. N.',
        3,
        group.capacity,
        group.reserveCapacity,
        group.classTime,
        group.examTime,
        group.genderLock,
      ]),
    ),
  }
  return Object.entries(tables).flatMap(([name, text]) => {
    const file = join(directory, `${name}.csv`)
    writeFileSync(file, text)
    return [`--${name}`, file]
  })
}

function table(columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => cells.map((cell) => `"${cell}"`).join(',')
  return `${[columns, ...rows].map(line).join('\n')}\n`
}
