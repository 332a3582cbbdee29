import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decide } from './decide.ts'
import { evolve } from './evolve.ts'
import { add, adopts, asks, drop, move, plans, staff } from '../testing/commands.ts'
import { given } from '../testing/scenario.ts'
import { exam, group, meets, student, windowOpens } from '../testing/sketches.ts'

describe('force-enroll', () => {
  test('bypasses window, units, conflicts, lock and queue, and gives an extra seat in a full group', () => {
    const clash = { meetings: meets('sat 08:00-10:00'), exam: exam('09:00') }
    given(
      student(7, { maxUnits: 3, gender: 'male', window: [windowOpens - 1, windowOpens] }),
      group('101/1', { ...clash, registered: [7] }),
      group('102/1', { ...clash, genderLock: 'female', capacity: 1, registered: [1], queue: [2] }),
    )
      .when(staff.forceAdds(7, '102/1', 'dean’s decision'))
      .thenHappens('7 gets a seat in 102/1', '7 has an extra seat in 102/1')
      .thenGroup('102/1', { registered: [1, 7], extra: [7], queue: [2], capacity: 1 })
  })

  test('takes a free seat, which is no extra one', () => {
    given(student(7), group('101/1', { capacity: 1 }))
      .when(staff.forceAdds(7, '101/1'))
      .thenHappens('7 gets a seat in 101/1')
  })

  test('promotes a student who waits in that queue instead of refusing', () => {
    given(group('101/1', { capacity: 1, registered: [1], queue: [2, 7] }))
      .when(staff.forceAdds(7, '101/1'))
      .thenHappens('7 moves up in 101/1', '7 has an extra seat in 101/1')
      .thenGroup('101/1', { registered: [1, 7], extra: [7], queue: [2], capacity: 1 })
  })
})

/** Capacity 2: 1 and 2 sit there, staff seated 7 and 8 besides, and 3 waits. */
const crowded = group('101/1', { capacity: 2, registered: [1, 2], extra: [7, 8], queue: [3] })

describe('an extra seat ends with its holder, and nobody moves up', () => {
  test('a seat forced and taken back leaves the group as it was', () => {
    given(student(7), group('101/1', { capacity: 2, registered: [1, 2], queue: [3] }))
      .when(staff.forceAdds(7, '101/1'))
      .thenHappens('7 gets a seat in 101/1', '7 has an extra seat in 101/1')
      .when(staff.forceDrops(7, '101/1'))
      .thenHappens('7 leaves 101/1')
      .thenGroup('101/1', { registered: [1, 2], extra: [], queue: [3], capacity: 2 })
      .when(staff.setsCapacity('101/1', 2))
      .thenHappens('101/1 holds 2')
      .when(asks(1, drop(101)))
      .thenHappens('1 leaves 101/1', '1 spends 1, 2 left', '3 moves up in 101/1')
  })

  test('when the holder drops it', () => {
    given(crowded)
      .when(asks(7, drop(101)))
      .thenHappens('7 leaves 101/1', '7 spends 1, 2 left')
      .thenGroup('101/1', { registered: [1, 2, 8], extra: [8], queue: [3] })
  })

  test('when the holder moves to another group, or leaves it in a plan', () => {
    given(crowded, group('101/2'), group('102/1'))
      .when(asks(7, move('101/2')))
      .thenHappens('7 leaves 101/1', '7 gets a seat in 101/2', '7 spends 1, 2 left')
      .when(plans(8, drop(101), add('102/1')))
      .thenHappens('8 leaves 101/1', '8 gets a seat in 102/1', '8 spends 1, 2 left')
      .thenGroup('101/1', { registered: [1, 2], extra: [], queue: [3] })
  })

  test('when another leaves: the holder, the first by number of several, has that seat', () => {
    given(crowded)
      .when(asks(1, drop(101)))
      .thenHappens('1 leaves 101/1', '1 spends 1, 2 left', '7 has a seat of 101/1 itself')
      .when(staff.forceDrops(2, '101/1'))
      .thenHappens('2 leaves 101/1', '8 has a seat of 101/1 itself')
      .thenGroup('101/1', { registered: [7, 8], extra: [], queue: [3] })
      .when(asks(8, drop(101)))
      .thenHappens('8 leaves 101/1', '8 spends 1, 2 left', '3 moves up in 101/1')
  })

  test('one who leaves the queue frees no seat', () => {
    given(crowded)
      .when(asks(3, drop(101)))
      .thenHappens('3 leaves 101/1', '3 spends 1, 2 left')
      .thenGroup('101/1', { extra: [7, 8] })
  })

  test('a newcomer waits, and so does one who moves in', () => {
    given(crowded, student(9), group('101/2', { registered: [10] }))
      .when(asks(9, add('101/1', 'never')))
      .thenIsRefused('course_full')
      .when(asks(9, add('101/1')))
      .thenHappens('9 waits in 101/1 at 2, order 2')
      .when(asks(10, move('101/1', { allowReserve: true })))
      .thenHappens('10 leaves 101/2', '10 waits in 101/1 at 3, order 3', '10 spends 1, 2 left')
  })

  test('a cancelled group ends extra seats with the others', () => {
    given(crowded)
      .when(staff.cancels('101/1'))
      .thenHappens(
        '3 leaves 101/1',
        '8 leaves 101/1',
        '7 leaves 101/1',
        '2 leaves 101/1',
        '1 leaves 101/1',
        '101/1 group_cancelled registered=4 waiting=1',
      )
      .thenGroup('101/1', { registered: [], extra: [] })
  })
})

