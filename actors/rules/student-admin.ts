import type { AddStudentLeg, ChangeStudentLeg } from '../messages/admin-commands.ts'
import type { Campus } from '../campus.ts'
import type { Student } from '../student.ts'
import type { Effect, Verdict } from '../messages/records.ts'

/**
 * Moves or extends a student's window, and changes what they may hold and spend. A bound of the window that is
 * not given stays. No place is taken away: who holds more units than allowed from now on keeps them.
 */
export function decideChangeStudent(student: Student, leg: ChangeStudentLeg): Verdict {
  const { id, profile } = student
  const { windowStartMs = profile.windowStartMs, windowEndMs = profile.windowEndMs } = leg
  if (windowEndMs <= windowStartMs) {
    return { reasons: [{ code: 'window_ends_first', leg: 0 }], remaining: student.remainingActions }
  }
  const effects: Effect[] = []
  if (leg.windowStartMs !== undefined || leg.windowEndMs !== undefined) {
    effects.push({ type: 'window_changed', student: id, windowStartMs, windowEndMs })
  }
  const { maxUnits, remainingActions = student.remainingActions } = leg
  if (maxUnits !== undefined) {
    effects.push({ type: 'max_units_changed', student: id, maxUnits, heldUnits: student.units })
  }
  if (leg.remainingActions !== undefined) {
    effects.push({ type: 'actions_changed', student: id, remaining: remainingActions })
  }
  return { effects, remaining: remainingActions }
}

export function decideAddStudent(campus: Campus, student: number, leg: AddStudentLeg): Verdict {
  const known = campus.students.get(student)
  if (known !== undefined) {
    return { reasons: [{ code: 'student_exists', leg: 0 }], remaining: known.remainingActions }
  }
  const { department, gender, entryYear, maxUnits, remainingActions, windowStartMs, windowEndMs } = leg
  if (windowEndMs <= windowStartMs) return { reasons: [{ code: 'window_ends_first', leg: 0 }] }
  const who = {
    student,
    department,
    gender,
    entryYear,
    maxUnits,
    remainingActions,
    windowStartMs,
    windowEndMs,
  }
  return { effects: [{ type: 'student_added', ...who }], remaining: remainingActions }
}
