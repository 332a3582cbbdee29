import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AddGroupLeg, AddStudentLeg } from '../../actors/messages/admin-commands.ts'
import { add, asks, staff } from '../../actors/testing/commands.ts'
import { group, meets, student, windowCloses, windowOpens } from '../../actors/testing/sketches.ts'
import { Ledger } from './testing/ledger.ts'
import { differencesOf } from './testing/registration-day.ts'

const newGroup: AddGroupLeg = {
  do: 'add_group',
  course: 103,
  group: 1,
  department: 1,
  name: 'Topology',
  lecturer: 'Emmy',
  units: 3,
  capacity: 4,
  reserveCapacity: 2,
  meetings: meets('sun 09:00-10:30'),
  exam: null,
  genderLock: null,
  notes: '',
}
const newStudent: AddStudentLeg = {
  do: 'add_student',
  department: 1,
  gender: 'male',
  entryYear: 2026,
  maxUnits: 20,
  remainingActions: 3,
  windowStartMs: windowOpens,
  windowEndMs: windowCloses,
}

/** A course that was changed, one that was closed, one that was cancelled; a new group with a new student in it. */
function busyDay(): Ledger {
  return new Ledger(
    student(1),
    group('101/1', { capacity: 1, registered: [1], queue: [2] }),
    group('102/1', { registered: [1] }),
    group('104/1', { registered: [3] }),
  ).decide(
    staff.changes('101/1', { capacity: 2, lecturer: 'Ada', meetings: meets('mon 09:00-10:00') }),
    staff.closes(102),
    staff.cancels(104),
    staff.does(newGroup),
    staff.does(newStudent, 9),
    asks(9, add('103/1')),
    staff.changesStudent(1, { maxUnits: 24, windowEndMs: windowCloses + 60_000, remainingActions: 7 }),
  )
}

describe('what staff did with courses and students', () => {
  test('is replayed like every other decision', async () => {
    assert.deepEqual(await differencesOf(busyDay()), [])
  })

  test('shows in the tables, or is told', async () => {
    const ledger = busyDay()
    ledger.rows.groups = ledger.rows.groups.map((row) =>
      row.course === 101 && row.details
        ? { ...row, details: { ...row.details, lecturer: 'Emmy', reserveCapacity: 6 } }
        : row,
    )
    ledger.rows.groups = ledger.rows.groups.filter((row) => row.course !== 103)
    ledger.rows.places = ledger.rows.places.filter((row) => row.course !== 103)
    ledger.rows.students = ledger.rows.students.map((row) =>
      row.id === 1 && row.details ? { ...row, details: { ...row.details, maxUnits: 20 } } : row,
    )
    const told = await differencesOf(ledger)
    assert.deepEqual(
      told.map((line) => line.replace(/ from .*/, '')),
      [
        'group 101/1: expected reserve=5, found reserve=6',
        'group 101/1: expected lecturer="Ada", found lecturer="Emmy"',
        'group 103/1: expected capacity 4, found no such group',
        'student 9 in 103/1: expected a seat, found no place',
        'student 1: expected 24 units at most, found 20',
      ],
    )
  })

  test('is taken from the tables where the baseline is older than it', async () => {
    const ledger = busyDay()
    ledger.before.groups = ledger.before.groups.map(({ details: _details, ...row }) => row)
    ledger.before.students = ledger.before.students.map(({ details: _details, ...row }) => row)
    assert.deepEqual(await differencesOf(ledger), [])
  })

  test('is told once where a decision makes what is there already', async () => {
    const ledger = busyDay()
    ledger.before.students.push({ id: 9, remainingActions: 1 })
    const [first] = await differencesOf(ledger)
    assert.match(first ?? '', /^student 9: expected no such student at decision 5 of term 1/)
  })
})
