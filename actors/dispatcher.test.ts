import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Dispatcher } from './dispatcher.ts'

const roomy = { perCourse: 100, perStudent: 100 }
const never = (): boolean => false

function runAll(dispatcher: Dispatcher<string>, spent: () => boolean = never): string[] {
  const order: string[] = []
  dispatcher.run((ticket) => {
    order.push(ticket.item)
    dispatcher.release(ticket)
  }, spent)
  return order
}

test('commands of one course have their turns in the order of arrival', () => {
  const dispatcher = new Dispatcher<string>(roomy)
  for (const name of ['first', 'second', 'third']) dispatcher.post(name, [7], undefined)
  assert.deepEqual(runAll(dispatcher), ['first', 'second', 'third'])
  assert.equal(dispatcher.depth, 0)
})

test('a crowd at one course delays another course by one turn, not by the crowd', () => {
  const dispatcher = new Dispatcher<string>(roomy)
  for (let index = 0; index < 50; index++) dispatcher.post(`hot ${index}`, [1], index)
  dispatcher.post('quiet', [2], 99)
  assert.equal(runAll(dispatcher).indexOf('quiet'), 1)
})

test('commands of one student keep their order even in different courses', () => {
  const dispatcher = new Dispatcher<string>(roomy)
  dispatcher.post('other student', [1], 5)
  dispatcher.post('mine first', [1], 6)
  dispatcher.post('mine second', [2], 6)
  const order = runAll(dispatcher)
  assert.ok(order.indexOf('mine first') < order.indexOf('mine second'))
})

test('a command on several courses waits until it is first in all of them and blocks nobody for ever', () => {
  const dispatcher = new Dispatcher<string>(roomy)
  dispatcher.post('a', [1], 1)
  dispatcher.post('plan 1-2', [1, 2], 2)
  dispatcher.post('plan 2-1', [2, 1], 3)
  dispatcher.post('b', [2], 4)
  dispatcher.post('plan 1-2-1', [1, 2, 1], 5)
  const order = runAll(dispatcher)
  assert.equal(order.length, 5)
  assert.ok(order.indexOf('a') < order.indexOf('plan 1-2'))
  assert.ok(order.indexOf('plan 1-2') < order.indexOf('plan 2-1'))
  assert.ok(order.indexOf('plan 2-1') < order.indexOf('b'))
  assert.ok(order.indexOf('b') < order.indexOf('plan 1-2-1'))
})

test('a full mailbox refuses and changes nothing in the other dispatcher of the command', () => {
  const dispatcher = new Dispatcher<string>({ perCourse: 1, perStudent: 10 })
  assert.ok(dispatcher.post('in', [1], 1))
  assert.equal(dispatcher.post('plan', [2, 1], 2), undefined)
  assert.equal(dispatcher.depth, 1)
  assert.ok(
    dispatcher.post('other course', [2], 2),
    'course 2 and student 2 hold nothing of the refused plan',
  )
})

test("a student's own bound holds over all courses", () => {
  const dispatcher = new Dispatcher<string>({ perCourse: 10, perStudent: 2 })
  assert.ok(dispatcher.post('one', [1], 1))
  assert.ok(dispatcher.post('two', [2], 1))
  assert.equal(dispatcher.post('three', [3], 1), undefined)
})

test('a decided command counts against the bounds until it is durable', () => {
  const dispatcher = new Dispatcher<string>({ perCourse: 1, perStudent: 10 })
  const ticket = dispatcher.post('in', [1], 1)
  assert.ok(ticket)
  dispatcher.run(() => {}, never)
  assert.equal(dispatcher.post('too early', [1], 2), undefined)
  dispatcher.release(ticket)
  assert.ok(dispatcher.post('now', [1], 2))
})

test('when the time is up, who waits keeps their place', () => {
  const dispatcher = new Dispatcher<string>({ perCourse: 1000, perStudent: 1000 })
  for (let index = 0; index < 200; index++) dispatcher.post(`${index}`, [index % 3], index)
  const first: string[] = runAll(dispatcher, () => true)
  assert.ok(first.length > 0 && first.length < 200)
  const rest = runAll(dispatcher)
  assert.equal(new Set([...first, ...rest]).size, 200)
  for (const course of [0, 1, 2]) {
    const turns = [...first, ...rest].map(Number).filter((index) => index % 3 === course)
    assert.deepEqual(
      turns,
      turns.toSorted((a, b) => a - b),
    )
  }
})

test('at the end of a term everybody who still waits is named once', () => {
  const dispatcher = new Dispatcher<string>(roomy)
  dispatcher.post('plan', [1, 2], 1)
  dispatcher.post('single', [1], 2)
  assert.deepEqual(dispatcher.drain().toSorted(), ['plan', 'single'])
  assert.deepEqual(runAll(dispatcher), [])
})

test('a command about a student alone has its turn, in order with the student’s others', () => {
  const dispatcher = new Dispatcher<string>(roomy)
  dispatcher.post('seat', [1], 6)
  dispatcher.post('longer window', [], 6)
  dispatcher.post('another seat', [2], 6)
  dispatcher.post('somebody else', [], 7)
  const order = runAll(dispatcher)
  assert.equal(order.length, 4)
  assert.deepEqual(
    order.filter((name) => name !== 'somebody else'),
    ['seat', 'longer window', 'another seat'],
  )
  assert.equal(dispatcher.depth, 0)
})

test('a command about a student alone is among those that never had their turn', () => {
  const dispatcher = new Dispatcher<string>(roomy)
  dispatcher.post('longer window', [], 6)
  assert.deepEqual(dispatcher.drain(), ['longer window'])
})
