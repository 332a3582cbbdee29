import type { Effect } from '../../actors/messages/records.ts'
import { applyAdminEffect, isAdminEffect } from './administration.ts'
import type { BookGroup, Books } from './books.ts'

/** What a decision's effects did to the books, and how they could not be. */
export interface Application {
  readonly groups: Set<BookGroup>
  readonly students: Set<number>
  readonly misfits: string[]
}

/** Enters a decision's effects into the books, one after another, each by the letter. */
export function applyEffects(
  books: Books,
  effects: readonly Effect[],
  author: { readonly student: number | undefined; readonly isStaff: boolean },
): Application {
  const cancelled = effects.flatMap((effect) =>
    effect.type === 'group_cancelled' ? [`${effect.course}/${effect.group}`] : [],
  )
  const application: Application = { groups: new Set(), students: new Set(), misfits: [] }
  for (const effect of effects) {
    const misfit = applyEffect(books, effect, { ...author, cancelled }, application)
    if (misfit !== undefined) application.misfits.push(`${JSON.stringify(effect)}: ${misfit}`)
  }
  for (const group of application.groups) {
    const beyond = Math.max(0, group.seats.length - group.capacity)
    if (beyond > group.extra.length) application.misfits.push(`${group.name} is over its capacity`)
    if (beyond < group.extra.length)
      application.misfits.push(`${group.name} has extra seats that it does not need`)
    if (group.queue.length > 0 && group.seats.length < group.capacity) {
      application.misfits.push(`somebody waits beside a free seat of ${group.name}`)
    }
  }
  return application
}

function applyEffect(
  books: Books,
  effect: Effect,
  author: {
    readonly student: number | undefined
    readonly isStaff: boolean
    readonly cancelled: readonly string[]
  },
  { groups, students }: Application,
): string | undefined {
  if (isAdminEffect(effect)) {
    const misfit = applyAdminEffect(books, effect, {
      group: (group) => groups.add(group),
      student: (id) => students.add(id),
    })
    return misfit ?? (author.isStaff ? undefined : 'by a student')
  }
  if (effect.type === 'duplicates_removed') return 'nothing is adopted here'
  if ('student' in effect) students.add(effect.student)
  if (effect.type === 'actions_spent') {
    const student = books.students.get(effect.student)
    if (student === undefined) return 'no such student'
    const before = student.actions
    student.actions = effect.remaining
    if (effect.student !== author.student || author.isStaff) return 'of somebody else'
    return before - effect.count === effect.remaining && effect.remaining >= 0 ? undefined : `had ${before}`
  }
  const group = books.find(effect.course, effect.group)
  if (group === undefined) return 'no such group'
  groups.add(group)
  switch (effect.type) {
    case 'capacity_changed':
      group.capacity = effect.capacity
      return author.isStaff ? undefined : 'by a student'
    case 'registered': {
      const held = books.heldIn(effect.student, effect.course)
      group.seats.push(effect.student)
      if (effect.student !== author.student) return 'of somebody else'
      return held && 'holds a place of that course already'
    }
    case 'reserved': {
      const held = books.heldIn(effect.student, effect.course)
      const last = group.queue.at(-1)?.order ?? 0
      group.queue.push({ student: effect.student, order: effect.order })
      if (effect.position !== group.queue.length) return `is place ${group.queue.length}`
      if (effect.order <= last) return `comes behind order ${last}`
      return held && 'holds a place of that course already'
    }
    case 'left': {
      const before = group.seats.length + group.queue.length
      group.seats = group.seats.filter((id) => id !== effect.student)
      group.extra = group.extra.filter((id) => id !== effect.student)
      group.queue = group.queue.filter(({ student }) => student !== effect.student)
      const isTheirs = effect.student === author.student || author.cancelled.includes(group.name)
      if (!isTheirs) return 'of somebody else'
      return group.seats.length + group.queue.length === before - 1 ? undefined : 'holds no place there'
    }
    case 'extra_seat_given': {
      const isFree = group.seats.length <= group.capacity
      const isTheirs = group.seats.includes(effect.student) && !group.extra.includes(effect.student)
      group.extra.push(effect.student)
      if (isFree) return 'while a seat was free'
      return isTheirs && author.isStaff && effect.student === author.student ? undefined : 'of somebody else'
    }
    case 'extra_seat_ended': {
      const hadOne = group.extra.includes(effect.student)
      group.extra = group.extra.filter((id) => id !== effect.student)
      return hadOne ? undefined : 'had none'
    }
    case 'promoted': {
      const index = group.queue.findIndex(({ student }) => student === effect.student)
      if (index >= 0) group.queue.splice(index, 1)
      group.seats.push(effect.student)
      if (index < 0) return 'does not wait there'
      return index === 0 || (author.isStaff && effect.student === author.student)
        ? undefined
        : 'is not the first'
    }
  }
}
