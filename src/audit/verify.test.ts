import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { add, asks, drop } from '../../actors/testing/commands.ts'
import { group, student } from '../../actors/testing/sketches.ts'
import { formatVerification } from './format-verification.ts'
import { Ledger, leaderOf } from './testing/ledger.ts'
import { differencesOf, registrationDay } from './testing/registration-day.ts'
import { exitStatusOf, type Verification, verify } from './verify.ts'

async function compared(ledger: Ledger): Promise<Verification & { verdict: 'agreed' | 'differs' }> {
  const verification = await verify(ledger)
  assert.ok(verification.verdict !== 'not_served')
  return verification
}

describe('tables that say what the decisions say', () => {
  test('agree, and one line counts what was compared', async () => {
    const ledger = registrationDay()
    assert.deepEqual(formatVerification(await verify(ledger)), [
      'agreed: 5 decisions, 5 students, 3 groups, 2 seats, 2 waiting, position term 1 seq 5, ' +
        'baseline of 2030-09-21T07:01:00.000Z',
    ])
  })

  test('have the digest of the replay', async () => {
    const { digests } = await compared(registrationDay())
    assert.equal(digests.replayed, digests.tables)
    assert.match(digests.tables, /^[0-9a-f]{64}$/)
  })

  test('agree over several terms', async () => {
    const ledger = registrationDay()
      .takeOver()
      .takeOver()
      .decide(asks(6, drop(101)))
    assert.deepEqual(await differencesOf(ledger), [])
  })

  test('agree from a later baseline on, whatever earlier decisions did', async () => {
    const ledger = new Ledger(group('101/1'), student(1))
    ledger.leaders.push({ leader: leaderOf(2), after: leaderOf(1), term: 2 })
    ledger.earlier.push({ term: 1, count: 7, lastSeq: 7, newestAtMs: 44 })
    ledger.baselineRow = { term: 2, takenAtMs: 50 }
    ledger.positionRow = { leader: leaderOf(2), term: 2, seq: 0, atMs: 44 }
    ledger.absorbed = 3
    assert.deepEqual(formatVerification(await verify(ledger)), [
      'agreed: 0 decisions, 1 student, 1 group, 0 seats, 0 waiting, position term 2 seq 0, ' +
        'baseline of 1970-01-01T00:00:00.050Z; 3 outside changes taken in by term 2',
    ])
    assert.deepEqual(await differencesOf(ledger.decide(asks(1, add('101/1')))), [])
  })

  test('need no baseline row of a student or a group that was added later', async () => {
    const ledger = registrationDay()
    ledger.before.students = ledger.before.students.filter(({ id }) => id !== 2 && id !== 3)
    ledger.before.groups = ledger.before.groups.filter((row) => row.course !== 102)
    assert.deepEqual(await differencesOf(ledger), [])
  })

  test('may show nothing of a change from outside; it is counted', async () => {
    const ledger = registrationDay().noteChange({ table: 'students', operation: 'INSERT', student: 3 })
    assert.match(formatVerification(await verify(ledger)).join(), /^agreed: .*; 1 outside change since$/)
  })

  test('cannot be judged before any leader has served', async () => {
    const ledger = new Ledger(group('101/1'))
    ledger.baselineRow = undefined
    ledger.positionRow = { leader: leaderOf(0), term: 0, seq: 0, atMs: 0 }
    const verification = await verify(ledger)
    assert.deepEqual(formatVerification(verification), [
      'nothing to verify yet: no leader has served this database',
    ])
    assert.equal(exitStatusOf(verification), 0)
  })

  test('cannot be judged without the baseline of a database that served', async () => {
    const ledger = registrationDay()
    ledger.baselineRow = undefined
    await assert.rejects(verify(ledger), /no baseline/)
  })
})

