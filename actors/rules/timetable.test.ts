import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { exam, meets } from '../testing/sketches.ts'
import {
  type Exam,
  examsOverlap,
  mayConflict,
  type Meeting,
  isClassTime,
  meetingsOverlap,
  oddityOfClassTime,
  packClassTime,
  timeBitsOf,
  unpackClassTime,
} from './timetable.ts'

/** Both ways round: a conflict is mutual. */
function conflict(a: readonly Meeting[], b: readonly Meeting[]): boolean {
  assert.equal(meetingsOverlap(a, b), meetingsOverlap(b, a))
  return meetingsOverlap(a, b)
}

function clash(a: Exam | undefined, b: Exam | undefined): boolean {
  assert.equal(examsOverlap(a, b), examsOverlap(b, a))
  return examsOverlap(a, b)
}

describe('classes', () => {
  test('overlap when they share a minute of the same weekday', () => {
    assert.ok(conflict(meets('sat 08:00-10:00'), meets('sat 09:59-12:00')))
    assert.ok(conflict(meets('sat 08:00-10:00'), meets('sat 08:30-09:00')))
    assert.ok(conflict(meets('sat 08:00-10:00'), meets('sat 08:00-10:00')))
  })

  test('do not overlap when one begins as the other ends', () => {
    assert.ok(!conflict(meets('sat 08:00-10:00'), meets('sat 10:00-12:00')))
  })

  test('do not overlap on different days, across midnight neither', () => {
    assert.ok(!conflict(meets('sat 08:00-10:00'), meets('sun 08:00-10:00')))
    assert.ok(!conflict(meets('sat 22:00-24:00'), meets('sun 00:00-02:00')))
    assert.ok(conflict(meets('sat 22:00-24:00'), meets('sat 23:59-24:00')))
  })

  test('that go on after midnight overlap with what is on then, and with themselves', () => {
    const late = [{ day: 6, startMinute: 1380, endMinute: 60 }]
    assert.ok(conflict(late, late))
    assert.ok(conflict(late, meets('sat 00:59-02:00')))
    assert.ok(conflict(late, meets('fri 23:30-24:00')))
    assert.ok(!conflict(late, meets('sat 01:00-02:00')))
    assert.ok(!conflict(late, meets('fri 01:00-23:00')))
    assert.ok(!conflict(late, meets('thu 23:00-24:00')))
  })

  test('that never meet conflict with nothing', () => {
    assert.ok(!conflict([], meets('sat 00:00-24:00')))
  })

  test('overlap wherever in two lists the shared minute is', () => {
    assert.ok(
      conflict(meets('sat 08:00-10:00', 'fri 08:00-10:00'), meets('mon 08:00-10:00', 'fri 09:00-09:01')),
    )
  })
})

describe('exams', () => {
  test('overlap when they share time, also one within the other', () => {
    assert.ok(clash(exam('09:00-11:00'), exam('10:59-12:00')))
    assert.ok(clash(exam('09:00-11:00'), exam('09:30-10:00')))
  })

  test('do not overlap when one begins as the other ends', () => {
    assert.ok(!clash(exam('09:00-11:00'), exam('11:00-12:00')))
  })

  test('may run past midnight', () => {
    assert.ok(clash(exam('22:00-26:00'), exam('01:00-03:00', 1)))
    assert.ok(!clash(exam('22:00-24:00'), exam('00:00-02:00', 1)))
  })

  test('of unknown length conflict when they begin at the same time, and not otherwise', () => {
    assert.ok(clash(exam('09:00'), exam('09:00')))
    assert.ok(!clash(exam('09:00'), exam('09:01')))
  })

  test('of unknown length conflict with a known one that they begin within', () => {
    assert.ok(clash(exam('09:00'), exam('09:00-11:00')))
    assert.ok(clash(exam('10:00'), exam('09:00-11:00')))
    assert.ok(!clash(exam('11:00'), exam('09:00-11:00')))
    assert.ok(!clash(exam('08:59'), exam('09:00-11:00')))
  })

  test('that do not take place conflict with nothing', () => {
    assert.ok(!clash(undefined, exam('09:00-11:00')))
    assert.ok(!clash(undefined, undefined))
  })
})

