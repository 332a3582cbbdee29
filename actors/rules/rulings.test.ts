import { describe, test } from 'node:test'
import { add, asks, drop, move, Staff, staff } from '../testing/commands.ts'
import { given } from '../testing/scenario.ts'
import {
  exam,
  type GroupSketch,
  group,
  meets,
  student,
  windowCloses,
  windowOpens,
} from '../testing/sketches.ts'

// The design's table of rulings, one block each, in its order and by its names.

describe('does a reserve place count towards units and conflicts? yes', () => {
  const full = { capacity: 1, registered: [1], queue: [7] }

  test('a reserve place counts towards the unit limit', () => {
    given(student(7, { maxUnits: 5 }), group('101/1', { units: 3, ...full }), group('102/1', { units: 3 }))
      .when(asks(7, add('102/1')))
      .thenIsRefused('unit_limit 102/1')
  })

  test('a reserve place conflicts by its classes and by its exam like a seat', () => {
    given(
      group('101/1', { meetings: meets('sat 08:00-10:00'), exam: exam('09:00'), ...full }),
      group('102/1', { meetings: meets('sat 09:00-11:00'), exam: exam('09:00') }),
    )
      .when(asks(7, add('102/1')))
      .thenIsRefused('class_conflict 102/1 with 101/1', 'exam_conflict 102/1 with 101/1')
  })

  test('joining a reserve queue is judged by units and conflicts, so that a promotion never is', () => {
    given(
      student(7, { maxUnits: 5 }),
      group('101/1', { registered: [7], meetings: meets('sat 08:00-10:00') }),
      group('102/1', { capacity: 1, registered: [1], meetings: meets('sat 08:00-10:00') }),
    )
      .when(asks(7, add('102/1', 'only')))
      .thenIsRefused('unit_limit 102/1', 'class_conflict 102/1 with 101/1')
  })
})

test('a registered student drops while others wait: the first in the queue is promoted in the same record', () => {
  given(group('101/1', { capacity: 2, registered: [1, 7], queue: [5, 4, 6] }))
    .when(asks(7, drop(101)))
    .thenHappens('7 leaves 101/1', '7 spends 1, 2 left', '5 moves up in 101/1')
    .thenGroup('101/1', { registered: [1, 5], queue: [4, 6], capacity: 2 })
})

test('capacity raised: as many as fit are promoted, in order, in the same record', () => {
  given(group('101/1', { capacity: 1, registered: [1], queue: [9, 8, 7] }))
    .when(staff.setsCapacity('101/1', 3))
    .thenHappens('101/1 holds 3', '9 moves up in 101/1', '8 moves up in 101/1')
    .thenGroup('101/1', { registered: [1, 8, 9], queue: [7], capacity: 3 })
})

describe('capacity below the registered count: refused, nothing changes', () => {
  const three = group('101/1', { capacity: 5, registered: [1, 2, 3] })

  test('one seat too few is refused', () => {
    given(three)
      .when(staff.setsCapacity('101/1', 2))
      .thenIsRefused('capacity_below_registered 101/1')
      .thenGroup('101/1', { registered: [1, 2, 3], capacity: 5 })
  })

  test('exactly as many seats as are taken is allowed', () => {
    given(three).when(staff.setsCapacity('101/1', 3)).thenHappens('101/1 holds 3')
  })
})

describe('move to a group that has only reserve places, while holding a seat', () => {
  const held = group('101/1', { registered: [7] })
  const full = group('101/2', { capacity: 1, registered: [1] })

  test('is refused unless the request says so: a seat is never given up silently', () => {
    given(held, full)
      .when(asks(7, move('101/2')))
      .thenIsRefused('move_would_lose_seat 101/2')
      .thenGroup('101/1', { registered: [7] })
  })

  test('gives the seat up for a reserve place when the request allows it', () => {
    given(held, full)
      .when(asks(7, move('101/2', { allowReserve: true })))
      .thenHappens('7 leaves 101/1', '7 waits in 101/2 at 1, order 1', '7 spends 1, 2 left')
  })

  test('takes a free seat even when reserve places are allowed', () => {
    given(held, group('101/2', { capacity: 1 }))
      .when(asks(7, move('101/2', { allowReserve: true })))
      .thenHappens('7 leaves 101/1', '7 gets a seat in 101/2', '7 spends 1, 2 left')
  })

  test('is refused as full when no reserve place is left either', () => {
    given(held, group('101/2', { capacity: 1, reserveCapacity: 1, registered: [1], queue: [2] }))
      .when(asks(7, move('101/2', { allowReserve: true })))
      .thenIsRefused('course_full 101/2')
  })
})

