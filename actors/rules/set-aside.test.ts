import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { add, asks, drop, move, plans, staff } from '../testing/commands.ts'
import { given } from '../testing/scenario.ts'
import { group, meets, student, windowCloses, windowOpens } from '../testing/sketches.ts'

const early = student(7, { window: [-1, windowCloses], faults: ['enrollment_start_time'] })
const aside = { rejection: 'set_aside', student: 7 } as const
const asideGroup = { rejection: 'set_aside', course: 101, group: 1 } as const

describe('a student whose row cannot be served', () => {
  test('is turned away from everything, and so are staff who act for them', () => {
    given(early, group('101/1', { registered: [7] }), group('101/2'), group('102/1'))
      .when(asks(7, add('102/1')))
      .thenIsTurnedAway(aside)
      .when(asks(7, drop(101)))
      .thenIsTurnedAway(aside)
      .when(plans(7, move('101/2'), add('102/1')))
      .thenIsTurnedAway(aside)
      .when(staff.forceAdds(7, '102/1'))
      .thenIsTurnedAway(aside)
      .when(staff.forceDrops(7, '101/1'))
      .thenIsTurnedAway(aside)
      .when(staff.does({ do: 'change_student', windowEndMs: windowCloses }, 7))
      .thenIsTurnedAway(aside)
      .when(staff.does({ do: 'change_student', maxUnits: 12 }, 7))
      .thenIsTurnedAway(aside)
  })

  test('keeps the seat, and moves up in turn, while everybody else goes on', () => {
    given(early, group('101/1', { capacity: 1, registered: [1], queue: [7, 2] }))
      .when(asks(1, drop(101)))
      .thenHappens('1 leaves 101/1', '1 spends 1, 2 left', '7 moves up in 101/1')
  })

  test('is served from the moment that staff give every such column another value', () => {
    given(early, group('101/1'))
      .when(staff.does({ do: 'change_student', windowStartMs: windowOpens, windowEndMs: windowCloses }, 7))
      .thenHappens(`7 window_changed windowStartMs=${windowOpens} windowEndMs=${windowCloses}`)
      .when(asks(7, add('101/1')))
      .thenHappens('7 gets a seat in 101/1')
  })

  test('whom no record can name stays where they are: the group cannot be cancelled', () => {
    const nameless = student(-7, { faults: ['id'] })
    given(nameless, group('101/1', { registered: [-7, 1] }))
      .when(staff.cancels('101/1'))
      .thenIsTurnedAway({ rejection: 'set_aside', student: -7 })
      .when(staff.closes('101/1'))
      .thenHappens('101/1 group_closed')
  })
})

describe('a group whose row cannot be served', () => {
  const odd = group('101/1', { units: 0, registered: [7], faults: ['class_time'] })

  test('takes nobody in and lets nobody go, and is not changed', () => {
    given(odd, group('101/2'), student(1))
      .when(asks(1, add('101/1')))
      .thenIsTurnedAway(asideGroup)
      .when(asks(7, drop(101)))
      .thenIsTurnedAway(asideGroup)
      .when(asks(7, move('101/2')))
      .thenIsTurnedAway(asideGroup)
      .when(staff.forceAdds(1, '101/1'))
      .thenIsTurnedAway(asideGroup)
      .when(staff.setsCapacity('101/1', 9))
      .thenIsTurnedAway(asideGroup)
      .when(staff.changes('101/1', { notes: 'Room 4' }))
      .thenIsTurnedAway(asideGroup)
      .when(staff.cancels(101))
      .thenIsTurnedAway(asideGroup)
      .when(asks(1, add('101/2')))
      .thenHappens('1 gets a seat in 101/2')
  })

  test('is served from the moment that staff give it times', () => {
    given(odd)
      .when(staff.changes('101/1', { meetings: meets('sat 09:00-10:30') }))
      .thenHappens('101/1 group_changed meetings=[{"day":0,"startMinute":540,"endMinute":630}]')
      .when(asks(7, drop(101)))
      .thenHappens('7 leaves 101/1', '7 spends 1, 2 left')
  })

  test('is served from the moment that staff give it a capacity, where it had a negative one', () => {
    given(group('101/1', { capacity: 0, faults: ['capacity'] }), student(1))
      .when(staff.setsCapacity('101/1', 1))
      .thenHappens('101/1 holds 1')
      .when(asks(1, add('101/1')))
      .thenHappens('1 gets a seat in 101/1')
  })
})

test('who comes behind an order below 0 gets an order that a record can hold', () => {
  const { campus } = given(group('101/1', { capacity: 0, queue: [1] }), student(2))
  const [only] = campus.course(101).groups
  only?.queueOrders.splice(0, 1, -5)
  assert.equal(only?.nextOrder, 1)
})
