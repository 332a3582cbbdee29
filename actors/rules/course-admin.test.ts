import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AddGroupLeg } from '../messages/admin-commands.ts'
import { cancelledPlacesMax } from './course-admin.ts'
import { decide } from './decide.ts'
import { evolve } from './evolve.ts'
import { add, asks, drop, move, plans, Staff, staff } from '../testing/commands.ts'
import { assertListed, campusOf, given } from '../testing/scenario.ts'
import { duringWindow, exam, group, meets, student } from '../testing/sketches.ts'
import { listedConflictsMax } from './timetable-change.ts'

describe('changing a group', () => {
  test('only what is given changes, in one decision', () => {
    given(group('101/1'))
      .when(staff.changes('101/1', { lecturer: 'Emmy', notes: 'Room 4', reserveCapacity: 9 }))
      .thenHappens('101/1 group_changed reserveCapacity=9 lecturer="Emmy" notes="Room 4"')
      .when(staff.changes('101/1', { capacity: 3 }))
      .thenHappens('101/1 holds 3')
  })

  test('a larger capacity lets those who wait move up in the same decision, first come first', () => {
    given(group('101/1', { capacity: 1, registered: [1], queue: [2, 3, 4] }))
      .when(staff.changes('101/1', { capacity: 3, lecturer: 'Emmy' }))
      .thenHappens(
        '101/1 holds 3',
        '101/1 group_changed lecturer="Emmy"',
        '2 moves up in 101/1',
        '3 moves up in 101/1',
      )
      .thenGroup('101/1', { registered: [1, 2, 3], queue: [4] })
  })

  test('the reserve queue never gets shorter than those who wait, after whoever moves up', () => {
    const full = group('101/1', { capacity: 1, registered: [1], queue: [2, 3] })
    given(full)
      .when(staff.changes('101/1', { reserveCapacity: 1 }))
      .thenIsRefused('reserve_capacity_below_waiting 101/1')
    given(full)
      .when(staff.changes('101/1', { reserveCapacity: 1, capacity: 2 }))
      .thenHappens('101/1 holds 2', '101/1 group_changed reserveCapacity=1', '2 moves up in 101/1')
      .when(asks(9, add('101/1')))
      .thenIsTurnedAway({ rejection: 'no_such_student' })
  })

  test('a reserve queue that was made longer takes more', () => {
    given(student(9), group('101/1', { capacity: 1, registered: [1], reserveCapacity: 0 }))
      .when(asks(9, add('101/1')))
      .thenIsRefused('course_full')
      .when(staff.changes('101/1', { reserveCapacity: 1 }))
      .thenHappens('101/1 group_changed reserveCapacity=1')
      .when(asks(9, add('101/1')))
      .thenHappens('9 waits in 101/1 at 1, order 1')
  })

  test('every broken rule is told at once', () => {
    given(group('101/1', { capacity: 2, registered: [1, 2], queue: [3] }))
      .when(staff.changes('101/1', { capacity: 1, reserveCapacity: 0 }))
      .thenIsRefused('capacity_below_registered', 'reserve_capacity_below_waiting')
  })

  test('who has two classes at once from now on keeps both places, and is named', () => {
    const other = group('102/1', { meetings: meets('sat 09:00-10:30'), registered: [1], queue: [2] })
    given(other, group('101/1', { capacity: 2, registered: [1, 3], queue: [2] }))
      .when(staff.changes('101/1', { meetings: meets('mon 08:00-09:00', 'sat 10:00-11:00') }))
      .thenHappens(
        '101/1 group_changed meetings=[{"day":0,"startMinute":600,"endMinute":660},{"day":2,"startMinute":480,"endMinute":540}]',
        '101/1 conflicts_arose count=2 students=[{"student":1,"with":{"course":102,"group":1},"kind":"class_conflict"},' +
          '{"student":2,"with":{"course":102,"group":1},"kind":"class_conflict"}]',
      )
      .thenGroup('101/1', { registered: [1, 3], queue: [2] })
      .thenGroup('102/1', { registered: [1], queue: [2] })
  })

  test('who has two exams at once from now on is named; who had before is not again', () => {
    const other = group('102/1', { exam: exam('09:00-11:00'), registered: [1] })
    given(other, group('101/1', { exam: exam('14:00'), registered: [1] }))
      .when(staff.changes('101/1', { exam: { startMs: exam('10:00').startMs, minutes: 90 } }))
      .thenHappens(
        `101/1 group_changed exam={"startMs":${exam('10:00').startMs},"minutes":90}`,
        '101/1 conflicts_arose count=1 students=[{"student":1,"with":{"course":102,"group":1},"kind":"exam_conflict"}]',
      )
      .when(staff.changes('101/1', { exam: { startMs: exam('10:30').startMs, minutes: 30 } }))
      .thenHappens(`101/1 group_changed exam={"startMs":${exam('10:30').startMs},"minutes":30}`)
      .when(staff.changes('101/1', { exam: null }))
      .thenHappens('101/1 group_changed exam=null')
  })

  test('the new times count for whoever comes later, and the old ones no longer', () => {
    given(
      group('101/1', { meetings: meets('sat 09:00-10:00'), registered: [1] }),
      group('102/1', { meetings: meets('sat 09:30-10:30') }),
      group('103/1', { meetings: meets('sun 09:30-10:30') }),
    )
      .when(asks(1, add('102/1')))
      .thenIsRefused('class_conflict')
      .when(staff.changes('101/1', { meetings: meets('sun 09:00-10:00') }))
      .thenHappens('101/1 group_changed meetings=[{"day":1,"startMinute":540,"endMinute":600}]')
      .when(asks(1, add('103/1')))
      .thenIsRefused('class_conflict')
      .when(asks(1, add('102/1')))
      .thenHappens('1 gets a seat in 102/1')
  })

  test('of very many conflicts the first are named and all are counted', () => {
    const ids = Array.from({ length: listedConflictsMax + 7 }, (_, index) => index + 1)
    const campus = campusOf([
      group('101/1', { capacity: 500, registered: ids }),
      group('102/1', { capacity: 500, registered: ids, meetings: meets('sat 09:00-10:00') }),
    ])
    const verdict = decide(
      campus,
      staff.changes('101/1', { meetings: meets('sat 09:00-10:00') }),
      duringWindow,
    )
    assert.ok('effects' in verdict)
    const told = verdict.effects?.find(({ type }) => type === 'conflicts_arose')
    assert.ok(told?.type === 'conflicts_arose')
    assert.equal(told.count, listedConflictsMax + 7)
    assert.deepEqual(
      told.students.map(({ student: id }) => id),
      ids.slice(0, listedConflictsMax),
    )
  })
})

