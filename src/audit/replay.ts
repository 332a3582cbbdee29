import type { Campus } from '../../actors/campus.ts'
import type { CourseGroup } from '../../actors/course.ts'
import type { Student } from '../../actors/student.ts'
import { evolve } from '../../actors/rules/evolve.ts'
import type { Effect } from '../../actors/messages/records.ts'
import { addGroup, addStudent, type AuditState, placeKey } from './audit-state.ts'
import { type Difference, type Subject, subjectKey } from './difference.ts'
import type { AuditedDecision } from './audit-ports.ts'

interface Misfit {
  readonly subject: Subject
  readonly expected: string
  readonly found: string
  later: number
}

/**
 * The state as the decisions have it: a baseline, changed by nothing but `evolve`. Who came after the baseline
 * starts from what the first decision about them says. A decision that does not fit is noted and leaves the
 * state as it was, so that one bad record does not hide the next.
 */
export class Replay implements AuditState {
  readonly campus: Campus
  readonly surplusRows: Map<string, number>
  readonly sketchy: Set<CourseGroup | Student>
  /** Came after the baseline, and no decision has said yet what they have. */
  readonly #capacityUnknown = new Set<CourseGroup>()
  readonly #actionsUnknown = new Set<Student>()
  /** The first of each subject, so that a long history of misfits stays as small as the state. */
  readonly #misfits = new Map<string, Misfit>()

  /** @param baseline is taken over and changed */
  constructor(baseline: AuditState) {
    this.campus = baseline.campus
    this.surplusRows = baseline.surplusRows
    this.sketchy = baseline.sketchy
  }

  apply(decision: AuditedDecision): void {
    for (const effect of decision.effects ?? []) this.#applyEffect(effect, decision)
    const { student, remaining } = decision
    if (student !== undefined && remaining !== undefined) this.#checkActions(student, remaining, decision)
  }

