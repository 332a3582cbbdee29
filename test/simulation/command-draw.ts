import type { Caller, Command, StaffLeg, StudentLeg } from '../../actors/messages/commands.ts'
import type { ExamTime, Meeting } from '../../actors/rules/timetable.ts'
import type { Random } from './random.ts'
import type { Blueprint } from './tables.ts'

/** What somebody believes to hold, from the answers that they got: course to group. */
export type Belief = Map<number, number>

/** Draws commands: mostly sensible, often enough not. */
export class CommandDraw {
  readonly #blueprint: Blueprint
  readonly #random: Random
  readonly #epochMs: number
  readonly #courses: readonly number[]
  /** Everybody wants these. */
  readonly #hot: readonly { readonly course: number; readonly group: number }[]

  constructor(blueprint: Blueprint, random: Random, epochMs: number) {
    this.#blueprint = blueprint
    this.#epochMs = epochMs
    this.#random = random
    this.#courses = [...new Set(blueprint.groups.map(({ course }) => course))]
    this.#hot = random.shuffled(blueprint.groups).slice(0, 3)
  }

  byStudent(id: number, belief: Belief): Command {
    const actor: Caller = { role: 'student', id }
    const draw = this.#random.next()
    if (draw < 0.17) {
      const legs = Array.from({ length: this.#random.integer(1, 5) }, () => this.#studentLeg(belief))
      return { actor, student: id, legs, plan: true }
    }
    return { actor, student: id, legs: [this.#studentLeg(belief)] }
  }

  #studentLeg(belief: Belief): StudentLeg {
    const random = this.#random
    const draw = random.next()
    const held = random.chance(0.9) && belief.size > 0 ? random.pick([...belief.keys()]) : undefined
    if (draw < 0.2) return { do: 'drop', course: held ?? random.pick(this.#courses) }
    if (draw < 0.42) {
      const course = held ?? random.pick(this.#courses)
      return { do: 'move', course, group: this.#groupOf(course), allowReserve: random.chance(0.5) }
    }
    const { course, group } = random.chance(0.4) ? random.pick(this.#hot) : this.#anyGroup()
    const reserve = random.pick(['allow', 'allow', 'allow', 'never', 'only'] as const)
    return { do: 'add', course, group, reserve }
  }

  #groupOf(course: number): number {
    if (this.#random.chance(0.04)) return this.#random.integer(1, 9)
    const groups = this.#blueprint.groups.filter((group) => group.course === course)
    return groups.length === 0 ? 1 : this.#random.pick(groups).group
  }

  #anyGroup(): { course: number; group: number } {
    if (this.#random.chance(0.01)) return { course: 999, group: 1 }
    return this.#random.pick(this.#blueprint.groups)
  }

  /** A burst of adds on the hottest group. */
  inRush(id: number): Command {
    const [hottest = { course: 0, group: 0 }] = this.#hot
    const { course, group } = this.#random.chance(0.7) ? hottest : this.#anyGroup()
    const leg = this.#random.chance(0.7)
      ? ({ do: 'add', course, group, reserve: 'allow' } as const)
      : ({ do: 'drop', course } as const)
    return { actor: { role: 'student', id }, student: id, legs: [leg] }
  }

  byStaff(id: number, department: number): Command {
    const random = this.#random
    const actor: Caller = { role: 'staff', id, department, campusWide: random.chance(0.3) }
    const own = this.#blueprint.groups.filter((group) => group.department === department)
    const { course, group } = random.chance(0.9) && own.length > 0 ? random.pick(own) : this.#anyGroup()
    if (random.chance(0.3)) return this.#administration(actor, { course, group })
    const draw = random.next()
    const note = random.chance(0.2) ? { note: 'as agreed by telephone' } : {}
    if (draw < 0.45) {
      const leg: StaffLeg = { do: 'set_capacity', course, group, capacity: random.integer(0, 8), ...note }
      return { actor, legs: [leg] }
    }
    const student = random.chance(0.05) ? random.integer(5001, 5030) : this.anyStudent()
    const what = draw < 0.8 ? 'force_add' : 'force_drop'
    return { actor, student, legs: [{ do: what, course, group, ...note }] }
  }

  /** What staff do with courses and students themselves; groups from 5 and students from 5001 on may come to be. */
  #administration(actor: Caller, where: { course: number; group: number }): Command {
    const random = this.#random
    const draw = random.next()
    if (draw < 0.4) return { actor, legs: [this.#groupChange(where)] }
    if (draw < 0.6) {
      const named = random.chance(0.6) ? where : { course: where.course }
      return { actor, legs: [{ do: random.pick(['open', 'open', 'close'] as const), ...named }] }
    }
    if (draw < 0.63) return { actor, legs: [{ do: 'cancel', ...where }] }
    if (draw < 0.7) return { actor, legs: [this.#newGroup(where.course)] }
    if (draw < 0.93) {
      const changes = random.shuffled([
        { windowEndMs: this.#epochMs + random.integer(-10, 90) * 60_000 },
        { windowStartMs: this.#epochMs + random.integer(-90, 30) * 60_000 },
        { maxUnits: random.integer(3, 20) },
        { remainingActions: random.integer(0, 30) },
      ])
      const [first, second] = changes
      return { actor, student: this.anyStudent(), legs: [{ do: 'change_student', ...first, ...second }] }
    }
    const leg: StaffLeg = {
      do: 'add_student',
      department: random.integer(1, 4),
      gender: random.pick(['male', 'female'] as const),
      entryYear: 2026,
      maxUnits: random.integer(5, 14),
      remainingActions: random.integer(0, 9),
      windowStartMs: this.#epochMs + random.integer(-90, 30) * 60_000,
      windowEndMs: this.#epochMs + random.integer(30, 90) * 60_000,
    }
    return {
      actor,
      student: random.chance(0.9) ? random.integer(5001, 5030) : this.anyStudent(),
      legs: [leg],
    }
  }

  #groupChange(where: { course: number; group: number }): StaffLeg {
    const random = this.#random
    return {
      do: 'change_group',
      ...where,
      ...(random.chance(0.4) && { capacity: random.integer(0, 8) }),
      ...(random.chance(0.4) && { reserveCapacity: random.integer(0, 6) }),
      ...(random.chance(0.2) && { lecturer: `Lecturer ${random.integer(1, 9)}` }),
      ...(random.chance(0.2) && { notes: `Room ${random.integer(1, 9)}` }),
      ...(random.chance(0.3) && { meetings: this.#meetings() }),
      ...(random.chance(0.3) && { exam: this.#exam() }),
    }
  }

  #newGroup(course: number): StaffLeg {
    const random = this.#random
    return {
      do: 'add_group',
      course,
      group: random.integer(1, 7),
      department: random.integer(1, 4),
      name: `Course ${course}`,
      lecturer: 'N. N.',
      units: random.integer(1, 4),
      capacity: random.integer(0, 6),
      reserveCapacity: random.integer(0, 5),
      meetings: this.#meetings(),
      exam: this.#exam(),
      genderLock: random.chance(0.1) ? 'female' : null,
      notes: '',
    }
  }

  #meetings(): Meeting[] {
    const startMinute = 480 + 60 * this.#random.integer(0, 8)
    const days = this.#random.shuffled([0, 1, 2, 3, 4]).slice(0, this.#random.integer(0, 2))
    return days.map((day) => ({ day, startMinute, endMinute: startMinute + 90 }))
  }

  #exam(): ExamTime | null {
    const random = this.#random
    if (random.chance(0.3)) return null
    const startMs = this.#epochMs + 30 * 86_400_000 + random.integer(0, 12) * 3_600_000
    return { startMs, minutes: random.pick([0, 90]) }
  }

  existingGroup(): { course: number; group: number } {
    const { course, group } = this.#random.pick(this.#blueprint.groups)
    return { course, group }
  }

  anyStudent(): number {
    return this.#random.pick(this.#blueprint.students).id
  }
}
