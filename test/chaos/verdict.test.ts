import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CommandLog, Decision, Evidence, Leg, Tables } from '../stress/history.ts'
import { judge } from './verdict.ts'

const leg: Leg = { do: 'add', course: 1, group: 1, reserve: 'allow' }
const actor = { role: 'student', id: 7 } as const

function campus(isSeated: boolean): Tables {
  return {
    groups: [{ course: 1, group: 1, capacity: 5, reserveCapacity: 0 }],
    students: [{ id: 7, remaining: 3 }],
    places: isSeated ? [{ student: 7, course: 1, group: 1, order: undefined }] : [],
  }
}

const told: CommandLog = {
  actor,
  student: 7,
  legs: [leg],
  isPlan: false,
  key: 'k',
  tries: [
    {
      attempts: [{ sentMs: 1, receivedMs: 2, label: '204', certainlyNot: false }],
      answer: { kind: 'done', body: undefined },
      isReplay: false,
    },
  ],
  begunAt: 1000,
  endedAt: 1010,
}

function decided(seq: number, effects: Decision['effects']): Decision {
  return {
    term: 1,
    seq,
    at: 1005,
    actor,
    student: 7,
    legs: [leg],
    effects,
    reasons: effects === undefined ? [{ code: 'already_enrolled' }] : undefined,
    remaining: 3,
    key: 'k',
  }
}

function evidence(decisions: readonly Decision[], isSeated: boolean): Evidence {
  return {
    before: campus(false),
    decisions,
    after: campus(isSeated),
    commands: [told],
    reads: [],
    lastReads: [],
    lastGroups: [],
  }
}

const registered = [{ type: 'registered', student: 7, course: 1, group: 1 }] as const

test('a yes that is in the tables once is kept', () => {
  const verdict = judge(evidence([decided(1, registered)], true), [])
  assert.deepEqual(
    verdict.checks.flatMap(({ faults }) => faults),
    [],
  )
  assert.equal(verdict.acknowledged, 1)
})

test('a yes that is in no table is lost', () => {
  const verdict = judge(evidence([], false), [])
  assert.deepEqual([verdict.lost, verdict.voidButAcknowledged], [1, 0])
  assert.ok(verdict.checks.some(({ holds }) => !holds))
})

test('a yes whose only record is void is lost, and void though it was acknowledged', () => {
  const verdict = judge(evidence([], false), [{ actor, key: 'k', legs: [leg] }])
  assert.deepEqual([verdict.lost, verdict.voidButAcknowledged], [1, 1])
})

test('a command that was decided twice is duplicated, whatever the second decision was', () => {
  const verdict = judge(evidence([decided(1, registered), decided(2, undefined)], true), [])
  assert.equal(verdict.duplicated, 1)
  assert.ok(verdict.checks.some(({ holds }) => !holds))
})
