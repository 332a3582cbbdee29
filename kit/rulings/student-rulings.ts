import assert from 'node:assert/strict'
import { type Answer, inShort } from '../rest-client.ts'
import type { Students } from '../registration-campus.ts'

/** Who serves a registration campus, in the words of those who stand before it. */
export interface StudentFixture {
  readonly students: Students
  add(student: number, course: number, group?: number): Promise<Answer>
  drop(student: number, course: number): Promise<Answer>
  move(student: number, course: number, group: number, more?: object): Promise<Answer>
  setCapacity(course: number, group: number, capacity: number): Promise<unknown>
  /** A course whose group 1 has so many seats (and 5 reserve places), and its students, registered or waiting. */
  courseOf(seats: number, students: number): Promise<{ course: number; students: number[] }>
  /** Registered, and waiting in order. */
  roster(course: number, group?: number): Promise<readonly [number[], number[]]>
}

/** What holds for students whoever serves them, by the sentence that says it. */
export const studentRulings: Readonly<Record<string, (fixture: StudentFixture) => Promise<void>>> = {
  'a reserve place counts towards units and conflicts, so that a promotion can never be blocked': async (
    fixture,
  ) => {
    const student = fixture.students.fresh()
    assert.equal(inShort(await fixture.add(student, 307, 2)), '204')
    assert.deepEqual((await fixture.roster(307, 2))[1], [student])
    assert.equal(inShort(await fixture.add(student, 308, 2)), '409 unit_limit')
    await fixture.setCapacity(302, 2, 0)
    const waiting = fixture.students.fresh()
    assert.equal(inShort(await fixture.add(waiting, 302, 2)), '204')
    assert.equal(inShort(await fixture.add(waiting, 301)), '409 class_conflict')
  },

  'a newcomer never gets ahead of those who wait': async (fixture) => {
    const { course, students } = await fixture.courseOf(1, 2)
    const [holder = 0, waiting = 0] = students
    const newcomer = fixture.students.fresh()
    await Promise.all([fixture.drop(holder, course), fixture.add(newcomer, course)])
    assert.deepEqual(await fixture.roster(course), [[waiting], [newcomer]])
  },

  'a seat is given up for a reserve place only by who says so': async (fixture) => {
    const { course, students } = await fixture.courseOf(2, 2)
    const [mover = 0] = students
    const other = fixture.students.fresh()
    await fixture.setCapacity(course, 2, 1)
    await fixture.add(other, course, 2)
    assert.equal(inShort(await fixture.move(mover, course, 2)), '409 move_would_lose_seat')
    assert.deepEqual(await fixture.roster(course), [students, []])
    assert.equal(inShort(await fixture.move(mover, course, 2, { allow_reserve: true })), '204')
    assert.deepEqual(await fixture.roster(course, 2), [[other], [mover]])
  },

  'every rule holds for the group that a student moves to, the gender lock included': async (fixture) => {
    const student = fixture.students.fresh()
    await fixture.add(student, 305)
    assert.equal(inShort(await fixture.move(student, 305, 2)), '409 gender_locked')
  },

  'exams conflict where their times overlap or begin together, and where there is none they do not': async (
    fixture,
  ) => {
    const student = fixture.students.fresh()
    assert.equal(inShort(await fixture.add(student, 309)), '204')
    assert.equal(inShort(await fixture.add(student, 310)), '409 exam_conflict')
    assert.equal(inShort(await fixture.add(student, 311)), '204')
    assert.equal(inShort(await fixture.add(student, 303)), '204')
    assert.equal(inShort(await fixture.add(student, 304, 2)), '409 exam_conflict')
    assert.equal(inShort(await fixture.add(student, 304, 1)), '204')
  },

  'classes conflict where minutes of a weekday overlap; touching ends do not': async (fixture) => {
    const student = fixture.students.fresh()
    assert.equal(inShort(await fixture.add(student, 301)), '204')
    assert.equal(inShort(await fixture.add(student, 312)), '204')
    assert.equal(inShort(await fixture.add(student, 313)), '409 class_conflict')
    assert.equal(inShort(await fixture.add(student, 302, 2)), '409 class_conflict')
  },

  'a student who leaves makes room for the first in the queue, and a move does so too': async (fixture) => {
    const { course, students } = await fixture.courseOf(1, 3)
    const [first = 0, second = 0, third = 0] = students
    assert.equal(inShort(await fixture.drop(first, course)), '204')
    assert.deepEqual(await fixture.roster(course), [[second], [third]])
    assert.equal(inShort(await fixture.move(second, course, 2)), '204')
    assert.deepEqual(await fixture.roster(course), [[third], []])
    assert.deepEqual(await fixture.roster(course, 2), [[second], []])
  },
}
