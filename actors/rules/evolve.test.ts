import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { stateLines } from '../campus-digest.ts'
import { evolve } from './evolve.ts'
import type { Effect } from '../messages/records.ts'
import { campusOf } from '../testing/scenario.ts'
import { group, student } from '../testing/sketches.ts'

const campus = campusOf([
  student(9),
  group('101/1', { capacity: 1, registered: [1], queue: [2] }),
  group('101/2'),
])
const here = { course: 101, group: 1 }

describe('an effect that does not fit the campus is a bug or a foreign record, and changes nothing', () => {
  for (const [what, effect] of Object.entries<Effect>({
    'a second seat in a course': { type: 'registered', student: 1, course: 101, group: 2 },
    'a reserve place beside a seat': {
      type: 'reserved',
      student: 1,
      course: 101,
      group: 2,
      order: 1,
      position: 1,
    },
    'a reserve place before the end of the queue': {
      type: 'reserved',
      student: 9,
      ...here,
      order: 1,
      position: 2,
    },
    'leaving a group where no place is held': { type: 'left', student: 9, ...here },
    'the promotion of one who does not wait': { type: 'promoted', student: 9, ...here },
    'the promotion of one who has a seat': { type: 'promoted', student: 1, ...here },
    'an extra seat for one who has no seat': { type: 'extra_seat_given', student: 9, ...here },
    'an extra seat for one who waits': { type: 'extra_seat_given', student: 2, ...here },
    'the end of an extra seat that nobody has': { type: 'extra_seat_ended', student: 1, ...here },
    'a seat in a group that does not exist': { type: 'registered', student: 9, course: 101, group: 9 },
    'a seat for a student who does not exist': { type: 'registered', student: 99, ...here },
    'a reserve place for a student who does not exist': {
      type: 'reserved',
      student: 99,
      ...here,
      order: 2,
      position: 2,
    },
    'a capacity of a group that does not exist': {
      type: 'capacity_changed',
      course: 999,
      group: 1,
      capacity: 3,
    },
    'actions of a student who does not exist': { type: 'actions_spent', student: 99, count: 1, remaining: 0 },
  })) {
    test(what, () => {
      const before = [...stateLines(campus)]
      assert.throws(() => evolve(campus, effect))
      assert.deepEqual([...stateLines(campus)], before)
    })
  }
})

test('rows that repeat another row were held once in memory, so their removal changes nothing', () => {
  const before = [...stateLines(campus)]
  evolve(campus, { type: 'duplicates_removed', student: 1, ...here, rows: [4] })
  assert.deepEqual([...stateLines(campus)], before)
})

test('a replayed effect carries the remaining actions and the order itself, whatever the campus thinks', () => {
  const replayed = campusOf([student(9, { actions: 7 }), group('101/1', { capacity: 0 })])
  evolve(replayed, { type: 'reserved', student: 9, ...here, order: 41, position: 3 })
  evolve(replayed, { type: 'actions_spent', student: 9, count: 1, remaining: 2 })
  assert.deepEqual(replayed.group(101, 1).queueOrders, [41])
  assert.equal(replayed.group(101, 1).nextOrder, 42)
  assert.equal(replayed.student(9).remainingActions, 2)
})
