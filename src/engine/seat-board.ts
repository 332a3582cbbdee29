import { Campus } from '../../actors/campus.ts'
import { byCourseAndGroup, type GroupProfile, type GroupStatus } from '../../actors/course.ts'
import { addedGroup, changedProfile } from '../../actors/rules/evolve-administration.ts'
import type { Effect } from '../../actors/messages/records.ts'
import { PlaceRing } from './place-ring.ts'

/**
 * What happened to a student's place in a course. `moved_up`: others left the queue before them; `time_changed`: staff gave the
 * group other hours or another exam, and the place is what it was.
 */
export type PlaceEvent = 'registered' | 'reserved' | 'promoted' | 'moved_up' | 'left' | 'time_changed'

/** Where a student stands in a course by now, and what put them there last. */
export interface PlaceChange {
  readonly course: number
  readonly group: number
  readonly how: PlaceEvent
  /** 0 = registered, 1 = first in the queue; undefined = no place. */
  readonly position: number | undefined
}

/** Seats and queue of one group, as shown. */
export interface GroupSeats {
  readonly course: number
  readonly group: number
  readonly department: number
  readonly reserveCapacity: number
  /** Without extra seats: more may be registered. */
  readonly capacity: number
  readonly registeredCount: number
  readonly queue: readonly { readonly student: number }[]
  /** `seq` of the decision that changed it last; 0 = none in this term. */
  readonly changedBy: number
  readonly status: GroupStatus
  /** All else about it; capacities and status are those above. */
  readonly profile: GroupProfile
}

interface Waiting {
  readonly student: number
  /** `seq` of the decision that gave them their present position. */
  movedBy: number
}

interface Board extends GroupSeats {
  /** Among all groups of the board. */
  readonly index: number
  reserveCapacity: number
  capacity: number
  registeredCount: number
  readonly queue: Waiting[]
  /** Who holds a seat. */
  readonly holders: Set<number>
  changedBy: number
  status: GroupStatus
  profile: GroupProfile
  /** `seq` of the decision after which somebody in the queue moved up last. */
  movedBy: number
  /** `seq` of the decision that changed its hours or its exam last. */
  timeChangedBy: number
}

/** A whole board at one moment. */
export interface SeatState {
  readonly term: number
  readonly seq: number
  readonly groups: readonly {
    readonly profile: GroupProfile
    readonly status: GroupStatus
    readonly reserveCapacity: number
    readonly capacity: number
    readonly registeredCount: number
    readonly queue: readonly number[]
    /** An engine of an older version does not say. */
    readonly holders?: readonly number[]
  }[]
}

type Changes = Map<number, PlaceChange[]>

type SeatListener = (seq: number, effects: readonly Effect[] | undefined) => void

/** Places given, taken and left that are remembered: so far back a student's changes can be told one by one. */
const entriesMax = 8192

const statusAfter = { group_opened: 'open', group_closed: 'closed', group_cancelled: 'cancelled' } as const

/**
 * The seats and queues of one term as confirmed decisions left them: what may be shown to anybody at any
 * moment, while the campus itself is ahead by the decisions that are being made durable. It tells what has
 * changed since any decision of the term, many changes of one thing as one, so whoever watches need remember
 * nothing but a number.
 *
 * Counts of seats and ids of those who hold or wait are all that it holds. An effect that does not fit is passed over:
 * what is shown must never stop what is decided.
 */
export class SeatBoard {
  /** Number of the term. */
  readonly term: number
  readonly #groups: Board[] = []
  readonly #listeners = new Set<SeatListener>()
  readonly #courses = new Map<number, Board[]>()
  readonly #departments = new Map<number, Board[]>()
  readonly #entries: PlaceRing
  /** Nothing is remembered of what came before. */
  #beganAt = 0
  #movedBy = 0
  #timeChangedBy = 0
  #seq = 0

