import type { Effect } from '../../actors/messages/records.ts'
import type { AdoptionPlan } from './adopt.ts'

/**
 * A plan for people: what was found, a line each, then what adoption would do about it, and how to go on.
 * @param options.applying it is done now: only what was found is told beforehand
 */
export function formatAdoptionPlan(
  { findings, isBlocked, courses }: AdoptionPlan,
  { applying = false }: { readonly applying?: boolean } = {},
): string[] {
  if (findings.length === 0)
    return ['nothing to adopt: the tables hold nothing that decisions could not lead to']
  const found = findings.map(({ text }) => `found: ${text}`)
  if (isBlocked) return [...found, 'nothing can be adopted before the unusable rows are corrected by hand']
  if (applying) return found
  const effects = courses.flatMap((course) => course.effects)
  return [
    ...found,
    ...effects.map((effect) => `would be done: ${describeAdoptionEffect(effect)}`),
    `${effects.length} change${effects.length === 1 ? '' : 's'} in ${courses.length} course${courses.length === 1 ? '' : 's'}; ` +
      'nothing was changed now. To do it: enrollment adopt --apply',
  ]
}

/** One change of an adoption, for people. */
export function describeAdoptionEffect(effect: Effect): string {
  switch (effect.type) {
    case 'duplicates_removed':
      return `${place(effect)}: student ${effect.student} keeps one row, row${effect.rows.length === 1 ? '' : 's'} ${effect.rows.join(', ')} removed`
    case 'left':
      return `${place(effect)}: student ${effect.student} leaves, and keeps the place in another group`
    case 'promoted':
      return `${place(effect)}: student ${effect.student} moves up from the queue to a seat`
    case 'extra_seat_ended':
      return `${place(effect)}: the extra seat of student ${effect.student} is one of the group's own`
    case 'capacity_changed':
      return `${place(effect)}: grows to ${effect.capacity} seats`
    case 'registered':
    case 'reserved':
    case 'extra_seat_given':
    case 'actions_spent':
    case 'group_changed':
    case 'group_opened':
    case 'group_closed':
    case 'group_cancelled':
    case 'group_added':
    case 'conflicts_arose':
    case 'student_added':
    case 'window_changed':
    case 'max_units_changed':
    case 'actions_changed':
      throw new Error(`adoption does not lead to ${effect.type}`)
  }
}

function place({ course, group }: { course: number; group: number }): string {
  return `course ${course} group ${group}`
}
