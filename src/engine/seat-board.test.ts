import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Campus } from '../../actors/campus.ts'
import { decide } from '../../actors/rules/decide.ts'
import { evolve } from '../../actors/rules/evolve.ts'
import type { Effect } from '../../actors/messages/records.ts'
import { scene } from '../../actors/testing/arbitraries.ts'
import { campusOf } from '../../actors/testing/scenario.ts'
import { group } from '../../actors/testing/sketches.ts'
import { type PlaceChange, SeatBoard } from './seat-board.ts'

const everybody = () => true
const at = { course: 10, group: 1 }

function boardOf(...sketches: Parameters<typeof campusOf>[0]): SeatBoard {
  return new SeatBoard(campusOf(sketches), 1)
}

/** Who stands where, as a watcher who is told of changes alone has it: `student/course` -> `group@position`. */
type Places = Map<string, string>

function note(places: Places, changes: ReadonlyMap<number, readonly PlaceChange[]>): void {
  for (const [student, list] of changes) {
    for (const { course, group: number, position } of list) {
      if (position === undefined) places.delete(`${student}/${course}`)
      else places.set(`${student}/${course}`, `${number}@${position}`)
    }
  }
}

function placesIn(campus: Campus): Places {
  const places: Places = new Map()
  for (const student of campus.students.values()) {
    for (const place of student.places) {
      places.set(`${student.id}/${place.course}`, `${place.group}@${place.positionOf(student.id)}`)
    }
  }
  return places
}

test('whoever asks now and then what has changed knows every seat and every position', () => {
  fc.assert(
    fc.property(scene, fc.array(fc.boolean()), ({ groups, students, steps }, asks) => {
      const campus = campusOf([...students, ...groups])
      const board = new SeatBoard(campus, 1)
      const told = placesIn(campus)
      const counts = new Map<string, unknown>()
      let askedAt = 0
      for (const [index, { command, nowMs }] of steps.entries()) {
        const verdict = decide(campus, command, nowMs)
        assert.ok(!('rejection' in verdict))
        for (const effect of verdict.effects ?? []) evolve(campus, effect)
        board.show(index + 1, verdict.effects)
        if (asks[index] !== true && index < steps.length - 1) continue
        note(told, board.placesChangedSince(askedAt, everybody))
        assert.deepEqual(told, placesIn(campus))
        for (const course of campus.courses.values()) {
          for (const one of board.course(course.id)) {
            if (one.changedBy <= askedAt) continue
            counts.set(`${one.course}/${one.group}`, [one.capacity, one.registeredCount, one.queue.length])
          }
          for (const one of course.groups) {
            const known = counts.get(`${one.course}/${one.group}`)
            if (known === undefined) continue
            assert.deepEqual(known, [one.capacity, one.registered.length, one.queue.length])
          }
        }
        askedAt = board.seq
      }
    }),
    { numRuns: 300 },
  )
})

test('those behind the one who leaves the queue move up, and those before are told nothing', () => {
  const board = boardOf(group('10/1', { capacity: 0, queue: [1, 2, 3, 4] }))
  board.show(1, [{ type: 'left', student: 2, ...at }])
  assert.deepEqual(
    board.placesChangedSince(0, everybody),
    new Map([
      [2, [{ ...at, how: 'left', position: undefined }]],
      [3, [{ ...at, how: 'moved_up', position: 2 }]],
      [4, [{ ...at, how: 'moved_up', position: 3 }]],
    ]),
  )
  assert.deepEqual(board.placesChangedSince(1, everybody), new Map())
})

