import { groupKey, type ReadLog, type ShownGroup, type Tables } from '../history.ts'
import { Check } from './check.ts'
import { type Group, Ledger } from './ledger.ts'

/** The tables say what the decisions led to, order of the queues included. */
export function compareTables(replayed: Ledger, after: Tables): Check {
  const check = new Check(
    'the tables hold what the decisions lead to: seats, queues in order, capacities, actions',
  )
  const tables = new Ledger(after)
  for (const [key, group] of replayed.groups) {
    const other = tables.groups.get(key)
    const expected = inWords(group)
    const actual = other && inWords(other)
    check.expect(actual === expected, () => `group ${key}: decided ${expected}; in the tables ${actual}`)
  }
  for (const [id, { remaining }] of replayed.students) {
    const other = tables.students.get(id)?.remaining
    check.expect(
      other === remaining,
      () => `student ${id}: decided ${remaining} actions; in the tables ${other}`,
    )
  }
  const seats = [...tables.groups.values()].reduce(
    (sum, group) => sum + group.seats.size + group.queue.length,
    0,
  )
  check.expect(seats === after.places.length, () => `${after.places.length} rows for ${seats} places`)
  return check
}

/** What the service shows once all is written is what the tables hold. */
export function compareLastReads(
  after: Tables,
  lastReads: readonly ReadLog[],
  lastGroups: readonly ShownGroup[],
): Check {
  const check = new Check('students, rosters and the catalog show what the tables hold')
  const tables = new Ledger(after)
  for (const read of lastReads) {
    if (read.what === 'roster') {
      const { seats, queue: waiting } = tables.group(read)
      const expected = `${ids(seats)}; ${waiting.map(({ student }) => student).join(' ')}`
      const shown = `${read.registered.join(' ')}; ${read.waiting.join(' ')}`
      check.expect(
        shown === expected,
        () => `roster ${groupKey(read)}: shown ${shown}; in the tables ${expected}`,
      )
      continue
    }
    const held = [...tables.student(read.student).groups.values()]
    const expected = text(
      held.map((group) => ({ ...group, position: Ledger.positionOf(read.student, group) })),
    )
    const shown = text(read.places)
    check.expect(
      shown === expected,
      () => `student ${read.student}: shown ${shown}; in the tables ${expected}`,
    )
  }
  for (const shown of lastGroups) {
    const { capacity: own, seats, queue: waiting } = tables.group(shown)
    const capacity = Math.max(own, seats.size)
    check.expect(
      shown.capacity === capacity && shown.registered === seats.size && shown.waiting === waiting.length,
      () =>
        `catalog ${groupKey(shown)}: shown ${shown.registered} + ${shown.waiting} on ${shown.capacity}; in the tables ${seats.size} + ${waiting.length} on ${capacity}`,
    )
  }
  return check
}

function text(
  places: readonly { readonly course: number; readonly group: number; readonly position: number }[],
): string {
  return places
    .map((place) => `${groupKey(place)} at ${place.position}`)
    .toSorted()
    .join(', ')
}

function inWords({ capacity, seats, extra, ...group }: Group): string {
  return `capacity ${capacity}, seats ${ids(seats)}, extra ${ids(extra)}, queue ${queue(group)}`
}

function ids(seats: ReadonlySet<number>): string {
  return [...seats].toSorted((a, b) => a - b).join(' ')
}

function queue(group: {
  readonly queue: readonly { readonly student: number; readonly order: number }[]
}): string {
  return group.queue.map(({ student, order }) => `${student}#${order}`).join(' ')
}
