import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { add, asks, drop, move, plans } from '../testing/commands.ts'
import { given } from '../testing/scenario.ts'
import { exam, group, meets, student, windowCloses, windowOpens } from '../testing/sketches.ts'

const eight = meets('sat 08:00-10:00')
const ten = meets('sat 10:00-12:00')

describe('a plan is judged by the state that it leads to', () => {
  test('two courses at the same hours can be swapped, whichever leg comes first', () => {
    const sketches = [
      student(7, { maxUnits: 3 }),
      group('101/1', { meetings: eight, exam: exam('09:00'), registered: [7] }),
      group('102/1', { meetings: eight, exam: exam('09:00') }),
    ]
    const swapped = ['7 leaves 101/1', '7 gets a seat in 102/1', '7 spends 1, 2 left']
    given(...sketches)
      .when(plans(7, drop(101), add('102/1')))
      .thenHappens(...swapped)
    given(...sketches)
      .when(plans(7, add('102/1'), drop(101)))
      .thenHappens(...swapped)
  })

  test('two moves may trade their hours', () => {
    given(
      group('101/1', { meetings: eight, registered: [7] }),
      group('101/2', { meetings: ten }),
      group('102/1', { meetings: ten, registered: [7] }),
      group('102/2', { meetings: eight }),
    )
      .when(plans(7, move('101/2'), move('102/2')))
      .thenHappens(
        '7 leaves 101/1',
        '7 leaves 102/1',
        '7 gets a seat in 101/2',
        '7 gets a seat in 102/2',
        '7 spends 2, 1 left',
      )
  })

  test('a drop and an add of another group of the course is a move in two legs and costs one action', () => {
    given(group('101/1', { capacity: 1, registered: [7], queue: [5] }), group('101/2'))
      .when(plans(7, drop(101), add('101/2')))
      .thenHappens('7 leaves 101/1', '7 gets a seat in 101/2', '7 spends 1, 2 left', '5 moves up in 101/1')
  })

  test('a plan that drops a seat says so itself: the add may then wait in a queue, unless it says never', () => {
    const sketches = [group('101/1', { registered: [7] }), group('101/2', { capacity: 0 })]
    given(...sketches)
      .when(plans(7, drop(101), add('101/2')))
      .thenHappens('7 leaves 101/1', '7 waits in 101/2 at 1, order 1', '7 spends 1, 2 left')
    given(...sketches)
      .when(plans(7, drop(101), add('101/2', 'never')))
      .thenIsRefused('leg 1: course_full 101/2')
  })

  test('only the last word about a course counts', () => {
    given(
      group('101/1', { registered: [7] }),
      group('101/2', { capacity: 0, reserveCapacity: 0 }),
      group('101/3'),
    )
      .when(plans(7, move('101/2'), move('101/3')))
      .thenHappens('7 leaves 101/1', '7 gets a seat in 101/3', '7 spends 2, 1 left')
    given(student(7), group('101/1', { capacity: 0, reserveCapacity: 0 }), group('102/1'))
      .when(plans(7, add('101/1'), drop(101), add('102/1')))
      .thenHappens('7 gets a seat in 102/1', '7 spends 1, 2 left')
  })

  test('every drop and every move costs an action, those that cancel out too', () => {
    given(student(7, { actions: 3 }), group('101/1', { registered: [7] }), group('101/2'), group('102/1'))
      .when(plans(7, move('101/2'), move('101/1'), drop(101), add('101/1'), add('102/1')))
      .thenHappens('7 gets a seat in 102/1', '7 spends 3, 0 left')
  })

  test('a plan of adds alone costs none', () => {
    given(student(7, { actions: 0 }), group('101/1'), group('102/1'))
      .when(plans(7, add('101/1'), add('102/1')))
      .thenHappens('7 gets a seat in 101/1', '7 gets a seat in 102/1')
      .thenActionsLeft(7, 0)
  })

  test('it is all or none: one leg that cannot be done refuses the others', () => {
    given(
      group('101/1', { registered: [7] }),
      group('102/1'),
      group('103/1', { capacity: 0, reserveCapacity: 0 }),
    )
      .when(plans(7, drop(101), add('102/1'), add('103/1')))
      .thenIsRefused('leg 2: course_full 103/1')
      .thenGroup('101/1', { registered: [7] })
      .thenGroup('102/1', { registered: [] })
      .thenActionsLeft(7, 3)
  })

  test('a plan of one leg is a plan too', () => {
    given(student(7), group('101/1'))
      .when(plans(7, add('101/1')))
      .thenHappens('7 gets a seat in 101/1')
  })
})

