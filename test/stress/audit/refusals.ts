import { canonical, type Decision, type Leg, type Reason } from '../history.ts'
import { Check } from './check.ts'
import type { Group, Ledger } from './ledger.ts'
import { name } from './seats.ts'

/** Codes of refusals in order of precedence, as clients are promised. */
const precedence = [
  'outside_enrollment_window',
  'already_enrolled',
  'not_enrolled',
  'no_change',
  'gender_locked',
  'unit_limit',
  'class_conflict',
  'exam_conflict',
  'no_actions_left',
  'move_would_lose_seat',
  'course_full',
  'capacity_below_registered',
]

/** Judges every no by the state that the decisions before it left: as far as seats, queues, places and actions go. */
export class RefusalAudit {
  readonly ledger: Ledger
  readonly ordered = new Check('a refusal has its reasons in order of precedence')
  readonly justified = new Check(
    'a refusal for want of a seat, a place or an action was justified when it was made',
  )

  constructor(ledger: Ledger) {
    this.ledger = ledger
  }

  get checks(): Check[] {
    return [this.ordered, this.justified]
  }

  judge(decision: Decision): void {
    const { reasons = [] } = decision
    const ranks = reasons.map(({ code }) => precedence.indexOf(code))
    this.ordered.expect(
      ranks.length > 0 && ranks.every((rank, index) => rank >= (ranks[index - 1] ?? 0)),
      () => `${name(decision)}: ${reasons.map(({ code }) => code).join(', ')}`,
    )
    for (const reason of reasons) {
      const leg = decision.legs[reason.leg ?? 0]
      if (leg === undefined) continue
      const isTrue = this.#isTrue(decision, reason, leg)
      if (isTrue === undefined) continue
      this.justified.expect(isTrue, () => `${name(decision)}: ${canonical(leg)}: ${reason.code}`)
    }
  }

  /** undefined = it is about something that this audit does not know. */
  #isTrue(decision: Decision, { code }: Reason, leg: Leg): boolean | undefined {
    if (code === 'capacity_below_registered') {
      if (leg.do !== 'set_capacity') return false
      const { seats, extra } = this.ledger.group(leg)
      return leg.capacity < seats.size - extra.size
    }
    if (decision.student === undefined) return undefined
    const student = this.ledger.student(decision.student)
    const held = student.groups.get(leg.course)
    switch (code) {
      case 'already_enrolled':
        return isFirstAbout(decision, leg) ? held !== undefined : undefined
      case 'not_enrolled':
        if (leg.do === 'force_drop') return held?.group !== leg.group
        return isFirstAbout(decision, leg) ? held === undefined : undefined
      case 'no_actions_left':
        return (
          decision.legs.filter(({ do: what }) => what === 'drop' || what === 'move').length >
          student.remaining
        )
      case 'course_full':
        return 'group' in leg && this.#isFull(this.ledger.group(leg), leg)
      case 'move_would_lose_seat':
        return (
          leg.do === 'move' &&
          !leg.allowReserve &&
          held?.seats.has(student.id) === true &&
          !hasSeatForNewcomer(this.ledger.group(leg))
        )
      default:
        return undefined
    }
  }

  #isFull(group: Group, leg: Leg): boolean {
    if (hasSeatForNewcomer(group)) return false
    const wantsSeat = leg.do === 'add' && leg.reserve === 'never'
    return wantsSeat || group.queue.length >= group.reserveCapacity
  }
}

function hasSeatForNewcomer({ seats, capacity, queue }: Group): boolean {
  return seats.size < capacity && queue.length === 0
}

function isFirstAbout({ legs }: Decision, leg: Leg): boolean {
  return legs.find(({ course }) => course === leg.course) === leg
}
