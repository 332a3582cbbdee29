import type { GroupSeats, PlaceChange, SeatBoard } from '../engine/seat-board.ts'
import { changedPlaceText, messageText, type SeatTexts } from './event-text.ts'

/** What one stream is about. */
export interface Watch {
  readonly department: number | undefined
  readonly courses: readonly number[]
  /** Whose places are told; undefined = nobody's. */
  readonly student: number | undefined
}

/** The groups that a watch covers, each once. */
export function groupsOf(board: SeatBoard, { department, courses }: Watch): GroupSeats[] {
  const inDepartment = department === undefined ? [] : board.department(department)
  const others = courses.flatMap((course) => board.course(course))
  return [...inDepartment, ...others.filter((group) => group.department !== department)]
}

interface Changed {
  readonly departments: ReadonlySet<number>
  readonly courses: ReadonlySet<number>
  readonly students: Iterable<number>
}

/**
 * What has changed on the board since a decision, for all the streams that were told everything up to it: the
 * text of each department and course is made once, and streams about the same one thing share the same bytes.
 */
export class EventRound {
  readonly #board: SeatBoard
  readonly #since: number
  readonly #texts: SeatTexts
  readonly #isWatched: (student: number) => boolean
  readonly #messages = new Map<string, Buffer>()
  #places: ReadonlyMap<number, readonly PlaceChange[]> | undefined

  /** @param isWatched the students whose places somebody is told */
  constructor(board: SeatBoard, since: number, texts: SeatTexts, isWatched: (student: number) => boolean) {
    this.#board = board
    this.#since = since
    this.#texts = texts
    this.#isWatched = isWatched
  }

  /** Of what there is something new. */
  changed(): Changed {
    const departments = new Set<number>()
    const courses = new Set<number>()
    for (const { department, course } of this.#board.groupsChangedSince(this.#since)) {
      departments.add(department)
      courses.add(course)
    }
    return { departments, courses, students: this.#changedPlaces().keys() }
  }

  #changedPlaces(): ReadonlyMap<number, readonly PlaceChange[]> {
    this.#places ??= this.#board.placesChangedSince(this.#since, this.#isWatched)
    return this.#places
  }

  /** @returns undefined if nothing of the watch has changed */
  messageFor(watch: Watch): string | Buffer | undefined {
    const { department, courses, student } = watch
    const places = student === undefined ? '' : this.#placesOf(student)
    if (places === '' && department !== undefined && courses.length === 0) {
      return this.#shared(`department ${department}`, watch)
    }
    if (places === '' && department === undefined && courses.length === 1) {
      return this.#shared(`course ${courses[0] ?? 0}`, watch)
    }
    const seats = this.#seatsOf(watch)
    return seats === '' && places === '' ? undefined : this.#message(seats, places)
  }

  /** The bytes for everybody who watches this one thing. */
  #shared(topic: string, watch: Watch): Buffer | undefined {
    const made = this.#messages.get(topic)
    if (made !== undefined) return made
    const seats = this.#seatsOf(watch)
    if (seats === '') return undefined
    const message = Buffer.from(this.#message(seats, ''))
    this.#messages.set(topic, message)
    return message
  }

  #seatsOf(watch: Watch): string {
    let text = ''
    for (const group of groupsOf(this.#board, watch)) {
      if (group.changedBy > this.#since) text += `${text === '' ? '' : ','}${this.#texts.of(group)}`
    }
    return text
  }

  #placesOf(student: number): string {
    return this.#changedPlaces().get(student)?.map(changedPlaceText).join(',') ?? ''
  }

  #message(seats: string, places: string): string {
    const { term, seq } = this.#board
    return messageText({ event: 'changes', id: { term, seq }, seats, places })
  }
}