describe('a capacity set while extra seats stand', () => {
  test('may stay what it is, and never takes a seat of the group’s own away', () => {
    given(crowded)
      .when(staff.setsCapacity('101/1', 2))
      .thenHappens('101/1 holds 2')
      .when(staff.setsCapacity('101/1', 1))
      .thenIsRefused('capacity_below_registered')
      .when(staff.changes('101/1', { capacity: 1 }))
      .thenIsRefused('capacity_below_registered')
      .when(staff.changes('101/1', { capacity: 2, reserveCapacity: 1 }))
      .thenHappens('101/1 holds 2', '101/1 group_changed reserveCapacity=1')
  })

  test('makes as many of them the group’s own as it has room for, before anybody moves up', () => {
    given(crowded)
      .when(staff.setsCapacity('101/1', 3))
      .thenHappens('101/1 holds 3', '7 has a seat of 101/1 itself')
      .when(staff.changes('101/1', { capacity: 5, reserveCapacity: 0 }))
      .thenHappens(
        '101/1 holds 5',
        '101/1 group_changed reserveCapacity=0',
        '8 has a seat of 101/1 itself',
        '3 moves up in 101/1',
      )
      .when(staff.setsCapacity('101/1', 4))
      .thenIsRefused('capacity_below_registered')
  })

  test('counts no promotion among those seats when the queue is cut', () => {
    given(crowded)
      .when(staff.changes('101/1', { capacity: 4, reserveCapacity: 0 }))
      .thenIsRefused('reserve_capacity_below_waiting')
  })
})

test('adoption leaves the extra seats of a group as they are, and grows it by what else it holds', () => {
  given(crowded).when(adopts(101)).thenHappens()
  given(group('101/1', { capacity: 1, registered: [1, 2], extra: [7] }))
    .when(adopts(101))
    .thenHappens('101/1 holds 2')
  given(group('101/2', { registered: [1] }), group('101/1', { capacity: 1, registered: [1], extra: [7] }))
    .when(adopts(101))
    .thenHappens('1 leaves 101/1', '7 has a seat of 101/1 itself')
})

test('a seat forced by an earlier version, whose record raised the capacity, goes on as it was decided', () => {
  const { campus } = given(student(7), group('101/1', { capacity: 2, registered: [1, 2], queue: [3] }))
  const where = { course: 101, group: 1 }
  evolve(campus, { type: 'capacity_changed', ...where, capacity: 3 })
  evolve(campus, { type: 'registered', student: 7, ...where })
  assert.deepEqual(decide(campus, staff.forceDrops(7, '101/1'), windowOpens), {
    effects: [
      { type: 'left', student: 7, ...where },
      { type: 'promoted', student: 3, ...where },
    ],
    remaining: 3,
  })
})
