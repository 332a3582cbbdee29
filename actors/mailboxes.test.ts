import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Mailboxes } from './mailboxes.ts'

const roomy = { perCourse: 100, perStudent: 100 }
const never = (): boolean => false

function runAll(mailboxes: Mailboxes<string>, spent: () => boolean = never): string[] {
  const order: string[] = []
  mailboxes.run((ticket) => {
    order.push(ticket.item)
    mailboxes.release(ticket)
  }, spent)
  return order
}

test('commands of one course have their turns in the order of arrival', () => {
  const mailboxes = new Mailboxes<string>(roomy)
  for (const name of ['first', 'second', 'third']) mailboxes.post(name, [7], undefined)
  assert.deepEqual(runAll(mailboxes), ['first', 'second', 'third'])
  assert.equal(mailboxes.depth, 0)
})

test('a crowd at one course delays another course by one turn, not by the crowd', () => {
  const mailboxes = new Mailboxes<string>(roomy)
  for (let index = 0; index < 50; index++) mailboxes.post(`hot ${index}`, [1], index)
  mailboxes.post('quiet', [2], 99)
  assert.equal(runAll(mailboxes).indexOf('quiet'), 1)
})

test('commands of one student keep their order even in different courses', () => {
  const mailboxes = new Mailboxes<string>(roomy)
  mailboxes.post('other student', [1], 5)
  mailboxes.post('mine first', [1], 6)
  mailboxes.post('mine second', [2], 6)
  const order = runAll(mailboxes)
  assert.ok(order.indexOf('mine first') < order.indexOf('mine second'))
})

test('a command on several courses waits until it is first in all of them and blocks nobody for ever', () => {
  const mailboxes = new Mailboxes<string>(roomy)
  mailboxes.post('a', [1], 1)
  mailboxes.post('plan 1-2', [1, 2], 2)
  mailboxes.post('plan 2-1', [2, 1], 3)
  mailboxes.post('b', [2], 4)
  mailboxes.post('plan 1-2-1', [1, 2, 1], 5)
  const order = runAll(mailboxes)
  assert.equal(order.length, 5)
  assert.ok(order.indexOf('a') < order.indexOf('plan 1-2'))
  assert.ok(order.indexOf('plan 1-2') < order.indexOf('plan 2-1'))
  assert.ok(order.indexOf('plan 2-1') < order.indexOf('b'))
  assert.ok(order.indexOf('b') < order.indexOf('plan 1-2-1'))
})

test('a full mailbox refuses and changes nothing in the other mailboxes of the command', () => {
  const mailboxes = new Mailboxes<string>({ perCourse: 1, perStudent: 10 })
  assert.ok(mailboxes.post('in', [1], 1))
  assert.equal(mailboxes.post('plan', [2, 1], 2), undefined)
  assert.equal(mailboxes.depth, 1)
  assert.ok(mailboxes.post('other course', [2], 2), 'course 2 and student 2 hold nothing of the refused plan')
})

test("a student's own bound holds over all courses", () => {
  const mailboxes = new Mailboxes<string>({ perCourse: 10, perStudent: 2 })
  assert.ok(mailboxes.post('one', [1], 1))
  assert.ok(mailboxes.post('two', [2], 1))
  assert.equal(mailboxes.post('three', [3], 1), undefined)
})

test('a decided command counts against the bounds until it is durable', () => {
  const mailboxes = new Mailboxes<string>({ perCourse: 1, perStudent: 10 })
  const ticket = mailboxes.post('in', [1], 1)
  assert.ok(ticket)
  mailboxes.run(() => {}, never)
  assert.equal(mailboxes.post('too early', [1], 2), undefined)
  mailboxes.release(ticket)
  assert.ok(mailboxes.post('now', [1], 2))
})

test('when the time is up, who waits keeps their place', () => {
  const mailboxes = new Mailboxes<string>({ perCourse: 1000, perStudent: 1000 })
  for (let index = 0; index < 200; index++) mailboxes.post(`${index}`, [index % 3], index)
  const first: string[] = runAll(mailboxes, () => true)
  assert.ok(first.length > 0 && first.length < 200)
  const rest = runAll(mailboxes)
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
  const mailboxes = new Mailboxes<string>(roomy)
  mailboxes.post('plan', [1, 2], 1)
  mailboxes.post('single', [1], 2)
  assert.deepEqual(mailboxes.drain().toSorted(), ['plan', 'single'])
  assert.deepEqual(runAll(mailboxes), [])
})

test('a command about a student alone has its turn, in order with the student’s others', () => {
  const mailboxes = new Mailboxes<string>(roomy)
  mailboxes.post('seat', [1], 6)
  mailboxes.post('longer window', [], 6)
  mailboxes.post('another seat', [2], 6)
  mailboxes.post('somebody else', [], 7)
  const order = runAll(mailboxes)
  assert.equal(order.length, 4)
  assert.deepEqual(
    order.filter((name) => name !== 'somebody else'),
    ['seat', 'longer window', 'another seat'],
  )
  assert.equal(mailboxes.depth, 0)
})

test('a command about a student alone is among those that never had their turn', () => {
  const mailboxes = new Mailboxes<string>(roomy)
  mailboxes.post('longer window', [], 6)
  assert.deepEqual(mailboxes.drain(), ['longer window'])
})
