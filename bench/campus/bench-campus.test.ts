import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unpackClassTime } from '../../actors/rules/timetable.ts'
import { Random } from '../../src/registry/random.ts'
import { campusRows, pickCourses, placesOf } from './bench-campus.ts'

interface CourseTimes {
  readonly course_id: number
  readonly class_time: number
  readonly exam_time: string
  readonly units: number
}

function timesOf(courses: number): Map<number, CourseTimes> {
  const { courses: source } = campusRows({ students: 1, courses, capacity: 1, reserveCapacity: 0 }, 'x')
  const rows = [...((source?.rows ?? []) as Iterable<CourseTimes>)]
  return new Map(rows.map((row) => [row.course_id, row]))
}

test('courses that are picked can all be had: no class, no exam at the same time, and units within the limit', () => {
  const times = timesOf(1500)
  for (let seed = 1; seed <= 200; seed++) {
    const held = placesOf(seed, 1500, 3)
    const picked = pickCourses(new Random(seed), 1500, 4, held)
    const rows = [...held, ...picked].map((course) => times.get(course))
    const distinct = (values: readonly unknown[]) => new Set(values).size
    const classes = rows.map((row) => JSON.stringify(unpackClassTime(row?.class_time ?? 0)))
    assert.equal(distinct(classes), 7)
    assert.equal(distinct(rows.map((row) => row?.exam_time)), 7)
    assert.ok(rows.reduce((sum, row) => sum + (row?.units ?? 0), 0) <= 24)
  }
})

test('the same student holds the same places whenever the campus is made', () => {
  assert.deepEqual(placesOf(17, 1500, 5), placesOf(17, 1500, 5))
  assert.notDeepEqual(placesOf(17, 1500, 5), placesOf(18, 1500, 5))
})
