import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EndedTokens } from './ended-tokens.ts'

const student = { id: 1, staff: false, department: 4, session: { beganMs: 1000, passwordTag: 'old' } }
const staff = { ...student, staff: true }
const changed = { id: 1, changedMs: 5000, passwordTag: 'old', department: 4 }

test('a new password ends the tokens of the old one, by whatever clock, and those of nobody else', () => {
  const ended = new EndedTokens()
  assert.equal(ended.has(student), false)
  ended.note([{ ...changed, staff: false, passwordTag: 'new' }])
  assert.equal(ended.has(student), true)
  assert.equal(ended.has({ ...student, session: { beganMs: 9000, passwordTag: 'old' } }), true)
  assert.equal(ended.has({ ...student, session: { beganMs: 1000, passwordTag: 'new' } }), false)
  assert.equal(ended.has({ ...student, id: 2 }), false)
  assert.equal(ended.has(staff), false)
})

test('a token that names no password ends if it is older than the change', () => {
  const ended = new EndedTokens()
  ended.note([{ ...changed, staff: false }])
  assert.equal(ended.has({ ...student, session: { beganMs: 4000, passwordTag: undefined } }), true)
  assert.equal(ended.has({ ...student, session: { beganMs: 5000, passwordTag: undefined } }), false)
})

test('a move ends the tokens of staff, and not those of students', () => {
  const ended = new EndedTokens()
  ended.note([
    { ...changed, staff: false, department: 5 },
    { ...changed, staff: true, department: 5 },
  ])
  assert.equal(ended.has(student), false)
  assert.equal(ended.has(staff), true)
  assert.equal(ended.has({ ...staff, department: 5 }), false)
})

test('who is removed has no tokens, until they are back', () => {
  const ended = new EndedTokens()
  ended.note([{ ...changed, staff: true, passwordTag: null, department: null }])
  assert.equal(ended.has(staff), true)
  ended.note([{ ...changed, staff: true }])
  assert.equal(ended.has(staff), false)
})

test('a change is forgotten when every token is younger', () => {
  const ended = new EndedTokens()
  ended.note([{ ...changed, staff: true, passwordTag: 'new' }])
  ended.forgetBefore(5000)
  assert.equal(ended.has(staff), true)
  ended.forgetBefore(5001)
  assert.equal(ended.has(staff), false)
})
