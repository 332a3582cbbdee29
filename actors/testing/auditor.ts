import type { Command, OverrideLeg, StudentLeg } from '../messages/commands.ts'
import { type GroupSketch, groupProfile, type StudentSketch, studentProfile } from './sketches.ts'

type Group = ReturnType<typeof groupProfile> & {
  seats: Set<number>
  extra: Set<number>
  queue: number[]
  size: number
}
type Student = ReturnType<typeof studentProfile> & { actions: number }

/**
 * A second opinion: keeps the books of a campus by the plainest reading of the rules, whole lists gone through
 * for every question, and shares no code with what it audits. Knows no order numbers and blames no leg.
 */
export class Auditor {
  readonly #groups: Group[] = []
  readonly #students: Student[] = []

  constructor(groups: readonly GroupSketch[], students: readonly StudentSketch[]) {
    for (const sketch of groups) {
      const profile = groupProfile(sketch)
      this.#groups.push({ ...profile, seats: new Set(), extra: new Set(), queue: [], size: profile.capacity })
    }
    for (const sketch of students) {
      const profile = studentProfile(sketch)
      this.#students.push({ ...profile, actions: profile.remainingActions })
    }
  }

  /** Every rule that the command breaks; a conflict with its two groups. Nothing = it must be done. */
  judge(command: Command, nowMs: number): Set<string> {
    const [first] = command.legs
    if (first?.do === 'force_add' || first?.do === 'force_drop' || first?.do === 'set_capacity') {
      return new Set(this.#judgeStaff(first, command.student))
    }
    const student = this.#student(command.student)
    return new Set(this.#judgeStudent(student, studentLegs(command), command.plan === true, nowMs))
  }

  /** Does what `judge` found nothing against. */
  carryOut(command: Command): void {
    for (const leg of command.legs) {
      if (leg.do === 'set_capacity') this.#group(leg).size = leg.capacity
      if (leg.do === 'force_drop') this.#leave(this.#group(leg), command.student)
      if (leg.do === 'force_add') {
        const group = this.#group(leg)
        this.#leave(group, command.student)
        if (group.seats.size >= group.size) group.extra.add(command.student ?? 0)
        group.seats.add(command.student ?? 0)
      }
    }
    const legs = studentLegs(command)
    if (legs.length > 0) this.#enact(this.#student(command.student), legs)
    for (const group of this.#groups) {
      while (group.seats.size < group.size && group.queue.length > 0)
        group.seats.add(group.queue.shift() ?? 0)
      while (group.extra.size > Math.max(0, group.seats.size - group.size))
        group.extra.delete(Math.min(...group.extra))
    }
  }

  /** Who is where, how many seats there are, what is left to spend. */
  books(): string[] {
    return [
      ...this.#groups.map((group) => {
        const seats = [...group.seats]
          .toSorted((a, b) => a - b)
          .map((id) => (group.extra.has(id) ? `${id}+` : id))
        return `${group.course}/${group.group} of ${group.size}: ${seats.join(' ')} | ${group.queue.join(' ')}`
      }),
      ...this.#students.map(({ id, actions }) => `${id}: ${actions}`),
    ]
  }

