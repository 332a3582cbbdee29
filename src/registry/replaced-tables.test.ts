import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bcrypt, check, rowsOf } from './csv-fixture.ts'

test('the replaced tables load as psql copies them', async () => {
  const checked = await check({
    departments: 'id,name\n1,Physics\n',
    staff: `id,password,department_id\n1,${bcrypt},1\n`,
    students:
      'id,password,enrollment_start_time,max_units,remaining_actions,department_id,entry_year,gender\n' +
      `9999111110,${bcrypt},2026-11-30 15:11:16.906532+00,20,5,1,99,male\n` +
      `8,${bcrypt},2026-11-30 18:41:16.9+03:30,20,5,1,99,male\n`,
    // Tuesday 22:00 to 2:00; and the bits of another program.
    courses:
      'course_id,group_id,for_department,name,lecturer,units,capacity,reserve_capacity,exam_time,class_time,sex_lock,notes\n' +
      `101,1,1,Optics,,3,1,5,2027-01-10 08:30:00+00,${1320 + 1440 * 120 + 2 ** 25},,\n` +
      `102,1,1,Optics,Ada,3,1,5,,${540 + 1440 * 630 + 2 ** 21},female,"a\nb"\n`,
    enrollments:
      'id,course_id,group_id,student_id,reserved\n11,101,1,8,f\n12,101,1,9999111110,t\n13,102,1,8,f\n',
  })
  const students = await rowsOf(checked.students)
  assert.deepEqual(
    students.map((row) => [row.id, row.enrollment_start_time]),
    [
      [9_999_111_110, '2026-11-30T15:11:16.906532Z'],
      [8, '2026-11-30T15:11:16.900Z'],
    ],
  )
  assert.deepEqual(
    (await rowsOf(checked.courses)).map((row) => [row.exam_time, row.class_time, row.lecturer, row.notes]),
    [
      ['2027-01-10T08:30:00.000Z', 1320 + 1440 * 120 + 2 ** 25, '', ''],
      [null, 540 + 1440 * 630 + 2 ** 21, 'Ada', 'a\nb'],
    ],
  )
  assert.deepEqual(
    (await rowsOf(checked.enrolled_courses)).map((row) => [row.student_id, row.reserved, row.reserve_order]),
    [
      [8, false, null],
      [9_999_111_110, true, 12],
      [8, false, null],
    ],
  )
})
