import type { SeatBoard } from './seat-board.ts'
import type { CatalogQuestion, CatalogView, GroupView } from './service.ts'
import { groupViewOf } from './views.ts'

interface Taken {
  readonly version: string
  readonly groups: readonly GroupView[]
  /** The newest decision that could have been in it. */
  asOf: number
  readonly takenAtMs: number
}

/**
 * The catalogs of a term: what everybody polls while the seats change all the time. Each is put together from confirmed
 * decisions, and not again before something in it has changed and a while has passed: so many polls cost little, however
 * many decisions there are. Nobody is shown a catalog that lacks a decision which they were told of themselves.
 */
export class Catalogs {
  readonly #board: SeatBoard
  readonly #term: string
  readonly #reuseMs: number
  readonly #taken = new Map<number, Taken>()

  /**
   * @param term what tells this term from every other, for the versions
   * @param reuseMs how long a catalog may be shown although something in it has changed
   */
  constructor(board: SeatBoard, term: string, reuseMs: number) {
    this.#board = board
    this.#term = term
    this.#reuseMs = reuseMs
  }

  /**
   * @param ownSeq the newest decision that touched whoever asks; undefined = they want the newest there is
   * @param nowMs by the steady clock
   */
  show(question: CatalogQuestion, ownSeq: number | undefined, nowMs: number): CatalogView {
    const { version, groups } = this.#take(question.department, ownSeq, nowMs)
    return { version, groups: version === question.known ? undefined : groups }
  }

  #take(department: number, ownSeq: number | undefined, nowMs: number): Taken {
    const known = this.#taken.get(department)
    if (known !== undefined) {
      const isYoung = nowMs - known.takenAtMs < this.#reuseMs
      if (isYoung && ownSeq !== undefined && ownSeq <= known.asOf) return known
      if (this.#changedBy(department) <= known.asOf) {
        known.asOf = this.#board.seq
        return known
      }
    }
    const taken: Taken = {
      version: `${this.#term}.${this.#changedBy(department)}`,
      groups: this.#groupsOf(department),
      asOf: this.#board.seq,
      takenAtMs: nowMs,
    }
    // Departments that do not exist have no groups, and strangers make up any number of them.
    if (taken.groups.length > 0) this.#taken.set(department, taken)
    return taken
  }

  #changedBy(department: number): number {
    let newest = 0
    for (const { changedBy } of this.#board.department(department)) newest = Math.max(newest, changedBy)
    return newest
  }

  #groupsOf(department: number): GroupView[] {
    return this.#board.department(department).map((group) => groupViewOf(group.profile, group))
  }
}