describe('move between groups: one record, all checks on the destination', () => {
  test('it leaves one, enters the other, and the old group’s queue promotes', () => {
    given(group('101/1', { capacity: 1, registered: [7], queue: [5, 6] }), group('101/2'))
      .when(asks(7, move('101/2')))
      .thenHappens('7 leaves 101/1', '7 gets a seat in 101/2', '7 spends 1, 2 left', '5 moves up in 101/1')
  })

  test('the gender lock of the destination holds', () => {
    given(
      student(7, { gender: 'male' }),
      group('101/1', { registered: [7] }),
      group('101/2', { genderLock: 'female' }),
    )
      .when(asks(7, move('101/2')))
      .thenIsRefused('gender_locked 101/2')
  })

  test('the units of the destination count in place of the origin’s', () => {
    const origin = group('101/1', { units: 3, registered: [7] })
    given(student(7, { maxUnits: 4 }), origin, group('101/2', { units: 4 }))
      .when(asks(7, move('101/2')))
      .thenHappens('7 leaves 101/1', '7 gets a seat in 101/2', '7 spends 1, 2 left')
    given(student(7, { maxUnits: 4 }), origin, group('101/2', { units: 5 }))
      .when(asks(7, move('101/2')))
      .thenIsRefused('unit_limit 101/2')
  })

  test('the destination must not conflict with other courses, but may overlap the group that is left', () => {
    const eight = meets('sat 08:00-10:00')
    const morning = { meetings: eight, exam: exam('09:00') }
    given(group('101/1', { ...morning, registered: [7] }), group('101/2', morning))
      .when(asks(7, move('101/2')))
      .thenHappens('7 leaves 101/1', '7 gets a seat in 101/2', '7 spends 1, 2 left')
    given(
      group('101/1', { registered: [7] }),
      group('101/2', morning),
      group('102/1', { ...morning, registered: [7] }),
    )
      .when(asks(7, move('101/2')))
      .thenIsRefused('class_conflict 101/2 with 102/1', 'exam_conflict 101/2 with 102/1')
  })
})

describe('what costs an action? a student’s own successful drop or move', () => {
  const twoGroups = [group('101/1', { registered: [7] }), group('101/2')]

  test('an add costs none', () => {
    given(student(7), group('101/1'))
      .when(asks(7, add('101/1')))
      .thenHappens('7 gets a seat in 101/1')
      .thenActionsLeft(7, 3)
  })

  test('a drop and a move cost one each, of a reserve place too', () => {
    given(student(7, { actions: 2 }), group('101/1', { capacity: 0, queue: [7] }), group('101/2'))
      .when(asks(7, move('101/2')))
      .thenHappens('7 leaves 101/1', '7 gets a seat in 101/2', '7 spends 1, 1 left')
      .when(asks(7, drop(101)))
      .thenHappens('7 leaves 101/2', '7 spends 1, 0 left')
      .thenActionsLeft(7, 0)
  })

  test('a refusal costs none', () => {
    given(...twoGroups)
      .when(asks(7, move('101/1')))
      .thenIsRefused('no_change 101/1')
      .thenActionsLeft(7, 3)
  })

  test('staff commands cost none', () => {
    given(...twoGroups)
      .when(staff.forceDrops(7, '101/1'))
      .thenHappens('7 leaves 101/1')
      .when(staff.forceAdds(7, '101/2'))
      .thenHappens('7 gets a seat in 101/2')
      .thenActionsLeft(7, 3)
  })

  test('without actions left neither a drop nor a move is possible, but an add is', () => {
    const broke = student(7, { actions: 0 })
    given(broke, ...twoGroups)
      .when(asks(7, drop(101)))
      .thenIsRefused('no_actions_left 101')
    given(broke, ...twoGroups)
      .when(asks(7, move('101/2')))
      .thenIsRefused('no_actions_left 101')
    given(broke, group('101/1'))
      .when(asks(7, add('101/1')))
      .thenHappens('7 gets a seat in 101/1')
  })
})

