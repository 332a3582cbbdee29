import type { OwnPlace, SeatsOfGroup } from '../../../schema/events.ts'
import type { GroupSeats, PlaceChange, PlaceEvent } from '../../engine/seat-board.ts'
import type { PlaceView } from '../../engine/service.ts'

/** Where a stream is: everything up to this decision has been told. */
export interface EventId {
  readonly term: number
  readonly seq: number
}

/** One message of a stream: the JSON texts of groups and of places, and what follows them. */
export interface EventMessage {
  readonly event: 'resync' | 'changes'
  readonly id: EventId
  readonly seats: string
  readonly places: string
}

export function messageText({ event, id, seats, places }: EventMessage): string {
  return `id: ${id.term}.${id.seq}\nevent: ${event}\ndata: {"seats":[${seats}],"places":[${places}]}\n\n`
}

/** @returns undefined for what none of our events had */
export function eventIdOf(text: string): EventId | undefined {
  const [, term, seq] = /^(\d{1,10})\.(\d{1,15})$/.exec(text) ?? []
  return term === undefined || seq === undefined ? undefined : { term: Number(term), seq: Number(seq) }
}

/** Groups as JSON, made once for each change however many streams tell of it. */
export class SeatTexts {
  readonly #texts = new WeakMap<GroupSeats, { readonly changedBy: number; readonly text: string }>()

  of(group: GroupSeats): string {
    const known = this.#texts.get(group)
    if (known !== undefined && known.changedBy === group.changedBy) return known.text
    const seats: SeatsOfGroup = {
      course_id: group.course,
      group_id: group.group,
      department: group.department,
      capacity: Math.max(group.capacity, group.registeredCount),
      registered_count: group.registeredCount,
      reserve_capacity: group.reserveCapacity,
      reserved_count: group.queue.length,
      status: group.status,
    }
    const text = JSON.stringify(seats)
    this.#texts.set(group, { changedBy: group.changedBy, text })
    return text
  }
}

export function changedPlaceText(change: PlaceChange): string {
  return placeText(change.course, change.group, change.position ?? null, change.how)
}

export function heldPlaceText({ group, position }: PlaceView): string {
  return placeText(group.course, group.group, position, null)
}

function placeText(
  course: number,
  group: number,
  position: number | null,
  change: PlaceEvent | null,
): string {
  const place: OwnPlace = {
    course_id: course,
    group_id: group,
    place: placeAt(position),
    reserve_queue_position: position,
    change,
    detail: `${change === 'time_changed' ? 'The time or the exam has changed. ' : ''}${sentenceOf(position, change)} group ${group} of course ${course}.`,
  }
  return JSON.stringify(place)
}

function placeAt(position: number | null): OwnPlace['place'] {
  if (position === null) return null
  return position === 0 ? 'registered' : 'reserved'
}

/** Up to the group's name. */
function sentenceOf(position: number | null, change: PlaceEvent | null): string {
  if (position === null) return 'You hold no place any more in'
  if (position > 0)
    return `You are ${change === 'moved_up' ? 'now ' : ''}${ordinal(position)} in the queue for`
  return change === 'promoted' ? 'You got the seat: you are registered in' : 'You are registered in'
}

function ordinal(position: number): string {
  const isTeen = Math.floor((position % 100) / 10) === 1
  const ending = isTeen ? undefined : ['st', 'nd', 'rd'][(position % 10) - 1]
  return `${position}${ending ?? 'th'}`
}
