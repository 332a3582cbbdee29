import { createHash } from 'node:crypto'
import { type Meeting, packClassTime } from '../../../actors/rules/timetable.ts'
import { type ChangedRow, unknownHash } from '../../registry/compare-rows.ts'
import type { LinedRow } from '../../registry/checked-table.ts'
import { type CourseRow, nobodysPassword, type StudentRow } from '../../registry/rows.ts'
import { meetingsAsJson } from '../../registry/tables.ts'
import { meetingsOf } from '../../registry/written-tables.ts'
import type { CampusCall, CampusGroup, CampusStudent } from './campus-client.ts'

/** What one row needs: the commands, in order, and what no command can say. */
export interface RowCommands {
  readonly calls: readonly { readonly call: CampusCall; readonly key: string }[]
  readonly unsaid: readonly string[]
}

const note = 'enrollment sync'

/** A group of the campus as a file would bring it. */
export function courseRowOf(group: CampusGroup): CourseRow {
  const { department, exam_time, class_time, ...rest } = group
  const meetings: Meeting[] = class_time.map((one) => ({
    day: one.day,
    startMinute: one.start_minute,
    endMinute: one.end_minute,
  }))
  const packed = packClassTime(meetings)
  return {
    ...rest,
    for_department: department,
    exam_time: exam_time === 0 ? null : new Date(exam_time * 1000).toISOString(),
    class_time: packed ?? 0,
    meetings: packed === undefined ? meetingsAsJson(meetings) : null,
  }
}

/** A student of the campus as a file would bring them; whether there is a password is all that is known of it. */
export function studentRowOf(student: CampusStudent): StudentRow {
  const { student_id: id, department, has_password, ...rest } = student
  return { ...rest, id, department_id: department, password: has_password ? unknownHash : nobodysPassword }
}

export function commandsOfNewGroup({ row }: LinedRow<CourseRow>): RowCommands {
  if (row.status === 'cancelled') return { calls: [], unsaid: ['a new group cannot be cancelled'] }
  const body = {
    course_id: row.course_id,
    group_id: row.group_id,
    department: row.for_department,
    name: row.name,
    lecturer: row.lecturer,
    units: row.units,
    capacity: row.capacity,
    reserve_capacity: row.reserve_capacity,
    class_time: classTimeOf(row),
    ...examOf(row),
    ...(row.sex_lock !== null && { sex_lock: row.sex_lock }),
    notes: row.notes,
    note,
  }
  const calls = [keyed({ line: 'POST /staff/course', body }, 'new')]
  if (row.status === 'closed') calls.push(keyed(statusCall(row), 'new'))
  return { calls, unsaid: row.code ? [`code ${row.code}`] : [] }
}

/** Which fields of `PATCH /staff/course` say a column. */
const groupFields: Readonly<Record<string, (row: CourseRow) => object>> = {
  capacity: ({ capacity }) => ({ capacity }),
  reserve_capacity: ({ reserve_capacity }) => ({ reserve_capacity }),
  lecturer: ({ lecturer }) => ({ lecturer }),
  notes: ({ notes }) => ({ notes }),
  class_time: (row) => ({ class_time: classTimeOf(row) }),
  exam_time: examOf,
  exam_minutes: examOf,
}

export function commandsOfChangedGroup({ row, before, columns }: ChangedRow<CourseRow>): RowCommands {
  const names = columns.map(({ name }) => name)
  // What the file does not say stays, and what it says as before is the same.
  const said = {
    ...row,
    exam_time: names.includes('exam_time') ? row.exam_time : before.exam_time,
    exam_minutes: names.includes('exam_minutes') ? row.exam_minutes : before.exam_minutes,
  }
  const fields = Object.assign({}, ...names.map((name) => groupFields[name]?.(said) ?? {})) as object
  const where = { course_id: row.course_id, group_id: row.group_id }
  const calls: RowCommands['calls'][number][] = []
  if (Object.keys(fields).length > 0) {
    calls.push(keyed({ line: 'PATCH /staff/course', body: { ...where, ...fields, note } }, columns))
  }
  if (names.includes('status')) calls.push(keyed(statusCall(row), columns))
  const unsaid = columns.filter(({ name }) => name !== 'status' && groupFields[name] === undefined)
  return { calls, unsaid: unsaid.map(describe) }
}