  /** @param campus as loaded: everything in it is confirmed */
  constructor(campus: Campus, term: number, options: { entriesMax?: number } = {}) {
    this.term = term
    this.#entries = new PlaceRing(options.entriesMax ?? entriesMax)
    for (const course of campus.courses.values()) {
      for (const { profile, reserveCapacity, capacity, status, registered, queue } of course.groups) {
        const board = this.#addGroup(profile, 0)
        board.capacity = capacity
        board.status = status
        board.reserveCapacity = reserveCapacity
        board.registeredCount = registered.length
        for (const student of registered) board.holders.add(student)
        board.queue.push(...queue.map((student) => ({ student, movedBy: 0 })))
      }
    }
    for (const groups of this.#departments.values()) groups.sort(byCourseAndGroup)
    for (const groups of this.#courses.values()) groups.sort(byCourseAndGroup)
  }

  /** The same board in another process, from what `state` said; it does not remember what came before. */
  static from({ term, seq, groups }: SeatState): SeatBoard {
    const board = new SeatBoard(new Campus(), term)
    board.#seq = seq
    board.#beganAt = seq
    for (const { profile, queue, holders = [], ...counts } of groups) {
      const one = board.#addGroup(profile, seq)
      Object.assign(one, counts)
      for (const student of holders) one.holders.add(student)
      one.queue.push(...queue.map((student) => ({ student, movedBy: seq })))
    }
    return board
  }

  /** All that is shown now, as JSON can carry it; in the order in which `from` wants it. */
  state(): SeatState {
    const inOrder = [...this.#departments.values()].flat().toSorted(byCourseAndGroup)
    const groups = inOrder.map((one) => {
      const { profile, status, reserveCapacity, capacity, registeredCount } = one
      const queue = one.queue.map(({ student }) => student)
      return { profile, status, reserveCapacity, capacity, registeredCount, queue, holders: [...one.holders] }
    })
    return { term: this.term, seq: this.#seq, groups }
  }

  /** Tells `listener` whatever `show` is told from now on. @returns what ends that */
  listen(listener: SeatListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The newest decision that is shown; 0 = none of this term. */
  get seq(): number {
    return this.#seq
  }

  /** Takes in a confirmed decision; `effects` is undefined for a refusal. In the order of `seq`. */
  show(seq: number, effects: readonly Effect[] | undefined): void {
    this.#seq = seq
    if (effects !== undefined) for (const effect of effects) this.#apply(seq, effect)
    for (const listener of this.#listeners) listener(seq, effects)
  }

  /** The groups of a department, ascending by course and group. */
  department(department: number): readonly GroupSeats[] {
    return this.#departments.get(department) ?? []
  }

  /** The groups of a course, ascending. */
  course(course: number): readonly GroupSeats[] {
    return this.#courses.get(course) ?? []
  }

  /** The groups that have changed after decision `seq`; of -1 every group. */
  *groupsChangedSince(seq: number): Generator<GroupSeats> {
    if (seq === this.#seq) return
    for (const group of this.#groups) if (group.changedBy > seq) yield group
  }

  /** Whether `placesChangedSince` still knows everything that came after this decision. */
  remembers(seq: number): boolean {
    return seq >= Math.max(this.#beganAt, this.#entries.forgottenSeq) && seq <= this.#seq
  }

  /**
   * Whose places have changed after decision `seq`, and how they stand now: the newest change of each course, and behind it that
   * its time has changed.
   * @param isWatched the students whom anybody asks about
   */
  placesChangedSince(seq: number, isWatched: (student: number) => boolean): Map<number, PlaceChange[]> {
    const changes: Changes = new Map()
    if (seq === this.#seq) return changes
    this.#entries.eachSince(seq, (student, index, how) => {
      const board = this.#groups[index]
      if (board === undefined || !isWatched(student) || knows(changes, student, board.course)) return
      const { course, group } = board
      append(changes, student, { course, group, how, position: positionAfter(how, student, board) })
    })
    if (this.#movedBy > seq) this.#addMovedSince(seq, isWatched, changes)
    if (this.#timeChangedBy > seq) this.#addTimesSince(seq, isWatched, changes)
    return changes
  }

  #addMovedSince(seq: number, isWatched: (student: number) => boolean, changes: Changes): void {
    for (const { course, group, queue, movedBy } of this.#groups) {
      if (movedBy <= seq) continue
      for (const [index, waiting] of queue.entries()) {
        const { student } = waiting
        if (waiting.movedBy <= seq || !isWatched(student) || knows(changes, student, course)) continue
        append(changes, student, { course, group, how: 'moved_up', position: index + 1 })
      }
    }
  }

  #addTimesSince(seq: number, isWatched: (student: number) => boolean, changes: Changes): void {
    for (const { course, group, holders, queue, timeChangedBy } of this.#groups) {
      if (timeChangedBy <= seq) continue
      const how = 'time_changed'
      for (const student of holders) {
        if (isWatched(student)) append(changes, student, { course, group, how, position: 0 })
      }
      for (const [index, { student }] of queue.entries()) {
        if (isWatched(student)) append(changes, student, { course, group, how, position: index + 1 })
      }
    }
  }

  #find(course: number, group: number): Board | undefined {
    const groups = this.#courses.get(course)
    if (groups !== undefined) for (const candidate of groups) if (candidate.group === group) return candidate
    return undefined
  }

  #addGroup(profile: GroupProfile, seq: number): Board {
    const { course, group, department, reserveCapacity, capacity } = profile
    const where = { course, group, department }
    const board: Board = {
      ...where,
      index: this.#groups.length,
      reserveCapacity,
      capacity,
      registeredCount: 0,
      queue: [],
      holders: new Set(),
      changedBy: seq,
      movedBy: 0,
      timeChangedBy: 0,
      status: 'open',
      profile,
    }
    this.#groups.push(board)
    append(this.#courses, course, board)
    append(this.#departments, department, board)
    return board
  }

  #apply(seq: number, effect: Effect): void {
    if (!('course' in effect)) return
    if (effect.type === 'group_added') {
      this.#addGroup(addedGroup(effect), seq)
      this.#courses.get(effect.course)?.sort(byCourseAndGroup)
      this.#departments.get(effect.department)?.sort(byCourseAndGroup)
      return
    }
    const board = this.#find(effect.course, effect.group)
    if (board === undefined) return
    switch (effect.type) {
      case 'group_changed': {
        const before = timeOf(board.profile)
        board.profile = changedProfile(board.profile, effect)
        board.reserveCapacity = board.profile.reserveCapacity
        board.changedBy = seq
        if (timeOf(board.profile) === before) return
        board.timeChangedBy = seq
        this.#timeChangedBy = seq
        return
      }
      case 'registered':
        board.registeredCount++
        board.holders.add(effect.student)
        break
      case 'reserved':
        board.queue.push({ student: effect.student, movedBy: seq })
        break
      case 'promoted':
        this.#leaveQueue(board, effect.student, seq)
        board.registeredCount++
        board.holders.add(effect.student)
        break
      case 'left':
        if (this.#leaveQueue(board, effect.student, seq)) break
        board.registeredCount--
        board.holders.delete(effect.student)
        break
      case 'capacity_changed':
        board.capacity = effect.capacity
        board.changedBy = seq
        return
      case 'group_opened':
      case 'group_closed':
      case 'group_cancelled':
        board.status = statusAfter[effect.type]
        board.changedBy = seq
        return
      // What is shown as the capacity follows from the counts.
      case 'extra_seat_given':
      case 'extra_seat_ended':
      case 'duplicates_removed':
      case 'conflicts_arose':
        return
    }
    board.changedBy = seq
    this.#entries.add(seq, effect.student, board.index, effect.type)
  }

  #leaveQueue(board: Board, student: number, seq: number): boolean {
    const { queue } = board
    const index = queue.findIndex((waiting) => waiting.student === student)
    if (index < 0) return false
    queue.splice(index, 1)
    for (const behind of queue.slice(index)) behind.movedBy = seq
    board.movedBy = seq
    this.#movedBy = seq
    return true
  }
}

function timeOf({ meetings, exam }: GroupProfile): string {
  return JSON.stringify([meetings, exam])
}

function positionAfter(how: PlaceEvent, student: number, { queue }: Board): number | undefined {
  if (how === 'left') return undefined
  if (how !== 'reserved') return 0
  const index = queue.findIndex((waiting) => waiting.student === student)
  return index < 0 ? undefined : index + 1
}

function knows(
  changes: ReadonlyMap<number, readonly PlaceChange[]>,
  student: number,
  course: number,
): boolean {
  return changes.get(student)?.some((change) => change.course === course) ?? false
}

function append<Key, Item>(lists: Map<Key, Item[]>, key: Key, item: Item): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [item])
  else list.push(item)
}
