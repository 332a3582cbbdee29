import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decide } from '../../actors/rules/decide.ts'
import { evolve } from '../../actors/rules/evolve.ts'
import type { Effect } from '../../actors/messages/records.ts'
import { scene } from '../../actors/testing/arbitraries.ts'
import { campusOf } from '../../actors/testing/scenario.ts'
import { group } from '../../actors/testing/sketches.ts'
import { SeatBoard } from '../engine/seat-board.ts'
import { ByteReader } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import { toGateway } from './protocol.ts'
import { SeatFeed, SeatMirror } from './seat-feed.ts'

/** A gateway's end of a feed: reads what was written so far. */
function link() {
  const writer = new ByteWriter(1024)
  const mirror = new SeatMirror()
  const bugs: unknown[] = []
  const feed = new SeatFeed(
    () => writer,
    (bug) => bugs.push(bug),
  )
  const read = () => {
    const from = new ByteReader(writer.take())
    while (from.hasMore) {
      const kind = from.uint8()
      if (kind === toGateway.seats) mirror.readState(from)
      else if (kind === toGateway.shown) mirror.readShown(from)
      else if (kind === toGateway.shownUnusual) mirror.readUnusual(from)
      else assert.fail(`message ${kind}`)
    }
  }
  return { feed, mirror, read, bugs }
}

/** As JSON has it: what is undefined is not there. */
function assertSame(copy: SeatBoard | undefined, board: SeatBoard): void {
  assert.equal(JSON.stringify(copy?.state()), JSON.stringify(board.state()))
}

test('a gateway that joins at any moment sees the seats and places that the engine shows', () => {
  fc.assert(
    fc.property(scene, fc.nat(20), ({ groups, students, steps }, joinsAfter) => {
      const campus = campusOf([...students, ...groups])
      const board = new SeatBoard(campus, 7)
      const { feed, mirror, read, bugs } = link()
      for (const [index, { command, nowMs }] of steps.entries()) {
        if (index === joinsAfter) feed.follow(board)
        const verdict = decide(campus, command, nowMs)
        assert.ok(!('rejection' in verdict))
        for (const effect of verdict.effects ?? []) evolve(campus, effect)
        const before = mirror.board?.seq
        board.show(index + 1, verdict.effects)
        read()
        if (mirror.board === undefined) continue
        assertSame(mirror.board, board)
        if (before === undefined) continue
        assert.deepEqual(
          mirror.board.placesChangedSince(before, () => true),
          board.placesChangedSince(before, () => true),
        )
      }
      assert.deepEqual(bugs, [])
    }),
  )
})

test('a capacity, and a decision with very many effects, reach the gateway too', () => {
  const waiting = Array.from({ length: 300 }, (_, index) => index + 1)
  const board = new SeatBoard(campusOf([group('10/1', { capacity: 0, queue: waiting })]), 1)
  const { feed, mirror, read } = link()
  feed.follow(board)
  const at = { course: 10, group: 1 }
  board.show(1, [
    { type: 'capacity_changed', ...at, capacity: 300 },
    ...waiting.map((student) => ({ type: 'promoted', student, ...at }) as const),
  ])
  read()
  assertSame(mirror.board, board)
})

test('a group that is closed, opened again or cancelled is so at the gateway too', () => {
  const board = new SeatBoard(campusOf([group('10/1'), group('10/2')]), 1)
  const { feed, mirror, read } = link()
  board.show(1, [{ type: 'group_closed', course: 10, group: 2 }])
  feed.follow(board)
  const at = { course: 10, group: 1 }
  const steps: Effect[] = [
    { type: 'group_closed', ...at },
    { type: 'group_opened', ...at },
    { type: 'group_cancelled', ...at, registered: 0, waiting: 0 },
  ]
  const seen = steps.map((effect, index) => {
    board.show(index + 2, [effect])
    read()
    assertSame(mirror.board, board)
    return mirror.board?.course(10).map(({ status }) => status)
  })
  assert.deepEqual(seen, [
    ['closed', 'closed'],
    ['open', 'closed'],
    ['cancelled', 'closed'],
  ])
})

test('a time that changes concerns at the gateway whom it concerns at the engine', () => {
  const board = new SeatBoard(campusOf([group('10/1', { registered: [1, 2], queue: [3] })]), 1)
  const { feed, mirror, read } = link()
  feed.follow(board)
  board.show(1, [
    { type: 'group_changed', course: 10, group: 1, meetings: [{ day: 0, startMinute: 480, endMinute: 540 }] },
  ])
  read()
  assertSame(mirror.board, board)
  const students = mirror.board?.placesChangedSince(0, () => true)
  assert.deepEqual([...(students?.keys() ?? [])], [1, 2, 3])
})

test('in a new term the gateway begins with a new board, and hears no more of the old one', () => {
  const campus = campusOf([group('10/1')])
  const [old, next] = [new SeatBoard(campus, 1), new SeatBoard(campus, 2)]
  const { feed, mirror, read } = link()
  feed.follow(old)
  feed.follow(next)
  old.show(1, [{ type: 'registered', student: 1, course: 10, group: 1 }])
  read()
  assertSame(mirror.board, next)
  feed.follow(undefined)
  next.show(1, undefined)
  read()
  assert.equal(mirror.board?.seq, 0)
})
