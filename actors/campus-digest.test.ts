import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Campus } from './campus.ts'
import { stateLines } from './campus-digest.ts'
import { evolve } from './rules/evolve.ts'
import type { Effect } from './messages/records.ts'
import { campusOf } from './testing/scenario.ts'
import { group, student, windowCloses, windowOpens } from './testing/sketches.ts'

const groups = [
  group('101/1', { capacity: 2, registered: [12, 3], queue: [40, 5] }),
  group('101/2'),
  group('20/1', { capacity: 9 }),
]
const usual = 'reserve=5 lecturer="N. N." notes="" meetings= exam=-'
const limits = `units=20 window=${windowOpens}-${windowCloses}`
const linesOf = (campus: Campus) => [...stateLines(campus)]

test('a campus reads as one line for each group and each student, in ascending order', () => {
  assert.deepEqual(linesOf(campusOf([...groups, student(100, { actions: 0 })])), [
    `group 20/1 open capacity=9 ${usual} registered= queue=`,
    `group 101/1 open capacity=2 ${usual} registered=3,12 queue=40@1,5@2`,
    `group 101/2 open capacity=30 ${usual} registered= queue=`,
    `student 3 actions=3 ${limits}`,
    `student 5 actions=3 ${limits}`,
    `student 12 actions=3 ${limits}`,
    `student 40 actions=3 ${limits}`,
    `student 100 actions=0 ${limits}`,
  ])
})

test('an empty campus has no lines', () => {
  assert.deepEqual(linesOf(campusOf([])), [])
})

test('the order in which it was loaded does not show', () => {
  const [first, ...others] = groups
  const backwards = [...others.toReversed(), group('101/1', { ...first, registered: [3, 12] })]
  assert.deepEqual(linesOf(campusOf(backwards)), linesOf(campusOf(groups)))
})

test('reading it leaves the campus as it is', () => {
  const campus = campusOf(groups)
  const before = structuredClone(campus)
  linesOf(campus)
  assert.deepEqual(structuredClone(campus), before)
})

describe('every kind of difference shows', () => {
  const place = { course: 101, group: 1 }
  for (const [what, effects] of Object.entries<Effect[]>({
    'a seat more': [{ type: 'registered', student: 9, course: 20, group: 1 }],
    'a seat less': [{ type: 'left', student: 3, ...place }],
    'a seat in place of a reserve place': [{ type: 'promoted', student: 40, ...place }],
    'a reserve place with another order': [
      { type: 'left', student: 5, ...place },
      { type: 'reserved', student: 5, ...place, order: 3, position: 2 },
    ],
    'an extra seat': [{ type: 'extra_seat_given', student: 3, ...place }],
    'another capacity': [{ type: 'capacity_changed', ...place, capacity: 3 }],
    'another reserve capacity': [{ type: 'group_changed', ...place, reserveCapacity: 6 }],
    'another lecturer': [{ type: 'group_changed', ...place, lecturer: 'Emmy' }],
    'other notes': [{ type: 'group_changed', ...place, notes: 'Room 4' }],
    'other meetings': [
      { type: 'group_changed', ...place, meetings: [{ day: 1, startMinute: 540, endMinute: 630 }] },
    ],
    'another exam': [{ type: 'group_changed', ...place, exam: { startMs: 1000, minutes: 0 } }],
    'a closed group': [{ type: 'group_closed', ...place }],
    'a cancelled group': [{ type: 'group_cancelled', course: 20, group: 1, registered: 0, waiting: 0 }],
    'another unit limit': [{ type: 'max_units_changed', student: 9, maxUnits: 21, heldUnits: 0 }],
    'another window': [{ type: 'window_changed', student: 9, windowStartMs: 5, windowEndMs: 9 }],
    'other remaining actions': [{ type: 'actions_spent', student: 9, count: 1, remaining: 2 }],
  })) {
    test(what, () => {
      const campus = campusOf([...groups, student(9)])
      const before = linesOf(campus)
      for (const effect of effects) evolve(campus, effect)
      assert.notDeepEqual(linesOf(campus), before)
    })
  }
})
