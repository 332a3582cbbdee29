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
  add({ faults, answers, events }: CoverageCounts): void {
    for (const [name, count] of faults) this.fault(name, count)
    for (const [name, count] of answers) this.answer(name, count)
    for (const [name, count] of events) this.event(name, count)
  }
}

/** As it comes from another thread. */
export type CoverageCounts = Pick<Coverage, 'faults' | 'answers' | 'events'>

export function formatCoverage({ answers, faults, events }: CoverageCounts): string {
  const sections = { answers, faults, 'what else happened': events }
  return Object.entries(sections)
    .flatMap(([title, counts]) => {
      const sorted = [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1))
      return [`${title}:`, ...sorted.map(([name, count]) => `  ${String(count).padStart(9)}  ${name}`)]
    })
    .join('\n')
}
