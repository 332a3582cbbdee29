import assert from 'node:assert/strict'
import { type Answer, inShort } from '../rest-client.ts'
import type { Students } from '../registration-campus.ts'

/** Who serves a registration campus, in the words of those who stand before it. */
export interface StudentDesk {
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
export const studentRulings: Readonly<Record<string, (desk: StudentDesk) => Promise<void>>> = {
  'a reserve place counts towards units and conflicts, so that a promotion can never be blocked': async (
    desk,
  ) => {
    const student = desk.students.fresh()
    assert.equal(inShort(await desk.add(student, 307, 2)), '204')
    assert.deepEqual((await desk.roster(307, 2))[1], [student])
    assert.equal(inShort(await desk.add(student, 308, 2)), '409 unit_limit')
    await desk.setCapacity(302, 2, 0)
    const waiting = desk.students.fresh()
    assert.equal(inShort(await desk.add(waiting, 302, 2)), '204')
    assert.equal(inShort(await desk.add(waiting, 301)), '409 class_conflict')
  },

  'a newcomer never gets ahead of those who wait': async (desk) => {
    const { course, students } = await desk.courseOf(1, 2)
    const [holder = 0, waiting = 0] = students
    const newcomer = desk.students.fresh()
    await Promise.all([desk.drop(holder, course), desk.add(newcomer, course)])
    assert.deepEqual(await desk.roster(course), [[waiting], [newcomer]])
  },

  'a seat is given up for a reserve place only by who says so': async (desk) => {
    const { course, students } = await desk.courseOf(2, 2)
    const [mover = 0] = students
    const other = desk.students.fresh()
    await desk.setCapacity(course, 2, 1)
    await desk.add(other, course, 2)
    assert.equal(inShort(await desk.move(mover, course, 2)), '409 move_would_lose_seat')
    assert.deepEqual(await desk.roster(course), [students, []])
    assert.equal(inShort(await desk.move(mover, course, 2, { allow_reserve: true })), '204')
    assert.deepEqual(await desk.roster(course, 2), [[other], [mover]])
  },

  'every rule holds for the group that a student moves to, the gender lock included': async (desk) => {
    const student = desk.students.fresh()
    await desk.add(student, 305)
    assert.equal(inShort(await desk.move(student, 305, 2)), '409 gender_locked')
  },

  'exams conflict where their times overlap or begin together, and where there is none they do not': async (
    desk,
  ) => {
    const student = desk.students.fresh()
    assert.equal(inShort(await desk.add(student, 309)), '204')
    assert.equal(inShort(await desk.add(student, 310)), '409 exam_conflict')
    assert.equal(inShort(await desk.add(student, 311)), '204')
    assert.equal(inShort(await desk.add(student, 303)), '204')
    assert.equal(inShort(await desk.add(student, 304, 2)), '409 exam_conflict')
    assert.equal(inShort(await desk.add(student, 304, 1)), '204')
  },

  'classes conflict where minutes of a weekday overlap; touching ends do not': async (desk) => {
    const student = desk.students.fresh()
    assert.equal(inShort(await desk.add(student, 301)), '204')
    assert.equal(inShort(await desk.add(student, 312)), '204')
    assert.equal(inShort(await desk.add(student, 313)), '409 class_conflict')
    assert.equal(inShort(await desk.add(student, 302, 2)), '409 class_conflict')
  },

  'a student who leaves makes room for the first in the queue, and a move does so too': async (desk) => {
    const { course, students } = await desk.courseOf(1, 3)
    const [first = 0, second = 0, third = 0] = students
    assert.equal(inShort(await desk.drop(first, course)), '204')
    assert.deepEqual(await desk.roster(course), [[second], [third]])
    assert.equal(inShort(await desk.move(second, course, 2)), '204')
    assert.deepEqual(await desk.roster(course), [[third], []])
    assert.deepEqual(await desk.roster(course, 2), [[second], []])
  },
}
