import type { AdminEffect, GroupAdded, GroupChanged, StudentAdded } from '../messages/admin-effects.ts'
import type { Campus } from '../campus.ts'
import type { GroupProfile } from '../course.ts'
import type { StudentProfile } from '../student.ts'
import { mended } from './set-aside.ts'
import { type ExamTime, examOf } from './timetable.ts'

/**
 * Applies what staff did with a course or a student.
 * @throws if the effect does not fit the state, which means a bug or a foreign record
 */
export function evolveAdministration(campus: Campus, effect: AdminEffect): void {
  switch (effect.type) {
    case 'group_changed': {
      const group = campus.group(effect.course, effect.group)
      group.become(changedProfile(group.profile, effect))
      if (effect.meetings === undefined && effect.exam === undefined) return
      for (const id of [...group.registered, ...group.queue]) campus.student(id).recount()
      return
    }
    case 'group_opened':
      campus.group(effect.course, effect.group).status = 'open'
      return
    case 'group_closed':
      campus.group(effect.course, effect.group).status = 'closed'
      return
    case 'group_cancelled': {
      const group = campus.group(effect.course, effect.group)
      if (group.registered.length + group.queue.length > 0) {
        throw new Error(`somebody is still in group ${effect.group} of course ${effect.course}`)
      }
      group.status = 'cancelled'
      return
    }
    case 'conflicts_arose':
      // A notice: nobody loses a place.
      return
    case 'group_added':
      campus.addGroup(addedGroup(effect))
      return
    case 'student_added':
      campus.addStudent(addedStudent(effect))
      return
    case 'window_changed': {
      const { windowStartMs, windowEndMs } = effect
      const profile = mended(campus.student(effect.student).profile, windowColumns)
      campus.changeStudent({ ...profile, windowStartMs, windowEndMs })
      return
    }
    case 'max_units_changed': {
      const profile = mended(campus.student(effect.student).profile, ['max_units'])
      campus.changeStudent({ ...profile, maxUnits: effect.maxUnits })
      return
    }
    case 'actions_changed':
      campus.student(effect.student).remainingActions = effect.remaining
      return
  }
}

const windowColumns = ['enrollment_start_time', 'enrollment_end_time']

/** The profile of a group once staff have changed it. */
export function changedProfile(profile: GroupProfile, changed: GroupChanged): GroupProfile {
  const { reserveCapacity, meetings } = changed
  return {
    ...mended(profile, [
      ...(reserveCapacity === undefined ? [] : ['reserve_capacity']),
      ...(meetings === undefined ? [] : ['class_time']),
    ]),
    reserveCapacity: changed.reserveCapacity ?? profile.reserveCapacity,
    lecturer: changed.lecturer ?? profile.lecturer,
    notes: changed.notes ?? profile.notes,
    meetings: changed.meetings ?? profile.meetings,
    exam: changed.exam === undefined ? profile.exam : orNone(changed.exam),
  }
}

/** The profile of a group that staff have added. */
export function addedGroup({ type: _type, exam, genderLock, ...profile }: GroupAdded): GroupProfile {
  return { ...profile, exam: orNone(exam), genderLock: genderLock ?? undefined }
}

function addedStudent({
  type: _type,
  student,
  entryYear: _entryYear,
  ...profile
}: StudentAdded): StudentProfile {
  return { id: student, ...profile }
}

function orNone(exam: ExamTime | null) {
  return exam === null ? undefined : examOf(exam)
}
