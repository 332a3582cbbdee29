import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { campusOf } from '../../actors/testing/scenario.ts'
import { group } from '../../actors/testing/sketches.ts'
import { Catalogs } from './catalogs.ts'
import { SeatBoard } from './seat-board.ts'

const department = 1
const reuseMs = 100
const seat = (student: number) => ({ type: 'registered', student, course: 10, group: 1 }) as const

let board: SeatBoard
let catalogs: Catalogs
beforeEach(() => {
  board = new SeatBoard(campusOf([group('10/1'), group('11/1'), group('20/1', { department: 2 })]), 1)
  catalogs = new Catalogs(board, 'a1b2c3d4', reuseMs)
})

/** What somebody sees of course 10 whose own newest decision is `ownSeq`. */
function registeredAt(nowMs: number, ownSeq: number | undefined): number | undefined {
  return catalogs.show({ department }, ownSeq, nowMs).groups?.[0]?.registeredCount
}

test('whoever asks twice in a moment may be shown the same seats', () => {
  assert.equal(registeredAt(0, 0), 0)
  board.show(1, [seat(7)])
  assert.equal(registeredAt(reuseMs - 1, 0), 0)
})

test('a moment later everybody sees what has changed', () => {
  assert.equal(registeredAt(0, 0), 0)
  board.show(1, [seat(7)])
  assert.equal(registeredAt(reuseMs, 0), 1)
})

test('a student who was given a seat sees it taken at once, and so does everybody after them', () => {
  assert.equal(registeredAt(0, 0), 0)
  board.show(1, [seat(7)])
  assert.equal(registeredAt(1, 1), 1)
  assert.equal(registeredAt(2, 0), 1)
})

test('a student whose newest decision is about another department is shown nothing older than it', () => {
  assert.equal(registeredAt(0, 0), 0)
  board.show(1, [seat(7)])
  board.show(2, [{ type: 'registered', student: 8, course: 20, group: 1 }])
  assert.equal(registeredAt(1, 2), 1)
})

test('who is not known to have decided anything is shown the newest', () => {
  assert.equal(registeredAt(0, undefined), 0)
  board.show(1, [seat(7)])
  assert.equal(registeredAt(1, undefined), 1)
})

test('a catalog has another version when it has changed, and only then', () => {
  const versionAt = (nowMs: number) => catalogs.show({ department }, undefined, nowMs).version
  const before = versionAt(0)
  board.show(1, [{ type: 'registered', student: 7, course: 20, group: 1 }])
  assert.equal(versionAt(1000), before, 'another department has changed')
  board.show(2, [seat(7)])
  assert.notEqual(versionAt(2000), before)
  assert.notEqual(new Catalogs(board, 'another', reuseMs).show({ department }, 0, 0).version, versionAt(3000))
})

test('who has the version already is not told it again', () => {
  const { version } = catalogs.show({ department }, 0, 0)
  assert.equal(catalogs.show({ department, known: version }, 0, 0).groups, undefined)
  assert.equal(catalogs.show({ department, known: 'older' }, 0, 0).groups?.length, 2)
})

test('what staff change of a group is shown once it is confirmed', () => {
  board.show(1, [{ type: 'group_changed', course: 10, group: 1, lecturer: 'Noether', reserveCapacity: 3 }])
  const [changed] = catalogs.show({ department }, undefined, 0).groups ?? []
  assert.equal(changed?.lecturer, 'Noether')
  assert.equal(changed?.reserveCapacity, 3)
})
