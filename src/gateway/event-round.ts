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

/**
 * What has changed on the board since a decision, for all the streams that were told everything up to it: the
 * text of each department and course is made once, and streams about the same one thing share the same bytes.
 */
export class EventRound {
  readonly #board: SeatBoard
  readonly #since: number
  readonly #texts: SeatTexts
  readonly #isWatched: (student: number) => boolean
  readonly #seats = new Map<string, string>()
  readonly #messages = new Map<string, Buffer>()
  #places: Map<number, PlaceChange[]> | undefined

  constructor(board: SeatBoard, since: number, texts: SeatTexts, isWatched: (student: number) => boolean) {
    this.#board = board
    this.#since = since
    this.#texts = texts
    this.#isWatched = isWatched
  }

  /** @returns undefined if nothing of the watch has changed */
  messageFor(watch: Watch): string | Buffer | undefined {
    const { department, courses, student } = watch
    const places = student === undefined ? '' : this.#placesOf(student)
    const [course] = courses
    if (department === undefined) {
      if (course === undefined) return places === '' ? undefined : this.#message('', places)
      if (courses.length === 1) {
        return this.#withPlaces(`course ${course}`, () => this.#board.course(course), places)
      }
    } else if (course === undefined) {
      return this.#withPlaces(`department ${department}`, () => this.#board.department(department), places)
    }
    const seats = this.#changed(groupsOf(this.#board, watch))
    return seats === '' && places === '' ? undefined : this.#message(seats, places)
  }

  #withPlaces(
    topic: string,
    groups: () => readonly GroupSeats[],
    places: string,
  ): string | Buffer | undefined {
    let seats = this.#seats.get(topic)
    if (seats === undefined) {
      seats = this.#changed(groups())
      this.#seats.set(topic, seats)
    }
    if (places !== '') return this.#message(seats, places)
    if (seats === '') return undefined
    let message = this.#messages.get(topic)
    if (message === undefined) {
      message = Buffer.from(this.#message(seats, ''))
      this.#messages.set(topic, message)
    }
    return message
  }

  #changed(groups: readonly GroupSeats[]): string {
    let text = ''
    for (const group of groups) {
      if (group.changedBy > this.#since) text += `${text === '' ? '' : ','}${this.#texts.of(group)}`
    }
    return text
  }

  #placesOf(student: number): string {
    this.#places ??= this.#board.placesChangedSince(this.#since, this.#isWatched)
    return this.#places.get(student)?.map(changedPlaceText).join(',') ?? ''
  }

  #message(seats: string, places: string): string {
    const { term, seq } = this.#board
    return messageText({ event: 'changes', id: { term, seq }, seats, places })
  }
}
