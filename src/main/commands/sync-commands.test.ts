import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CourseRow } from '../../registry/rows.ts'
import { commandsOfChangedGroup } from './sync-commands.ts'

const before: CourseRow = {
  course_id: 401,
  group_id: 1,
  for_department: 1,
  name: 'Optics',
  lecturer: 'Ada',
  units: 3,
  capacity: 30,
  reserve_capacity: 5,
  exam_time: '2027-01-10T08:30:00.000Z',
  exam_minutes: 90,
  class_time: 0,
  meetings: null,
  sex_lock: null,
  notes: '',
  status: 'open',
}

/** What is sent of the exam when a file says these columns otherwise, and the others not at all. */
function sent(columns: Partial<CourseRow>): unknown {
  const row = { ...before, exam_time: null, exam_minutes: null, ...columns }
  const names = Object.keys(columns).map((name) => ({ name, from: '', to: '' }))
  const { calls } = commandsOfChangedGroup({
    line: 2,
    plain: '',
    mayLogIn: true,
    row,
    before,
    columns: names,
  })
  const {
    course_id: _course,
    group_id: _group,
    note: _note,
    ...fields
  } = (calls[0]?.call.body ?? {}) as Record<string, unknown>
  return fields
}

test('what a file does not say of an exam stays', () => {
  const [was, is] = [Date.UTC(2027, 0, 10, 8, 30) / 1000, Date.UTC(2027, 0, 11, 8, 30) / 1000]
  assert.deepEqual(sent({ exam_time: '2027-01-11T08:30:00.000Z' }), { exam_time: is, exam_minutes: 90 })
  assert.deepEqual(sent({ exam_minutes: 120 }), { exam_time: was, exam_minutes: 120 })
  assert.deepEqual(sent({ exam_minutes: null }), { exam_time: was })
  assert.deepEqual(sent({ exam_time: null }), { exam_time: 0 })
})
