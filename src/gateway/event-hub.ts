import type { Writable } from 'node:stream'
import type { SeatBoard } from '../engine/seat-board.ts'
import type { EnrollmentService } from '../engine/service.ts'
import { EventRound, groupsOf, type Watch } from './event-round.ts'
import { type EventId, heldPlaceText, messageText, SeatTexts } from './event-text.ts'
import type { Caller } from './tokens.ts'

/** What the hub asks of the engine. */
export type WatchedService = Pick<EnrollmentService, 'seats' | 'studentView' | 'status'>

export interface EventStream {
  /** Whose it is. */
  readonly owner: Pick<Caller, 'id' | 'staff'>
  readonly watch: Watch
  /** The client's connection, its head already written. */
  readonly out: Writable
  /** When the right to watch ends, milliseconds since the Unix epoch. */
  readonly untilMs: number
}

/** Bounds and times of the streams, milliseconds. */
export interface EventTimes {
  /** Changes of one thing within this time are told as one; every stream is served so often. */
  readonly coalesceMs: number
  /** A stream that has nothing to tell for so long sends a comment, so that nobody thinks it dead. */
  readonly heartbeatMs: number
  /** A client that has not read for so long is cut off. */
  readonly stalledMs: number
}

export const usualEventTimes: EventTimes = { coalesceMs: 200, heartbeatMs: 15_000, stalledMs: 30_000 }

interface Open extends EventStream {
  readonly slice: Slice
  /** What `seq` counts on; undefined until the stream has been told how things stand. */
  board: SeatBoard | undefined
  seq: number
  isRefreshing: boolean
  wroteAtMs: number
  /** Since when its client has not read all that was written; undefined if it has. */
  stalledSinceMs: number | undefined
}

/** An eighth of the streams, which are served together. */
interface Slice {
  readonly streams: Set<Open>
  board: SeatBoard | undefined
  seq: number
  /** Whether some stream of it has not been told everything that the others have. */
  hasStragglers: boolean
  careAtMs: number
}

const sliceCount = 8
const careIntervalMs = 1000
const heartbeat = ':\n\n'
/** How long a client waits before it opens the next stream; spread, so that they do not all return at once. */
const retryMs = { least: 1000, spread: 2000 }

/**
 * Tells open streams what has changed on the engine's board of seats. Nothing is kept for a client but the
 * number of the last decision that it was told of: who reads slowly is passed over until the connection has
 * taken what was written, and is then told in one message how things stand by now; so there is never more than
 * one message waiting, and one who does not read at all is cut off.
 *
 * An eighth of the streams is served every `coalesceMs` / 8: thousands of writes at once would hold up
 * everybody who waits for a decision. A new term begins with a `resync` for everybody; a server that leads no
 * more ends its streams, and their clients find the one that does.
 */
export class EventHub {
  readonly #service: WatchedService
  readonly #now: () => number
  readonly #times: EventTimes
  readonly #slices: readonly Slice[]
  readonly #texts = new SeatTexts()
  /** Open streams by whose they are. */
  readonly #byStudent = new Map<number, number>()
  readonly #byStaff = new Map<number, number>()
  readonly #isWatched = (student: number) => this.#byStudent.has(student)
  #timer: NodeJS.Timeout | undefined
  #size = 0
  #added = 0
  #nextSlice = 0
  #messagesWritten = 0
  #clientsCut = 0
  #isClosed = false