export function cancellationOf({ course_id, group_id }: CourseRow): RowCommands['calls'][number] {
  return keyed({ line: 'DELETE /staff/course', query: { course_id, group_id, note } }, 'missing')
}

function statusCall(row: CourseRow): CampusCall {
  const { course_id, group_id, status } = row
  if (status === 'cancelled') return cancellationOf(row).call
  return { line: 'PUT /staff/course-status', body: { course_id, group_id, status, note } }
}

export function commandsOfNewStudent(lined: LinedRow<StudentRow>): RowCommands {
  const { row } = lined
  const body = {
    std_id: row.id,
    department: row.department_id,
    gender: row.gender,
    entry_year: row.entry_year,
    max_units: row.max_units,
    remaining_actions: row.remaining_actions,
    enrollment_start_time: row.enrollment_start_time,
    ...(row.enrollment_end_time !== null && { enrollment_end_time: row.enrollment_end_time }),
    note,
  }
  const calls = [keyed({ line: 'POST /staff/student', body }, 'new')]
  if (lined.plain !== '') calls.push(passwordCall(lined))
  const unsaid = [
    ...(row.code ? [`code ${row.code}`] : []),
    ...(row.password !== nobodysPassword && row.password !== '' ? ['a password as a hash'] : []),
  ]
  return { calls, unsaid }
}

const studentFields = new Set([
  'enrollment_start_time',
  'enrollment_end_time',
  'max_units',
  'remaining_actions',
])

export function commandsOfChangedStudent(lined: ChangedRow<StudentRow>): RowCommands {
  const { row, columns } = lined
  const said = columns.filter(({ name }) => studentFields.has(name))
  const calls: RowCommands['calls'][number][] = []
  if (said.length > 0) {
    const fields = Object.fromEntries(said.map(({ name }) => [name, Reflect.get(row, name) as unknown]))
    calls.push(keyed({ line: 'PATCH /staff/student', body: { std_id: row.id, ...fields, note } }, said))
  }
  const isPassword = (name: string) => name === 'password' && lined.plain !== ''
  if (columns.some(({ name }) => isPassword(name))) calls.push(passwordCall(lined))
  const unsaid = columns.filter(({ name }) => !studentFields.has(name) && !isPassword(name))
  return { calls, unsaid: unsaid.map(describe) }
}

/** Its key tells nothing of the password. */
function passwordCall({ row, plain }: LinedRow<StudentRow>): RowCommands['calls'][number] {
  const call: CampusCall = {
    line: 'PUT /staff/student-password',
    body: { std_id: row.id, password: plain, note },
  }
  return { call, key: `sync-${row.id}-${Date.now()}` }
}

function keyed(call: CampusCall, difference: unknown): RowCommands['calls'][number] {
  const hash = createHash('sha256')
    .update(JSON.stringify([call, difference]))
    .digest('base64url')
  return { call, key: `sync-${hash}` }
}

function describe({ name, from, to }: ChangedRow<object>['columns'][number]): string {
  return `${name} ${from || 'nothing'} -> ${to || 'nothing'}`
}

function classTimeOf(row: CourseRow): object[] {
  return meetingsOf(row).map(({ day, startMinute, endMinute }) => ({
    day,
    start_minute: startMinute,
    end_minute: endMinute,
  }))
}

function examOf({ exam_time, exam_minutes }: Pick<CourseRow, 'exam_time' | 'exam_minutes'>): object {
  if (exam_time === null) return { exam_time: 0 }
  return { exam_time: Date.parse(exam_time) / 1000, ...(exam_minutes !== null && { exam_minutes }) }
}
