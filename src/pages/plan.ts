import { computed, effect, signal } from '@preact/signals'
import type { Course } from '../client/api.ts'
import { type Deed, newKey, pending, perform } from './deeds.ts'
import type { Place } from './fit.ts'
import { catalog, keyOf, phase, places, session } from './store.ts'

/**
 * What the student wants when the enrollment time begins: kept on the device, one for each student. An armed plan sends itself
 * once, at the opening; its key is made when it is armed, so that two windows, or a reload, send the same request.
 */
interface Plan {
  readonly groups: readonly { readonly course: number; readonly group: number }[]
  /** The key of the request that waits for the opening; undefined while it is not armed. */
  readonly armed?: string
}

/** What one plan may hold. */
export const planMax = 20
/** Plans go out within so long after the opening, each at a moment of its own: not all in one millisecond. */
const spreadMs = 1500

const storeName = computed(() => `plan-${session.value?.student ?? ''}`)
const edited = signal(0)

export const plan = computed<Plan>(() => {
  void edited.value
  const kept = localStorage.getItem(storeName.value)
  return kept === null ? { groups: [] } : (JSON.parse(kept) as Plan)
})
export const planned = computed<readonly Course[]>(() =>
  plan.value.groups.flatMap(({ course, group }) => catalog.value.get(keyOf(course, group)) ?? []),
)
/** What the student would hold with all of the plan. */
export const heldWithPlan = computed<readonly Place[]>(() => {
  const wanted = planned.value
  const others = (places.value ?? []).filter(
    ({ course }) => !wanted.some(({ course_id }) => course_id === course.course_id),
  )
  return [...others, ...wanted.map((course) => ({ course, position: 0 }))]
})

function keep(next: Plan): void {
  localStorage.setItem(storeName.value, JSON.stringify(next))
  edited.value++
}

export function isPlanned({ course_id, group_id }: Course): boolean {
  return plan.value.groups.some(({ course, group }) => course === course_id && group === group_id)
}

/** Another group of the same course takes the place of the one before. Whoever changes a plan arms it anew. */
export function putOnPlan({ course_id, group_id }: Course): void {
  const others = plan.value.groups.filter(({ course }) => course !== course_id)
  keep({ groups: [...others, { course: course_id, group: group_id }].slice(-planMax) })
}

export function takeOffPlan({ course_id }: Course): void {
  keep({ groups: plan.value.groups.filter(({ course }) => course !== course_id) })
}

export function arm(isArmed: boolean): void {
  keep({ groups: plan.value.groups, ...(isArmed && { armed: newKey() }) })
}

/** Sends the plan as one request, all or none. */
export function sendPlan(): void {
  const { groups, armed } = plan.value
  const held = new Set((places.value ?? []).map(({ course }) => course.course_id))
  const legs = groups.map(
    ({ course, group }): Deed => ({ do: held.has(course) ? 'move' : 'add', course, group }),
  )
  if (legs.length === 0 || pending.value !== undefined) return
  perform(legs, armed)
  keep({ groups })
}

/** The plan is what it says: groups that are held now need no wish any more. */
export function forgetHeld(): void {
  const held = new Set((places.value ?? []).map(({ course }) => keyOf(course.course_id, course.group_id)))
  const open = plan.value.groups.filter(({ course, group }) => !held.has(keyOf(course, group)))
  if (open.length < plan.value.groups.length) keep({ ...plan.value, groups: open })
}

export function watchOpening(): void {
  let timer = 0
  effect(() => {
    const isDue = plan.value.armed !== undefined && phase.value === 'open' && places.value !== undefined
    if (!isDue || pending.value !== undefined) return
    clearTimeout(timer)
    timer = setTimeout(() => {
      if (plan.peek().armed !== undefined && phase.peek() === 'open') sendPlan()
    }, Math.random() * spreadMs)
  })
  effect(() => {
    if (places.value !== undefined && pending.value === undefined) forgetHeld()
  })
}
