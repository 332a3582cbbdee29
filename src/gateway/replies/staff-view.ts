import type { FastifyReply } from 'fastify'
import type { ListedConflict } from '../../../actors/messages/admin-effects.ts'
import type { DecisionRecord, Effect, Verdict } from '../../../actors/messages/records.ts'
import type { EnrollmentService, RosterView, StudentView } from '../../engine/service.ts'
import { refuseUnavailable } from '../routes/submit-commands.ts'
import { sendProblem } from './problems.ts'
import type { TokenHolder } from '../auth/tokens.ts'

/** A decision as a staff member may see it; `isBystander`: they may not see who asked for it, and about whom. */
export interface ShownDecision {
  readonly record: DecisionRecord
  readonly isBystander: boolean
}

/**
 * What a staff member may see: the courses of their own department, its students, and of other departments' students
 * their places in its courses alone. What they may not see, or what does not exist, is answered here.
 */
export class StaffView {
  readonly #service: EnrollmentService
  readonly #campusWide: boolean

  constructor(service: EnrollmentService, campusWide: boolean) {
    this.#service = service
    this.#campusWide = campusWide
  }

  async student(caller: TokenHolder, id: number, reply: FastifyReply): Promise<StudentView | undefined> {
    const shown = await this.#service.studentView(id)
    if (shown.kind === 'unavailable') return refuseUnavailable(reply, shown)
    const student = shown.view
    if (student === undefined) return sendProblem(reply, 'no_such_student')
    if (this.#campusWide || student.department === caller.department) return student
    const places = student.places.filter(({ group }) => group.department === caller.department)
    if (places.length > 0) return { ...student, places }
    return sendProblem(reply, 'other_department', {
      detail: 'The student belongs to another department and holds no place in a course of yours.',
    })
  }

  /** The department that a course is for; undefined if there is none, or nobody leads. */
  departmentOf(course: number): number | undefined {
    return this.#service.seats?.course(course)[0]?.department
  }

  /**
   * A decision without what it says of other departments' students beyond the caller's own courses; undefined if nothing is
   * left.
   * @param student whom it was looked for by, if by a student
   */
  async shownDecision(
    caller: TokenHolder,
    record: DecisionRecord,
    student?: number,
  ): Promise<ShownDecision | undefined> {
    if (this.#campusWide || record.student === undefined) {
      return { record: await this.shownVerdict(caller, record), isBystander: false }
    }
    const own = new Set<number>()
    for (const id of new Set([record.student, student ?? record.student])) {
      if (await this.#isOwnStudent(caller, id)) own.add(id)
    }
    const isVisible = (part: object, who = (part as { student?: number }).student) =>
      (who !== undefined && own.has(who)) || this.#isOwnCourse(caller, part)
    const legs = record.legs.filter((leg) => isVisible(leg, record.student))
    const effects = record.effects?.filter((effect) => !('student' in effect) || isVisible(effect))
    const isBystander = legs.length === 0
    if (own.has(record.student)) return { record: withEffects(record, effects), isBystander: false }
    if (isBystander && !(effects ?? []).some((effect) => 'student' in effect)) return undefined
    const { remaining: _, reasons, ...rest } = record
    const shownReasons = reasons
      ?.filter(({ leg }) => leg === undefined || legs.some((one) => one === record.legs[leg]))
      .map(({ leg, with: other, ...reason }) => ({
        ...reason,
        ...(leg !== undefined && { leg: legs.findIndex((one) => one === record.legs[leg]) }),
        ...(other && isVisible(other) && { with: other }),
      }))
    const shown = { ...withEffects(rest, effects), legs, ...(shownReasons && { reasons: shownReasons }) }
    return { record: shown, isBystander }
  }

  /** A verdict about a group without the other courses of other departments' students. */
  async shownVerdict<V extends Verdict>(caller: TokenHolder, verdict: V): Promise<V> {
    if (this.#campusWide || verdict.effects?.some(({ type }) => type === 'conflicts_arose') !== true) {
      return verdict
    }
    const effects: Effect[] = []
    for (const effect of verdict.effects) {
      if (effect.type !== 'conflicts_arose') {
        effects.push(effect)
        continue
      }
      const students: ListedConflict[] = []
      for (const { with: other, ...conflict } of effect.students) {
        const isVisible =
          other !== undefined &&
          (this.#isOwnCourse(caller, other) || (await this.#isOwnStudent(caller, conflict.student)))
        students.push({ ...conflict, ...(isVisible && { with: other }) })
      }
      effects.push({ ...effect, students })
    }
    return { ...verdict, effects }
  }

  /** Whether what names a course is about one of theirs; without a group, about any group of it. */
  #isOwnCourse(caller: TokenHolder, part: object): boolean {
    const { course, group } = part as { course?: number; group?: number }
    if (course === undefined) return false
    const groups = this.#service.seats?.course(course) ?? []
    return groups.some(
      (one) => one.department === caller.department && (group === undefined || one.group === group),
    )
  }

  /** False too for a student who is not known, or while nobody can say. */
  async #isOwnStudent(caller: TokenHolder, id: number): Promise<boolean> {
    const shown = await this.#service.studentView(id)
    return shown.kind === 'shown' && shown.view?.department === caller.department
  }

  async roster(
    caller: TokenHolder,
    course: number,
    group: number,
    reply: FastifyReply,
  ): Promise<RosterView | undefined> {
    const shown = await this.#service.roster(course, group)
    if (shown.kind === 'unavailable') return refuseUnavailable(reply, shown)
    const roster = shown.view
    if (roster === undefined) {
      return sendProblem(reply, 'no_such_course', {
        detail: `There is no group ${group} of course ${course}.`,
      })
    }
    if (this.#campusWide || roster.department === caller.department) return roster
    return sendProblem(reply, 'other_department', {
      detail: `Group ${group} of course ${course} belongs to another department.`,
    })
  }
}

function withEffects<V extends Verdict>(verdict: V, effects: readonly Effect[] | undefined): V {
  return effects === undefined ? verdict : { ...verdict, effects }
}
