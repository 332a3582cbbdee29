import type { Actor, Command, StaffLeg, StudentLeg } from '../../actors/commands.ts'
import type { Random } from './random.ts'
import type { Blueprint } from './tables.ts'

/** What somebody believes to hold, from the answers that they got: course to group. */
export type Belief = Map<number, number>

/** Draws commands: mostly sensible, often enough not. */
export class CommandDraw {
  readonly #blueprint: Blueprint
  readonly #random: Random
  readonly #courses: readonly number[]
  /** Everybody wants these. */
  readonly #hot: readonly { readonly course: number; readonly group: number }[]

  constructor(blueprint: Blueprint, random: Random) {
    this.#blueprint = blueprint
    this.#random = random
    this.#courses = [...new Set(blueprint.groups.map(({ course }) => course))]
    this.#hot = random.shuffled(blueprint.groups).slice(0, 3)
  }

  byStudent(id: number, belief: Belief): Command {
    const actor: Actor = { role: 'student', id }
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
    if (this.#random.chance(0.02)) return 9
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
    const actor: Actor = { role: 'staff', id, department, campusWide: random.chance(0.3) }
    const own = this.#blueprint.groups.filter((group) => group.department === department)
    const { course, group } = random.chance(0.9) && own.length > 0 ? random.pick(own) : this.#anyGroup()
    const draw = random.next()
    const note = random.chance(0.2) ? { note: 'as agreed by telephone' } : {}
    if (draw < 0.45) {
      const leg: StaffLeg = { do: 'set_capacity', course, group, capacity: random.integer(0, 8), ...note }
      return { actor, legs: [leg] }
    }
    const student = random.chance(0.03) ? 9999 : this.anyStudent()
    const what = draw < 0.8 ? 'force_add' : 'force_drop'
    return { actor, student, legs: [{ do: what, course, group, ...note }] }
  }

  existingGroup(): { course: number; group: number } {
    const { course, group } = this.#random.pick(this.#blueprint.groups)
    return { course, group }
  }

  anyStudent(): number {
    return this.#random.pick(this.#blueprint.students).id
  }
}
