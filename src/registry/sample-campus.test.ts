import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { hash, verify } from '@node-rs/argon2'
import { examsOverlap, type Meeting, meetingsOverlap, unpackClassTime } from '../../actors/rules/timetable.ts'
import { type CourseRow, type EnrolledCourseRow, type RowSource } from './rows.ts'
import { sampleCampus, sampleHashCost } from './sample-campus.ts'

const nowMs = Date.UTC(2026, 8, 1, 7, 0, 12, 345)
const made = await sampleCampus({ nowMs, hash: async (plain) => `hash of ${plain}` })
const campus = {
  departments: await rowsOf(made.departments),
  staff: await rowsOf(made.staff),
  students: await rowsOf(made.students),
  courses: await rowsOf(made.courses),
  places: await rowsOf(made.enrolled_courses),
}
const groupId = (row: { course_id: number; group_id: number }) => `${row.course_id}/${row.group_id}`
const groupsById = new Map(campus.courses.map((course) => [groupId(course), course]))
const placesByGroup = grouped(campus.places, groupId)
const placesByStudent = grouped(campus.places, (place) => place.student_id)

async function rowsOf<Row>(source: RowSource<Row>): Promise<Row[]> {
  const rows: Row[] = []
  for await (const row of source.rows) rows.push(row)
  assert.equal(rows.length, source.count)
  return rows
}

function grouped<Row, Key>(rows: readonly Row[], keyOf: (row: Row) => Key): Map<Key, Row[]> {
  const groups = new Map<Key, Row[]>()
  for (const row of rows) groups.set(keyOf(row), [...(groups.get(keyOf(row)) ?? []), row])
  return groups
}

function groupOf(place: EnrolledCourseRow): CourseRow {
  return groupsById.get(groupId(place)) ?? assert.fail(`no group ${groupId(place)}`)
}

function meetingsOf(course: CourseRow): Meeting[] {
  if (course.meetings === null) return unpackClassTime(course.class_time)
  const meetings: { day: number; start_minute: number; end_minute: number }[] = JSON.parse(course.meetings)
  return meetings.map((one) => ({ day: one.day, startMinute: one.start_minute, endMinute: one.end_minute }))
}

function examOf(course: CourseRow) {
  if (course.exam_time === null) return undefined
  const startMs = Date.parse(course.exam_time)
  return { startMs, endMs: startMs + (course.exam_minutes ?? 0) * 60_000 }
}

test('the campus has the size that it is said to have', () => {
  assert.equal(campus.departments.length, 60)
  assert.equal(new Set(campus.departments.map(({ name }) => name)).size, 60)
  assert.equal(campus.courses.length, 1500)
  assert.equal(groupsById.size, 1500)
  assert.deepEqual(
    campus.students.map(({ id }) => id),
    Array.from({ length: 1000 }, (_, index) => index + 1),
  )
  assert.deepEqual(
    campus.staff.map(({ id, department_id }) => [id, department_id]),
    Array.from({ length: 60 }, (_, index) => [index + 1, index + 1]),
  )
  for (const { capacity, reserve_capacity } of campus.courses) {
    assert.ok(capacity >= 20 && capacity <= 60 && reserve_capacity >= 0)
  }
})

test('everybody has the password that the documentation names', () => {
  for (const { id, password } of campus.students) assert.equal(password, `hash of student-${id}`)
  for (const { id, password } of campus.staff) assert.equal(password, `hash of staff-${id}`)
})

test('every student may enroll from now on for a year', () => {
  for (const student of campus.students) {
    const start = Date.parse(student.enrollment_start_time)
    const end = Date.parse(student.enrollment_end_time ?? '')
    assert.ok(start <= nowMs && nowMs - start < 60_000)
    assert.equal(end - start, 365 * 24 * 3600 * 1000)
    assert.equal(student.remaining_actions, 12)
  }
  assert.ok(campus.students.some(({ gender }) => gender === 'male'))
  assert.ok(campus.students.some(({ gender }) => gender === 'female'))
})

