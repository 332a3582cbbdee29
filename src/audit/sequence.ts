import { noLeader, type Position } from '../engine/ports.ts'
import type { Difference } from './difference.ts'
import type { AcceptedLeader, AuditedDecision, TermSummary } from './audit-ports.ts'

/** More than these are counted and not told one by one: memory must not grow with the history. */
const toldMax = 1000

/**
 * Follows leaders and decisions in order, and checks what must hold of every journal: terms and, within each,
 * `seq` go up by one, no decision belongs to a term that nobody led, `at` never goes backwards, and the
 * position is the newest decision.
 */
export class Sequence {
  readonly #differences: Difference[] = []
  #untold = 0
  #leader = noLeader
  #terms = 0
  #term = 0
  #seq = 0
  #newestAtMs = 0

  /** To be told all of them, ascending by term, before any decision. */
  followLeader({ leader, after, term }: AcceptedLeader): void {
    if (term !== this.#terms + 1) this.#differ(`term ${this.#terms + 1} next`, `term ${term}`)
    if (after !== this.#leader) {
      this.#differ(`leader ${leader} of term ${term} after ${this.#leader}`, `after ${after}`)
    }
    this.#terms = term
    this.#leader = leader
  }

  /** A term of which the single decisions are not looked at. */
  followTerm({ term, count, lastSeq, newestAtMs }: TermSummary): void {
    if (count !== lastSeq) {
      this.#differ(`decisions 1 to ${lastSeq} of term ${term}`, `${count} of these ${lastSeq}`)
    }
    this.#enterTerm(term)
    this.#seq = lastSeq
    this.#newestAtMs = Math.max(this.#newestAtMs, newestAtMs)
  }

  followDecision({ term, seq, atMs }: AuditedDecision): void {
    if (term !== this.#term) this.#enterTerm(term)
    if (seq !== this.#seq + 1)
      this.#differ(`decision ${this.#seq + 1} of term ${term}`, `decision ${seq} next`)
    if (atMs < this.#newestAtMs) {
      this.#differ(
        `decision ${seq} of term ${term} at ${isoTime(this.#newestAtMs)} or later`,
        `at ${isoTime(atMs)}`,
      )
    }
    this.#seq = seq
    this.#newestAtMs = Math.max(this.#newestAtMs, atMs)
  }

  #enterTerm(term: number): void {
    if (term < 1 || term > this.#terms) {
      this.#differ(`decisions of terms 1 to ${this.#terms}, which had a leader`, `decisions of term ${term}`)
    }
    this.#term = term
    this.#seq = 0
  }

  /** To be told last. */
  endAt({ leader, term, seq, atMs }: Position): void {
    if (term !== this.#terms || leader !== this.#leader) {
      this.#differ(
        `position in term ${this.#terms} of leader ${this.#leader}`,
        `in term ${term} of leader ${leader}`,
      )
    }
    const newest = this.#term === term ? this.#seq : 0
    if (this.#term > term || seq !== newest) {
      const expected =
        this.#term > term ? `term ${this.#term} seq ${this.#seq}` : `term ${term} seq ${newest}`
      this.#differ(`position at the newest decision, ${expected}`, `term ${term} seq ${seq}`)
    }
    if (atMs !== this.#newestAtMs) {
      this.#differ(`position at the newest time, ${isoTime(this.#newestAtMs)}`, isoTime(atMs))
    }
  }

  differences(): Difference[] {
    if (this.#untold === 0) return [...this.#differences]
    const rest = { expected: 'no more of these', found: `${this.#untold} more` }
    return [...this.#differences, { subject: { about: 'journal' }, ...rest }]
  }

  #differ(expected: string, found: string): void {
    if (this.#differences.length < toldMax) {
      this.#differences.push({ subject: { about: 'journal' }, expected, found })
    } else {
      this.#untold++
    }
  }
}

/** An instant as people and machines read it; UTC. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}