describe('a plan that changes nothing is refused', () => {
  const held = group('101/1', { registered: [7] })

  test('drop and add of the same place', () => {
    given(held)
      .when(plans(7, drop(101), add('101/1')))
      .thenIsRefused('no_change')
  })

  test('there and back again', () => {
    given(held, group('101/2'))
      .when(plans(7, move('101/2'), move('101/1')))
      .thenIsRefused('no_change')
    given(student(7), group('102/1'))
      .when(plans(7, add('102/1'), drop(102)))
      .thenIsRefused('no_change')
  })

  test('but a leg that means nothing is refused for what it is', () => {
    given(student(7), group('101/1'))
      .when(plans(7, drop(101)))
      .thenIsRefused('not_enrolled 101')
    given(held)
      .when(plans(7, move('101/1')))
      .thenIsRefused('no_change 101/1')
  })
})

describe('each leg must mean something where it stands', () => {
  const held = group('101/1', { registered: [7] })

  test('adding a course twice', () => {
    given(student(7), group('101/1'), group('101/2'))
      .when(plans(7, add('101/1'), add('101/2')))
      .thenIsRefused('leg 1: already_enrolled 101/2')
  })

  test('dropping a course twice', () => {
    given(held)
      .when(plans(7, drop(101), drop(101)))
      .thenIsRefused('leg 1: not_enrolled 101')
  })

  test('moving what was dropped a leg before', () => {
    given(held, group('101/2'))
      .when(plans(7, drop(101), move('101/2')))
      .thenIsRefused('leg 1: not_enrolled 101/2')
  })

  test('moving what is added a leg before is possible', () => {
    given(student(7), group('101/1'), group('101/2'))
      .when(plans(7, add('101/1'), move('101/2')))
      .thenHappens('7 gets a seat in 101/2', '7 spends 1, 2 left')
  })
})

describe('reasons name the leg that is to blame', () => {
  test('units: the legs from which on the limit is passed', () => {
    given(student(7, { maxUnits: 7 }), group('101/1'), group('102/1'), group('103/1'), group('104/1'))
      .when(plans(7, add('101/1'), add('102/1'), add('103/1'), add('104/1')))
      .thenIsRefused('leg 2: unit_limit 103/1', 'leg 3: unit_limit 104/1')
  })

  test('conflicts between two legs: the later one, with the course of the earlier', () => {
    given(student(7), group('101/1', { meetings: eight }), group('102/1', { meetings: eight }))
      .when(plans(7, add('102/1'), add('101/1')))
      .thenIsRefused('leg 1: class_conflict 101/1 with 102/1')
  })

  test('a course that was named early and settled late counts as late', () => {
    given(
      group('101/1', { registered: [7] }),
      group('101/2', { meetings: eight }),
      group('102/1', { meetings: eight }),
    )
      .when(plans(7, drop(101), add('102/1'), add('101/2')))
      .thenIsRefused('leg 2: class_conflict 101/2 with 102/1')
  })

  test('actions: the legs that there is nothing left for', () => {
    given(
      student(7, { actions: 1 }),
      group('101/1', { registered: [7] }),
      group('102/1', { registered: [7] }),
      group('103/1', { registered: [7] }),
    )
      .when(plans(7, drop(101), drop(102), drop(103)))
      .thenIsRefused('leg 1: no_actions_left 102', 'leg 2: no_actions_left 103')
  })

  test('the window is about the whole plan', () => {
    const { answer } = given(student(7), group('101/1'), group('102/1')).when(
      plans(7, add('101/1'), add('102/1')),
      windowCloses,
    )
    const window = { startMs: windowOpens, endMs: windowCloses }
    assert.deepEqual(answer, { reasons: [{ code: 'outside_enrollment_window', window }], remaining: 3 })
  })
})

describe('a student over the limit by a staff decision', () => {
  const over = [
    student(7, { maxUnits: 4 }),
    group('101/1', { registered: [7] }),
    group('102/1', { registered: [7] }),
  ]

  test('may exchange courses as long as the units do not grow', () => {
    given(...over, group('103/1', { units: 2 }))
      .when(plans(7, drop(101), add('103/1')))
      .thenHappens('7 leaves 101/1', '7 gets a seat in 103/1', '7 spends 1, 2 left')
    given(...over, group('103/1', { units: 4 }))
      .when(plans(7, drop(101), add('103/1')))
      .thenIsRefused('leg 1: unit_limit 103/1')
  })

  test('may keep a conflict that staff made, and move into none of their own', () => {
    const clash = { meetings: eight, registered: [7] }
    given(group('101/1', clash), group('102/1', clash), group('103/1'), group('101/2', { meetings: eight }))
      .when(asks(7, add('103/1')))
      .thenHappens('7 gets a seat in 103/1')
      .when(asks(7, move('101/2')))
      .thenIsRefused('class_conflict 101/2 with 102/1')
  })
})