test('courses show everything that a course can be', () => {
  const some = (claim: (course: CourseRow) => boolean) => campus.courses.some(claim)
  assert.ok(some(({ meetings }) => meetings !== null))
  assert.ok(some(({ sex_lock }) => sex_lock === 'male') && some(({ sex_lock }) => sex_lock === 'female'))
  assert.ok(some(({ exam_time }) => exam_time === null))
  assert.ok(some(({ exam_time, exam_minutes }) => exam_time !== null && exam_minutes === null))
  assert.ok(some(({ reserve_capacity }) => reserve_capacity === 0))
  for (const course of campus.courses) {
    const meetings = meetingsOf(course)
    assert.ok(meetings.length > 0)
    meetings.forEach((one, index) => assert.ok(!meetingsOverlap([one], meetings.slice(index + 1))))
    const exam = examOf(course)
    assert.ok(exam === undefined || exam.startMs > nowMs)
    assert.equal(Math.floor(course.course_id / 1000), course.for_department)
  }
})

test('some groups have a few seats left, some none and a queue, and nobody waits beside a free seat', () => {
  let nearlyFull = 0
  let waitedFor = 0
  for (const course of campus.courses) {
    const places = placesByGroup.get(groupId(course)) ?? []
    const seats = places.filter(({ reserved }) => !reserved).length
    const orders = places.filter(({ reserved }) => reserved).map(({ reserve_order }) => reserve_order)
    assert.ok(seats <= course.capacity && orders.length <= course.reserve_capacity)
    if (orders.length > 0) {
      assert.equal(seats, course.capacity)
      assert.deepEqual(
        orders,
        Array.from(orders, (_, index) => index + 1),
      )
      waitedFor++
    } else if (seats > 0) {
      assert.ok(course.capacity - seats >= 1 && course.capacity - seats <= 3)
      nearlyFull++
    }
  }
  assert.deepEqual([nearlyFull, waitedFor], [30, 12])
  for (const place of campus.places) assert.equal(place.reserved, place.reserve_order !== null)
})

test('the places taken break no rule', () => {
  for (const student of campus.students) {
    const courses = (placesByStudent.get(student.id) ?? []).map(groupOf)
    assert.equal(
      new Set(courses.map(({ course_id }) => course_id)).size,
      courses.length,
      'one group of a course',
    )
    assert.ok(courses.reduce((sum, { units }) => sum + units, 0) <= student.max_units)
    courses.forEach((course, index) => {
      assert.ok(course.sex_lock === null || course.sex_lock === student.gender)
      for (const other of courses.slice(index + 1)) {
        assert.ok(!meetingsOverlap(meetingsOf(course), meetingsOf(other)))
        assert.ok(!examsOverlap(examOf(course), examOf(other)))
      }
    })
  }
  const holders = campus.students.filter(({ id }) => placesByStudent.has(id))
  assert.ok(holders.length > 500)
  assert.ok(
    holders.every(({ id }) => id > 20),
    'the first students begin with nothing',
  )
})

test('the same moment gives the same campus, on every machine and every day', async () => {
  const told: number[] = []
  const again = await sampleCampus({
    nowMs,
    hash: async (plain) => `hash of ${plain}`,
    onHashed: (done, total) => told.push(done / total),
  })
  assert.deepEqual(await rowsOf(again.courses), campus.courses)
  assert.deepEqual(await rowsOf(again.students), campus.students)
  assert.deepEqual(await rowsOf(again.enrolled_courses), campus.places)
  const digest = createHash('sha256')
    .update(JSON.stringify([campus.courses, campus.places]))
    .digest('hex')
  assert.equal(digest, '718522ab989a3035d8b4e16b21356fa83e01b33276023b3166faaf008f33a255')
  assert.equal(told.length, 1060)
  assert.equal(told.at(-1), 1)
})

test('a sample password is hashed for real, if cheaply', async () => {
  const hashed = await hash('student-1', sampleHashCost)
  assert.match(hashed, /^\$argon2id\$v=19\$m=1024,t=1,p=1\$/)
  assert.ok(await verify(hashed, 'student-1'))
})
