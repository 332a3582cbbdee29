import type { Writable } from 'node:stream'
import type { SeatBoard } from '../../engine/seat-board.ts'
import type { EventRound, SeatFilter, Watch } from './event-round.ts'
import type { Verified } from '../auth/tokens.ts'

export interface EventStream {
  /** Whose it is. */
  readonly owner: Verified
  readonly watch: Watch
  /** The client's connection, its head already written. */
  readonly out: Writable
  /** Ends the answer once all that was written has been taken. */
  readonly end: () => void
  /** When the right to watch ends, milliseconds since the Unix epoch. */
  readonly untilMs: number
}

/** A stream that is served. */
export interface OpenStream extends EventStream {
  readonly slice: EventSlice
  readonly topic: EventTopic
  /** What `seq` counts on; undefined until the stream has been told how things stand. */
  board: SeatBoard | undefined
  /** The decision up to which a straggler has been told; the others are where their slice is. */
  seq: number
  isRefreshing: boolean
  wroteAtMs: number
  /** Since when its client has not read all that was written; undefined if it has. */
  stalledSinceMs: number | undefined
}

/** The streams of a slice with the same filter: they are told the same of seats, in the same bytes. */
export interface EventTopic extends SeatFilter {
  readonly key: string
  readonly streams: Set<OpenStream>
}

/** What a slice is being told. */
interface Telling {
  readonly round: EventRound
  /** Whom it concerns; each is told once. */
  readonly streams: readonly OpenStream[]
  /** The first that has not been told. */
  next: number
}

/**
 * Streams that are served together. All of them but the stragglers have been told everything up to `seq`, or are
 * about to be, so that only those are looked at for which there is something new.
 */
export class EventSlice {
  readonly streams = new Set<OpenStream>()
  /** Those that have just come, or whose clients read slowly. */
  readonly stragglers = new Set<OpenStream>()
  /** The round that is on its way, if any. */
  telling: Telling | undefined
  /** Whether its time came again while that round was on its way. */
  isLate = false
  board: SeatBoard | undefined
  seq = 0
  careAtMs = 0
  readonly #topics = new Map<string, EventTopic>()
  readonly #byDepartment = new Map<number, Set<EventTopic>>()
  readonly #byCourse = new Map<number, Set<EventTopic>>()
  readonly #byStudent = new Map<number, Set<OpenStream>>()

  /** As a straggler: it has to be told how things stand first. */
  add(stream: EventStream, nowMs: number): OpenStream {
    const topic = this.#topicOf(stream.watch)
    const open: OpenStream = {
      ...stream,
      slice: this,
      topic,
      board: undefined,
      seq: 0,
      isRefreshing: false,
      wroteAtMs: nowMs,
      stalledSinceMs: undefined,
    }
    this.streams.add(open)
    this.stragglers.add(open)
    topic.streams.add(open)
    const { student } = open.watch
    if (student !== undefined) put(this.#byStudent, student, open)
    return open
  }

  /** @returns whether it was here */
  remove(open: OpenStream): boolean {
    if (!this.streams.delete(open)) return false
    this.stragglers.delete(open)
    const { topic, watch } = open
    topic.streams.delete(open)
    if (topic.streams.size === 0) this.#forget(topic)
    if (watch.student !== undefined) take(this.#byStudent, watch.student, open)
    return true
  }

  watches(student: number): boolean {
    return this.#byStudent.has(student)
  }

  /** The streams to which a round has something to tell, each once; stragglers are not among them. */
  *concernedBy(round: EventRound): Generator<OpenStream> {
    const { departments, courses, students } = round.changed()
    const topics = new Set<EventTopic>()
    for (const topic of lookUp(this.#byDepartment, departments)) topics.add(topic)
    for (const topic of lookUp(this.#byCourse, courses)) topics.add(topic)
    const own = new Set(lookUp(this.#byStudent, students))
    for (const open of own) if (!this.stragglers.has(open)) yield open
    for (const { streams } of topics) {
      for (const open of streams) if (!own.has(open) && !this.stragglers.has(open)) yield open
    }
  }

  #topicOf({ department, courses }: Watch): EventTopic {
    const key = `${department ?? ''}:${courses.join(',')}`
    const known = this.#topics.get(key)
    if (known !== undefined) return known
    const topic: EventTopic = { key, department, courses, streams: new Set() }
    this.#topics.set(key, topic)
    if (department !== undefined) put(this.#byDepartment, department, topic)
    for (const course of courses) put(this.#byCourse, course, topic)
    return topic
  }

  #forget(topic: EventTopic): void {
    this.#topics.delete(topic.key)
    if (topic.department !== undefined) take(this.#byDepartment, topic.department, topic)
    for (const course of topic.courses) take(this.#byCourse, course, topic)
  }
}

function put<Item>(index: Map<number, Set<Item>>, key: number, item: Item): void {
  const items = index.get(key)
  if (items === undefined) index.set(key, new Set([item]))
  else items.add(item)
}

function take<Item>(index: Map<number, Set<Item>>, key: number, item: Item): void {
  const items = index.get(key)
  items?.delete(item)
  if (items?.size === 0) index.delete(key)
}

function* lookUp<Item>(index: ReadonlyMap<number, Set<Item>>, keys: Iterable<number>): Generator<Item> {
  if (index.size === 0) return
  for (const key of keys) yield* index.get(key) ?? []
}
