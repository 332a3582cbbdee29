/** A terminal, or whatever stands in for it: `process.stderr` fits. */
export interface ProgressOutput {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

export interface ProgressOptions {
  /** What is being done: `Hashing passwords`. */
  readonly label: string
  readonly total: number
  /** What is counted: `rows`. */
  readonly unit: string
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number
}

/** Often enough to be seen moving on a terminal, seldom enough not to fill a log. */
const redrawMs = 100
const logMs = 5000
const barWidth = 24
const countFormat = new Intl.NumberFormat('en')

/**
 * Shows how far a long task is: on a terminal one line that is drawn over and over, elsewhere a line every
 * few seconds. The last line says what was done and how long it took.
 */
export class Progress {
  readonly #out: ProgressOutput
  readonly #options: ProgressOptions
  readonly #startedAt: number
  #shownAt: number
  #done = 0

  constructor(out: ProgressOutput, options: ProgressOptions) {
    this.#out = out
    this.#options = options
    this.#startedAt = options.now()
    this.#shownAt = this.#startedAt
  }

  /** @param done how much is done by now, of the total */
  update(done: number): void {
    this.#done = done
    const now = this.#options.now()
    if (now - this.#shownAt < (this.#out.isTTY ? redrawMs : logMs)) return
    this.#shownAt = now
    if (this.#out.isTTY) this.#out.write(`\r${this.#fitted(`${this.#bar()} ${this.#state(now)}`)}`)
    else this.#out.write(`${this.#options.label}: ${this.#state(now)}\n`)
  }

  /** Leaves one last line behind, also for a task too short to be shown before. */
  finish(): void {
    const { label, unit, now } = this.#options
    const seconds = ((now() - this.#startedAt) / 1000).toFixed(1)
    const line = `${label}: ${countFormat.format(this.#done)} ${unit} in ${seconds} s`
    this.#out.write(this.#out.isTTY ? `\r${this.#fitted(line)}\n` : `${line}\n`)
  }

  #state(now: number): string {
    const { total, unit } = this.#options
    const percent = total === 0 ? 100 : Math.floor((100 * this.#done) / total)
    const counts = `${countFormat.format(this.#done)} of ${countFormat.format(total)} ${unit}`
    const elapsed = now - this.#startedAt
    const left = this.#done === 0 ? undefined : (elapsed * (total - this.#done)) / this.#done
    return `${percent}%, ${counts}${left === undefined ? '' : `, about ${forPeople(left)} left`}`
  }

  #bar(): string {
    const { label, total } = this.#options
    const filled = total === 0 ? barWidth : Math.min(barWidth, Math.floor((barWidth * this.#done) / total))
    return `${label} [${'#'.repeat(filled)}${' '.repeat(barWidth - filled)}]`
  }

  /** Exactly as wide as the terminal, less one: it covers what stood there, and does not wrap. */
  #fitted(line: string): string {
    const width = (this.#out.columns ?? 80) - 1
    return line.slice(0, width).padEnd(width)
  }
}

function forPeople(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  return seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`
}