test('many changes of one place are told as one, the way it stands', () => {
  const board = boardOf(group('10/1', { capacity: 1, registered: [1] }), group('10/2'))
  board.show(1, [{ type: 'reserved', student: 5, order: 1, position: 1, ...at }])
  board.show(2, [
    { type: 'left', student: 1, ...at },
    { type: 'promoted', student: 5, ...at },
  ])
  const isWatched = (student: number) => student === 5
  assert.deepEqual(
    board.placesChangedSince(0, isWatched),
    new Map([[5, [{ ...at, how: 'promoted', position: 0 }]]]),
  )
  const [seats] = board.course(10)
  assert.deepEqual([seats?.registeredCount, seats?.queue.length, seats?.changedBy], [1, 0, 2])
  assert.equal(board.department(1)[1]?.changedBy, 0)
})

test('a board says when it has forgotten what came after a decision', () => {
  const board = new SeatBoard(campusOf([group('10/1')]), 1, { entriesMax: 3 })
  const enter = (seq: number): Effect[] => [{ type: 'registered', student: seq, ...at }]
  for (const seq of [1, 2, 3]) board.show(seq, enter(seq))
  assert.ok(board.remembers(0))
  for (const seq of [4, 5]) board.show(seq, enter(seq))
  assert.deepEqual(
    [0, 1, 2, 5, 6].map((seq) => board.remembers(seq)),
    [false, false, true, true, false],
  )
  assert.deepEqual([...board.placesChangedSince(2, everybody).keys()], [5, 4, 3])
})

test('an effect on a group that the board does not know changes nothing and stops nothing', () => {
  const board = boardOf(group('10/1'))
  board.show(1, [{ type: 'registered', student: 1, course: 99, group: 1 }])
  assert.deepEqual([board.seq, board.course(99)], [1, []])
})

test('a group that staff add is shown among those of its department, and a longer queue at its new length', () => {
  const board = boardOf(group('10/1'), group('12/1'))
  const added: Effect = {
    type: 'group_added',
    course: 11,
    group: 1,
    department: 1,
    name: 'Topology',
    lecturer: 'Emmy',
    units: 3,
    capacity: 4,
    reserveCapacity: 2,
    meetings: [],
    exam: null,
    genderLock: null,
    notes: '',
  }
  board.show(1, [added, { type: 'group_changed', course: 12, group: 1, reserveCapacity: 9 }])
  assert.deepEqual(
    board.department(1).map(({ course, capacity, reserveCapacity }) => [course, capacity, reserveCapacity]),
    [
      [10, 30, 5],
      [11, 4, 2],
      [12, 30, 9],
    ],
  )
})

test('who holds a seat in a group or waits for one is told that its time has changed, and nobody else', () => {
  const board = boardOf(group('10/1', { registered: [1, 2], queue: [3] }), group('10/2', { registered: [4] }))
  const meetings = [{ day: 0, startMinute: 480, endMinute: 540 }]
  board.show(1, [{ type: 'left', student: 2, ...at }])
  board.show(2, [{ type: 'promoted', student: 3, ...at }])
  board.show(3, [{ type: 'reserved', student: 5, ...at, order: 9, position: 2 }])
  board.show(4, [{ type: 'group_changed', ...at, meetings, lecturer: 'Emmy' }])
  const how = 'time_changed'
  const told = new Map([
    [1, [{ ...at, how, position: 0 }]],
    [3, [{ ...at, how, position: 0 }]],
    [5, [{ ...at, how, position: 1 }]],
  ])
  assert.deepEqual(board.placesChangedSince(3, everybody), told)
  // Beside what else happened meanwhile.
  assert.deepEqual(board.placesChangedSince(1, everybody).get(3), [
    { ...at, how: 'promoted', position: 0 },
    { ...at, how, position: 0 },
  ])
  // The same hours again, and another lecturer, are no news.
  board.show(5, [{ type: 'group_changed', ...at, meetings, lecturer: 'Ada' }])
  assert.deepEqual(board.placesChangedSince(4, everybody), new Map())
  board.show(6, [{ type: 'group_changed', ...at, exam: { startMs: 1000, minutes: 0 } }])
  assert.deepEqual([...board.placesChangedSince(5, everybody).keys()], [1, 3, 5])
})
