/** One thing wrong in a file. */
export interface Finding {
  /** The path as it was given. */
  readonly file: string
  /** From 1, the header's line being the first; undefined = the file as a whole. */
  readonly line?: number
  readonly column?: string
  readonly reason: string
}

/** The files are not fit to load; nothing was written. The message has one line for each cause. */
export class RegistryFileError extends Error {
  override readonly name = 'RegistryFileError'
  /** The first of each cause. */
  readonly findings: readonly Finding[]

  constructor(findings: readonly Finding[], counts: readonly number[] = [], others = 0) {
    const lines = findings.map((finding, index) => {
      const more = (counts[index] ?? 1) - 1
      return more > 0 ? `${describe(finding)} (and ${more} more like it)` : describe(finding)
    })
    if (others > 0) lines.push(`and ${others} more of other kinds`)
    super(lines.join('\n'))
    this.findings = findings
  }
}

/** Collects findings: the first of each cause, and how many there are. */
export class Findings {
  readonly #firsts: Finding[] = []
  readonly #counts: number[] = []
  readonly #indexes = new Map<string, number>()
  readonly #causesMax: number
  #others = 0
  #last: Finding | undefined
  #count = 0

  /** @param causesMax so many are told; of the others only the number */
  constructor(causesMax: number) {
    this.#causesMax = causesMax
  }

  /** How many there are, of whatever cause. */
  get count(): number {
    return this.#count
  }

  add(finding: Finding): void {
    // Two cells may be read from one column.
    if (this.#last !== undefined && describe(this.#last) === describe(finding)) return
    this.#last = finding
    this.#count++
    const cause = causeOf(finding)
    const index = this.#indexes.get(cause)
    if (index !== undefined) {
      this.#counts[index] = (this.#counts[index] ?? 0) + 1
    } else if (this.#firsts.length < this.#causesMax) {
      this.#indexes.set(cause, this.#firsts.length)
      this.#firsts.push(finding)
      this.#counts.push(1)
    } else {
      this.#others++
    }
  }

  /** @throws RegistryFileError if there is any */
  throwIfAny(): void {
    if (this.#count > 0) throw new RegistryFileError(this.#firsts, this.#counts, this.#others)
  }
}

/** What is wrong, whatever the line and the value: two findings of one cause are mended alike. */
function causeOf({ file, column, reason }: Finding): string {
  return [file, column, reason.replaceAll(/"(?:[^"\\]|\\.)*"/g, '"').replaceAll(/\d+/g, '0')].join('\n')
}

function describe({ file, line, column, reason }: Finding): string {
  const where = [file, line === undefined ? '' : ` line ${line}`, column === undefined ? '' : `, ${column}`]
  return `${where.join('')}: ${reason}`
}

/** A piece of a file for a message: quoted, so that it stays on its line, and cut. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
}
