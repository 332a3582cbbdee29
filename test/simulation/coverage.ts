/** Counts what happened, so that a run can show that it tried what it claims to try. */
export class Coverage {
  readonly faults = new Map<string, number>()
  /** Answers by refusal code; `yes` for decisions that changed something. */
  readonly answers = new Map<string, number>()
  readonly events = new Map<string, number>()

  fault(kind: string, count = 1): void {
    this.#count(this.faults, kind, count)
  }

  answer(code: string, count = 1): void {
    this.#count(this.answers, code, count)
  }

  event(kind: string, count = 1): void {
    this.#count(this.events, kind, count)
  }

  #count(counts: Map<string, number>, name: string, count: number): void {
    counts.set(name, (counts.get(name) ?? 0) + count)
  }

  /** Adds what another run counted. */
  add(other: Coverage): void {
    for (const [name, count] of other.faults) this.fault(name, count)
    for (const [name, count] of other.answers) this.answer(name, count)
    for (const [name, count] of other.events) this.event(name, count)
  }
}
