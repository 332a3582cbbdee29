import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { group, student } from '../../actors/testing/sketches.ts'
import { RetryTimes } from './retry-times.ts'
import { assertProblem, Desk } from './testing/desk.ts'

const desk = new Desk([student(7), student(8), group('10/1')])
after(() => desk.app.close())
const add = { body: { course_id: 10, group_id: 1 } }

test('whoever was told when to come again may ask from then on, counted from when they asked', () => {
  const times = new RetryTimes()
  assert.equal(times.waitMs(7, 1000), 0)
  times.tell(7, 1000, 2)
  assert.ok(times.waitMs(7, 1001) > 1800)
  assert.ok(times.waitMs(7, 2800) > 0)
  assert.equal(times.waitMs(7, 3000), 0)
  assert.equal(times.waitMs(8, 1001), 0)
})

test('a student who was told busy is told so again until the time they were given, and others are heard', async () => {
  desk.service.unavailable = 'busy'
  const first = await desk.send({ student: 7 }, 'PUT /student/course', add)
  assertProblem(first, 503, 'busy')
  const seconds = Number(first.headers['retry-after'])
  assert.ok(seconds >= 1 && seconds <= 3)
  desk.service.unavailable = undefined
  desk.nowMs += 500
  const early = await desk.send({ student: 7 }, 'PUT /student/course', add)
  assertProblem(early, 503, 'busy')
  assert.ok(Number(early.headers['retry-after']) <= seconds)
  assert.equal((await desk.send({ student: 8 }, 'PUT /student/course', add)).status, 204)
  assert.equal((await desk.send({ student: 7 }, 'GET /student/course')).status, 200)
  desk.nowMs += seconds * 1000
  assert.equal((await desk.send({ student: 7 }, 'PUT /student/course', add)).status, 204)
})
