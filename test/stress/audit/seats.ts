import { canonical, type Decision, type Effect, groupKey, type Leg } from '../history.ts'
import { Check } from './check.ts'
import type { Group, Ledger } from './ledger.ts'

type EffectOf<Type extends Effect['type']> = Extract<Effect, { readonly type: Type }>

/** Whom a decision may have touched. */
export interface Touched {
  readonly groups: ReadonlySet<Group>
  readonly students: ReadonlySet<number>
}

/**
 * Judges every decision by the state that the ones before it led to: seats, queues, actions, and whether a yes did
 * what was asked. A second, simple reading of the rules.
 */
export class SeatAudit {
  readonly ledger: Ledger
  readonly possible = new Check('every effect fits the state that the decisions before it left')
  readonly seats = new Check(
    'no group ever has more students than seats and those whom staff seated beyond, and only staff change its capacity',
  )
  readonly queues = new Check(
    'the first in the queue is promoted, by the decision that frees the seat; nobody passes the queue',
  )
  readonly actions = new Check('each drop and move of a student costs one action, and nothing else does')
  readonly asked = new Check('an accepted command did what was asked')
  promotions = 0

  constructor(ledger: Ledger) {
    this.ledger = ledger
  }

  get checks(): Check[] {
    return [this.possible, this.seats, this.queues, this.actions, this.asked]
  }

  /** Applies a yes. @returns what it touched */
  apply(decision: Decision): Touched {
    const { effects = [] } = decision
    const groups = new Set<Group>()
    const students = new Set<number>()
    this.#judgeActions(decision)
    for (const effect of effects) {
      this.#judgeEffect(decision, effect)
      const impossible = this.ledger.apply(effect)
      this.possible.expect(
        impossible === undefined,
        () => `${name(decision)}: ${canonical(effect)}: ${impossible}`,
      )
      if ('course' in effect) groups.add(this.ledger.group(effect))
      if ('student' in effect) students.add(effect.student)
    }
    for (const group of groups) this.#judgeGroup(decision, group)
    for (const [index, leg] of decision.legs.entries()) this.#judgeLeg(decision, leg, index)
    return { groups, students }
  }

