import { canonical, type Decision, groupKey, type ReadLog, type ShownPlace } from '../history.ts'
import { Check } from './check.ts'
import { type Group, Ledger } from './ledger.ts'
import type { Matches } from './match.ts'
import { boundsOf } from './order.ts'
import type { Touched } from './seats.ts'

/** What something looked like once so many decisions had been made. */
interface Version {
  readonly decisions: number
  readonly text: string
}

/** Remembers what every student and every roster looked like after each decision, to judge reads by. */
export class ReadAudit {
  readonly check = new Check(
    'every read shows one state between the last decision answered before it and the first asked for after it',
  )
  readonly #ledger: Ledger
  readonly #versions = new Map<string, Version[]>()

  constructor(ledger: Ledger) {
    this.#ledger = ledger
    for (const group of ledger.groups.values()) this.#note(0, `roster ${groupKey(group)}`, rosterText(group))
    for (const { id } of ledger.students.values()) this.#note(0, `student ${id}`, this.#studentText(id))
  }

  /** @param decisions how many were made, this one included */
  follow(decisions: number, { groups, students }: Touched): void {
    const shown = new Set(students)
    for (const group of groups) {
      this.#note(decisions, `roster ${groupKey(group)}`, rosterText(group))
      // Whoever waits there may have moved up.
      for (const { student } of group.queue) shown.add(student)
    }
    for (const student of shown) this.#note(decisions, `student ${student}`, this.#studentText(student))
  }

  #note(decisions: number, what: string, text: string): void {
    const versions = this.#versions.get(what) ?? []
    if (versions.at(-1)?.text !== text) versions.push({ decisions, text })
    this.#versions.set(what, versions)
  }

  #studentText(id: number): string {
    const places = [...this.#ledger.student(id).groups.values()].map((group) => ({
      course: group.course,
      group: group.group,
      position: Ledger.positionOf(id, group),
    }))
    return placesText(places)
  }

  judge(reads: readonly ReadLog[], decisions: readonly Decision[], { commandOf }: Matches): void {
    const bounds = decisions.map((decision) => boundsOf(commandOf.get(decision)))
    const answered = bounds
      .map(({ beforeMs }, index) => ({ ms: beforeMs, count: index + 1 }))
      .toSorted((a, b) => a.ms - b.ms)
    const asked = bounds
      .map(({ afterMs }, index) => ({ ms: afterMs, count: index }))
      .toSorted((a, b) => b.ms - a.ms)
    const atLeast = runningExtreme(answered, Math.max)
    const atMost = runningExtreme(asked, Math.min)
    for (const read of reads) {
      const least = atLeast(countWhere(answered, ({ ms }) => ms < read.sentMs)) ?? 0
      const most = atMost(countWhere(asked, ({ ms }) => ms > read.receivedMs)) ?? decisions.length
      const what = read.what === 'student' ? `student ${read.student}` : `roster ${groupKey(read)}`
      const text =
        read.what === 'student' ? placesText(read.places) : listsText(read.registered, read.waiting)
      this.check.expect(
        this.#wasShown(what, text, least, most),
        () => `${what} was shown as ${text}, which it was not after any of the decisions ${least} to ${most}`,
      )
    }
  }

  #wasShown(what: string, text: string, least: number, most: number): boolean {
    const versions = this.#versions.get(what) ?? []
    let index = countWhere(versions, ({ decisions }) => decisions <= least) - 1
    for (; index < versions.length; index++) {
      const version = versions[index]
      if (version === undefined || version.decisions > most) return false
      if (version.text === text) return true
    }
    return false
  }
}

/** How many there are before the first of which `holds` is false; the list is ordered by it. */
function countWhere<Item>(items: readonly Item[], holds: (item: Item) => boolean): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >> 1
    const item = items[middle]
    if (item !== undefined && holds(item)) low = middle + 1
    else high = middle
  }
  return low
}

/** @returns the extreme `count` of the first so many of them; undefined for none */
function runningExtreme(
  items: readonly { readonly count: number }[],
  choose: (a: number, b: number) => number,
): (first: number) => number | undefined {
  const extremes: number[] = []
  for (const { count } of items) extremes.push(choose(extremes.at(-1) ?? count, count))
  return (first) => extremes[first - 1]
}

function rosterText({ seats, queue }: Group): string {
  return listsText(
    [...seats].toSorted((a, b) => a - b),
    queue.map(({ student }) => student),
  )
}

function listsText(registered: readonly number[], waiting: readonly number[]): string {
  return `seats ${registered.join(' ')}, queue ${waiting.join(' ')}`
}

function placesText(places: readonly ShownPlace[]): string {
  return canonical(places.toSorted((a, b) => a.course - b.course))
}