describe('a closed course', () => {
  test('takes nobody in, neither to a seat nor to the queue nor by a move, and says so among all reasons', () => {
    given(
      student(1),
      group('101/1'),
      group('101/2', { registered: [2] }),
      group('102/1', { registered: [1] }),
    )
      .when(staff.closes(101))
      .thenHappens('101/1 group_closed', '101/2 group_closed')
      .when(asks(1, add('101/1')))
      .thenIsRefused('course_closed 101/1')
      .when(asks(1, add('101/1', 'only')))
      .thenIsRefused('course_closed')
      .when(asks(2, move('101/1')))
      .thenIsRefused('course_closed')
      .when(asks(2, add('101/1')))
      .thenIsRefused('already_enrolled', 'course_closed')
  })

  test('a plan that only passes through it changes nothing there and is not refused for it', () => {
    given(group('101/1', { registered: [1] }), group('102/1'))
      .when(staff.closes('101/1'))
      .thenHappens('101/1 group_closed')
      .when(plans(1, drop(101), add('101/1'), add('102/1')))
      .thenHappens('1 gets a seat in 102/1', '1 spends 1, 2 left')
  })

  test('lets people leave, and those who wait move up', () => {
    given(group('101/1', { capacity: 1, registered: [1], queue: [2, 3] }))
      .when(staff.closes('101/1'))
      .thenHappens('101/1 group_closed')
      .when(asks(1, drop(101)))
      .thenHappens('1 leaves 101/1', '1 spends 1, 2 left', '2 moves up in 101/1')
      .when(staff.changes('101/1', { capacity: 2 }))
      .thenHappens('101/1 holds 2', '3 moves up in 101/1')
  })

  test('can be entered by a staff member’s hand', () => {
    given(student(1), group('101/1'))
      .when(staff.closes('101/1'))
      .thenHappens('101/1 group_closed')
      .when(staff.forceAdds(1, '101/1'))
      .thenHappens('1 gets a seat in 101/1')
  })

  test('opens again; saying twice what it is is no error', () => {
    given(student(1), group('101/1'))
      .when(staff.closes('101/1'))
      .thenHappens('101/1 group_closed')
      .when(staff.closes('101/1'))
      .thenHappens('101/1 group_closed')
      .when(staff.opens('101/1'))
      .thenHappens('101/1 group_opened')
      .when(asks(1, add('101/1')))
      .thenHappens('1 gets a seat in 101/1')
  })
})