  #judgeStaff(leg: OverrideLeg, student: number | undefined): string[] {
    const group = this.#group(leg)
    if (leg.do === 'set_capacity') {
      return leg.capacity < Math.min(group.size, group.seats.size) ? ['capacity_below_registered'] : []
    }
    const held = this.#heldIn(student, leg.course)
    if (leg.do === 'force_drop') return held === group ? [] : ['not_enrolled']
    return held === undefined || group.queue.includes(student ?? 0) ? [] : ['already_enrolled']
  }

  #judgeStudent(student: Student, legs: readonly StudentLeg[], isPlan: boolean, nowMs: number): string[] {
    const broken: string[] = []
    if (nowMs < student.windowStartMs || nowMs >= student.windowEndMs)
      broken.push('outside_enrollment_window')
    if (legs.filter((leg) => leg.do !== 'add').length > student.actions) broken.push('no_actions_left')
    const { meaningless, wanted } = this.#follow(student, legs)
    broken.push(...meaningless)
    const before = this.#groups.filter((group) => holds(group, student.id))
    const courses = new Set(legs.map((leg) => leg.course))
    const after = [...before.filter((group) => !courses.has(group.course)), ...wanted.keys()]
    const entered = after.filter((group) => !before.includes(group))
    const changes = entered.length > 0 || before.some((group) => !after.includes(group))
    if (isPlan && !changes && meaningless.length === 0) broken.push('no_change')
    if (entered.length > 0 && units(after) > Math.max(student.maxUnits, units(before)))
      broken.push('unit_limit')
    for (const group of entered) {
      if (group.genderLock !== undefined && group.genderLock !== student.gender) broken.push('gender_locked')
      for (const other of after) if (other !== group) broken.push(...conflicts(group, other))
    }
    for (const [group, leg] of wanted) broken.push(...this.#judgePlace(student, group, leg))
    return broken
  }

  /** What each leg means after those before it, and the last word about every course that is not dropped. */
  #follow(student: Student, legs: readonly StudentLeg[]) {
    const meaningless: string[] = []
    const wanted = new Map<Group, StudentLeg>()
    const holding = new Map<number, Group | undefined>()
    for (const leg of legs) {
      const held = holding.has(leg.course) ? holding.get(leg.course) : this.#heldIn(student.id, leg.course)
      const target = leg.do === 'drop' ? undefined : this.#group(leg)
      if (leg.do === 'add' && held !== undefined) meaningless.push('already_enrolled')
      if (leg.do !== 'add' && held === undefined) meaningless.push('not_enrolled')
      if (leg.do === 'move' && held === target) meaningless.push('no_change')
      for (const group of wanted.keys()) if (group.course === leg.course) wanted.delete(group)
      if (target !== undefined) wanted.set(target, leg)
      holding.set(leg.course, target)
    }
    return { meaningless, wanted }
  }

  #judgePlace(student: Student, group: Group, leg: StudentLeg): string[] {
    const seatOnly = leg.do === 'add' && leg.reserve === 'never'
    if (group.seats.has(student.id)) return []
    if (group.queue.includes(student.id)) return seatOnly ? ['course_full'] : []
    if (group.queue.length === 0 && group.seats.size < group.size) return []
    if (seatOnly || group.queue.length >= group.reserveCapacity) return ['course_full']
    const losesSeat = this.#heldIn(student.id, leg.course)?.seats.has(student.id) === true
    return leg.do === 'move' && losesSeat && !leg.allowReserve ? ['move_would_lose_seat'] : []
  }

  #enact(student: Student, legs: readonly StudentLeg[]): void {
    const { wanted } = this.#follow(student, legs)
    for (const group of this.#groups) {
      const spokenOf = legs.some((leg) => leg.course === group.course)
      if (spokenOf && !wanted.has(group)) this.#leave(group, student.id)
    }
    for (const group of wanted.keys()) {
      if (holds(group, student.id)) continue
      if (group.queue.length === 0 && group.seats.size < group.size) group.seats.add(student.id)
      else group.queue.push(student.id)
    }
    student.actions -= legs.filter((leg) => leg.do !== 'add').length
  }

  #leave(group: Group, student: number | undefined): void {
    group.seats.delete(student ?? 0)
    group.extra.delete(student ?? 0)
    group.queue = group.queue.filter((id) => id !== student)
  }

  #heldIn(student: number | undefined, course: number): Group | undefined {
    return this.#groups.find((group) => group.course === course && holds(group, student ?? 0))
  }

  #group(leg: OverrideLeg | StudentLeg): Group {
    const number = 'group' in leg ? leg.group : 0
    const found = this.#groups.find((group) => group.course === leg.course && group.group === number)
    if (found === undefined) throw new Error(`the books know no group ${leg.course}/${number}`)
    return found
  }

  #student(id: number | undefined): Student {
    const found = this.#students.find((student) => student.id === id)
    if (found === undefined) throw new Error(`the books know no student ${id}`)
    return found
  }
}

function studentLegs(command: Command): StudentLeg[] {
  return command.legs.filter((leg) => leg.do === 'add' || leg.do === 'drop' || leg.do === 'move')
}

function holds(group: Group, student: number): boolean {
  return group.seats.has(student) || group.queue.includes(student)
}

function units(groups: readonly Group[]): number {
  return groups.reduce((sum, group) => sum + group.units, 0)
}

/** By counting the minutes (classes) and the milliseconds (exams) that both have. */
function conflicts(a: Group, b: Group): string[] {
  const pair = [a, b].map((group) => `${group.course}/${group.group}`).toSorted()
  const found: string[] = []
  if (shared(a.meetings.flatMap(minutesOf), b.meetings.flatMap(minutesOf))) found.push('class_conflict')
  if (shared(examTimes(a), examTimes(b))) found.push('exam_conflict')
  return found.map((code) => `${code} ${pair.join(' and ')}`)
}

function minutesOf({ day, startMinute, endMinute }: Group['meetings'][number]): number[] {
  return range(day * 1440 + startMinute, day * 1440 + endMinute)
}

function examTimes({ exam }: Group): number[] {
  if (exam === undefined) return []
  return exam.endMs === exam.startMs ? [exam.startMs] : range(exam.startMs, exam.endMs)
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index)
}

function shared(a: readonly number[], b: readonly number[]): boolean {
  return a.some((time) => b.includes(time))
}
