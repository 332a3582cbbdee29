import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { adopts, asks, drop } from '../../actors/testing/commands.ts'
import { group } from '../../actors/testing/sketches.ts'
import { Ledger, leaderOf } from './testing/ledger.ts'
import { differencesOf, registrationDay } from './testing/registration-day.ts'

describe('every fault of the journal is told', () => {
  test('a decision that is missing', async () => {
    const ledger = registrationDay()
    // A refusal: the state is the same without it.
    ledger.decisions.splice(1, 1)
    assert.deepEqual(await differencesOf(ledger), [
      'journal: expected decision 2 of term 1, found decision 3 next',
    ])
  })

  test('a decision that is missing from before the baseline', async () => {
    const ledger = registrationDay()
    ledger.leaders.splice(0, 1)
    ledger.leaders.unshift(
      { leader: leaderOf(8), after: '00000000-0000-0000-0000-000000000000', term: 1 },
      { leader: leaderOf(1), after: leaderOf(8), term: 2 },
    )
    ledger.earlier.push({ term: 1, count: 6, lastSeq: 7, newestAtMs: 44 })
    ledger.baselineRow = { term: 2, takenAtMs: 50 }
    ledger.positionRow = { ...ledger.positionRow, term: 2 }
    ledger.decisions.splice(0, 5, ...ledger.decisions.map((decision) => ({ ...decision, term: 2 })))
    assert.deepEqual(await differencesOf(ledger), [
      'journal: expected decisions 1 to 7 of term 1, found 6 of these 7',
    ])
  })

  test('a position behind the newest decision', async () => {
    const ledger = registrationDay()
    ledger.positionRow = { ...ledger.positionRow, seq: 4 }
    assert.deepEqual(await differencesOf(ledger), [
      'journal: expected position at the newest decision, term 1 seq 5, found term 1 seq 4',
    ])
  })

  test('a position beyond the newest decision', async () => {
    const ledger = registrationDay().takeOver()
    ledger.positionRow = { ...ledger.positionRow, seq: 1 }
    assert.deepEqual(await differencesOf(ledger), [
      'journal: expected position at the newest decision, term 2 seq 0, found term 2 seq 1',
    ])
  })

  test('a position in another term than the newest leader', async () => {
    const ledger = registrationDay()
    ledger.leaders.push({ leader: leaderOf(2), after: leaderOf(1), term: 2 })
    assert.deepEqual(await differencesOf(ledger), [
      `journal: expected position in term 2 of leader ${leaderOf(2)}, found in term 1 of leader ${leaderOf(1)}`,
    ])
  })

  test('a term that nobody led', async () => {
    const ledger = registrationDay().takeOver()
    ledger.leaders.splice(0, 1)
    assert.deepEqual(await differencesOf(ledger), [
      'journal: expected term 1 next, found term 2',
      `journal: expected leader ${leaderOf(2)} of term 2 after 00000000-0000-0000-0000-000000000000, found after ${leaderOf(1)}`,
    ])
  })

  test('a decision of a term beyond the newest leader', async () => {
    const ledger = registrationDay()
    const refused = { student: undefined, effects: undefined, remaining: undefined }
    ledger.decisions.push({ term: 2, seq: 1, atMs: ledger.positionRow.atMs, ...refused })
    assert.deepEqual(await differencesOf(ledger), [
      'journal: expected decisions of terms 1 to 1, which had a leader, found decisions of term 2',
      'journal: expected position at the newest decision, term 2 seq 1, found term 1 seq 5',
    ])
  })

  test('a time that goes backwards', async () => {
    const ledger = registrationDay()
    ledger.decisions.splice(2, 1, { ...ledger.decisions[2]!, atMs: 5 })
    assert.deepEqual(await differencesOf(ledger), [
      'journal: expected decision 3 of term 1 at 2030-09-21T07:01:00.002Z or later, found at 1970-01-01T00:00:00.005Z',
    ])
  })

  test('a position with another time than the newest decision', async () => {
    const ledger = registrationDay()
    ledger.positionRow = { ...ledger.positionRow, atMs: 5 }
    assert.deepEqual(await differencesOf(ledger), [
      'journal: expected position at the newest time, 2030-09-21T07:01:00.005Z, found 1970-01-01T00:00:00.005Z',
    ])
  })

  test('thousands of faults are counted once a thousand are told', async () => {
    const ledger = new Ledger(group('101/1'))
    for (let seq = 2; seq < 2500; seq += 2) {
      ledger.decisions.push({
        term: 1,
        seq,
        atMs: 0,
        student: undefined,
        effects: undefined,
        remaining: undefined,
      })
    }
    ledger.positionRow = { ...ledger.positionRow, seq: 2498 }
    const lines = await differencesOf(ledger)
    assert.equal(lines.length, 1001)
    assert.equal(lines.at(-1), 'journal: expected no more of these, found 249 more')
  })
})

