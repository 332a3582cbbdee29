import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inOrderOfPrecedence, reasonsMax, refusalCodes } from '../messages/refusals.ts'
import { add, asks, drop, move, plans, staff } from '../testing/commands.ts'
import { given } from '../testing/scenario.ts'
import { exam, group, meets, student, windowCloses } from '../testing/sketches.ts'

test('the codes and their precedence are what clients were promised', () => {
  assert.deepEqual(Object.keys(refusalCodes), [
    'outside_enrollment_window',
    'already_enrolled',
    'not_enrolled',
    'no_change',
    'course_cancelled',
    'course_closed',
    'gender_locked',
    'unit_limit',
    'class_conflict',
    'exam_conflict',
    'no_actions_left',
    'move_would_lose_seat',
    'course_full',
    'capacity_below_registered',
    'reserve_capacity_below_waiting',
    'too_many_places',
    'group_exists',
    'student_exists',
    'window_ends_first',
  ])
})

describe('each refusal alone', () => {
  const held = group('101/1', { registered: [7] })

  test('outside_enrollment_window: it is not the student’s time', () => {
    given(student(7), group('101/1'))
      .when(asks(7, add('101/1')), windowCloses)
      .thenIsRefused('outside_enrollment_window')
  })

  test('already_enrolled: a place in the course is held, a seat or a reserve place, in this group or another', () => {
    const waiting = group('101/1', { capacity: 0, queue: [7] })
    given(held)
      .when(asks(7, add('101/1')))
      .thenIsRefused('already_enrolled 101/1')
    given(held, group('101/2'))
      .when(asks(7, add('101/2')))
      .thenIsRefused('already_enrolled 101/2')
    given(waiting)
      .when(asks(7, add('101/1')))
      .thenIsRefused('already_enrolled 101/1')
    given(waiting, group('101/2'))
      .when(asks(7, add('101/2')))
      .thenIsRefused('already_enrolled 101/2')
  })

  test('already_enrolled: staff cannot seat a student twice in a course', () => {
    given(held).when(staff.forceAdds(7, '101/1')).thenIsRefused('already_enrolled 101/1')
    given(held, group('101/2')).when(staff.forceAdds(7, '101/2')).thenIsRefused('already_enrolled 101/2')
    given(group('101/1', { capacity: 0, queue: [7] }), group('101/2'))
      .when(staff.forceAdds(7, '101/2'))
      .thenIsRefused('already_enrolled 101/2')
  })

  test('not_enrolled: there is no place to drop or to move from', () => {
    given(student(7), group('101/1'))
      .when(asks(7, drop(101)))
      .thenIsRefused('not_enrolled 101')
    given(student(7), group('101/1'))
      .when(asks(7, move('101/1')))
      .thenIsRefused('not_enrolled 101/1')
  })

  test('not_enrolled: staff must name the group that is held', () => {
    given(held, group('101/2')).when(staff.forceDrops(7, '101/2')).thenIsRefused('not_enrolled 101/2')
    given(student(7), group('101/1')).when(staff.forceDrops(7, '101/1')).thenIsRefused('not_enrolled 101/1')
  })

  test('no_change: the move ends where it began, or the plan changes nothing', () => {
    given(held)
      .when(asks(7, move('101/1')))
      .thenIsRefused('no_change 101/1')
    given(held)
      .when(plans(7, drop(101), add('101/1')))
      .thenIsRefused('no_change')
  })

  test('gender_locked: the group is for the other gender', () => {
    const locked = group('101/1', { genderLock: 'female' })
    given(student(7, { gender: 'male' }), locked)
      .when(asks(7, add('101/1')))
      .thenIsRefused('gender_locked 101/1')
    given(student(7, { gender: 'female' }), locked)
      .when(asks(7, add('101/1')))
      .thenHappens('7 gets a seat in 101/1')
  })

  test('unit_limit: one unit too many is refused, exactly the limit is not', () => {
    const wanted = group('102/1', { units: 3 })
    given(student(7, { maxUnits: 5 }), held, wanted)
      .when(asks(7, add('102/1')))
      .thenIsRefused('unit_limit 102/1')
    given(student(7, { maxUnits: 6 }), held, wanted)
      .when(asks(7, add('102/1')))
      .thenHappens('7 gets a seat in 102/1')
  })

  test('class_conflict and exam_conflict: each other course that is in the way is named', () => {
    const nine = { meetings: meets('sat 09:00-10:00') }
    given(
      group('101/1', { ...nine, registered: [7] }),
      group('102/1', { ...nine, registered: [7] }),
      group('103/1', nine),
    )
      .when(asks(7, add('103/1')))
      .thenIsRefused('class_conflict 103/1 with 101/1', 'class_conflict 103/1 with 102/1')
    given(group('101/1', { exam: exam('09:00'), registered: [7] }), group('103/1', { exam: exam('09:00') }))
      .when(asks(7, add('103/1')))
      .thenIsRefused('exam_conflict 103/1 with 101/1')
  })

  test('no_actions_left: drops and moves are used up', () => {
    given(student(7, { actions: 0 }), held)
      .when(asks(7, drop(101)))
      .thenIsRefused('no_actions_left 101')
  })

  test('no_actions_left: a negative number that an older system left behind is none', () => {
    given(student(7, { actions: -2 }), held)
      .when(asks(7, drop(101)))
      .thenIsRefused('no_actions_left 101')
  })

  test('move_would_lose_seat: only reserve places are left there', () => {
    given(held, group('101/2', { capacity: 0 }))
      .when(asks(7, move('101/2')))
      .thenIsRefused('move_would_lose_seat 101/2')
  })

  test('course_full: no seat and no reserve place is left', () => {
    given(student(7), group('101/1', { capacity: 1, reserveCapacity: 1, registered: [1], queue: [2] }))
      .when(asks(7, add('101/1')))
      .thenIsRefused('course_full 101/1')
    given(held, group('101/2', { capacity: 0, reserveCapacity: 0 }))
      .when(asks(7, move('101/2')))
      .thenIsRefused('course_full 101/2')
  })

  test('capacity_below_registered: seats that are taken cannot be removed', () => {
    given(held).when(staff.setsCapacity('101/1', 0)).thenIsRefused('capacity_below_registered 101/1')
  })
})