describe('the packed class time of existing tables', () => {
  test('is start + 1440 * end, with a bit for each day from bit 22 on', () => {
    const packed = 480 + 1440 * 600 + 2 ** 22 + 2 ** 24
    assert.deepEqual(unpackClassTime(packed), meets('sat 08:00-10:00', 'mon 08:00-10:00'))
    assert.equal(packClassTime(meets('sat 08:00-10:00', 'mon 08:00-10:00')), packed)
  })

  test('holds a whole week of whole days', () => {
    const week = ['sat', 'sun', 'mon', 'tue', 'wed', 'thu', 'fri'].map((day) => `${day} 00:00-24:00`)
    const packed = packClassTime(meets(...week))
    assert.ok(packed !== undefined && packed <= 2 ** 31 - 1)
    assert.deepEqual(unpackClassTime(packed), meets(...week))
  })

  test('is read without bit 21, which is no hour: programs set it for a day counted from one bit too low', () => {
    const meant = packClassTime(meets('sun 09:00-10:30', 'tue 09:00-10:30')) ?? 0
    assert.deepEqual(unpackClassTime(meant + 2 ** 21), meets('sun 09:00-10:30', 'tue 09:00-10:30'))
    assert.equal(oddityOfClassTime(meant + 2 ** 21), 'bit_21')
    assert.equal(oddityOfClassTime(meant), undefined)
    const allDay = packClassTime(meets('fri 00:00-24:00')) ?? 0
    assert.equal(oddityOfClassTime(allDay), undefined)
  })

  test('that ends before it begins, or after 24:00, goes on after midnight', () => {
    const late = 1380 + 1440 * 60 + 2 ** 22
    assert.deepEqual(unpackClassTime(late), [{ day: 0, startMinute: 1380, endMinute: 60 }])
    assert.equal(oddityOfClassTime(late), 'ends_first')
    const beyond = 1380 + 1440 * 1450 + 2 ** 22
    assert.deepEqual(unpackClassTime(beyond), [{ day: 0, startMinute: 1380, endMinute: 10 }])
    assert.equal(oddityOfClassTime(2 ** 22), 'ends_first', 'from 0:00 to 0:00')
  })

  test('holds no day beyond the seventh: what has one, or is negative, is none', () => {
    assert.deepEqual([0, 2 ** 29 - 1, 2 ** 29, -1].map(isClassTime), [true, true, false, false])
  })

  test('without a day is no meeting, and no meeting is 0', () => {
    assert.deepEqual(unpackClassTime(480 + 1440 * 600), [])
    assert.deepEqual(unpackClassTime(0), [])
    assert.equal(packClassTime([]), 0)
  })

  test('cannot hold meetings that differ by day', () => {
    assert.equal(packClassTime(meets('sat 08:00-10:00', 'mon 08:00-10:01')), undefined)
    assert.equal(packClassTime(meets('sat 08:00-10:00', 'mon 08:01-10:00')), undefined)
  })

  test('what is unpacked packs to the same number', () => {
    const minutes = fc.tuple(fc.nat(1440), fc.nat(1440)).filter(([start, end]) => start < end)
    const days = fc.uniqueArray(fc.nat(6), { minLength: 1 })
    fc.assert(
      fc.property(minutes, days, ([startMinute, endMinute], on) => {
        const meetings = on.toSorted((a, b) => a - b).map((day) => ({ day, startMinute, endMinute }))
        const packed = packClassTime(meetings)
        assert.ok(packed !== undefined)
        assert.deepEqual(unpackClassTime(packed), meetings)
      }),
    )
  })
})

/** 24:00 is the end of its day. */
const endAfter = (startMinute: number, length: number) =>
  startMinute + length > 1440 ? startMinute + length - 1440 : startMinute + length

test('conflicts are what counting shared minutes finds', () => {
  const meeting = fc
    .record({
      day: fc.constantFrom(0, 1, 6),
      startMinute: fc.oneof(fc.nat(20), fc.integer({ min: 1430, max: 1439 })),
      length: fc.integer({ min: 1, max: 12 }),
    })
    .map(({ day, startMinute, length }) => ({ day, startMinute, endMinute: endAfter(startMinute, length) }))
  const minutesOf = (meetings: readonly Meeting[]) =>
    meetings.flatMap(({ day, startMinute, endMinute }) =>
      Array.from(
        { length: endMinute - startMinute + (endMinute < startMinute ? 1440 : 0) },
        (_, minute) => (day * 1440 + startMinute + minute) % (7 * 1440),
      ),
    )
  fc.assert(
    fc.property(fc.array(meeting, { maxLength: 3 }), fc.array(meeting, { maxLength: 3 }), (a, b) => {
      const taken = new Set(minutesOf(a))
      assert.equal(
        conflict(a, b),
        minutesOf(b).some((minute) => taken.has(minute)),
      )
    }),
  )
})

describe('the bits of a timetable', () => {
  const minute = fc.integer({ min: -10, max: 1500 })
  const meeting = fc.record({ day: fc.integer({ min: -1, max: 8 }), startMinute: minute, endMinute: minute })
  const meetings = fc.array(meeting, { maxLength: 3 })
  const hours = (from: number) => fc.integer({ min: from, max: 40 * 24 }).map((hour) => hour * 3_600_000)
  const someExam = fc.option(fc.record({ startMs: hours(-48), endMs: hours(-48) }), { nil: undefined })

  test('have one in common wherever there is a conflict, even between rows that no table should hold', () => {
    fc.assert(
      fc.property(meetings, someExam, meetings, someExam, (classes, written, others, sat) => {
        const isConflict = meetingsOverlap(classes, others) || examsOverlap(written, sat)
        if (isConflict) assert.ok(mayConflict(timeBitsOf(classes, written), timeBitsOf(others, sat)))
      }),
      { numRuns: 2000 },
    )
  })

  test('have none in common where days differ, or hours by far', () => {
    const morning = timeBitsOf(meets('sat 08:00-09:30', 'mon 08:00-09:30'), exam('09:00-11:00'))
    const noon = timeBitsOf(meets('sat 12:30-14:00', 'mon 12:30-14:00'), exam('09:00-11:00', 1))
    assert.ok(!mayConflict(morning, noon))
    assert.ok(!mayConflict(morning, timeBitsOf(meets('fri 08:00-09:30'), undefined)))
    assert.ok(!mayConflict(morning, timeBitsOf([], undefined)))
  })
})
