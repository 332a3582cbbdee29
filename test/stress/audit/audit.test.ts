import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Answer } from '../history.ts'
import { audit } from './audit.ts'
import { claims, assertFaults, withDecision, withCommand, answered, group } from './testing/doctored.ts'
import { honestHistory } from './testing/honest-history.ts'

test('an honest history passes, and every claim was looked at', () => {
  const { checks, promotions } = audit(honestHistory())
  assert.deepEqual(
    checks.flatMap(({ faults }) => faults),
    [],
  )
  assert.equal(promotions, 1)
  assert.equal(checks.length, Object.keys(claims).length)
})

test('a yes without its decision is a lost enrollment', () => {
  const evidence = honestHistory()
  const decisions = evidence.decisions.filter(({ seq }) => seq !== 9)
  assertFaults({ ...evidence, decisions }, 'yes', 'tables')
})

test('a decision lost in the middle is missed by its number as well', () => {
  const evidence = honestHistory()
  const decisions = evidence.decisions.filter(({ seq }) => seq !== 5)
  assertFaults({ ...evidence, decisions }, 'no', 'numbered')
})

test('a command that was decided twice is found by its key', () => {
  const evidence = honestHistory()
  const last = evidence.decisions[7]
  assert.ok(last)
  const decisions = [...evidence.decisions, { ...last, seq: 10, at: last.at + 20 }]
  assertFaults({ ...evidence, decisions }, 'no', 'realTime')
})

test('a command without a key that was decided twice is found by its time', () => {
  const evidence = honestHistory()
  const last = evidence.decisions[8]
  assert.ok(last)
  const refused = {
    ...last,
    seq: 10,
    effects: undefined,
    reasons: [{ code: 'already_enrolled', leg: 0, ...group }],
  }
  assertFaults({ ...evidence, decisions: [...evidence.decisions, refused] }, 'unasked')
})

test('a decision that nobody asked for is found', () => {
  const evidence = honestHistory()
  const commands = evidence.commands.filter((_, index) => index !== 3)
  assertFaults({ ...evidence, commands }, 'unasked')
})

test('a decision for another course than the one asked for is found', () => {
  assertFaults(
    withDecision(5, { legs: [{ do: 'add', course: 1, group: 2, reserve: 'allow' }] }),
    'unasked',
    'no',
    'justified',
  )
})

test('a refusal told with other reasons than the recorded ones is found', () => {
  const reasons = [{ code: 'course_full', ...group }]
  assertFaults(
    withCommand(5, (command) => answered(command, { kind: 'refused', reasons })),
    'no',
  )
})

test('a refusal told with its reasons in another order is found', () => {
  const evidence = withCommand(5, (command) => {
    const [first] = command.tries
    assert.ok(first?.answer.kind === 'refused')
    return answered(command, { kind: 'refused', reasons: first.answer.reasons.toReversed() })
  })
  assertFaults(evidence, 'no')
})

test('a yes that was recorded as a no is found', () => {
  assertFaults(
    withCommand(5, (command) => answered(command, { kind: 'done', body: undefined })),
    'yes',
  )
})

test('a reply that told another place than the recorded one is found', () => {
  const body = { place: 'reserved', reserve_queue_position: 1 }
  assertFaults(
    withCommand(1, (command) => answered(command, { kind: 'done', body })),
    'yes',
  )
})

test('a request that was turned away for certain and decided all the same is found', () => {
  const answer: Answer = { kind: 'turned_away', code: '503 busy' }
  assertFaults(
    withCommand(4, (command) => answered(command, answer, { certainlyNot: true })),
    'none',
  )
})

test('a request without a reply may have been decided once, not twice', () => {
  const answer: Answer = { kind: 'unknown', code: 'no reply' }
  const once = withCommand(8, (command) => answered(command, answer))
  assertFaults(once)
  const last = once.decisions[7]
  assert.ok(last)
  const twice = { ...last, seq: 10, at: last.at + 20 }
  assertFaults({ ...once, decisions: [...once.decisions, twice] }, 'unknown')
})

test('a repetition that was told something else is found', () => {
  const evidence = withCommand(5, (command) => {
    const again = answered(command, { kind: 'refused', reasons: [] }).tries.map((one) => ({
      ...one,
      isReplay: true,
    }))
    return { ...command, tries: [...command.tries, ...again] }
  })
  assertFaults(evidence, 'repeated', 'no')
})

test('two answers to one key that both claim to be the first are found', () => {
  assertFaults(
    withCommand(5, (command) => ({ ...command, tries: [...command.tries, ...command.tries] })),
    'repeated',
  )
})

test('a decision numbered before one that was answered earlier is found', () => {
  const evidence = withCommand(4, (command) => {
    const [first] = command.tries
    assert.ok(first)
    // Sent after the reply to the fifth.
    return answered(command, first.answer, { sentMs: 46, receivedMs: 47 })
  })
  assertFaults(evidence, 'realTime')
})
