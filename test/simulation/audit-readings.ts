import type { Command } from '../../actors/messages/commands.ts'
import type { DecisionIndex } from './audit-answers.ts'
import { reasonText } from './audit-decisions.ts'
import type { BookGroup, Books } from './books.ts'
import type { DryRun, History } from './history.ts'
import { brokenRules } from './rules.ts'

interface Version {
  readonly from: number
  readonly text: string
}

/**
 * Judges reads and dry runs: each must have shown the campus as some number of decisions left it, none of them
 * lost later, and not before the newest that the client had been told of.
 */
export class ReadingAudit {
  readonly #history: History
  readonly #index: DecisionIndex
  readonly #books: Books
  readonly #versions = new Map<string, Version[]>()
  #dryRuns: { readonly dryRun: DryRun; readonly from: number }[]
  #number = 0

  /** @param books the auditor's, before the first decision; they are watched as they change */
  constructor(history: History, index: DecisionIndex, books: Books) {
    this.#history = history
    this.#index = index
    this.#books = books
    for (const { subject } of history.readings) this.#versions.set(subject, [])
    for (const [subject, versions] of this.#versions) versions.push({ from: 0, text: books.view(subject) })
    this.#dryRuns = history.dryRuns
      .filter(({ outcome }) => outcome.kind === 'judged')
      .map((dryRun) => ({ dryRun, from: this.#numberOf(dryRun.after?.outcome) }))
    this.#tryDryRuns()
  }

  /** How many decisions there are up to the one that was told. */
  #numberOf(outcome: DryRunTold): number {
    if (outcome?.kind !== 'decided') return 0
    return this.#index.get(outcome.record.request ?? '')?.number ?? 0
  }

  /** The books have one decision more. */
  decided(students: ReadonlySet<number>, groups: ReadonlySet<BookGroup>): void {
    this.#number++
    const subjects = new Set<string>()
    for (const id of students) subjects.add(`student ${id}`)
    for (const { name, department, queue } of groups) {
      subjects.add(`roster ${name}`)
      subjects.add(`catalog ${department}`)
      for (const { student } of queue) subjects.add(`student ${student}`)
    }
    for (const subject of subjects) {
      const versions = this.#versions.get(subject)
      if (versions === undefined) continue
      const text = this.#books.view(subject)
      if (versions.at(-1)?.text !== text) versions.push({ from: this.#number, text })
    }
    this.#tryDryRuns()
  }

  #tryDryRuns(): void {
    if (this.#dryRuns.length === 0) return
    this.#dryRuns = this.#dryRuns.filter(({ dryRun, from }) => from > this.#number || !this.#agrees(dryRun))
  }

  /** The moment of a dry run is not known, so its window is not judged. */
  #agrees({ command, outcome }: DryRun): boolean {
    if (outcome.kind !== 'judged') return true
    // One of its groups may be opened by a decision that is yet to come.
    const isOpen = (leg: Command['legs'][number]) =>
      (leg.do !== 'add' && leg.do !== 'move') || this.#books.find(leg.course, leg.group) !== undefined
    if (!command.legs.every(isOpen)) return false
    const isTimeless = (text: string) => !text.includes('outside_enrollment_window')
    const told = (outcome.verdict.reasons ?? []).map(reasonText).filter(isTimeless).toSorted()
    return told.join() === brokenRules(this.#books, command, 0).filter(isTimeless).join()
  }

  /** @returns what was shown and never was, or was no more */
  finish(): string[] {
    const failures = this.#dryRuns.map(
      ({ dryRun }) => `a dry run of ${JSON.stringify(dryRun.command)} told what never held`,
    )
    for (const { subject, shown, after, by } of this.#history.readings) {
      const told = this.#numberOf(after?.outcome)
      const versions = this.#versions.get(subject) ?? []
      const isTrue = versions.some(
        ({ text }, index) => text === shown && (versions[index + 1]?.from ?? Infinity) > told,
      )
      if (!isTrue) failures.push(`${by} showed ${subject} as “${shown}”, which never held (after ${told})`)
    }
    return failures
  }
}

type DryRunTold = NonNullable<DryRun['after']>['outcome']