describe('every broken rule is told, in order of precedence', () => {
  const clash = { meetings: meets('sat 08:00-10:00'), exam: exam('09:00') }
  const other = group('100/1', { ...clash, registered: [7] })
  const full = { capacity: 0, reserveCapacity: 0, genderLock: 'female', ...clash } as const

  test('an add that breaks everything an add can break', () => {
    given(student(7, { gender: 'male', maxUnits: 5 }), other, group('101/1', full))
      .when(asks(7, add('101/1')), windowCloses)
      .thenIsRefused(
        'outside_enrollment_window',
        'gender_locked 101/1',
        'unit_limit 101/1',
        'class_conflict 101/1 with 100/1',
        'exam_conflict 101/1 with 100/1',
        'course_full 101/1',
      )
  })

  test('an add to a second group of a course is judged as if the first were given up', () => {
    given(
      student(7, { gender: 'male', maxUnits: 5 }),
      group('101/1', { ...clash, registered: [7] }),
      group('101/2', full),
    )
      .when(asks(7, add('101/2')))
      .thenIsRefused('already_enrolled 101/2', 'gender_locked 101/2', 'course_full 101/2')
  })

  test('a move that breaks everything a move can break', () => {
    given(
      student(7, { gender: 'male', maxUnits: 5, actions: 0 }),
      other,
      group('101/1', { units: 1, registered: [7] }),
      group('101/2', full),
      group('101/3', { ...full, reserveCapacity: 1 }),
    )
      .when(asks(7, move('101/2')), windowCloses)
      .thenIsRefused(
        'outside_enrollment_window',
        'gender_locked 101/2',
        'unit_limit 101/2',
        'class_conflict 101/2 with 100/1',
        'exam_conflict 101/2 with 100/1',
        'no_actions_left 101',
        'course_full 101/2',
      )
      .when(asks(7, move('101/3')))
      .thenIsRefused(
        'gender_locked',
        'unit_limit',
        'class_conflict',
        'exam_conflict',
        'no_actions_left',
        'move_would_lose_seat 101/3',
      )
  })

  test('a move without a place to move from', () => {
    given(student(7, { actions: 0 }), group('101/1', { capacity: 0, reserveCapacity: 0 }))
      .when(asks(7, move('101/1')), windowCloses)
      .thenIsRefused(
        'outside_enrollment_window',
        'not_enrolled 101/1',
        'no_actions_left 101',
        'course_full 101/1',
      )
  })

  test('a drop of nothing without actions', () => {
    given(student(7, { actions: 0 }), group('101/1'))
      .when(asks(7, drop(101)), windowCloses)
      .thenIsRefused('outside_enrollment_window', 'not_enrolled 101', 'no_actions_left 101')
  })

  test('a plan that changes nothing, at the wrong time and without actions', () => {
    given(student(7, { actions: 0 }), other)
      .when(plans(7, drop(100), add('100/1')), windowCloses)
      .thenIsRefused('outside_enrollment_window', 'no_change', 'leg 0: no_actions_left 100')
  })

  test('reasons of several legs read by code first, then by leg', () => {
    given(
      student(7),
      other,
      group('101/1', { genderLock: 'male' }),
      group('102/1', { ...full, genderLock: 'male' }),
    )
      .when(plans(7, add('102/1'), add('101/1'), drop(103)))
      .thenIsTurnedAway({ rejection: 'no_such_course', course: 103 })
      .when(plans(7, add('102/1'), add('101/1'), move('100/1')))
      .thenIsRefused(
        'leg 2: no_change 100/1',
        'leg 0: gender_locked 102/1',
        'leg 1: gender_locked 101/1',
        'leg 0: class_conflict 102/1 with 100/1',
        'leg 0: exam_conflict 102/1 with 100/1',
        'leg 0: course_full 102/1',
      )
  })
})