  #applyEffect(effect: Effect, decision: AuditedDecision): void {
    this.#introduce(effect)
    if (effect.type === 'actions_spent') {
      this.#checkActions(effect.student, effect.remaining + effect.count, decision)
    }
    if (effect.type === 'actions_changed') this.#actionsUnknown.delete(this.campus.student(effect.student))
    if (effect.type === 'duplicates_removed') this.#removeSurplus(effect)
    if (effect.type === 'capacity_changed') {
      this.#capacityUnknown.delete(this.campus.group(effect.course, effect.group))
    }
    try {
      evolve(this.campus, effect)
    } catch {
      this.#note(subjectOf(effect), needOf(effect), this.#standing(effect), decision)
      return
    }
    // The row's end is the end of all that repeat it.
    if (effect.type === 'left') {
      this.surplusRows.delete(placeKey(effect.student, effect.course, effect.group))
    }
  }

  #introduce(effect: Effect): void {
    if (effect.type === 'student_added' || effect.type === 'group_added') return
    if ('student' in effect) this.#introduceStudent(effect.student)
    if ('course' in effect && this.campus.findGroup(effect.course, effect.group) === undefined) {
      const group = addGroup(this.campus, effect.course, effect.group, 0)
      this.#capacityUnknown.add(group)
      this.sketchy.add(group)
    }
  }

  #introduceStudent(id: number): Student {
    const known = this.campus.students.get(id)
    if (known !== undefined) return known
    const student = addStudent(this.campus, id, 0)
    this.#actionsUnknown.add(student)
    this.sketchy.add(student)
    return student
  }

  #removeSurplus({ student, course, group, rows }: Effect & { type: 'duplicates_removed' }): void {
    const key = placeKey(student, course, group)
    const left = (this.surplusRows.get(key) ?? 0) - rows.length
    if (left > 0) this.surplusRows.set(key, left)
    else this.surplusRows.delete(key)
  }

  /** Whatever the decision says, the replay goes on from there: one disagreement is told once. */
  #checkActions(id: number, remaining: number, decision: AuditedDecision): void {
    const student = this.#introduceStudent(id)
    if (!this.#actionsUnknown.delete(student) && student.remainingActions !== remaining) {
      const expected = `${student.remainingActions} actions left`
      this.#note({ about: 'student', student: id }, expected, `${remaining}`, decision)
    }
    student.remainingActions = remaining
  }

  /** What an effect on a place found instead of what it needs. */
  #standing(effect: Effect): string {
    if (!('student' in effect) || !('course' in effect)) return 'nothing that it fits'
    const place = this.campus.students.get(effect.student)?.placeIn(effect.course)
    if (place === undefined) {
      const end = this.campus.findGroup(effect.course, effect.group)?.queueOrders.at(-1) ?? 0
      return effect.type === 'reserved' ? `a queue that ends at order ${end}` : 'no place'
    }
    const seat = place.extra.includes(effect.student) ? 'an extra seat' : 'a seat'
    const kind = place.isWaiting(effect.student) ? 'a reserve place' : seat
    return `${kind} in ${place.course}/${place.group}`
  }

  #note(subject: Subject, expected: string, found: string, { term, seq }: AuditedDecision): void {
    const key = subjectKey(subject)
    const known = this.#misfits.get(key)
    if (known !== undefined) {
      known.later++
      return
    }
    const at = `at decision ${seq} of term ${term}`
    this.#misfits.set(key, { subject, expected: `${expected} ${at}`, found, later: 0 })
  }

  /** Decisions that do not fit those before them. */
  misfits(): Difference[] {
    return [...this.#misfits.values()].map(({ subject, expected, found, later }) => ({
      subject,
      expected,
      found: later === 0 ? found : `${found}, and ${later} later ones`,
    }))
  }

  /** Takes from the tables what no decision and no baseline says anything about. */
  learnFrom({ campus: found }: AuditState): void {
    for (const course of found.courses.values()) for (const group of course.groups) this.#learnGroup(group)
    for (const student of found.students.values()) this.#learnStudent(student)
  }

  #learnGroup({ course, group, capacity, status, profile }: CourseGroup): void {
    const known = this.campus.findGroup(course, group)
    if (known === undefined) {
      this.campus.addGroup({ ...profile, capacity, status })
      return
    }
    if (this.#capacityUnknown.delete(known)) known.capacity = capacity
    if (!this.sketchy.has(known)) return
    known.become(profile)
    known.status = status
  }

  #learnStudent({ id, remainingActions, profile }: Student): void {
    const known = this.campus.students.get(id)
    if (known === undefined) {
      this.campus.addStudent({ ...profile, remainingActions })
      return
    }
    if (this.#actionsUnknown.delete(known)) known.remainingActions = remainingActions
    if (this.sketchy.has(known)) this.campus.changeStudent(profile)
  }
}

/** What must be for the effect to happen. */
function needOf(effect: Effect): string {
  switch (effect.type) {
    case 'left':
      return 'a place to leave'
    case 'promoted':
      return 'a reserve place to move up from'
    case 'extra_seat_given':
      return 'a seat within the capacity'
    case 'extra_seat_ended':
      return 'an extra seat'
    case 'registered':
      return 'no place in the course'
    case 'reserved':
      return `no place in the course and a queue that ends before order ${effect.order}`
    case 'group_cancelled':
      return 'nobody left in the group'
    case 'group_added':
      return 'no such group'
    case 'student_added':
      return 'no such student'
    case 'actions_spent':
    case 'capacity_changed':
    case 'duplicates_removed':
    case 'group_changed':
    case 'group_opened':
    case 'group_closed':
    case 'conflicts_arose':
    case 'window_changed':
    case 'max_units_changed':
    case 'actions_changed':
      return `what ${effect.type} fits`
  }
}

function subjectOf(effect: Effect): Subject {
  if (!('course' in effect)) return { about: 'student', student: effect.student }
  const { course, group } = effect
  return 'student' in effect
    ? { about: 'place', student: effect.student, course, group }
    : { about: 'group', course, group }
}