describe('a cancelled course', () => {
  const full = group('101/1', { capacity: 2, registered: [1, 2], queue: [3] })

  test('ends every seat and every reserve place in one decision, nobody moves up and nobody pays for it', () => {
    given(full, group('101/2', { registered: [4] }))
      .when(staff.cancels(101))
      .thenHappens(
        '3 leaves 101/1',
        '2 leaves 101/1',
        '1 leaves 101/1',
        '101/1 group_cancelled registered=2 waiting=1',
        '4 leaves 101/2',
        '101/2 group_cancelled registered=1 waiting=0',
      )
      .thenGroup('101/1', { registered: [], queue: [] })
      .thenActionsLeft(1, 3)
  })

  test('a single group can be cancelled and its students move to another', () => {
    given(full, group('101/2'))
      .when(staff.cancels('101/1'))
      .thenHappens(
        '3 leaves 101/1',
        '2 leaves 101/1',
        '1 leaves 101/1',
        '101/1 group_cancelled registered=2 waiting=1',
      )
      .when(asks(1, add('101/2')))
      .thenHappens('1 gets a seat in 101/2')
  })

  test('is closed for good: for students, for staff, for changes', () => {
    given(student(1), group('101/1'), group('101/2'))
      .when(staff.cancels('101/1'))
      .thenHappens('101/1 group_cancelled registered=0 waiting=0')
      .when(asks(1, add('101/1')))
      .thenIsRefused('course_cancelled 101/1')
      .when(staff.forceAdds(1, '101/1'))
      .thenIsRefused('course_cancelled')
      .when(staff.opens('101/1'))
      .thenIsRefused('course_cancelled')
      .when(staff.setsCapacity('101/1', 40))
      .thenIsRefused('course_cancelled')
      .when(staff.changes('101/1', { notes: 'x' }))
      .thenIsRefused('course_cancelled')
      .when(staff.opens(101))
      .thenHappens('101/2 group_opened')
      .when(staff.cancels(101))
      .thenHappens(
        '101/1 group_cancelled registered=0 waiting=0',
        '101/2 group_cancelled registered=0 waiting=0',
      )
  })

  test('more places than one journal message holds are not ended at once', () => {
    const ids = Array.from({ length: cancelledPlacesMax }, (_, index) => index + 1)
    const campus = campusOf([
      group('101/1', { capacity: 200_000, registered: ids }),
      group('101/2', { capacity: 1, registered: [cancelledPlacesMax + 1] }),
    ])
    const refused = decide(campus, staff.cancels(101), duringWindow)
    assertListed(staff.cancels(101), refused)
    assert.ok('reasons' in refused)
    assert.deepEqual(
      refused.reasons?.map(({ code }) => code),
      ['too_many_places', 'too_many_places'],
    )
    const done = decide(campus, staff.cancels('101/1'), duringWindow)
    assert.ok('effects' in done)
    assert.ok(JSON.stringify(done).length < 4 * 1024 * 1024, 'a quarter of what brokers take')
    for (const effect of done.effects ?? []) evolve(campus, effect)
    assert.equal(campus.group(101, 1).registered.length, 0)
  })
})

