/** One thing wrong in a file. */
export interface Finding {
  /** The path as it was given. */
  readonly file: string
  /** From 1, the header's line being the first; undefined = the file as a whole. */
  readonly line?: number
  readonly column?: string
  readonly reason: string
}

/** The files are not fit to load; nothing was written. The message has one line for each finding. */
export class RegistryFileError extends Error {
  override readonly name = 'RegistryFileError'
  readonly findings: readonly Finding[]

  constructor(findings: readonly Finding[], stoppedEarly: boolean) {
    const lines = findings.map(describe)
    if (stoppedEarly) lines.push(`stopped after ${findings.length} errors; there may be more`)
    super(lines.join('\n'))
    this.findings = findings
  }
}

/** Collects findings up to a bound. */
export class Findings {
  readonly list: Finding[] = []
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  /** @throws RegistryFileError when it is the last that fits */
  add(finding: Finding): void {
    // Two cells may be read from one column.
    const last = this.list.at(-1)
    if (last !== undefined && describe(last) === describe(finding)) return
    this.list.push(finding)
    if (this.list.length >= this.#max) throw new RegistryFileError(this.list, true)
  }

  /** @throws RegistryFileError if there is any */
  throwIfAny(): void {
    if (this.list.length > 0) throw new RegistryFileError(this.list, false)
  }
}

function describe({ file, line, column, reason }: Finding): string {
  const where = [file, line === undefined ? '' : ` line ${line}`, column === undefined ? '' : `, ${column}`]
  return `${where.join('')}: ${reason}`
}

/** A piece of a file for a message: quoted, so that it stays on its line, and cut. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
}
