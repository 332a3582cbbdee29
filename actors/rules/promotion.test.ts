import { describe, test } from 'node:test'
import { add, asks, drop, move, plans, staff } from '../testing/commands.ts'
import { given } from '../testing/scenario.ts'
import { group, student } from '../testing/sketches.ts'

const contested = group('101/1', { capacity: 2, registered: [1, 2], queue: [31, 32, 33] })

describe('the queue moves up in the decision that frees a seat', () => {
  test('when a registered student drops', () => {
    given(contested)
      .when(asks(1, drop(101)))
      .thenHappens('1 leaves 101/1', '1 spends 1, 2 left', '31 moves up in 101/1')
      .when(asks(2, drop(101)))
      .thenHappens('2 leaves 101/1', '2 spends 1, 2 left', '32 moves up in 101/1')
      .thenGroup('101/1', { registered: [31, 32], queue: [33] })
  })

  test('when a registered student moves to another group', () => {
    given(contested, group('101/2'))
      .when(asks(1, move('101/2')))
      .thenHappens('1 leaves 101/1', '1 gets a seat in 101/2', '1 spends 1, 2 left', '31 moves up in 101/1')
  })

  test('when a staff member drops a registered student', () => {
    given(contested).when(staff.forceDrops(2, '101/1')).thenHappens('2 leaves 101/1', '31 moves up in 101/1')
  })

  test('when a plan leaves several courses: each queue moves up', () => {
    given(
      group('101/1', { capacity: 1, registered: [7], queue: [31] }),
      group('102/1', { capacity: 1, registered: [7], queue: [32, 33] }),
      group('103/1'),
    )
      .when(plans(7, drop(101), drop(102), add('103/1')))
      .thenHappens(
        '7 leaves 101/1',
        '7 leaves 102/1',
        '7 gets a seat in 103/1',
        '7 spends 2, 1 left',
        '31 moves up in 101/1',
        '32 moves up in 102/1',
      )
  })

  test('when the capacity grows: as many as there are new seats, in order', () => {
    given(contested)
      .when(staff.setsCapacity('101/1', 4))
      .thenHappens('101/1 holds 4', '31 moves up in 101/1', '32 moves up in 101/1')
      .thenGroup('101/1', { registered: [1, 2, 31, 32], queue: [33], capacity: 4 })
  })

  test('when the capacity grows beyond the queue, the whole queue moves up and seats stay free', () => {
    given(contested)
      .when(staff.setsCapacity('101/1', 9))
      .thenHappens('101/1 holds 9', '31 moves up in 101/1', '32 moves up in 101/1', '33 moves up in 101/1')
      .when(asks(40, add('101/1')))
      .thenIsTurnedAway({ rejection: 'no_such_student' })
  })
})

describe('nobody moves up without a free seat', () => {
  test('when one who waits drops: those behind come forward in the queue', () => {
    given(contested)
      .when(asks(31, drop(101)))
      .thenHappens('31 leaves 101/1', '31 spends 1, 2 left')
      .thenGroup('101/1', { registered: [1, 2], queue: [32, 33] })
  })

  test('when a staff member drops one who waits', () => {
    given(contested).when(staff.forceDrops(32, '101/1')).thenHappens('32 leaves 101/1')
  })

  test('when the capacity stays or shrinks to the seats that are taken', () => {
    given(contested).when(staff.setsCapacity('101/1', 2)).thenHappens('101/1 holds 2')
    given(group('101/1', { capacity: 9, registered: [1] }))
      .when(staff.setsCapacity('101/1', 1))
      .thenHappens('101/1 holds 1')
      .when(asks(1, drop(101)))
      .thenHappens('1 leaves 101/1', '1 spends 1, 2 left')
  })
})