describe('a new group', () => {
  const leg: AddGroupLeg = {
    do: 'add_group',
    course: 101,
    group: 2,
    department: 1,
    name: 'Calculus',
    lecturer: 'Emmy',
    units: 3,
    capacity: 1,
    reserveCapacity: 1,
    meetings: meets('mon 09:00-10:00', 'sat 09:00-10:00'),
    exam: null,
    genderLock: null,
    notes: '',
  }

  test('of a course that exists is for a department that the course is for', () => {
    const foreign = group('101/1', { department: 2 })
    const rejection = { rejection: 'other_department', course: 101, group: 2 } as const
    given(foreign, group('102/1')).when(staff.does(leg)).thenIsTurnedAway(rejection)
    given(foreign, group('102/1')).when(new Staff(2, true).does(leg)).thenIsTurnedAway(rejection)
    assert.ok('effects' in given(foreign, group('101/3')).when(staff.does(leg)).answer)
  })

  test('can be entered at once', () => {
    given(student(1), group('101/1'))
      .when(staff.does(leg))
      .thenHappens(
        '101/2 group_added department=1 name="Calculus" lecturer="Emmy" units=3 capacity=1 reserveCapacity=1 exam=null ' +
          'genderLock=null notes="" meetings=[{"day":0,"startMinute":540,"endMinute":600},{"day":2,"startMinute":540,"endMinute":600}]',
      )
      .when(asks(1, add('101/2')))
      .thenHappens('1 gets a seat in 101/2')
  })

  test('is refused where there is one already', () => {
    given(group('101/2')).when(staff.does(leg)).thenIsRefused('group_exists 101/2')
  })

  test('wants a department that there is, and that of the staff member', () => {
    given(group('101/1'))
      .when(staff.does({ ...leg, department: 2 }))
      .thenIsTurnedAway({ rejection: 'other_department', department: 2 })
    given(group('101/1'))
      .when(new Staff(1, true).does({ ...leg, department: 2 }))
      .thenIsTurnedAway({ rejection: 'no_such_department', department: 2 })
  })
})

describe('whose courses staff administer', () => {
  test('those of their own department, every group that is meant; those of all with the whole campus', () => {
    const mixed = [group('101/1'), group('101/2', { department: 2 })]
    const foreign = { rejection: 'other_department', course: 101, group: 2 } as const
    given(...mixed)
      .when(staff.closes(101))
      .thenIsTurnedAway(foreign)
    given(...mixed)
      .when(staff.cancels(101))
      .thenIsTurnedAway(foreign)
    given(...mixed)
      .when(staff.changes('101/2', { notes: 'x' }))
      .thenIsTurnedAway(foreign)
    given(...mixed)
      .when(staff.closes('101/1'))
      .thenHappens('101/1 group_closed')
    given(...mixed)
      .when(new Staff(3, true).closes(101))
      .thenHappens('101/1 group_closed', '101/2 group_closed')
  })

  test('a course or a group that is not there is none', () => {
    given(group('101/1'))
      .when(staff.closes(999))
      .thenIsTurnedAway({ rejection: 'no_such_course', course: 999 })
    given(group('101/1'))
      .when(staff.cancels('101/9'))
      .thenIsTurnedAway({ rejection: 'no_such_course', course: 101, group: 9 })
  })
})
