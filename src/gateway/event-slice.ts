import type { Writable } from 'node:stream'
import type { SeatBoard } from '../engine/seat-board.ts'
import type { EventRound, Watch } from './event-round.ts'
import type { Caller } from './tokens.ts'

export interface EventStream {
  /** Whose it is. */
  readonly owner: Pick<Caller, 'id' | 'staff'>
  readonly watch: Watch
  /** The client's connection, its head already written. */
  readonly out: Writable
  /** When the right to watch ends, milliseconds since the Unix epoch. */
  readonly untilMs: number
}

/** A stream that is served. */
export interface OpenStream extends EventStream {
  readonly slice: EventSlice
  /** What `seq` counts on; undefined until the stream has been told how things stand. */
  board: SeatBoard | undefined
  /** The decision up to which a straggler has been told; the others are where their slice is. */
  seq: number
  isRefreshing: boolean
  wroteAtMs: number
  /** Since when its client has not read all that was written; undefined if it has. */
  stalledSinceMs: number | undefined
  /** The round that was told it last. */
  round: EventRound | undefined
}

/**
 * Streams that are served together. All of them but the stragglers have been told everything up to `seq`, so
 * that only those are looked at for which there is something new.
 */
export class EventSlice {
  readonly streams = new Set<OpenStream>()
  /** Those that have just come, or whose clients read slowly. */
  readonly stragglers = new Set<OpenStream>()
  board: SeatBoard | undefined
  seq = 0
  careAtMs = 0
  readonly #byDepartment = new Map<number, Set<OpenStream>>()
  readonly #byCourse = new Map<number, Set<OpenStream>>()
  readonly #byStudent = new Map<number, Set<OpenStream>>()

  /** As a straggler: it has to be told how things stand first. */
  add(open: OpenStream): void {
    this.streams.add(open)
    this.stragglers.add(open)
    for (const [index, key] of this.#topicsOf(open)) {
      const streams = index.get(key)
      if (streams === undefined) index.set(key, new Set([open]))
      else streams.add(open)
    }
  }

  /** @returns whether it was here */
  remove(open: OpenStream): boolean {
    if (!this.streams.delete(open)) return false
    this.stragglers.delete(open)
    for (const [index, key] of this.#topicsOf(open)) {
      const streams = index.get(key)
      streams?.delete(open)
      if (streams?.size === 0) index.delete(key)
    }
    return true
  }

  watches(student: number): boolean {
    return this.#byStudent.has(student)
  }

  /** The streams to which a round has something to tell, each once; stragglers are not among them. */
  *concernedBy(round: EventRound): Generator<OpenStream> {
    const { departments, courses, students } = round.changed()
    const found = [
      ...lookUp(this.#byDepartment, departments),
      ...lookUp(this.#byCourse, courses),
      ...lookUp(this.#byStudent, students),
    ]
    for (const streams of found) {
      for (const open of streams) {
        if (open.round === round || this.stragglers.has(open)) continue
        open.round = round
        yield open
      }
    }
  }

  *#topicsOf({ watch }: OpenStream): Generator<[Map<number, Set<OpenStream>>, number]> {
    if (watch.department !== undefined) yield [this.#byDepartment, watch.department]
    for (const course of watch.courses) yield [this.#byCourse, course]
    if (watch.student !== undefined) yield [this.#byStudent, watch.student]
  }
}

function* lookUp(
  index: ReadonlyMap<number, Set<OpenStream>>,
  keys: Iterable<number>,
): Generator<Set<OpenStream>> {
  if (index.size === 0) return
  for (const key of keys) {
    const streams = index.get(key)
    if (streams !== undefined) yield streams
  }
}
