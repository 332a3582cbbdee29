import type { SeatBoard } from '../../engine/seat-board.ts'
import type { EnrollmentService } from '../../engine/service.ts'
import { EventRound, groupsOf, type Watch } from './event-round.ts'
import { EventSlice, type EventStream, type OpenStream } from './event-slice.ts'
import { type EventId, heldPlaceText, messageText, SeatTexts } from './event-text.ts'

/** What the hub asks of the engine. */
export type WatchedService = Pick<EnrollmentService, 'seats' | 'studentView' | 'status'>

/** Bounds and times of the streams, milliseconds. */
export interface EventTimes {
  /** Changes of one thing within this time are told as one; every stream is served so often. */
  readonly coalesceMs: number
  /** A stream that has nothing to tell for so long sends a comment, so that nobody thinks it dead. */
  readonly heartbeatMs: number
  /** A client that has not read for so long is cut off. */
  readonly stalledMs: number
  /** How often it is looked whether a stream needs any of that. */
  readonly careMs: number
}

export const usualEventTimes: EventTimes = {
  coalesceMs: 200,
  heartbeatMs: 20_000,
  stalledMs: 30_000,
  careMs: 4_000,
}

const sliceCount = 8
/** Streams that are told in one turn of the event loop (2 to 3 ms); then it is the turn of those who enroll. */
const streamsPerTurn = 256
const heartbeat = ':\n\n'
/** How long a client waits before it opens the next stream; spread, so that they do not all return at once. */
const retryMs = { least: 1000, spread: 2000 }

/**
 * Tells open streams what has changed on the engine's board of seats. Nothing is kept for a client but the
 * number of the last decision that it was told of: who reads slowly is passed over until the connection has
 * taken what was written, and is then told in one message how things stand by now; so there is never more than
 * one message waiting, and one who does not read at all is cut off.
 *
 * Streams with the same filter are told together, in the same bytes. An eighth of all is served every
 * `coalesceMs` / 8, and of those so many in a turn of the event loop: thousands of writes at once would hold up
 * everybody who waits for a decision. An eighth that has not been told all when its time comes again is served anew
 * when it has, so that a busy server tells less often rather than later and later. A new term begins with a `resync` for
 * everybody; a server that leads no more ends its streams, and their clients find the one that does.
 */
export class EventHub {
  readonly #service: WatchedService
  readonly #now: () => number
  readonly #times: EventTimes
  readonly #slices: readonly EventSlice[]
  readonly #texts = new SeatTexts()
  /** Open streams by whose they are. */
  readonly #byStudent = new Map<number, number>()
  readonly #byStaff = new Map<number, number>()
  /** Those that are being told, the first one now. */
  readonly #telling: EventSlice[] = []
  #timer: NodeJS.Timeout | undefined
  #turn: NodeJS.Immediate | undefined
  #size = 0
  #nextSlice = 0
  #messagesWritten = 0
  #clientsCut = 0
  #isClosed = false

  /** @param now milliseconds since the Unix epoch */
  constructor(service: WatchedService, now: () => number, times: EventTimes = usualEventTimes) {
    this.#service = service
    this.#now = now
    this.#times = times
    this.#slices = Array.from({ length: sliceCount }, () => new EventSlice())
  }

  /** Streams that are open now. */
  get size(): number {
    return this.#size
  }

  get messagesWritten(): number {
    return this.#messagesWritten
  }

