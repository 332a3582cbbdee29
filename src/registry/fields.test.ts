import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  argon,
  bcrypt,
  check,
  coursesWith,
  departments,
  faultsOf,
  rowsOf,
  studentsWith,
} from './csv-fixture.ts'
import { marked, unmarked } from './csv-text.ts'
import { fileHelp } from './load-help.ts'
import { coursesFile, departmentsFile, staffFile, studentsFile } from './tables.ts'

test('the help for loading names every column of every file, optional ones in brackets', () => {
  const files = {
    departments: departmentsFile,
    staff: staffFile,
    students: studentsFile,
    courses: coursesFile,
  }
  for (const [name, { fields }] of Object.entries(files)) {
    const [, columns = ''] = new RegExp(`^  ${name} +((?:.*,\\n)*.*)$`, 'm').exec(fileHelp) ?? []
    const written = columns.split(',').map((column) => column.trim())
    const known = Object.entries(fields).map(([column, { optional }]) => (optional ? `[${column}]` : column))
    assert.deepEqual(written.toSorted(), known.toSorted())
  }
})

const badStudentCells: readonly (readonly [column: string, cell: string, reason: RegExp])[] = [
  ['id', '', /^is empty; wants a whole number from 0 to 9007199254740991/],
  ['id', '-1', /^is "-1"; wants/],
  ['id', '9007199254740992', /^is "9007199254740992"; wants/],
  ['id', '0099171333', /^is "0099171333"; wants a whole number .* without leading zeros/],
  ['id', '1.0', /^is "1.0"; wants/],
  ['id', ' 7', /^is " 7"; wants/],
  ['id', '7e0', /wants a whole number/],
  ['id', '۷', /wants a whole number/],
  ['id', '"7\n"', /^is "7\\n"; wants/],
  ['max_units', '32768', /from 0 to 32767/],
  ['department_id', '40000', /from 0 to 32767/],
  ['gender', 'F', /^is "F"; wants male or female/],
  ['gender', '', /^is empty; wants male or female/],
  ['enrollment_start_time', '2026-09-01T07:00:00', /without an offset/],
  ['enrollment_start_time', '2026-09-01', /wants ISO 8601/],
  ['enrollment_start_time', '01/09/2026 07:00Z', /wants ISO 8601/],
  ['enrollment_start_time', '2026-02-30T07:00Z', /no date and time that exists/],
  ['enrollment_start_time', '2026-09-01T24:00Z', /no date and time that exists/],
  ['enrollment_start_time', '2026-09-01T07:00+19:00', /no date and time that exists/],
  ['enrollment_start_time', '1969-12-31T23:59:59Z', /from 1970 to 9999/],
  ['enrollment_end_time', '2026-09-01T03:30:00Z', /^is not after enrollment_start_time/],
  [
    'password',
    'hunter2',
    /^is no argon2id or bcrypt hash; plain passwords belong in a column password_plain/,
  ],
  ['password', argon, /./],
  ['password_plain', '', /^is empty, and so is password_plain|^is empty/],
  ['password_plain', 'x'.repeat(129), /^has 129 characters; at most 128/],
]

test('each malformed cell of a student is refused with line, column and reason', async () => {
  for (const [column, cell, reason] of badStudentCells) {
    const faults = await faultsOf({ departments, students: studentsWith(column, cell) })
    assert.equal(faults.length, 1, `${column} ${cell}`)
    assert.equal(faults[0]?.line, 2)
    assert.match(faults[0]?.reason ?? '', reason)
    assert.ok(!faults[0]?.reason.includes('hunter2'), 'a password is never shown')
  }
})

const badCourseCells: readonly (readonly [column: string, cell: string, reason: RegExp])[] = [
  ['group_id', '', /^is empty/],
  ['name', 'a\0b', /control character 0/],
  ['units', '-3', /wants a whole number/],
  ['capacity', 'many', /wants a whole number/],
  ['exam_minutes', '0', /from 1 to 1440/],
  ['exam_time', '', /./],
  ['sex_lock', 'both', /wants male or female/],
  ['class_time', 'Sat 9', /wants weekly meetings like/],
  ['class_time', 'Lundi 09:00-10:00', /wants weekly meetings like/],
  ['class_time', 'Sat 09:60-10:00', /wants weekly meetings like/],
  ['class_time', 'Sat 23:00-24:30', /wants weekly meetings like/],
  ['class_time', 'Sat 10:00-10:00', /ends as it begins/],
  ['class_time', 'Sat 22:00-02:00; Mon 09:00-10:00', /each must end on its day/],
  ['class_time', 'Sat 09:00-11:00; Sat 10:00-12:00', /whose meetings overlap/],
  ['class_time', '99999999999', /no packed class time/],
]

test('each malformed cell of a course is refused with line, column and reason', async () => {
  for (const [column, cell, reason] of badCourseCells) {
    const faults = await faultsOf({ departments, courses: coursesWith(column, cell) })
    assert.equal(faults.length, 1, `${column} ${cell}`)
    assert.deepEqual(
      [faults[0]?.line, faults[0]?.column],
      [2, column === 'exam_time' ? 'exam_minutes' : column],
    )
    assert.match(faults[0]?.reason ?? '', reason)
  }
})

test('a hash too heavy to check at login is refused', async () => {
  for (const heavy of [
    argon.replace('m=19456', 'm=4194304'),
    argon.replace('t=2', 't=99'),
    bcrypt.replace('$10$', '$20$'),
  ]) {
    const [fault] = await faultsOf({ departments, staff: `id,password,department_id\n1,"${heavy}",1` })
    assert.match(fault?.reason ?? '', /too much work/)
  }
})

test('a text behind its apostrophe comes back, and a number and a plain password stay as they are', async () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom("'", '=', '+', '-', '@', '\t', '\r', '\n', ' ', 'a') }),
      (text) => {
        const cell = String(marked(text))
        assert.equal(unmarked(cell), text)
        assert.doesNotMatch(cell, /^\s*[=+\-@]|^[\t\r\n]/)
      },
    ),
  )
  assert.equal(marked(-5), -5)
  let hashed = ''
  const checked = await check({
    departments,
    staff: "id,password_plain,department_id,code\n1,'=secret,1,'=C\n",
  })
  await checked.hashPasswords(async (plain) => (hashed = plain))
  assert.equal(hashed, "'=secret")
  assert.equal((await rowsOf(checked.staff))[0]?.code, '=C')
})
