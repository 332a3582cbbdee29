import type { DecisionRecord, Effect, Verdict } from '../../../actors/messages/records.ts'
import type { ChangeReply } from '../../../schema/rest-administration.ts'
import { decisionOf } from './representations.ts'

/** Of those concerned so many are named; they are all counted. */
const namedMax = 50

/** What staff's change means for people: what it did, or would do (without `record`). Derived from the verdict alone. */
export function changeReplyOf({ effects = [] }: Verdict, record: DecisionRecord | undefined): ChangeReply {
  const promoted = studentsWho('promoted', effects)
  const left = studentsWho('left', effects)
  let [registered, reserved, conflicts] = [0, 0, 0]
  const listed: ChangeReply['conflicts']['students'] = []
  const summary: string[] = []
  const isDryRun = record === undefined
  const say = (who: string, would: string, did: string, rest: string) =>
    summary.push(`${who} ${isDryRun ? would : did} ${rest}`)
  for (const effect of effects) {
    if (effect.type === 'conflicts_arose') {
      conflicts += effect.count
      listed.push(
        ...effect.students.map(({ student, kind, with: other }) => ({
          student_id: student,
          code: kind,
          ...(other && { with: { course_id: other.course, group_id: other.group } }),
        })),
      )
    }
    if (effect.type === 'group_cancelled') {
      registered += effect.registered
      reserved += effect.waiting
    }
    if (effect.type === 'max_units_changed' && effect.heldUnits > effect.maxUnits) {
      const { heldUnits, maxUnits } = effect
      say('The student', 'would then hold', 'holds', `${heldUnits} units of ${maxUnits}, and keeps them.`)
    }
  }
  if (promoted.length > 0) {
    say(students(promoted.length), 'would move up', 'moved up', 'from the reserve queue.')
  }
  if (conflicts > 0) {
    const one = conflicts === 1
    const keep = isDryRun || !one ? 'keep' : 'keeps'
    const outcome = `a time conflict, and ${keep} ${one ? 'the place' : 'their places'}.`
    say(students(conflicts), 'would then have', one ? 'now has' : 'now have', outcome)
  }
  if (registered + reserved > 0) {
    const places = `${count(registered, 'seat')} and ${count(reserved, 'reserve place')}`
    say(places, 'would end', 'ended', 'for good.')
  }
  return {
    dry_run: isDryRun,
    summary,
    promoted: { count: promoted.length, students: promoted.slice(0, namedMax) },
    conflicts: { count: conflicts, students: listed.slice(0, namedMax) },
    ended: { registered, reserved, students: left.slice(0, namedMax) },
    decision: record === undefined ? null : decisionOf(record),
  }
}

function studentsWho(type: 'promoted' | 'left', effects: readonly Effect[]): number[] {
  return effects.flatMap((effect) => (effect.type === type ? [effect.student] : []))
}

function students(number: number): string {
  return count(number, 'student')
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
