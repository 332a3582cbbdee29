import type { Static } from 'typebox'
import type {
  AddGroupLeg,
  AddStudentLeg,
  ChangeGroupLeg,
  ChangeStudentLeg,
} from '../../../actors/messages/admin-commands.ts'
import { type ExamTime, type Meeting, meetingsOverlap } from '../../../actors/rules/timetable.ts'
import { calendarEndMs } from '../../../schema/registry-limits.ts'
import type {
  addGroupBody,
  addStudentBody,
  changeGroupBody,
  changeStudentBody,
} from '../../../schema/rest-administration.ts'
import { noteOf } from './submit-commands.ts'

/** A body that fits its schema and still says what cannot be, in words for the client. */
export class Unfit extends Error {
  override readonly name = 'Unfit'
}

/** @throws Unfit if nothing is to be changed, or times cannot be */
export function changeGroupLeg(body: Static<typeof changeGroupBody>): ChangeGroupLeg {
  const { course_id: course, group_id: group, note, ...changes } = body
  if (Object.keys(changes).length === 0) throw new Unfit(`Say what to change: ${groupFields}.`)
  const { capacity, reserve_capacity: reserveCapacity, lecturer, notes, class_time: classTime } = changes
  return {
    do: 'change_group',
    course,
    group,
    ...(capacity !== undefined && { capacity }),
    ...(reserveCapacity !== undefined && { reserveCapacity }),
    ...(lecturer !== undefined && { lecturer }),
    ...(notes !== undefined && { notes }),
    ...(classTime !== undefined && { meetings: meetingsOf(classTime) }),
    ...(changes.exam_time !== undefined && { exam: examOf(changes) }),
    ...noteOf(note),
  }
}

const groupFields = '"capacity", "reserve_capacity", "lecturer", "notes", "class_time" or "exam_time"'

/**
 * @param department whom the group is for if the body does not say
 * @throws Unfit if times cannot be, or the course would count more units than `unitsMax`
 */
export function addGroupLeg(
  body: Static<typeof addGroupBody>,
  { department, unitsMax }: { readonly department: number; readonly unitsMax: number },
): AddGroupLeg {
  if (body.units > unitsMax) throw new Unfit(`"units" is ${body.units}; a course counts at most ${unitsMax}.`)
  return {
    do: 'add_group',
    course: body.course_id,
    group: body.group_id,
    department: body.department ?? department,
    name: body.name,
    lecturer: body.lecturer,
    units: body.units,
    capacity: body.capacity,
    reserveCapacity: body.reserve_capacity,
    meetings: meetingsOf(body.class_time),
    exam: examOf(body),
    genderLock: body.sex_lock ?? null,
    notes: body.notes ?? '',
    ...noteOf(body.note),
  }
}

/** @throws Unfit if nothing is to be changed, or a time is none */
export function changeStudentLeg(body: Static<typeof changeStudentBody>): ChangeStudentLeg {
  const { std_id: _student, note, ...changes } = body
  if (Object.keys(changes).length === 0) throw new Unfit(`Say what to change: ${studentFields}.`)
  const { enrollment_start_time: start, enrollment_end_time: end, max_units: maxUnits } = changes
  return {
    do: 'change_student',
    ...(start !== undefined && { windowStartMs: momentOf(start, 'enrollment_start_time') }),
    ...(end !== undefined && { windowEndMs: momentOf(end, 'enrollment_end_time') }),
    ...(maxUnits !== undefined && { maxUnits }),
    ...(changes.remaining_actions !== undefined && { remainingActions: changes.remaining_actions }),
    ...noteOf(note),
  }
}

const studentFields = '"enrollment_start_time", "enrollment_end_time", "max_units" or "remaining_actions"'

/**
 * @param windowMs how long a window without an end lasts
 * @throws Unfit if a time is none
 */
export function addStudentLeg(
  body: Static<typeof addStudentBody>,
  caller: { readonly department: number },
  windowMs: number,
): AddStudentLeg {
  const { enrollment_start_time: start, enrollment_end_time: end } = body
  const windowStartMs = momentOf(start, 'enrollment_start_time')
  const windowEndMs =
    end === undefined
      ? Math.min(windowStartMs + windowMs, calendarEndMs)
      : momentOf(end, 'enrollment_end_time')
  return {
    do: 'add_student',
    department: body.department ?? caller.department,
    gender: body.gender,
    entryYear: body.entry_year,
    maxUnits: body.max_units,
    remainingActions: body.remaining_actions,
    windowStartMs,
    windowEndMs,
    ...noteOf(body.note),
  }
}

function meetingsOf(classTime: Static<typeof addGroupBody>['class_time']): Meeting[] {
  const meetings = classTime.map(({ day, start_minute: startMinute, end_minute: endMinute }) => ({
    day,
    startMinute,
    endMinute,
  }))
  for (const [index, meeting] of meetings.entries()) {
    if (meeting.endMinute <= meeting.startMinute) {
      throw new Unfit(`"class_time[${index}]" ends before it begins.`)
    }
    if (meetingsOverlap([meeting], meetings.slice(index + 1))) {
      throw new Unfit(`"class_time[${index}]" overlaps with another meeting.`)
    }
  }
  return meetings
}

function examOf(body: { exam_time?: number; exam_minutes?: number }): ExamTime | null {
  const { exam_time: seconds = 0, exam_minutes: minutes } = body
  if (seconds > 0) return { startMs: seconds * 1000, minutes: minutes ?? 0 }
  if (minutes !== undefined) throw new Unfit('"exam_minutes" is set, and there is no exam.')
  return null
}

function momentOf(text: string, field: string): number {
  const ms = Date.parse(text)
  const [year = 0, month = 0, day = 0] = text.slice(0, 10).split('-').map(Number)
  const daysInMonth = new Date(Date.UTC(year, month, 0)).getUTCDate()
  if (Number.isNaN(ms) || day > daysInMonth || ms < 0 || ms > calendarEndMs) {
    throw new Unfit(`"${field}" is no date and time that exists, from 1970 to 9999.`)
  }
  return ms
}
