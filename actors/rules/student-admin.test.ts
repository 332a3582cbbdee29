import { describe, test } from 'node:test'
import type { AddStudentLeg } from '../messages/admin-commands.ts'
import { add, asks, drop, Staff, staff } from '../testing/commands.ts'
import { given } from '../testing/scenario.ts'
import { group, student, windowCloses, windowOpens } from '../testing/sketches.ts'

const hourMs = 3_600_000

describe('a student’s window', () => {
  test('can be extended: the end moves and the start stays', () => {
    given(student(1), group('101/1'))
      .when(asks(1, add('101/1')), windowCloses)
      .thenIsRefused('outside_enrollment_window')
      .when(staff.changesStudent(1, { windowEndMs: windowCloses + hourMs }))
      .thenHappens(`1 window_changed windowStartMs=${windowOpens} windowEndMs=${windowCloses + hourMs}`)
      .when(asks(1, add('101/1')), windowCloses)
      .thenHappens('1 gets a seat in 101/1')
  })

  test('can be moved, and the old one no longer counts', () => {
    given(student(1), group('101/1'))
      .when(staff.changesStudent(1, { windowStartMs: windowCloses, windowEndMs: windowCloses + hourMs }))
      .thenHappens(`1 window_changed windowStartMs=${windowCloses} windowEndMs=${windowCloses + hourMs}`)
      .when(asks(1, add('101/1')))
      .thenIsRefused('outside_enrollment_window')
  })

  test('moves for that student alone', () => {
    given(student(1), student(2), group('101/1'))
      .when(staff.changesStudent(1, { windowEndMs: windowOpens + 1 }))
      .thenHappens(`1 window_changed windowStartMs=${windowOpens} windowEndMs=${windowOpens + 1}`)
      .when(asks(2, add('101/1')))
      .thenHappens('2 gets a seat in 101/1')
  })

  test('never ends before it begins', () => {
    given(student(1))
      .when(staff.changesStudent(1, { windowEndMs: windowOpens }))
      .thenIsRefused('window_ends_first')
  })
})

describe('what a student may hold and spend', () => {
  test('more units let them take more', () => {
    given(student(1, { maxUnits: 3 }), group('101/1', { registered: [1] }), group('102/1'))
      .when(asks(1, add('102/1')))
      .thenIsRefused('unit_limit')
      .when(staff.changesStudent(1, { maxUnits: 6 }))
      .thenHappens('1 max_units_changed maxUnits=6 heldUnits=3')
      .when(asks(1, add('102/1')))
      .thenHappens('1 gets a seat in 102/1')
  })

  test('fewer units than they hold take no place away', () => {
    given(group('101/1', { registered: [1] }), student(1))
      .when(staff.changesStudent(1, { maxUnits: 1 }))
      .thenHappens('1 max_units_changed maxUnits=1 heldUnits=3')
      .thenGroup('101/1', { registered: [1] })
  })

  test('actions are given anew, and spent again', () => {
    given(student(1, { actions: 0 }), group('101/1', { registered: [1] }))
      .when(asks(1, drop(101)))
      .thenIsRefused('no_actions_left')
      .when(staff.changesStudent(1, { remainingActions: 2 }))
      .thenHappens('1 actions_changed remaining=2')
      .when(asks(1, drop(101)))
      .thenHappens('1 leaves 101/1', '1 spends 1, 1 left')
  })
})

describe('a new student', () => {
  const leg: AddStudentLeg = {
    do: 'add_student',
    department: 1,
    gender: 'female',
    entryYear: 2026,
    maxUnits: 20,
    remainingActions: 3,
    windowStartMs: windowOpens,
    windowEndMs: windowCloses,
  }

  test('enrolls at once', () => {
    given(group('101/1'))
      .when(staff.does(leg, 7))
      .thenHappens(
        `7 student_added department=1 gender="female" entryYear=2026 maxUnits=20 remainingActions=3 ` +
          `windowStartMs=${windowOpens} windowEndMs=${windowCloses}`,
      )
      .when(asks(7, add('101/1')))
      .thenHappens('7 gets a seat in 101/1')
  })

  test('has a number of their own, and a window that ends after it begins', () => {
    given(student(7), group('101/1')).when(staff.does(leg, 7)).thenIsRefused('student_exists')
    given(group('101/1'))
      .when(staff.does({ ...leg, windowEndMs: windowOpens }, 7))
      .thenIsRefused('window_ends_first')
  })
})

describe('whose students staff administer', () => {
  test('those of their own department, and no others that sit in its courses', () => {
    const guest = student(5, { department: 2 })
    given(guest, group('101/1', { registered: [5] }))
      .when(staff.changesStudent(5, { maxUnits: 30 }))
      .thenIsTurnedAway({ rejection: 'other_department', student: 5 })
    given(guest)
      .when(new Staff(1, true).changesStudent(5, { maxUnits: 30 }))
      .thenHappens('5 max_units_changed maxUnits=30 heldUnits=0')
  })

  test('nobody changes a student who is not there', () => {
    given(group('101/1'))
      .when(staff.changesStudent(5, { maxUnits: 30 }))
      .thenIsTurnedAway({ rejection: 'no_such_student' })
  })
})
