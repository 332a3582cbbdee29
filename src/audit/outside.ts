import { type Difference, type OutsideHand, type Subject, subjectKey } from './difference.ts'
import type { OrphanedEffect, OutsideChange } from './audit-ports.ts'

const aboutOf: Readonly<Record<string, Exclude<Subject['about'], 'journal'>>> = {
  enrolled_courses: 'place',
  courses: 'group',
  students: 'student',
}

/** Names each difference whose subject somebody changed from outside: the newest change, and how many there were. */
export async function nameOutsideHands(
  differences: readonly Difference[],
  changes: AsyncIterable<OutsideChange>,
): Promise<{ named: Difference[]; changes: number }> {
  const wanted = new Set(differences.map((difference) => subjectKey(difference.subject)))
  const bySubject = new Map<string, OutsideHand>()
  const byTable = new Map<Subject['about'], OutsideHand>()
  let count = 0
  for await (const change of changes) {
    count++
    // A bulk load names all the tables that it wrote.
    for (const table of change.table.split(', ')) {
      const about = aboutOf[table]
      if (about === undefined) continue
      if (isAboutWholeTable(change)) {
        raise(byTable, about, change)
        continue
      }
      const key = subjectKey(subjectOf(about, change))
      if (wanted.has(key)) raise(bySubject, key, change)
    }
  }
  const named = differences.map((difference) => {
    const outside = newer(
      bySubject.get(subjectKey(difference.subject)),
      byTable.get(difference.subject.about),
    )
    return outside === undefined ? difference : { ...difference, outside }
  })
  return { named, changes: count }
}

function isAboutWholeTable({ student, course, group }: OutsideChange): boolean {
  return student === undefined && course === undefined && group === undefined
}

function subjectOf(about: Exclude<Subject['about'], 'journal'>, change: OutsideChange): Subject {
  const { student = -1, course = -1, group = -1 } = change
  switch (about) {
    case 'place':
      return { about, student, course, group }
    case 'group':
      return { about, course, group }
    case 'student':
      return { about, student }
  }
}

function raise<Key>(hands: Map<Key, OutsideHand>, key: Key, change: OutsideChange): void {
  const { by, atMs, table, operation } = change
  hands.set(key, { by, atMs, table, operation, changes: (hands.get(key)?.changes ?? 0) + 1 })
}

function newer(one: OutsideHand | undefined, other: OutsideHand | undefined): OutsideHand | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return { ...(one.atMs >= other.atMs ? one : other), changes: one.changes + other.changes }
}

/** Names each difference about a subject for which a decision found no row; the newest such decision counts. */
export async function nameOrphans(
  differences: readonly Difference[],
  orphans: AsyncIterable<OrphanedEffect>,
): Promise<{ named: Difference[]; orphans: number }> {
  const newest = new Map<string, { term: number; seq: number }>()
  const wanted = new Set(differences.map((difference) => subjectKey(difference.subject)))
  let count = 0
  for await (const { term, seq, effect } of orphans) {
    count++
    const key = subjectKey(subjectOfOrphan(effect))
    if (wanted.has(key)) newest.set(key, { term, seq })
  }
  const named = differences.map((difference) => {
    const orphanedBy = newest.get(subjectKey(difference.subject))
    return orphanedBy === undefined ? difference : { ...difference, orphanedBy }
  })
  return { named, orphans: count }
}

function subjectOfOrphan(effect: OrphanedEffect['effect']): Subject {
  const { student = -1, course = -1, group = -1 } = effect
  if (effect.course === undefined) return { about: 'student', student }
  if (effect.student === undefined) return { about: 'group', course, group }
  return { about: 'place', student, course, group }
}