describe('every difference of a place is told', () => {
  test('a seat that is gone', async () => {
    const ledger = registrationDay()
    ledger.rows.places = ledger.rows.places.filter((row) => row.student !== 2)
    assert.deepEqual(await differencesOf(ledger), ['student 2 in 102/1: expected a seat, found no place'])
  })

  test('a seat that no decision gave', async () => {
    const ledger = registrationDay()
    ledger.rows.places.push({ student: 1, course: 102, group: 1, order: undefined })
    assert.deepEqual(await differencesOf(ledger), ['student 1 in 102/1: expected no place, found a seat'])
  })

  test('a promotion that the tables forgot', async () => {
    const ledger = registrationDay()
    ledger.rows.places = ledger.rows.places.map((row) => (row.student === 5 ? { ...row, order: 1 } : row))
    assert.deepEqual(await differencesOf(ledger), [
      'student 5 in 101/1: expected a seat, found a reserve place of order 1',
    ])
  })

  test('a queue in another order', async () => {
    const ledger = registrationDay()
    const swapped = new Map([
      [6, 3],
      [3, 2],
    ])
    ledger.rows.places = ledger.rows.places.map((row) => ({
      ...row,
      order: swapped.get(row.student) ?? row.order,
    }))
    assert.deepEqual(await differencesOf(ledger), [
      'student 3 in 101/1: expected a reserve place of order 3, found a reserve place of order 2',
      'student 6 in 101/1: expected a reserve place of order 2, found a reserve place of order 3',
    ])
  })

  test('a place in another group', async () => {
    const ledger = registrationDay()
    ledger.rows.places = ledger.rows.places.map((row) =>
      row.student === 2 ? { ...row, course: 101, group: 2 } : row,
    )
    assert.deepEqual(await differencesOf(ledger), [
      'student 2 in 101/2: expected no place, found a seat',
      'student 2 in 102/1: expected a seat, found no place',
    ])
  })

  test('a row that repeats another', async () => {
    const ledger = registrationDay()
    ledger.rows.places.push({ student: 2, course: 102, group: 1, order: undefined })
    assert.deepEqual(await differencesOf(ledger), [
      'student 2 in 102/1: expected a seat, found a seat, in 2 rows',
    ])
  })

  test('so the digests differ too', async () => {
    const ledger = registrationDay()
    ledger.rows.places.pop()
    const { digests } = await compared(ledger)
    assert.notEqual(digests.replayed, digests.tables)
  })
})

describe('every difference of a group or a student is told', () => {
  test('a capacity', async () => {
    const ledger = registrationDay()
    ledger.rows.groups = ledger.rows.groups.map((row) => (row.group === 2 ? { ...row, capacity: 30 } : row))
    assert.deepEqual(await differencesOf(ledger), ['group 101/2: expected capacity 12, found capacity 30'])
  })

  test('a group that is gone', async () => {
    const ledger = registrationDay()
    ledger.rows.groups = ledger.rows.groups.filter((row) => row.group !== 2)
    assert.deepEqual(await differencesOf(ledger), ['group 101/2: expected capacity 12, found no such group'])
  })

  test('actions that were spent and are back', async () => {
    const ledger = registrationDay()
    ledger.rows.students = ledger.rows.students.map((row) => ({ ...row, remainingActions: 3 }))
    assert.deepEqual(await differencesOf(ledger), [
      'student 1: expected 2 actions left, found 3 actions left',
    ])
  })

  test('a student who is gone', async () => {
    const ledger = registrationDay()
    ledger.rows.students = ledger.rows.students.filter(({ id }) => id !== 1)
    assert.deepEqual(await differencesOf(ledger), [
      'student 1: expected 2 actions left, found no such student',
    ])
  })

  test('the actions of a student who came after the baseline and was decided about', async () => {
    const ledger = registrationDay()
    ledger.before.students = ledger.before.students.filter(({ id }) => id !== 2)
    ledger.rows.students = ledger.rows.students.map((row) => ({ ...row, remainingActions: 7 }))
    const told = await differencesOf(ledger)
    assert.ok(told.includes('student 2: expected 3 actions left, found 7 actions left'), told.join('\n'))
  })
})