  /** Clients that were cut off because they did not read. */
  get clientsCut(): number {
    return this.#clientsCut
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  streamsOf({ id, staff }: Pick<EventStream['owner'], 'id' | 'staff'>): number {
    return (staff ? this.#byStaff : this.#byStudent).get(id) ?? 0
  }

  /**
   * Serves a stream until its client leaves or it is ended here. It begins after `since`, if that can be told;
   * otherwise with how things stand.
   */
  add(stream: EventStream, since: EventId | undefined): void {
    // Who left while it was asked what they may watch would never be seen to leave.
    if (stream.out.destroyed) return
    const { department, courses, student } = stream.watch
    const slice = this.#slices[(department ?? courses[0] ?? student ?? 0) % sliceCount]
    if (slice === undefined) throw new Error('there are as many slices as that')
    const board = this.#service.seats
    if (slice.streams.size === 0) {
      slice.board = board
      slice.seq = board?.seq ?? 0
    }
    const open = slice.add(stream, performance.now())
    this.#size++
    this.#count(stream.owner, 1)
    stream.out.once('close', () => this.#remove(open))
    stream.out.on('error', () => stream.out.destroy())
    stream.out.write(`retry: ${retryMs.least + Math.floor(Math.random() * retryMs.spread)}\n\n`)
    this.#timer ??= setInterval(() => this.#serveNext(), this.#times.coalesceMs / sliceCount).unref()
    if (board !== undefined && since !== undefined && canResume(board, stream.watch, since)) {
      open.board = board
      open.seq = since.seq
    } else void this.#refresh(open)
  }

  /** Ends every stream, and takes no more. */
  close(): void {
    this.#isClosed = true
    clearInterval(this.#timer)
    clearImmediate(this.#turn)
    for (const { streams } of this.#slices) for (const open of streams) open.end()
  }

  /** Ends the streams of some. */
  endThose(isEnded: (owner: EventStream['owner']) => boolean): void {
    for (const { streams } of this.#slices) {
      for (const open of streams) if (isEnded(open.owner)) open.end()
    }
  }

  #remove(open: OpenStream): void {
    if (!open.slice.remove(open)) return
    this.#size--
    this.#count(open.owner, -1)
    if (this.#size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #count(owner: EventStream['owner'], change: 1 | -1): void {
    const streams = owner.staff ? this.#byStaff : this.#byStudent
    const count = (streams.get(owner.id) ?? 0) + change
    if (count > 0) streams.set(owner.id, count)
    else streams.delete(owner.id)
  }

  #serveNext(): void {
    const slice = this.#slices[this.#nextSlice]
    this.#nextSlice = (this.#nextSlice + 1) % sliceCount
    if (slice === undefined || slice.streams.size === 0) return
    const nowMs = performance.now()
    const board = this.#service.seats
    if (board !== undefined) this.#tell(slice, board, nowMs)
    else if (isOver(this.#service)) for (const open of slice.streams) open.end()
    if (this.#turn === undefined) this.#tellSome()
    if (nowMs < slice.careAtMs) return
    slice.careAtMs = nowMs + this.#times.careMs
    for (const open of slice.streams) this.#careFor(open, nowMs)
  }

  #tell(slice: EventSlice, board: SeatBoard, nowMs: number): void {
    slice.isLate = slice.telling !== undefined
    if (slice.isLate) return
    if (board !== slice.board) {
      for (const open of slice.streams) slice.stragglers.add(open)
      slice.board = board
    } else if (board.seq !== slice.seq) {
      const round = new EventRound(board, slice.seq, this.#texts, (student) => slice.watches(student))
      slice.telling = { round, streams: [...slice.concernedBy(round)], next: 0 }
      this.#telling.push(slice)
    }
    slice.seq = board.seq
    for (const open of slice.stragglers) {
      if (this.#catchUp(open, board, nowMs)) slice.stragglers.delete(open)
    }
  }

  /** As many as one turn of the event loop has time for; the others when those who enroll had theirs. */
  #tellSome(): void {
    const nowMs = performance.now()
    let left = streamsPerTurn
    for (let slice = this.#telling[0]; slice !== undefined; slice = this.#telling[0]) {
      left = this.#tellOn(slice, left, nowMs)
      if (left === 0) break
      this.#telling.shift()
      const board = this.#service.seats
      if (slice.isLate && board !== undefined) this.#tell(slice, board, nowMs)
    }
    if (this.#telling.length === 0) return
    this.#turn = setImmediate(() => {
      this.#turn = undefined
      this.#tellSome()
    })
  }

  /** @returns how many of `most` streams are left for others; 0 = this slice may not be done */
  #tellOn(slice: EventSlice, most: number, nowMs: number): number {
    const { telling } = slice
    if (telling === undefined) return most
    const { round, streams, next } = telling
    const isOutOfDate = round.board !== this.#service.seats
    const some = streams.slice(next, isOutOfDate ? undefined : next + most)
    for (const open of some) {
      if (open.out.destroyed) continue
      if (isOutOfDate || hasUnread(open)) {
        open.seq = round.since
        slice.stragglers.add(open)
      } else this.#write(open, round.messageFor(open.topic, open.watch.student), nowMs)
    }
    telling.next += some.length
    if (telling.next < streams.length) return 0
    slice.telling = undefined
    return Math.max(0, most - some.length)
  }

  /** @returns whether the stream is where the board is by now */
  #catchUp(open: OpenStream, board: SeatBoard, nowMs: number): boolean {
    if (hasUnread(open)) {
      open.stalledSinceMs ??= nowMs
      return false
    }
    const { seq, watch } = open
    if (open.board !== board || !canResume(board, watch, { term: board.term, seq })) {
      void this.#refresh(open)
      return false
    }
    open.seq = board.seq
    const round = new EventRound(board, seq, this.#texts, (student) => student === watch.student)
    this.#write(open, round.messageFor(open.topic, watch.student), nowMs)
    return true
  }

  /** Tells how everything of the watch stands. If the engine cannot say now, the next turn tries again. */
  async #refresh(open: OpenStream): Promise<void> {
    const board = this.#service.seats
    if (board === undefined || open.isRefreshing) return
    open.isRefreshing = true
    try {
      const { seq } = board
      const { watch } = open
      const places = watch.student === undefined ? '' : await this.#heldPlaces(watch.student)
      if (places === undefined || board !== this.#service.seats) return
      const seats = groupsOf(board, watch)
        .map((group) => this.#texts.of(group))
        .join(',')
      open.board = board
      open.seq = seq
      const text = messageText({ event: 'resync', id: { term: board.term, seq }, seats, places })
      this.#write(open, text, performance.now())
      // What its slice has yet to be told may repeat some of it: that does no harm.
      if (open.slice.board === board) open.slice.stragglers.delete(open)
    } finally {
      open.isRefreshing = false
    }
  }

  async #heldPlaces(student: number): Promise<string | undefined> {
    // A question that fails is asked again, like one that cannot be answered now.
    const shown = await this.#service.studentView(student).catch(() => undefined)
    if (shown === undefined || shown.kind === 'unavailable') return undefined
    return shown.view?.places.map(heldPlaceText).join(',') ?? ''
  }

  #write(open: OpenStream, message: string | Buffer | undefined, nowMs: number): void {
    open.stalledSinceMs = undefined
    if (message === undefined || open.out.destroyed || open.out.writableEnded) return
    open.wroteAtMs = nowMs
    this.#messagesWritten++
    open.out.write(message)
  }

  #careFor(open: OpenStream, nowMs: number): void {
    const { heartbeatMs, stalledMs } = this.#times
    if (hasUnread(open)) {
      open.stalledSinceMs ??= nowMs
      if (nowMs - open.stalledSinceMs < stalledMs) return
      this.#clientsCut++
      open.out.destroy()
      return
    }
    open.stalledSinceMs = undefined
    if (this.#now() >= open.untilMs) open.end()
    else if (nowMs - open.wroteAtMs >= heartbeatMs) this.#write(open, heartbeat, nowMs)
  }
}

function canResume(board: SeatBoard, { student }: Watch, { term, seq }: EventId): boolean {
  if (term !== board.term || seq > board.seq) return false
  return student === undefined || board.remembers(seq)
}

/** Whether the connection has not taken all that was written. */
function hasUnread({ out }: OpenStream): boolean {
  return out.writableLength > 0
}

/** Another server leads, or none of ours will: its clients must look for it. */
function isOver(service: WatchedService): boolean {
  const { state } = service.status()
  return state === 'standby' || state === 'stopped'
}
