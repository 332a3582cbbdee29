import { type Difference, subjectName } from './difference.ts'
import { isoTime } from './sequence.ts'
import type { Verification } from './verify.ts'

/**
 * A verification for people: one line of agreement with counts, or a line for every difference and one that
 * counts them.
 */
export function formatVerification(verification: Verification): string[] {
  if (verification.verdict === 'not_served')
    return ['nothing to verify yet: no leader has served this database']
  const { counts, position, baseline, differences, verdict } = verification
  const lines = differences.map(formatDifference)
  const sizes = [
    count(counts.decisions, 'decision'),
    count(counts.students, 'student'),
    count(counts.groups, 'group'),
    count(counts.seats, 'seat'),
    `${counts.waiting} waiting`,
    `position term ${position.term} seq ${position.seq}`,
    `baseline of ${isoTime(baseline.takenAtMs)}`,
  ].join(', ')
  const notes = [
    counts.absorbed > 0 && `${count(counts.absorbed, 'outside change')} taken in by term ${baseline.term}`,
    counts.outside > 0 && `${count(counts.outside, 'outside change')} since`,
    counts.accepted > 0 && `${count(counts.accepted, 'accepted loss')} of the journal's end`,
    counts.orphaned > 0 && `${count(counts.orphaned, 'effect')} without a row`,
  ].filter((note) => note !== false)
  const head = verdict === 'agreed' ? 'agreed' : count(differences.length, 'difference')
  lines.push([`${head}: ${sizes}`, ...notes].join('; '))
  return lines
}

function formatDifference({ subject, expected, found, outside, orphanedBy }: Difference): string {
  const hints: string[] = []
  if (outside !== undefined) {
    const more = outside.changes > 1 ? `, the newest of ${outside.changes} changes` : ''
    hints.push(
      `made from outside (${outside.by}, ${isoTime(outside.atMs)}, ${outside.operation} on ${outside.table}${more})`,
    )
  }
  if (orphanedBy !== undefined) {
    hints.push(`decision ${orphanedBy.seq} of term ${orphanedBy.term} found no row to change`)
  }
  return [`${subjectName(subject)}: expected ${expected}, found ${found}`, ...hints].join('; ')
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