  #judgeEffect(decision: Decision, effect: Effect): void {
    switch (effect.type) {
      case 'registered':
        this.#judgeSeating(decision, effect)
        return
      case 'reserved':
        this.#judgeJoining(decision, effect)
        return
      case 'promoted':
        this.#judgePromotion(decision, effect)
        return
      case 'capacity_changed':
        this.#judgeCapacity(decision, effect)
        return
      case 'extra_seat_given':
        this.#judgeExtraSeat(decision, effect)
        return
      case 'extra_seat_ended':
        return
      case 'left':
        this.asked.expect(effect.student === decision.student, () => `${name(decision)}: somebody else left`)
        return
      case 'actions_spent':
        return
    }
  }

  #judgeSeating(decision: Decision, effect: EffectOf<'registered'>): void {
    const { seats, capacity, queue } = this.ledger.group(effect)
    const where = `${name(decision)}: group ${groupKey(effect)}`
    this.asked.expect(effect.student === decision.student, () => `${where}: somebody else was seated`)
    if (decision.legs[0]?.do === 'force_add') return
    this.seats.expect(
      seats.size < capacity,
      () => `${where}: a seat was given where none of ${capacity} is free`,
    )
    this.queues.expect(queue.length === 0, () => `${where}: a newcomer was seated while ${queue.length} wait`)
  }

  #judgeJoining(decision: Decision, effect: EffectOf<'reserved'>): void {
    const { seats, capacity, queue } = this.ledger.group(effect)
    const where = `${name(decision)}: group ${groupKey(effect)}`
    const last = queue.at(-1)?.order ?? 0
    this.asked.expect(effect.student === decision.student, () => `${where}: somebody else joined`)
    this.queues.expect(effect.order > last, () => `${where}: order ${effect.order} joins behind ${last}`)
    this.queues.expect(
      effect.position === queue.length + 1,
      () => `${where}: told position ${effect.position} behind ${queue.length} others`,
    )
    const wants = decision.legs.find((leg) => leg.course === effect.course)
    if (wants?.do === 'add' && wants.reserve === 'only') return
    this.queues.expect(
      seats.size >= capacity || queue.length > 0,
      () => `${where}: a newcomer must wait while a seat is free`,
    )
  }

  #judgePromotion(decision: Decision, effect: EffectOf<'promoted'>): void {
    this.promotions++
    const { seats, capacity, queue } = this.ledger.group(effect)
    const where = `${name(decision)}: group ${groupKey(effect)}`
    if (decision.legs[0]?.do === 'force_add' && effect.student === decision.student) return
    this.seats.expect(
      seats.size < capacity,
      () => `${where}: a promotion where none of ${capacity} seats is free`,
    )
    const first = queue[0]?.student
    this.queues.expect(
      effect.student === first,
      () => `${where}: ${effect.student} was promoted before ${first ?? 'nobody'}`,
    )
  }

  #judgeExtraSeat(decision: Decision, effect: EffectOf<'extra_seat_given'>): void {
    const { seats, capacity } = this.ledger.group(effect)
    const isForced = decision.legs[0]?.do === 'force_add' && effect.student === decision.student
    this.seats.expect(
      isForced && seats.size > capacity,
      () => `${name(decision)}: group ${groupKey(effect)}: an extra seat that nobody needs, or gave`,
    )
  }

  #judgeCapacity(decision: Decision, effect: EffectOf<'capacity_changed'>): void {
    const [leg] = decision.legs
    const { seats, extra } = this.ledger.group(effect)
    const isOverride = decision.actor.role === 'staff' && leg !== undefined && sameGroup(leg, effect)
    const isAsked = leg?.do === 'set_capacity' && effect.capacity === leg.capacity
    this.seats.expect(
      isOverride && isAsked && effect.capacity >= seats.size - extra.size,
      () => `${name(decision)}: group ${groupKey(effect)}: capacity became ${effect.capacity} unasked`,
    )
  }

  /** How each group stands once the decision is complete. */
  #judgeGroup(decision: Decision, of: Group): void {
    const { course, group, seats, extra, capacity, queue, reserveCapacity } = of
    const where = `${name(decision)}: group ${course}/${group}`
    this.seats.expect(
      extra.size === Math.max(0, seats.size - capacity),
      () => `${where}: ${seats.size} students on ${capacity} seats and ${extra.size} extra ones`,
    )
    this.queues.expect(
      queue.length === 0 || seats.size >= capacity,
      () => `${where}: ${queue.length} wait beside ${capacity - seats.size} free seats`,
    )
    this.queues.expect(
      queue.length <= reserveCapacity,
      () => `${where}: ${queue.length} wait on ${reserveCapacity} reserve places`,
    )
  }

  #judgeActions(decision: Decision): void {
    const { actor, student, legs, effects = [] } = decision
    const spent = effects.filter((effect) => effect.type === 'actions_spent')
    const cost =
      actor.role === 'student' ? legs.filter((leg) => leg.do === 'drop' || leg.do === 'move').length : 0
    const before = student === undefined ? 0 : this.ledger.student(student).remaining
    const [first] = spent
    const isRight =
      cost === 0
        ? first === undefined
        : spent.length === 1 &&
          first?.student === student &&
          first?.count === cost &&
          first.remaining === before - cost &&
          first.remaining >= 0
    this.actions.expect(
      isRight && (student === undefined || decision.remaining === before - cost),
      () =>
        `${name(decision)}: ${before} actions, ${cost} to spend: ${canonical(spent)}, ${decision.remaining} left`,
    )
  }

  /** The last leg about a course says where it ends. */
  #judgeLeg(decision: Decision, leg: Leg, index: number): void {
    if (decision.legs.findLastIndex(({ course }) => course === leg.course) !== index) return
    const where = `${name(decision)}: ${canonical(leg)}`
    if (leg.do === 'set_capacity') {
      this.asked.expect(this.ledger.group(leg).capacity === leg.capacity, () => `${where}: not done`)
      return
    }
    if (decision.student === undefined) {
      this.asked.expect(false, () => `${where}: names no student`)
      return
    }
    const held = this.ledger.student(decision.student).groups.get(leg.course)
    if (leg.do === 'drop' || leg.do === 'force_drop') {
      this.asked.expect(held === undefined, () => `${where}: still holds group ${held?.group}`)
      return
    }
    const mustSit = leg.do === 'force_add' || (leg.do === 'add' && leg.reserve === 'never')
    const isSeated = held?.seats.has(decision.student) === true
    this.asked.expect(
      held?.group === leg.group && (isSeated || !mustSit),
      () => `${where}: holds ${held === undefined ? 'nothing' : `group ${held.group}`}`,
    )
  }
}

/** How a decision is spoken of. */
export function name({ term, seq }: { readonly term: number; readonly seq: number }): string {
  return `decision ${term}.${seq}`
}

function sameGroup(
  leg: Leg,
  { course, group }: { readonly course: number; readonly group: number },
): boolean {
  return leg.course === course && 'group' in leg && leg.group === group
}