describe('what an add says about the reserve queue', () => {
  const free = group('101/1', { capacity: 1 })
  const full = group('101/1', { capacity: 1, registered: [1], queue: [2] })
  const packed = group('101/1', { capacity: 1, reserveCapacity: 1, registered: [1], queue: [2] })

  test('allow: a seat, else a reserve place, else refused', () => {
    given(student(7), free)
      .when(asks(7, add('101/1', 'allow')))
      .thenHappens('7 gets a seat in 101/1')
    given(student(7), full)
      .when(asks(7, add('101/1', 'allow')))
      .thenHappens('7 waits in 101/1 at 2, order 2')
    given(student(7), packed)
      .when(asks(7, add('101/1', 'allow')))
      .thenIsRefused('course_full 101/1')
  })

  test('never: a seat or nothing', () => {
    given(student(7), free)
      .when(asks(7, add('101/1', 'never')))
      .thenHappens('7 gets a seat in 101/1')
    given(student(7), full)
      .when(asks(7, add('101/1', 'never')))
      .thenIsRefused('course_full 101/1')
    given(student(7), packed)
      .when(asks(7, add('101/1', 'never')))
      .thenIsRefused('course_full 101/1')
  })

  test('only: the end of the queue, and through it at once where a seat is free', () => {
    given(student(7), full)
      .when(asks(7, add('101/1', 'only')))
      .thenHappens('7 waits in 101/1 at 2, order 2')
    given(student(7), packed)
      .when(asks(7, add('101/1', 'only')))
      .thenIsRefused('course_full 101/1')
    given(student(7), free)
      .when(asks(7, add('101/1', 'only')))
      .thenHappens('7 waits in 101/1 at 1, order 1', '7 moves up in 101/1')
      .thenGroup('101/1', { registered: [7], queue: [] })
  })

  test('only: a free seat is not “full” because the group keeps no queue', () => {
    given(student(7), group('101/1', { capacity: 1, reserveCapacity: 0 }))
      .when(asks(7, add('101/1', 'only')))
      .thenHappens('7 waits in 101/1 at 1, order 1', '7 moves up in 101/1')
  })

  test('never: a reserve place that was held before does not count as the seat asked for', () => {
    given(group('101/1', { capacity: 0, queue: [7] }), group('102/1'))
      .when(plans(7, drop(101), add('101/1', 'never'), add('102/1')))
      .thenIsRefused('leg 1: course_full 101/1')
  })

  test('the legs of one plan may differ in it', () => {
    given(
      student(7),
      group('101/1', { capacity: 0 }),
      group('102/1', { capacity: 1 }),
      group('103/1', { capacity: 0 }),
    )
      .when(plans(7, add('101/1', 'allow'), add('102/1', 'never'), add('103/1', 'only')))
      .thenHappens(
        '7 waits in 101/1 at 1, order 1',
        '7 gets a seat in 102/1',
        '7 waits in 103/1 at 1, order 1',
      )
  })
})

describe('moves from and to the reserve queue', () => {
  const waiting = group('101/1', { capacity: 1, registered: [1], queue: [7, 5] })

  test('from a queue to a seat; who waited behind moves forward and is not promoted', () => {
    given(waiting, group('101/2'))
      .when(asks(7, move('101/2')))
      .thenHappens('7 leaves 101/1', '7 gets a seat in 101/2', '7 spends 1, 2 left')
      .thenGroup('101/1', { registered: [1], queue: [5] })
  })

  test('from a queue to the end of another queue: no seat is lost, so nothing need be allowed', () => {
    given(waiting, group('101/2', { capacity: 1, registered: [2], queue: [3] }))
      .when(asks(7, move('101/2')))
      .thenHappens('7 leaves 101/1', '7 waits in 101/2 at 2, order 2', '7 spends 1, 2 left')
  })

  test('from a queue to a group without any place', () => {
    given(waiting, group('101/2', { capacity: 0, reserveCapacity: 0 }))
      .when(asks(7, move('101/2', { allowReserve: true })))
      .thenIsRefused('course_full 101/2')
  })

  test('the seat that a plan would lose is the one held before the plan', () => {
    given(group('101/1', { registered: [7] }), group('101/2'), group('101/3', { capacity: 0 }))
      .when(plans(7, move('101/2'), move('101/3')))
      .thenIsRefused('leg 1: move_would_lose_seat 101/3')
  })
})
