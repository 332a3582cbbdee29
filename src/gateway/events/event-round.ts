import type { GroupSeats, PlaceChange, SeatBoard } from '../../engine/seat-board.ts'
import { changedPlaceText, messageText, type SeatTexts } from './event-text.ts'

/** Whose seats are told. */
export interface SeatFilter {
  readonly department: number | undefined
  readonly courses: readonly number[]
}

/** What one stream is about. */
export interface Watch extends SeatFilter {
  /** Whose places are told; undefined = nobody's. */
  readonly student: number | undefined
}

/** The groups that a filter covers, each once. */
export function groupsOf(board: SeatBoard, { department, courses }: SeatFilter): GroupSeats[] {
  const inDepartment = department === undefined ? [] : board.department(department)
  const others = courses.flatMap((course) => board.course(course))
  return [...inDepartment, ...others.filter((group) => group.department !== department)]
}

interface Changed {
  readonly departments: ReadonlySet<number>
  readonly courses: ReadonlySet<number>
  readonly students: Iterable<number>
}

interface Told {
  /** JSON texts of the groups that changed. */
  readonly seats: string
  /** The message for those who are told nothing else; made when the first of them is told. */
  bytes: Buffer | undefined
}

/**
 * What has changed on the board since a decision, for all the streams that were told everything up to it. The text
 * of each filter is made once, and whoever is told nothing else shares the same bytes.
 *
 * It may be told over several turns of the event loop: what is told then is how things stand by then, under the id
 * of the decision that was the newest when the round began, so that the next one tells what came meanwhile.
 */
export class EventRound {
  readonly board: SeatBoard
  /** All that its streams had been told before. */
  readonly since: number
  readonly #seq: number
  readonly #texts: SeatTexts
  readonly #places: ReadonlyMap<number, readonly PlaceChange[]>
  readonly #told = new Map<SeatFilter, Told>()

  /** @param isWatched the students whose places somebody is told */
  constructor(board: SeatBoard, since: number, texts: SeatTexts, isWatched: (student: number) => boolean) {
    this.board = board
    this.since = since
    this.#seq = board.seq
    this.#texts = texts
    this.#places = board.placesChangedSince(since, isWatched)
  }

  /** Of what there is something new. */
  changed(): Changed {
    const departments = new Set<number>()
    const courses = new Set<number>()
    for (const { department, course } of this.board.groupsChangedSince(this.since)) {
      departments.add(department)
      courses.add(course)
    }
    return { departments, courses, students: this.#places.keys() }
  }

  /**
   * @param topic the same object for all who watch the same
   * @returns undefined if nothing of it has changed, nor of the student's places
   */
  messageFor(topic: SeatFilter, student: number | undefined): string | Buffer | undefined {
    const places = student === undefined ? undefined : this.#places.get(student)
    const told = this.#toldOf(topic)
    if (places !== undefined) return this.#message(told.seats, places.map(changedPlaceText).join(','))
    if (told.seats === '') return undefined
    told.bytes ??= Buffer.from(this.#message(told.seats, ''))
    return told.bytes
  }

  #toldOf(topic: SeatFilter): Told {
    const known = this.#told.get(topic)
    if (known !== undefined) return known
    const changed = groupsOf(this.board, topic).filter((group) => group.changedBy > this.since)
    const told = { seats: changed.map((group) => this.#texts.of(group)).join(','), bytes: undefined }
    this.#told.set(topic, told)
    return told
  }

  #message(seats: string, places: string): string {
    const id = { term: this.board.term, seq: this.#seq }
    return messageText({ event: 'changes', id, seats, places })
  }
}
