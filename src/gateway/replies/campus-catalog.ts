import { byCourseAndGroup } from '../../../actors/course.ts'
import type { GroupSeats, SeatBoard } from '../../engine/seat-board.ts'
import { groupViewOf } from '../../engine/views.ts'
import { courseReplyOf } from './representations.ts'
import { SharedText } from './shared-text.ts'

/** How old the seats may be that are shown, milliseconds. */
const reuseMs = 1000
const catalogQuality = 4

/**
 * The catalog of all departments, as a browser searches it: written from the board of this process, so that a gateway asks
 * no engine for it, and not more often than once a second. A group's text is written again when the group has changed.
 */
export class CampusCatalog {
  readonly #texts = new WeakMap<GroupSeats, { readonly changedBy: number; readonly text: string }>()
  #newest: { readonly text: SharedText; readonly board: SeatBoard; readonly seq: number } | undefined
  #madeAtMs = 0

  /** @param nowMs by the steady clock */
  of(board: SeatBoard, nowMs: number): SharedText {
    const newest = this.#newest
    if (newest?.board === board && (newest.seq === board.seq || nowMs - this.#madeAtMs < reuseMs))
      return newest.text
    const groups = [...board.groupsChangedSince(-1)]
      .toSorted(byCourseAndGroup)
      .map((group) => this.#textOf(group))
    const text = new SharedText(
      'application/json; charset=utf-8',
      `{"courses":[${groups.join()}]}`,
      catalogQuality,
    )
    this.#newest = { text, board, seq: board.seq }
    this.#madeAtMs = nowMs
    return text
  }

  #textOf(group: GroupSeats): string {
    const known = this.#texts.get(group)
    if (known !== undefined && known.changedBy === group.changedBy) return known.text
    const text = JSON.stringify(courseReplyOf(groupViewOf(group.profile, group)))
    this.#texts.set(group, { changedBy: group.changedBy, text })
    return text
  }
}