describe('what somebody did from outside is named', () => {
  const gone = 'student 2 in 102/1: expected a seat, found no place; made from outside '

  function withoutPlaceOf(id: number): Ledger {
    const ledger = registrationDay()
    ledger.rows.places = ledger.rows.places.filter((row) => row.student !== id)
    return ledger
  }

  test('by the very place', async () => {
    const ledger = withoutPlaceOf(2)
      .noteChange({ table: 'enrolled_courses', operation: 'UPDATE', student: 2, course: 102, group: 1 })
      .noteChange({ table: 'enrolled_courses', operation: 'DELETE', student: 2, course: 102, group: 1 })
    assert.deepEqual(await differencesOf(ledger), [
      `${gone}(registrar, 2030-09-21T07:01:00.000Z, DELETE on enrolled_courses, the newest of 2 changes)`,
    ])
  })

  test('by a change of the whole table', async () => {
    const ledger = withoutPlaceOf(2).noteChange({ table: 'enrolled_courses', operation: 'TRUNCATE' })
    assert.deepEqual(await differencesOf(ledger), [
      `${gone}(registrar, 2030-09-21T07:01:00.000Z, TRUNCATE on enrolled_courses)`,
    ])
  })

  test('by a load of several tables, if it is one of them', async () => {
    const load = { operation: 'LOAD', table: 'students, enrolled_courses' }
    assert.deepEqual(await differencesOf(withoutPlaceOf(2).noteChange(load)), [
      `${gone}(registrar, 2030-09-21T07:01:00.000Z, LOAD on students, enrolled_courses)`,
    ])
    assert.deepEqual(
      await differencesOf(withoutPlaceOf(2).noteChange({ ...load, table: 'students, courses' })),
      ['student 2 in 102/1: expected a seat, found no place'],
    )
  })

  test('but not by a change of another place, or of another table', async () => {
    const ledger = withoutPlaceOf(2)
      .noteChange({ table: 'enrolled_courses', operation: 'DELETE', student: 3, course: 102, group: 1 })
      .noteChange({ table: 'enrolled_courses', operation: 'DELETE', student: 2, course: 102, group: 2 })
      .noteChange({ table: 'students', operation: 'UPDATE', student: 2 })
      .noteChange({ table: 'courses', operation: 'TRUNCATE' })
    assert.deepEqual(await differencesOf(ledger), ['student 2 in 102/1: expected a seat, found no place'])
  })

  test('for a capacity and for actions too', async () => {
    const ledger = registrationDay()
      .noteChange({ table: 'courses', operation: 'UPDATE', course: 101, group: 2 })
      .noteChange({ table: 'students', operation: 'UPDATE', student: 1, by: 'dean' })
    ledger.rows.groups = ledger.rows.groups.map((row) => (row.group === 2 ? { ...row, capacity: 30 } : row))
    ledger.rows.students = ledger.rows.students.map((row) => ({ ...row, remainingActions: 3 }))
    assert.deepEqual(await differencesOf(ledger), [
      'group 101/2: expected capacity 12, found capacity 30; made from outside (registrar, 2030-09-21T07:01:00.000Z, UPDATE on courses)',
      'student 1: expected 2 actions left, found 3 actions left; made from outside (dean, 2030-09-21T07:01:00.000Z, UPDATE on students)',
    ])
  })

  test('a decision that found no row to change is named as well', async () => {
    const ledger = withoutPlaceOf(2)
    ledger.orphans.push({
      term: 1,
      seq: 1,
      effect: { type: 'registered', student: 2, course: 102, group: 1 },
    })
    const verification = await compared(ledger)
    assert.deepEqual(formatVerification(verification).slice(0, 1), [
      'student 2 in 102/1: expected a seat, found no place; decision 1 of term 1 found no row to change',
    ])
    assert.equal(verification.counts.orphaned, 1)
  })
})