describe('enrollment window: per student, start inclusive, end exclusive', () => {
  const course = group('101/1', { registered: [8] })

  for (const [moment, nowMs, open] of [
    ['one millisecond before the start', windowOpens - 1, false],
    ['at the start', windowOpens, true],
    ['one millisecond before the end', windowCloses - 1, true],
    ['at the end', windowCloses, false],
  ] as const) {
    test(`${moment} a student ${open ? 'may' : 'may not'} enroll`, () => {
      const outcome = given(student(7), course).when(asks(7, add('101/1')), nowMs)
      if (open) outcome.thenHappens('7 gets a seat in 101/1')
      else outcome.thenIsRefused('outside_enrollment_window')
    })
  }

  test('drops and moves are bound by it too', () => {
    const closed = windowCloses
    given(course, group('101/2'))
      .when(asks(8, drop(101)), closed)
      .thenIsRefused('outside_enrollment_window')
    given(course, group('101/2'))
      .when(asks(8, move('101/2')), closed)
      .thenIsRefused('outside_enrollment_window')
  })

  test('each student has their own', () => {
    const late = student(7, { window: [windowCloses, windowCloses + 1] })
    given(late, student(9), course)
      .when(asks(7, add('101/1')), windowOpens)
      .thenIsRefused('outside_enrollment_window')
      .when(asks(9, add('101/1')), windowOpens)
      .thenHappens('9 gets a seat in 101/1')
      .when(asks(7, add('101/1')), windowCloses)
      .thenHappens('7 gets a seat in 101/1')
  })

  test('staff are not bound by it', () => {
    given(student(7), course)
      .when(staff.forceAdds(7, '101/1'), windowOpens - 1)
      .thenHappens('7 gets a seat in 101/1')
    given(course).when(staff.forceDrops(8, '101/1'), windowCloses).thenHappens('8 leaves 101/1')
  })

  test('a promotion is not bound by it: the queue moves up after the window of those who wait', () => {
    const waiting = student(7, { window: [windowOpens, windowOpens + 1] })
    given(waiting, group('101/1', { capacity: 1, registered: [8], queue: [7] }))
      .when(asks(8, drop(101)))
      .thenHappens('8 leaves 101/1', '8 spends 1, 2 left', '7 moves up in 101/1')
  })
})

/** Student 7 takes 101, with an exam at `taken`; 102 has its own at `wanted`, if any. */
function examinedAt(taken: string, wanted: string | undefined): GroupSketch[] {
  return [
    group('101/1', { registered: [7], exam: exam(taken) }),
    group('102/1', wanted === undefined ? {} : { exam: exam(wanted) }),
  ]
}

describe('exams', () => {
  const ask = asks(7, add('102/1'))

  test('overlapping intervals conflict', () => {
    given(...examinedAt('09:00-11:00', '10:59-12:00'))
      .when(ask)
      .thenIsRefused('exam_conflict 102/1 with 101/1')
  })

  test('without a length, equal start times conflict', () => {
    given(...examinedAt('09:00', '09:00'))
      .when(ask)
      .thenIsRefused('exam_conflict 102/1 with 101/1')
    given(...examinedAt('09:00', '09:01'))
      .when(ask)
      .thenHappens('7 gets a seat in 102/1')
  })

  test('no exam, no conflict', () => {
    given(...examinedAt('09:00', undefined))
      .when(ask)
      .thenHappens('7 gets a seat in 102/1')
  })
})

describe('classes', () => {
  const taken = group('101/1', { registered: [7], meetings: meets('sat 08:00-10:00', 'mon 14:00-16:00') })
  const ask = asks(7, add('102/1'))

  test('overlapping minutes on the same weekday conflict, whichever of the meetings it is', () => {
    given(taken, group('102/1', { meetings: meets('sun 08:00-10:00', 'mon 15:59-18:00') }))
      .when(ask)
      .thenIsRefused('class_conflict 102/1 with 101/1')
  })

  test('touching ends and the same hours on other days do not', () => {
    given(taken, group('102/1', { meetings: meets('sat 10:00-12:00', 'mon 12:00-14:00', 'tue 08:00-10:00') }))
      .when(ask)
      .thenHappens('7 gets a seat in 102/1')
  })
})

describe('staff of department A on a course of department B', () => {
  const foreign = group('201/1', { department: 2, registered: [7] })

  test('every staff command is turned away', () => {
    const rejection = { rejection: 'other_department', course: 201, group: 1 } as const
    given(foreign, student(8)).when(staff.forceAdds(8, '201/1')).thenIsTurnedAway(rejection)
    given(foreign).when(staff.forceDrops(7, '201/1')).thenIsTurnedAway(rejection)
    given(foreign).when(staff.setsCapacity('201/1', 9)).thenIsTurnedAway(rejection)
  })

  test('unless they are staff of the whole campus', () => {
    given(foreign).when(new Staff(1, true).forceDrops(7, '201/1')).thenHappens('7 leaves 201/1')
  })
})
