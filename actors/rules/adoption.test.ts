import { describe, test } from 'node:test'
import { adopts } from '../testing/commands.ts'
import { given } from '../testing/scenario.ts'
import { group } from '../testing/sketches.ts'

describe('adopting a course that an older system left behind', () => {
  test('a course in order is left alone', () => {
    given(group('101/1', { capacity: 1, registered: [1], queue: [2, 3] }), group('101/2'))
      .when(adopts(101))
      .thenHappens()
  })

  test('a group over its capacity grows to what it holds: nobody loses a seat', () => {
    given(group('101/1', { capacity: 1, registered: [1, 2, 3], queue: [4] }))
      .when(adopts(101))
      .thenHappens('101/1 holds 3')
      .thenGroup('101/1', { registered: [1, 2, 3], queue: [4], capacity: 3 })
  })

  test('who waits beside a free seat gets it, first come first', () => {
    given(group('101/1', { capacity: 3, registered: [1], queue: [9, 8, 7] }))
      .when(adopts(101))
      .thenHappens('9 moves up in 101/1', '8 moves up in 101/1')
      .thenGroup('101/1', { registered: [1, 8, 9], queue: [7] })
  })

  test('a student in two groups keeps the older seat', () => {
    given(group('101/2', { registered: [7] }), group('101/1', { registered: [7] }))
      .when(adopts(101))
      .thenHappens('7 leaves 101/1')
      .thenGroup('101/2', { registered: [7] })
  })

  test('a student in two groups keeps the seat rather than a reserve place', () => {
    given(
      group('101/1', { capacity: 1, registered: [1], queue: [7, 8] }),
      group('101/2', { registered: [7] }),
    )
      .when(adopts(101))
      .thenHappens('7 leaves 101/1')
      .thenGroup('101/1', { queue: [8] })
  })

  test('a student in two queues keeps the older place', () => {
    given(
      group('101/1', { capacity: 1, registered: [1], queue: [7] }),
      group('101/2', { capacity: 1, registered: [2], queue: [7] }),
    )
      .when(adopts(101))
      .thenHappens('7 leaves 101/2')
  })

  test('the seat that a surplus place held is not counted, and goes to the queue', () => {
    given(group('101/1', { registered: [7] }), group('101/2', { capacity: 1, registered: [7], queue: [8] }))
      .when(adopts(101))
      .thenHappens('7 leaves 101/2', '8 moves up in 101/2')
  })

  test('a group that is over capacity only by surplus places keeps its capacity', () => {
    given(group('101/1', { registered: [7] }), group('101/2', { capacity: 1, registered: [7, 8] }))
      .when(adopts(101))
      .thenHappens('7 leaves 101/2')
      .thenGroup('101/2', { registered: [8], capacity: 1 })
  })

  test('rows that repeat another row are removed on record', () => {
    given(group('101/1', { registered: [7] }))
      .when(adopts(101, [{ student: 7, group: 1, rows: [12, 15] }]))
      .thenHappens('7 in 101/1 loses rows 12 15')
      .thenGroup('101/1', { registered: [7] })
  })

  test('places in other courses are no concern of it', () => {
    given(group('101/1', { registered: [7] }), group('102/1', { capacity: 0, registered: [7] }))
      .when(adopts(101))
      .thenHappens()
  })

  test('what it did, it does not do again', () => {
    given(
      group('101/1', { capacity: 1, registered: [1, 7], queue: [3] }),
      group('101/2', { capacity: 4, registered: [7], queue: [1, 5] }),
    )
      .when(adopts(101))
      .thenHappens('1 leaves 101/2', '7 leaves 101/2', '101/1 holds 2', '5 moves up in 101/2')
      .when(adopts(101))
      .thenHappens()
  })
})