describe('decisions that do not fit those before them are told', () => {
  test('a place left that nobody held, however often', async () => {
    const ledger = registrationDay()
    const effects = [{ type: 'left', student: 2, course: 101, group: 2 }] as const
    for (const seq of [6, 7]) {
      ledger.decisions.push({ ...ledger.decisions[4]!, seq, effects })
      ledger.positionRow = { ...ledger.positionRow, seq }
    }
    assert.deepEqual(await differencesOf(ledger), [
      'student 2 in 101/2: expected a place to leave at decision 6 of term 1, found no place, and 1 later ones',
    ])
  })

  test('a second place in a course', async () => {
    const ledger = registrationDay()
    const effects = [{ type: 'registered', student: 5, course: 101, group: 2 }] as const
    ledger.decisions.push({ ...ledger.decisions[4]!, seq: 6, effects })
    ledger.positionRow = { ...ledger.positionRow, seq: 6 }
    assert.deepEqual(await differencesOf(ledger), [
      'student 5 in 101/2: expected no place in the course at decision 6 of term 1, found a seat in 101/1',
    ])
  })

  test('a reserve place before the end of the queue', async () => {
    const ledger = registrationDay()
    const effects = [{ type: 'reserved', student: 2, course: 101, group: 1, order: 3, position: 3 }] as const
    ledger.decisions.push({ ...ledger.decisions[4]!, seq: 6, effects })
    ledger.positionRow = { ...ledger.positionRow, seq: 6 }
    assert.deepEqual(await differencesOf(ledger), [
      'student 2 in 101/1: expected no place in the course and a queue that ends before order 3 at decision 6 of term 1, found a queue that ends at order 3',
    ])
  })

  test('a promotion of somebody who does not wait', async () => {
    const ledger = registrationDay()
    const effects = [{ type: 'promoted', student: 5, course: 101, group: 1 }] as const
    ledger.decisions.push({ ...ledger.decisions[4]!, seq: 6, effects })
    ledger.positionRow = { ...ledger.positionRow, seq: 6 }
    assert.deepEqual(await differencesOf(ledger), [
      'student 5 in 101/1: expected a reserve place to move up from at decision 6 of term 1, found a seat in 101/1',
    ])
  })

  test('actions that do not add up', async () => {
    const ledger = registrationDay()
    ledger.decisions.splice(3, 1, { ...ledger.decisions[3]!, remaining: 1 })
    assert.deepEqual(await differencesOf(ledger), [
      'student 1: expected 2 actions left at decision 4 of term 1, found 1',
      'student 1: expected 1 actions left, found 2 actions left',
    ])
  })
})

describe('rows that repeated others before the baseline', () => {
  const seat = { student: 1, course: 101, group: 1, order: undefined }

  function withRepeatedRows(): Ledger {
    const ledger = new Ledger(group('101/1', { registered: [1] }))
    ledger.before.places.push(seat, { ...seat, order: 77 })
    return ledger
  }

  test('are expected until a decision removes them', async () => {
    const ledger = withRepeatedRows()
    assert.deepEqual(await differencesOf(ledger), [
      'student 1 in 101/1: expected a seat, in 3 rows, found a seat',
    ])
    ledger.rows.places.push({ ...seat, order: 77 }, seat)
    assert.deepEqual(await differencesOf(ledger), [])
  })

  test('are not expected once adoption removed them', async () => {
    const ledger = withRepeatedRows().decide(adopts(101, [{ student: 1, group: 1, rows: [12, 15] }]))
    assert.deepEqual(await differencesOf(ledger), [])
    ledger.rows.places.push(seat)
    assert.deepEqual(await differencesOf(ledger), [
      'student 1 in 101/1: expected a seat, found a seat, in 2 rows',
    ])
  })

  test('are not expected once the student left', async () => {
    const ledger = withRepeatedRows().decide(asks(1, drop(101)))
    assert.deepEqual(await differencesOf(ledger), [])
  })
})