describe('a freed seat goes to the first in the reserve queue, never to a newcomer', () => {
  test('a newcomer after a drop joins the end of the queue', () => {
    given(student(7), contested)
      .when(asks(1, drop(101)))
      .thenHappens('1 leaves 101/1', '1 spends 1, 2 left', '31 moves up in 101/1')
      .when(asks(7, add('101/1', 'never')))
      .thenIsRefused('course_full 101/1')
      .when(asks(7, add('101/1')))
      .thenHappens('7 waits in 101/1 at 3, order 4')
  })

  test('who drops and comes back stands at the end', () => {
    given(contested)
      .when(asks(1, drop(101)))
      .thenHappens('1 leaves 101/1', '1 spends 1, 2 left', '31 moves up in 101/1')
      .when(asks(1, add('101/1')))
      .thenHappens('1 waits in 101/1 at 3, order 4')
      .thenGroup('101/1', { registered: [2, 31], queue: [32, 33, 1] })
  })

  test('who waits and moves in from another group stands at the end too', () => {
    given(group('101/2', { capacity: 0, queue: [7] }), contested)
      .when(asks(7, move('101/1')))
      .thenHappens('7 leaves 101/2', '7 waits in 101/1 at 4, order 4', '7 spends 1, 2 left')
  })

  test('where a seat stands free beside a queue (an outside change), the queue moves up and a newcomer waits', () => {
    given(student(7), group('101/1', { capacity: 2, registered: [1], queue: [31, 32] }))
      .when(asks(7, add('101/1', 'never')))
      .thenIsRefused('course_full 101/1')
      .when(asks(7, add('101/1')))
      .thenHappens('7 waits in 101/1 at 3, order 3', '31 moves up in 101/1')
  })
})

describe('where several seats stand free beside a queue (an outside change)', () => {
  const neglected = group('101/1', { capacity: 3, registered: [1], queue: [31, 32, 33] })

  test('one who waits and drops is not among those who move up', () => {
    given(neglected)
      .when(asks(31, drop(101)))
      .thenHappens('31 leaves 101/1', '31 spends 1, 2 left', '32 moves up in 101/1', '33 moves up in 101/1')
  })

  test('one who waits and is seated by a staff member moves up once, and the next takes the seat that is left', () => {
    given(neglected)
      .when(staff.forceAdds(32, '101/1'))
      .thenHappens('32 moves up in 101/1', '31 moves up in 101/1')
      .thenGroup('101/1', { registered: [1, 31, 32], queue: [33], capacity: 3 })
  })
})

describe('a student seated by a staff member', () => {
  test('from the middle of the queue moves up past the others, who keep their order', () => {
    given(contested)
      .when(staff.forceAdds(32, '101/1'))
      .thenHappens('32 moves up in 101/1', '32 has an extra seat in 101/1')
      .thenGroup('101/1', { registered: [1, 2, 32], queue: [31, 33], capacity: 2 })
  })

  test('leaves like any other, and the seat made for them ends', () => {
    given(contested)
      .when(staff.forceAdds(32, '101/1'))
      .thenHappens('32 moves up in 101/1', '32 has an extra seat in 101/1')
      .when(staff.forceDrops(32, '101/1'))
      .thenHappens('32 leaves 101/1')
      .thenGroup('101/1', { registered: [1, 2], queue: [31, 33], capacity: 2 })
  })

  test('beside a seat that stands free beside a queue: the free seat is theirs, no other is promoted', () => {
    given(student(7), group('101/1', { capacity: 2, registered: [1], queue: [31] }))
      .when(staff.forceAdds(7, '101/1'))
      .thenHappens('7 gets a seat in 101/1')
  })

  test('in a group over its capacity (an outside change) has one of the seats that end with their holders', () => {
    given(student(7), group('101/1', { capacity: 1, registered: [1, 2, 3] }))
      .when(staff.forceAdds(7, '101/1'))
      .thenHappens('7 gets a seat in 101/1', '7 has an extra seat in 101/1')
      .when(asks(1, drop(101)))
      .thenHappens('1 leaves 101/1', '1 spends 1, 2 left')
  })
})
