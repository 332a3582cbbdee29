import type { Campus } from '../../actors/campus.ts'
import type { Tables } from './tables.ts'

/** Everything that decisions decide, one line for each group and each student, whatever holds it. */
export function tablesLines(tables: Tables): string[] {
  const seats = new Map<string, number[]>()
  const queues = new Map<string, { student: number; order: number }[]>()
  for (const { student, course, group, order } of tables.places.values()) {
    const name = `${course}/${group}`
    if (order === undefined) listIn(seats, name).push(student)
    else listIn(queues, name).push({ student, order })
  }
  const lines: string[] = []
  for (const [name, capacity] of tables.capacities) {
    const queue = (queues.get(name) ?? []).toSorted((a, b) => a.order - b.order)
    lines.push(groupLine(name, capacity, seats.get(name) ?? [], queue))
  }
  for (const [id, actions] of tables.actions) lines.push(studentLine(id, actions))
  return lines.toSorted()
}

/** The same, of a leading engine's memory. */
export function memoryLines(campus: Campus): string[] {
  const lines: string[] = []
  for (const { groups } of campus.courses.values()) {
    for (const { course, group, capacity, registered, queue, queueOrders } of groups) {
      const waiting = queue.map((student, index) => ({ student, order: queueOrders[index] ?? 0 }))
      lines.push(groupLine(`${course}/${group}`, capacity, registered, waiting))
    }
  }
  for (const { id, remainingActions } of campus.students.values())
    lines.push(studentLine(id, remainingActions))
  return lines.toSorted()
}

/** @param queue first come first */
export function groupLine(
  name: string,
  capacity: number,
  seats: readonly number[],
  queue: readonly { readonly student: number; readonly order: number }[],
): string {
  const waiting = queue.map(({ student, order }) => `${student}@${order}`)
  return `${name} capacity ${capacity} seats ${seats.toSorted((a, b) => a - b).join(',')} queue ${waiting.join(',')}`
}

export function studentLine(id: number, actions: number): string {
  return `student ${id} actions ${actions}`
}

function listIn<T>(lists: Map<string, T[]>, name: string): T[] {
  let list = lists.get(name)
  if (list === undefined) {
    list = []
    lists.set(name, list)
  }
  return list
}