  /** @param now milliseconds since the Unix epoch */
  constructor(service: WatchedService, now: () => number, times: EventTimes = usualEventTimes) {
    this.#service = service
    this.#now = now
    this.#times = times
    this.#slices = Array.from({ length: sliceCount }, () => ({
      streams: new Set(),
      board: undefined,
      seq: 0,
      hasStragglers: false,
      careAtMs: 0,
    }))
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

  streamsOf({ id, staff }: EventStream['owner']): number {
    return (staff ? this.#byStaff : this.#byStudent).get(id) ?? 0
  }

  /**
   * Serves a stream until its client leaves or it is ended here. It begins after `since`, if that can be told;
   * otherwise with how things stand.
   */
  add(stream: EventStream, since: EventId | undefined): void {
    const slice = this.#slices[this.#added++ % sliceCount]
    if (slice === undefined) throw new Error('there are as many slices as that')
    const nowMs = performance.now()
    const open: Open = {
      ...stream,
      slice,
      board: undefined,
      seq: 0,
      isRefreshing: false,
      wroteAtMs: nowMs,
      stalledSinceMs: undefined,
    }
    slice.streams.add(open)
    slice.hasStragglers = true
    this.#size++
    this.#count(stream.owner, 1)
    stream.out.once('close', () => this.#remove(open))
    stream.out.on('error', () => stream.out.destroy())
    stream.out.write(`retry: ${retryMs.least + Math.floor(Math.random() * retryMs.spread)}\n\n`)
    this.#timer ??= setInterval(() => this.#serveNext(), this.#times.coalesceMs / sliceCount).unref()
    const board = this.#service.seats
    if (board !== undefined && since !== undefined && canResume(board, stream.watch, since)) {
      open.board = board
      open.seq = since.seq
    } else void this.#refresh(open)
  }

  /** Ends every stream, and takes no more. */
  close(): void {
    this.#isClosed = true
    clearInterval(this.#timer)
    for (const { streams } of this.#slices) for (const { out } of streams) out.end()
  }

  #remove(open: Open): void {
    if (!open.slice.streams.delete(open)) return
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
    else if (isOver(this.#service)) for (const { out } of slice.streams) out.end()
    if (nowMs < slice.careAtMs) return
    slice.careAtMs = nowMs + careIntervalMs
    for (const open of slice.streams) this.#careFor(open, nowMs)
  }

  #tell(slice: Slice, board: SeatBoard, nowMs: number): void {
    if (board === slice.board && board.seq === slice.seq && !slice.hasStragglers) return
    const since = board === slice.board ? slice.seq : 0
    const round = new EventRound(board, since, this.#texts, this.#isWatched)
    slice.board = board
    slice.seq = board.seq
    slice.hasStragglers = false
    for (const open of slice.streams) {
      if (open.board === board && open.seq === since && !hasUnread(open)) {
        open.seq = board.seq
        this.#write(open, round.messageFor(open.watch), nowMs)
      } else if (!this.#catchUp(open, board, nowMs)) slice.hasStragglers = true
    }
  }

  /** @returns whether the stream is where the board is by now */
  #catchUp(open: Open, board: SeatBoard, nowMs: number): boolean {
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
    this.#write(open, round.messageFor(watch), nowMs)
    return true
  }

  /** Tells how everything of the watch stands. If the engine cannot say now, the next turn tries again. */
  async #refresh(open: Open): Promise<void> {
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
    } finally {
      open.isRefreshing = false
    }
  }

  async #heldPlaces(student: number): Promise<string | undefined> {
    const shown = await this.#service.studentView(student)
    if (shown.kind === 'unavailable') return undefined
    return shown.view?.places.map(heldPlaceText).join(',') ?? ''
  }

  #write(open: Open, message: string | Buffer | undefined, nowMs: number): void {
    open.stalledSinceMs = undefined
    if (message === undefined || open.out.destroyed || open.out.writableEnded) return
    open.wroteAtMs = nowMs
    this.#messagesWritten++
    open.out.write(message)
  }

  #careFor(open: Open, nowMs: number): void {
    const { heartbeatMs, stalledMs } = this.#times
    if (hasUnread(open)) {
      open.stalledSinceMs ??= nowMs
      if (nowMs - open.stalledSinceMs < stalledMs) return
      this.#clientsCut++
      open.out.destroy()
      return
    }
    open.stalledSinceMs = undefined
    if (this.#now() >= open.untilMs) open.out.end()
    else if (nowMs - open.wroteAtMs >= heartbeatMs) this.#write(open, heartbeat, nowMs)
  }
}

function canResume(board: SeatBoard, { student }: Watch, { term, seq }: EventId): boolean {
  if (term !== board.term || seq > board.seq) return false
  return student === undefined || board.remembers(seq)
}

/** Whether the connection has not taken all that was written. */
function hasUnread({ out }: Open): boolean {
  return out.writableLength > 0
}

/** Another server leads, or none of ours will: its clients must look for it. */
function isOver(service: WatchedService): boolean {
  const { state } = service.status()
  return state === 'standby' || state === 'stopped'
}