test('a refusal says how many actions are left, and which leg it is about', () => {
  const { answer } = given(student(7, { actions: 2 }), group('101/1')).when(asks(7, drop(101)))
  assert.deepEqual(answer, { reasons: [{ code: 'not_enrolled', leg: 0, course: 101 }], remaining: 2 })
})

test('sorting reasons leaves the list that it was given alone', () => {
  const reasons = [{ code: 'course_full' }, { code: 'unit_limit' }] as const
  assert.deepEqual(inOrderOfPrecedence(reasons), [{ code: 'unit_limit' }, { code: 'course_full' }])
  assert.equal(reasons[0].code, 'course_full')
})

test('reasons of one code read by leg, and what is about the whole command comes before its legs', () => {
  const code = 'no_change'
  assert.deepEqual(inOrderOfPrecedence([{ code, leg: 2 }, { code, leg: 0 }, { code }]), [
    { code },
    { code, leg: 0 },
    { code, leg: 2 },
  ])
})

test('twenty courses that all overlap are refused with forty reasons, and how many more there are', () => {
  const overlapping = Array.from({ length: 20 }, (_, index) =>
    group(`${100 + index}/1`, { meetings: meets('sat 08:00-10:00'), exam: exam('09:00') }),
  )
  const legs = overlapping.map((_, index) => add(`${100 + index}/1`))
  const { answer } = given(student(7, { maxUnits: 1000 }), ...overlapping).when(plans(7, ...legs))
  assert.ok('reasons' in answer)
  const { reasons = [] } = answer
  assert.equal(reasons.length, reasonsMax)
  assert.equal(reasons.at(-1)?.more, 2 * 190 - reasonsMax)
  assert.ok(reasons.slice(0, -1).every(({ more }) => more === undefined))
})
