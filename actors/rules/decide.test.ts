import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Command } from '../messages/commands.ts'
import { decide } from './decide.ts'
import { add, adopts, asks, drop, move, plans, Staff, staff } from '../testing/commands.ts'
import { campusOf, given } from '../testing/scenario.ts'
import { duringWindow, group, student, windowCloses } from '../testing/sketches.ts'

describe('what is turned away before the rules are asked', () => {
  const campus = [student(7), group('101/1', { registered: [7] }), group('201/1', { department: 2 })]

  test('a student or a course that does not exist', () => {
    given(...campus)
      .when(asks(8, add('101/1')))
      .thenIsTurnedAway({ rejection: 'no_such_student' })
      .when(asks(7, add('999/1')))
      .thenIsTurnedAway({ rejection: 'no_such_course', course: 999, group: 1 })
      .when(asks(7, add('101/9')))
      .thenIsTurnedAway({ rejection: 'no_such_course', course: 101, group: 9 })
      .when(asks(7, move('101/9')))
      .thenIsTurnedAway({ rejection: 'no_such_course', course: 101, group: 9 })
      .when(asks(7, drop(999)))
      .thenIsTurnedAway({ rejection: 'no_such_course', course: 999 })
      .when(adopts(999))
      .thenIsTurnedAway({ rejection: 'no_such_course', course: 999 })
  })

  test('the same for staff commands', () => {
    given(...campus)
      .when(staff.forceAdds(8, '101/1'))
      .thenIsTurnedAway({ rejection: 'no_such_student' })
      .when(staff.forceDrops(7, '101/9'))
      .thenIsTurnedAway({ rejection: 'no_such_course', course: 101, group: 9 })
      .when(staff.setsCapacity('999/1', 5))
      .thenIsTurnedAway({ rejection: 'no_such_course', course: 999, group: 1 })
  })

  test('a plan is turned away whole when one of its courses does not exist', () => {
    given(...campus)
      .when(plans(7, drop(101), add('201/1'), add('999/1')))
      .thenIsTurnedAway({ rejection: 'no_such_course', course: 999, group: 1 })
      .thenGroup('101/1', { registered: [7] })
  })

  test('whose course it is comes before whether the student exists, and that before the course', () => {
    given(...campus)
      .when(staff.forceAdds(8, '201/1'))
      .thenIsTurnedAway({ rejection: 'other_department', course: 201, group: 1 })
      .when(staff.forceAdds(8, '999/1'))
      .thenIsTurnedAway({ rejection: 'no_such_student' })
  })

  test('it comes before every rule: a closed window does not hide that a course does not exist', () => {
    given(...campus)
      .when(asks(7, add('999/1')), windowCloses)
      .thenIsTurnedAway({ rejection: 'no_such_course', course: 999, group: 1 })
  })
})

describe('departments', () => {
  test('bind whom staff seat by force, unless a setting or the scope of the campus lets them', () => {
    const sketches = [group('101/1', { department: 1 }), student(8, { department: 2 })]
    const forced = staff.forceAdds(8, '101/1')
    const seatsAnybody = {
      role: 'staff',
      id: 901,
      department: 1,
      campusWide: false,
      seatsAnybody: true,
    } as const
    given(...sketches)
      .when(forced)
      .thenIsTurnedAway({ rejection: 'other_department', student: 8 })
      .when({ ...forced, actor: seatsAnybody })
      .thenHappens('8 gets a seat in 101/1')
      .when(staff.forceDrops(8, '101/1'))
      .thenHappens('8 leaves 101/1')
      .when(new Staff(1, true).forceAdds(8, '101/1'))
      .thenHappens('8 gets a seat in 101/1')
  })

  const mixed = [
    group('101/1', { department: 1 }),
    group('101/2', { department: 2 }),
    student(7),
    student(8, { department: 2 }),
  ]

  test('bind staff by the group’s own department, also where groups of a course differ', () => {
    given(...mixed)
      .when(staff.forceAdds(7, '101/2'))
      .thenIsTurnedAway({ rejection: 'other_department', course: 101, group: 2 })
      .when(new Staff(2).forceAdds(8, '101/2'))
      .thenHappens('8 gets a seat in 101/2')
  })

  test('bind no student: courses of other departments are open to them', () => {
    given(student(7, { department: 9 }), ...mixed.slice(0, 2))
      .when(asks(7, add('101/1')))
      .thenHappens('7 gets a seat in 101/1')
  })
})

describe('commands that no request can make are bugs', () => {
  const campus = campusOf([student(7), group('101/1')])
  const actor = { role: 'student', id: 7 } as const
  const capacity = { do: 'set_capacity', course: 101, group: 1, capacity: 1 } as const

  for (const [what, command] of Object.entries<Command>({
    'no leg': { actor, student: 7, legs: [] },
    'a student’s leg beside a staff member’s': { actor, student: 7, legs: [add('101/1'), capacity] },
    'two legs of a staff member': { actor, legs: [capacity, capacity] },
    'a leg about a student, naming none': { actor, legs: [add('101/1')] },
  })) {
    test(what, () => {
      assert.throws(() => decide(campus, command, duringWindow))
    })
  }
})

test('the reply knows how many actions are left, whatever was decided, where a student is concerned', () => {
  const campus = campusOf([student(7, { actions: 2 }), group('101/1', { registered: [7] })])
  const remaining = (command: Command) => {
    const answer = decide(campus, command, duringWindow)
    return 'rejection' in answer ? 'turned away' : answer.remaining
  }
  assert.equal(remaining(asks(7, drop(101))), 1)
  assert.equal(remaining(asks(7, add('101/1'))), 2)
  assert.equal(remaining(staff.forceDrops(7, '101/1')), 2)
  assert.equal(remaining(staff.forceAdds(7, '101/1')), 2)
  assert.equal(remaining(staff.setsCapacity('101/1', 50)), undefined)
})

test('the journal’s own shape of a promotion, a reserve place and a spent action', () => {
  const campus = campusOf([
    group('101/1', { capacity: 1, registered: [7], queue: [5] }),
    group('101/2', { capacity: 0 }),
  ])
  assert.deepEqual(decide(campus, asks(7, move('101/2', { allowReserve: true })), duringWindow), {
    effects: [
      { type: 'left', student: 7, course: 101, group: 1 },
      { type: 'reserved', student: 7, course: 101, group: 2, order: 1, position: 1 },
      { type: 'actions_spent', student: 7, count: 1, remaining: 2 },
      { type: 'promoted', student: 5, course: 101, group: 1 },
    ],
    remaining: 2,
  })
})
